"""What arbs leave too small to order: where it lies, who takes it over, and that nothing counts twice."""

import msgspec
import pytest
from desk_builders import e8, fill, heard, instrument, moment, opened, quotes, signal

from arbitrage.domain.arb import Arb, ArbState, OperatorResolved, OrderHeard, Place, Tick
from arbitrage.domain.arb_step import advance, open_arb
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.dust import DustLedger, taken_over
from arbitrage.domain.order import OrderOn, OrderReport
from arbitrage.domain.params import DEFAULT_PARAMS
from arbitrage.domain.signal import Signal
from arbitrage.domain.units import Exchange

U, B = Exchange.UPBIT, Exchange.BITHUMB
MARKET = "KRW-ETH"
UPBIT, BITHUMB = instrument(U), instrument(B, fee_ppm=400)


def say(arb: Arb, letter: str, price: int, qty: str, *, on: OrderOn = OrderOn.CANCELED) -> Arb:
    report = heard(on, fill(f"{arb.arb_id}{letter}{qty}", price, qty), fee="0") if qty else heard(on, executed="0")
    return advance(arb, OrderHeard(f"{arb.arb_id}-{letter}", report), moment(10))[0]


def closed(arb_id: str, bought: str, sold: str) -> Arb:
    """Return an arb of 0.5 that closed with what filled."""
    arb = msgspec.structs.replace(opened(), arb_id=arb_id, orders=_renamed(opened(), arb_id))
    arb = say(say(arb, "b", 4_000_000, bought), "s", 4_020_000, sold)
    if arb.state is ArbState.LEGGED:
        arb, _ = advance(arb, Tick(quotes(None, None), TradingLevel.ACTIVE), moment(20))
    assert arb.is_closed, arb.why
    return arb


def _renamed(arb: Arb, arb_id: str):
    return tuple(
        msgspec.structs.replace(order, client_order_id=f"{arb_id}-{letter}")
        for order, letter in zip(arb.orders, "bs", strict=True)
    )


def reverse(qty: str = "0.5") -> Signal:
    """Return a signal that buys on Bithumb and sells on Upbit."""
    return msgspec.structs.replace(signal(qty=qty), buy_exchange=B, sell_exchange=U)


def test_too_much_lies_where_it_was_bought_and_too_little_where_it_was_sold():
    ledger = DustLedger()
    ledger.fold(closed("a", "0.5", "0.499"))
    assert ledger.everywhere() == {(U, MARKET): e8("0.001")}
    ledger.fold(closed("b", "0.4995", "0.5"))
    assert ledger.everywhere() == {(U, MARKET): e8("0.001"), (B, MARKET): -e8("0.0005")}


def test_image_told_twice_counts_once_and_a_late_fill_replaces_it():
    ledger = DustLedger()
    for _ in range(3):
        ledger.fold(closed("a", "0.5", "0.499"))
    assert ledger.at(U, MARKET) == e8("0.001")
    ledger.fold(closed("a", "0.5", "0.4995"))
    assert ledger.at(U, MARKET) == e8("0.0005")
    ledger.fold(closed("a", "0.5", "0.5"))
    assert ledger.everywhere() == {}


def test_arb_of_the_same_direction_takes_nothing_over_and_one_of_the_opposite_takes_all():
    ledger = DustLedger()
    ledger.fold(closed("a", "0.5", "0.499"))
    assert taken_over(ledger, signal(), UPBIT, BITHUMB) == 0
    assert taken_over(ledger, reverse(), BITHUMB, UPBIT) == e8("0.001")
    owed = DustLedger()
    owed.fold(closed("b", "0.499", "0.5"))
    assert taken_over(owed, signal(), UPBIT, BITHUMB) == 0
    assert taken_over(owed, reverse(), BITHUMB, UPBIT) == -e8("0.001")


