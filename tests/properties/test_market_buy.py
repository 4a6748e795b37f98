"""Market-buy arithmetic of the domain against the simulated exchanges', which were written apart."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbitrage.domain.units import EXCHANGES, SCALE, Exchange, Krw, Ppm, Price, to_decimal
from exchanges import registry
from exchanges.simulator.money import FINE, Fine, affordable, fee_of, fine_of_units, funds_of
from exchanges.simulator.rules import bithumb_rules, upbit_rules

RULES = {Exchange.UPBIT: upbit_rules(500), Exchange.BITHUMB: bithumb_rules(400)}
KRW = st.integers(min_value=0, max_value=2_000_000_000 * SCALE)
PRICES = st.integers(min_value=1, max_value=300_000_000 * SCALE)


def of(exchange: Exchange):
    import msgspec

    fee_ppm = Ppm(RULES[exchange].bid_fee_ppm)
    return msgspec.structs.replace(registry.instrument(exchange, "KRW-BTC", None), fee_ppm=fee_ppm)


@pytest.mark.parametrize("exchange", EXCHANGES)
@given(free=KRW)
def test_affordable_total_and_its_fee_fit_into_the_balance_and_one_won_more_does_not(exchange, free: int) -> None:
    rules, instrument = RULES[exchange], of(exchange)
    funds = instrument.funds_affordable(Krw(free))
    assert funds % SCALE == 0
    total = fine_of_units(funds)
    assert total + fee_of(total, rules.bid_fee_ppm, rules.fee_step) <= fine_of_units(free)
    more = fine_of_units(funds + SCALE)
    assert more + fee_of(more, rules.bid_fee_ppm, Fine(0)) > fine_of_units(free)


@pytest.mark.parametrize("exchange", EXCHANGES)
@given(funds=KRW)
def test_what_we_hold_back_covers_what_the_exchange_locks(exchange, funds: int) -> None:
    rules, total = RULES[exchange], fine_of_units(funds)
    locked = total + fee_of(total, rules.bid_fee_ppm, Fine(0))
    assert fine_of_units(of(exchange).funds_locked(Krw(funds))) >= locked


@given(funds=KRW, price=PRICES)
def test_bought_quantity_is_the_exchanges_floor(funds: int, price: int) -> None:
    assert of(Exchange.UPBIT).qty_for(Krw(funds), Price(price)) == affordable(fine_of_units(funds), price)


@pytest.mark.parametrize("exchange", EXCHANGES)
@given(price=PRICES, qty=st.integers(min_value=0, max_value=1000 * SCALE))
def test_fee_is_the_exchanges_to_the_last_digit(exchange, price: int, qty: int) -> None:
    rules, funds = RULES[exchange], funds_of(price, qty)
    charged = fee_of(funds, rules.bid_fee_ppm, rules.fee_step)
    exact = Decimal(price * qty).scaleb(-16)
    assert of(exchange).fee_on(exact) * FINE == charged


def test_worked_examples_of_both_exchanges() -> None:
    upbit, bithumb = of(Exchange.UPBIT), of(Exchange.BITHUMB)
    # upbit.md §1.6: 20,000 KRW at 4,321,000.
    qty = upbit.qty_for(Krw(20_000 * SCALE), Price(4_321_000 * SCALE))
    assert to_decimal(qty) == Decimal("0.00462855")
    assert upbit.fee_on(Decimal("19999.96455")) == Decimal("9.999982275")
    # upbit.md §0: a market buy of 10,000 KRW locks 10,005.
    assert upbit.funds_locked(Krw(10_000 * SCALE)) == 10_005 * SCALE
    assert upbit.funds_affordable(Krw(10_005 * SCALE)) == 10_000 * SCALE
    assert upbit.funds_affordable(Krw(10_005 * SCALE - 1)) == 9_999 * SCALE
    assert upbit.funds_affordable(Krw(-5)) == 0
    # bithumb.md §3.9: 69,664.8389 x 0.0004 = 27.8659… is charged as 27.86.
    assert bithumb.fee_on(Decimal("69664.8389")) == Decimal("27.86")
    assert bithumb.fee_on(Decimal("46096")) == Decimal("18.43")
