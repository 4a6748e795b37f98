"""An order whose answer was lost is looked for and never guessed (bithumb.md §1.5)."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from order_makers import make_order

from arbitrage.domain.order import Fill, Order, OrderOn, OrderReport, OrderState
from arbitrage.domain.units import SCALE, Exchange, Ns, Price, Qty, Side, exact_product
from exchanges.bithumb.legacy_codec import Match, OpenRow
from exchanges.bithumb.legacy_ids import IdMemory
from exchanges.bithumb.legacy_profile import LegacySettings
from exchanges.bithumb.legacy_search import Absent, Filled, Finding, Lists, Resting, Unclear, search

SECOND = 1_000_000_000
PLANNED = 1_790_000_000 * SECOND
SETTINGS = LegacySettings()
LATER = PLANNED + SETTINGS.absent_after_ns


def lost(client_order_id: str = "lost-1", **changes: Any) -> Order:
    fields = {"market": "KRW-BTC", "price": Price(100 * SCALE), "qty": Qty(3 * SCALE), "planned_wall_ns": Ns(PLANNED)}
    return make_order(Exchange.BITHUMB, client_order_id=client_order_id, **(fields | changes))


def row(exchange_order_id: str = "C1", **changes: Any) -> OpenRow:
    made = OpenRow(
        exchange_order_id, "KRW-BTC", Side.BID, Price(100 * SCALE), Qty(3 * SCALE), Qty(SCALE), Ns(PLANNED + SECOND)
    )
    return msgspec.structs.replace(made, **changes)


def match(qty: int = 3 * SCALE, price: int = 100 * SCALE, at: int = PLANNED + SECOND) -> Match:
    funds = exact_product(Price(price), Qty(qty))
    return Match(Side.BID, Price(price), Qty(qty), funds, Decimal("0.12"), Ns(at))


def find(
    order: Order,
    rows: tuple[OpenRow, ...] = (),
    matches: tuple[Match, ...] = (),
    *,
    memory: IdMemory | None = None,
    is_whole: bool = True,
    asked: int = LATER,
) -> Finding:
    return search(order, Lists(rows, matches, is_whole, Ns(asked)), memory or IdMemory(), SETTINGS)


def test_the_one_resting_order_that_fits_is_it() -> None:
    assert find(lost(), (row(), row("C2", price=Price(99 * SCALE)))) == Resting("C1")


@pytest.mark.parametrize(
    "changes",
    [
        {"market": "KRW-ETH"},
        {"side": Side.ASK},
        {"price": Price(101 * SCALE)},
        {"qty": Qty(2 * SCALE)},
        {"placed_wall_ns": Ns(PLANNED - SETTINGS.clock_slack_ns - 1)},
    ],
)
def test_resting_order_that_differs_in_anything_is_not_it(changes: dict[str, Any]) -> None:
    assert find(lost(), (row(**changes),)) == Absent()


def test_two_that_fit_prove_nothing() -> None:
    assert find(lost(), (row("C1"), row("C2"))) == Unclear("2 resting orders fit")


def test_orders_known_as_others_or_seen_before_it_was_planned_are_out() -> None:
    memory = IdMemory()
    memory.learn(lost("other-1"), "C1")
    memory.saw(["C2"], PLANNED - 1)
    memory.saw(["C3"], PLANNED + 1)
    assert find(lost(), (row("C1"), row("C2"), row("C3")), memory=memory) == Resting("C3")


def test_ids_and_fills_of_the_journal_count_after_a_restart() -> None:
    memory = IdMemory()
    fill = Fill("1-1-1-1", Price(100 * SCALE), Qty(3 * SCALE), Decimal(300), Ns(PLANNED + SECOND))
    old = lost("other-1", exchange_order_id="C1", fills=(fill,), state=OrderState.FILLED)
    memory.remember([old, lost()])
    assert memory.id_of(lost("other-1")) == "C1"
    assert memory.followed == {}
    assert find(lost(), (row("C1"),), (match(),), memory=memory) == Absent()


def test_another_lost_order_of_the_same_shape_makes_it_unclear() -> None:
    memory = IdMemory()
    memory.lost["lost-2"] = lost("lost-2")
    assert isinstance(find(lost(), (row(),), memory=memory), Unclear)
    assert isinstance(find(lost(), (), (match(),), memory=memory), Unclear)
    memory.lost["lost-2"] = lost("lost-2", price=Price(99 * SCALE))
    assert find(lost(), (row(),), memory=memory) == Resting("C1")


def test_trades_nobody_claims_that_make_up_the_order_exactly_are_its_fills() -> None:
    found = find(lost(), (), (match(SCALE), match(2 * SCALE, 99 * SCALE)))
    assert isinstance(found, Filled)
    report = found.report
    assert (report.on, report.executed_qty, report.executed_funds) == (OrderOn.FULL_FILL, 3 * SCALE, Decimal(298))
    assert report.paid_fee == Decimal("0.24")
    assert [fill.qty for fill in report.fills] == [SCALE, 2 * SCALE]


@pytest.mark.parametrize("matches", [(match(SCALE),), (match(), match(SCALE))], ids=["too little", "too much"])
def test_trades_that_fit_only_in_part_prove_nothing(matches: tuple[Match, ...]) -> None:
    assert isinstance(find(lost(), (), matches), Unclear)


def test_trades_at_a_worse_price_or_from_before_are_not_its() -> None:
    early = match(at=PLANNED - SETTINGS.clock_slack_ns - 1)
    assert find(lost(), (), (match(price=101 * SCALE), early)) == Absent()


def test_a_claimed_trade_takes_one_of_its_like_even_when_stamped_a_little_apart() -> None:
    memory = IdMemory()
    fills = (Fill("x", Price(100 * SCALE), Qty(3 * SCALE), Decimal(300), Ns(PLANNED + SECOND + 7)),)
    memory.claim("KRW-BTC", Side.BID, "C9", fills)
    assert find(lost(), (), (match(),), memory=memory) == Absent()
    assert isinstance(find(lost(), (), (match(), match())), Unclear)
    assert isinstance(find(lost(), (), (match(), match()), memory=memory), Filled)


def test_nothing_is_absent_only_in_whole_lists_read_late_enough() -> None:
    assert find(lost()) == Absent()
    assert isinstance(find(lost(), is_whole=False), Unclear)
    assert isinstance(find(lost(), asked=LATER - 1), Unclear)


def test_an_order_ended_is_followed_no_more() -> None:
    memory = IdMemory()
    memory.learn(lost(), "C1")
    assert set(memory.followed) == {"C1"}
    memory.heard("KRW-BTC", Side.BID, OrderReport(OrderOn.PART_FILL, exchange_order_id="C1"))
    assert set(memory.followed) == {"C1"}
    memory.heard("KRW-BTC", Side.BID, OrderReport(OrderOn.CANCELED, exchange_order_id="C1"))
    assert memory.followed == {}
    assert memory.owner_of("C1") == "lost-1"
