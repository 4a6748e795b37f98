"""Reports and fills in any order, doubled or missing: the same order, the same ledger, to the last digit."""

from decimal import Decimal

import msgspec
from desk_builders import opened
from hypothesis import given, settings
from hypothesis import strategies as st

from arbitrage.domain.events import Holding
from arbitrage.domain.ledger import (
    Account,
    AccountKind,
    balances,
    check_balanced,
    postings_for_adjustment,
    postings_for_fee,
    postings_for_fill,
    postings_for_opening,
    sums,
)
from arbitrage.domain.order import ENDED, Fill, Order, OrderOn, OrderReport, advance
from arbitrage.domain.params import Params, params_from_bytes, params_to_bytes, problems
from arbitrage.domain.reconciliation import BalanceFigure, compare_balances
from arbitrage.domain.units import (
    INT64_MAX,
    QUOTE,
    Exchange,
    Ns,
    Price,
    Qty,
    Side,
    exact_product,
    to_decimal,
    units_ceil,
    units_exact,
    units_floor,
    units_text,
)

QUICK = settings(max_examples=150, deadline=None, derandomize=True, database=None)
LEGS = opened().orders
wire_money = st.decimals(min_value="-1E18", max_value="1E18", places=20)


@st.composite
def fills_of(draw: st.DrawFn) -> tuple[Order, tuple[Fill, ...], Decimal]:
    """Draw an order, the fills that came of it, and the fee charged in the end."""
    parts = draw(st.lists(st.tuples(st.integers(1, 10**15), st.integers(1, 10**10)), min_size=0, max_size=5))
    rest = draw(st.integers(0, 10**9))
    qty = sum(part for _, part in parts) + rest or 1
    order = msgspec.structs.replace(draw(st.sampled_from(LEGS)), qty=Qty(qty))
    fills = tuple(
        Fill(f"f{index}", Price(price), Qty(part), exact_product(Price(price), Qty(part)), Ns(index))
        for index, (price, part) in enumerate(parts)
    )
    return order, fills, draw(st.decimals(min_value=0, max_value="1E9", places=9))


@QUICK
@given(fills_of(), st.data())
def test_an_order_ends_the_same_whatever_order_its_news_takes(drawn, data):
    order, fills, fee = drawn
    done = sum(fill.qty for fill in fills)
    last = OrderReport(
        OrderOn.FULL_FILL if done == order.qty else OrderOn.CANCELED,
        executed_qty=Qty(done),
        paid_fee=fee,
        fills=fills,
    )
    news = [OrderReport(OrderOn.ACKED, exchange_order_id="X"), OrderReport(OrderOn.OUTCOME_LOST)]
    news += [OrderReport(OrderOn.PART_FILL, fills=(fill,), executed_qty=fill.qty) for fill in fills]
    kept = data.draw(st.lists(st.sampled_from(news), max_size=12))
    sequence = data.draw(st.permutations([*kept, last]))

    now, seen = advance(order, OrderReport(OrderOn.SENT), Ns(0)), 0
    for report in sequence:
        now = advance(now, report, Ns(1))
        assert now.executed_qty >= seen, "quantity is never lost"
        seen = now.executed_qty
    funds = sum((fill.funds for fill in fills), Decimal(0))
    assert (now.executed_qty, now.executed_funds, now.paid_fee) == (done, funds, fee)
    assert now.is_proven
    assert now.state in ENDED
    assert {fill.trade_id for fill in now.fills} == {fill.trade_id for fill in fills}


@QUICK
@given(st.lists(fills_of(), max_size=5), wire_money, wire_money)
def test_postings_of_anything_balance_and_the_wallet_is_opening_plus_flows(orders, opening, moved):
    postings = [
        *postings_for_opening(Exchange.UPBIT, Holding(QUOTE, opening, Decimal("0.00000000000000000001"))),
        *postings_for_adjustment(Exchange.UPBIT, QUOTE, moved),
    ]
    expected = units20(opening) + 1 + units20(moved)
    for order, fills, fee in orders:
        for fill in fills:
            postings += postings_for_fill(order, fill)
        postings += postings_for_fee(order, fee)
        if order.exchange is Exchange.UPBIT:
            sign = 1 if order.side is Side.ASK else -1
            expected += sign * sum(units20(fill.funds) for fill in fills) - units20(fee)
    check_balanced(postings)
    assert set(sums(postings).values()) <= {Decimal(0)}
    wallet = balances(postings).get(Account(AccountKind.WALLET, Exchange.UPBIT, QUOTE), Decimal(0))
    assert units20(wallet) == expected


def units20(amount: Decimal) -> int:
    """Return the amount in 10^-20 by text alone, an arithmetic apart from the ledger's."""
    sign, digits, exponent = amount.as_tuple()
    assert isinstance(exponent, int)
    number = int("".join(map(str, digits))) * 10 ** (20 + exponent)
    return -number if sign else number


@QUICK
@given(st.dictionaries(st.sampled_from(["KRW", "BTC", "ETH"]), wire_money), st.data())
def test_balances_break_exactly_where_they_differ_and_by_how_much(ours, data):
    theirs = {asset: data.draw(st.sampled_from([amount, amount + 1, Decimal(0)])) for asset, amount in ours.items()}
    found = compare_balances(
        *([BalanceFigure(Exchange.UPBIT, *item) for item in side.items()] for side in (ours, theirs))
    )
    differing = {asset: units20(theirs[asset]) - units20(ours[asset]) for asset in ours}
    assert {b.subject: units20(b.difference) for b in found} == {a: d for a, d in differing.items() if d}


@QUICK
@given(st.integers(-INT64_MAX, INT64_MAX))
def test_text_of_units_reads_back_as_the_same_units(units):
    assert units_exact(Decimal(units_text(units))) == units
    assert "E" not in units_text(units)
    assert to_decimal(units) == Decimal(units_text(units))


@QUICK
@given(wire_money)
def test_floor_and_ceiling_enclose_the_exact_value(amount):
    floor, ceil = units_floor(amount), units_ceil(amount)
    exact = units20(amount)
    assert floor * 10**12 <= exact <= ceil * 10**12
    assert ceil - floor == (exact % 10**12 != 0)


@QUICK
@given(
    st.fixed_dictionaries(
        {name: st.integers() for name, value in msgspec.structs.asdict(Params()).items() if type(value) is int}
    )
)
def test_a_set_is_used_exactly_when_nothing_is_found_against_it(numbers):
    params = Params(**numbers)
    back, found = params_from_bytes(params_to_bytes(params))
    assert found == problems(params)
    assert back == (None if found else params)