def test_only_whole_lots_are_taken_over_and_less_than_a_smallest_order():
    ledger = DustLedger()
    for number in range(3):
        ledger.fold(closed(f"a{number}", "0.5", "0.499"))
    assert ledger.at(U, MARKET) == e8("0.003")
    taken = taken_over(ledger, reverse(), BITHUMB, UPBIT)
    assert taken == 4_500 * 10**8 // 4_020_000, "0.9 of 5,000 KRW at the dearer limit"
    coarse = msgspec.structs.replace(UPBIT, lot_step=e8("0.0004"))
    assert taken_over(ledger, reverse(), BITHUMB, coarse) == e8("0.0008")


def test_nothing_is_taken_over_by_an_arb_whose_smaller_leg_would_be_under_the_minimum():
    ledger = DustLedger()
    ledger.fold(closed("a", "0.5", "0.499"))
    assert taken_over(ledger, reverse("0.00224"), BITHUMB, UPBIT) == 0
    assert taken_over(ledger, reverse("0.00226"), BITHUMB, UPBIT) == e8("0.001")


def reversed_arb(dust: int) -> Arb:
    arb, actions = open_arb(reverse(), arb_id="r", params=DEFAULT_PARAMS, params_epoch=1, now=moment(0), dust_qty=dust)
    assert [action.order for action in actions if isinstance(action, Place)] == list(arb.orders)
    return arb


@pytest.mark.parametrize(("dust", "bought", "sold"), [("0.001", "0.499", "0.5"), ("-0.001", "0.5", "0.499")])
def test_taken_over_dust_makes_one_leg_smaller_and_is_gone_when_both_fill(dust, bought, sold):
    arb = reversed_arb(e8(dust))
    assert [order.qty for order in arb.orders] == [e8(bought), e8(sold)]
    arb = say(say(arb, "b", 4_000_000, bought), "s", 4_020_000, sold)
    assert (arb.why, arb.imbalance, arb.filled_imbalance) == ("balanced", 0, -e8(dust))
    ledger = DustLedger()
    ledger.fold(closed("a", "0.5", "0.499") if e8(dust) > 0 else closed("a", "0.499", "0.5"))
    ledger.fold(arb)
    assert ledger.everywhere() == {}


def test_taken_over_dust_is_dust_again_when_nothing_fills():
    arb = say(say(reversed_arb(e8("0.001")), "b", 0, ""), "s", 0, "")
    assert (arb.why, arb.dust_qty, arb.pnl_krw) == ("nothing_filled", e8("0.001"), 0)
    ledger = DustLedger()
    ledger.fold(closed("a", "0.5", "0.499"))
    ledger.fold(arb)
    assert ledger.everywhere() == {(U, MARKET): e8("0.001")}


def test_profit_of_an_arb_does_not_count_the_dust_it_sold():
    arb = say(say(reversed_arb(e8("0.001")), "b", 4_000_000, "0.499"), "s", 4_020_000, "0.5")
    assert arb.even_pnl_krw == 499 * 20
    assert arb.pnl_krw == 499 * 20 + 4_020


def test_what_a_person_settled_by_hand_leaves_no_dust_and_takes_what_it_had_taken_over():
    arb = say(reversed_arb(e8("0.001")), "b", 4_000_000, "0.499")
    arb, _ = advance(arb, OrderHeard("r-s", OrderReport(OrderOn.OUTCOME_LOST)), moment(10))
    arb, _ = advance(arb, Tick(quotes(None, None), TradingLevel.ACTIVE), moment(70_000))
    assert arb.state is ArbState.STUCK
    arb, _ = advance(arb, OperatorResolved("sold all"), moment(70_001))
    ledger = DustLedger()
    ledger.fold(closed("a", "0.5", "0.499"))
    ledger.fold(arb)
    assert ledger.everywhere() == {}


def test_open_arb_leaves_nothing_yet():
    ledger = DustLedger()
    ledger.fold(say(opened(), "b", 4_000_000, "0.499"))
    assert ledger.everywhere() == {}
