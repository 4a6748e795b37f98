"""The leg of an unreliable exchange goes first; the other follows exactly what it filled, or never leaves."""

import msgspec
import pytest
from desk_builders import book, e8, fill, heard, moment, quotes, signal

from arbitrage.domain.arb import Action, Arb, ArbState, Halt, OrderHeard, Place, Query, Tick, can_follow
from arbitrage.domain.arb_step import advance, open_arb, recovered
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.events import ArbStepped, Record, record_from_bytes, record_to_bytes
from arbitrage.domain.order import OrderOn, OrderReport, OrderRole, OrderState, RefusalReason
from arbitrage.domain.params import DEFAULT_PARAMS
from arbitrage.domain.units import Exchange, Ns

UPBIT = book(Exchange.UPBIT, [(3_998_000, "2")], [(4_000_000, "2")])
BITHUMB = book(Exchange.BITHUMB, [(4_010_000, "2")], [(4_014_000, "2")])
BUY, SELL = "t1-1-b", "t1-1-s"


def opened(first: OrderRole = OrderRole.SELL_LEG, dust: int = 0) -> Arb:
    arb, actions = open_arb(
        signal(), arb_id="t1-1", params=DEFAULT_PARAMS, params_epoch=1, now=moment(0), dust_qty=dust, first=first
    )
    assert placed(actions) == [arb.leader]
    return arb


def placed(actions: tuple[Action, ...]) -> list[str]:
    return [action.order.client_order_id for action in actions if isinstance(action, Place)]


def say(arb: Arb, client_order_id: str, report: OrderReport, *, at: int = 20) -> tuple[Arb, tuple[Action, ...]]:
    return advance(arb, OrderHeard(client_order_id, report), moment(at))


def tick(arb: Arb, *, at: int = 25, level: TradingLevel = TradingLevel.ACTIVE) -> tuple[Arb, tuple[Action, ...]]:
    upbit, bithumb = (msgspec.structs.replace(one, recv_mono_ns=moment(at).mono_ns) for one in (UPBIT, BITHUMB))
    return advance(arb, Tick(quotes(upbit, bithumb), level), moment(at))


def sold(qty: str) -> OrderReport:
    on = OrderOn.FULL_FILL if qty == "0.5" else OrderOn.CANCELED
    return heard(on, fill("s", 4_020_000, qty), fee="804")


@pytest.mark.parametrize(("first", "leader", "held"), [("buy_leg", BUY, SELL), ("sell_leg", SELL, BUY)])
def test_both_legs_are_planned_and_only_the_first_goes(first, leader, held):
    arb = opened(OrderRole(first))
    assert (arb.leader, arb.held) == (leader, held)
    assert [(order.qty, order.state) for order in arb.orders] == [(e8("0.5"), OrderState.PLANNED)] * 2


def test_second_leg_follows_with_exactly_what_the_first_filled():
    arb, actions = say(opened(), SELL, sold("0.3"))
    assert (arb.state, actions, can_follow(arb)) == (ArbState.OPENING, (), True)
    arb, actions = tick(arb)
    assert placed(actions) == [BUY]
    assert (arb.orders[0].qty, arb.held, can_follow(arb)) == (e8("0.3"), "", False)
    arb, actions = say(arb, BUY, heard(OrderOn.FULL_FILL, fill("b", 4_000_000, "0.3"), fee="600"), at=40)
    assert (arb.why, arb.imbalance, len(arb.orders), actions) == ("balanced", 0, 2, ())


def test_it_follows_the_whole_of_a_whole_fill_with_the_dust_that_was_taken_over():
    arb, _ = say(opened(dust=e8("0.001")), SELL, sold("0.3"))
    arb, _ = tick(arb)
    assert arb.orders[0].qty == e8("0.299")


def test_nothing_filled_closes_without_a_second_order():
    arb, actions = say(opened(), SELL, heard(OrderOn.CANCELED, executed="0"))
    assert (arb.why, actions) == ("nothing_filled", ())
    assert (arb.orders[0].state, arb.orders[0].refusal) == (OrderState.REFUSED, RefusalReason.STOPPED)
    arb, actions = tick(arb, at=600)
    assert actions == ()


def test_first_leg_refused_closes_without_a_second_order():
    arb, actions = say(opened(), SELL, OrderReport(OrderOn.REFUSED, refusal=RefusalReason.MARKET_OFFLINE))
    assert (arb.why, actions) == ("nothing_filled", ())


def test_first_leg_unknown_sends_nothing_second_until_it_is_proven():
    arb, _ = say(opened(), SELL, OrderReport(OrderOn.OUTCOME_LOST))
    assert arb.state is ArbState.UNRESOLVED
    arb, actions = tick(arb, at=560)
    assert [action.order.client_order_id for action in actions if isinstance(action, Query)] == [SELL]
    assert placed(actions) == []
    arb, _ = say(arb, SELL, sold("0.5"), at=700)
    assert (arb.state, can_follow(arb)) == (ArbState.OPENING, True)
    arb, actions = tick(arb, at=710)
    assert placed(actions) == [BUY]


def test_leg_that_comes_too_late_to_follow_is_dropped_and_the_fill_evened_out():
    arb, _ = say(opened(), SELL, OrderReport(OrderOn.OUTCOME_LOST))
    arb, _ = say(arb, SELL, sold("0.5"), at=1_001)
    arb, actions = tick(arb, at=1_005)
    assert placed(actions) == ["t1-1-h0"]
    assert (arb.state, arb.orders[0].detail) == (ArbState.HEDGING, "too late to follow")


def test_leg_too_small_to_follow_is_dropped_and_the_fill_is_dust():
    arb, _ = say(opened(), SELL, sold("0.001"))
    arb, actions = tick(arb)
    assert (arb.why, arb.dust_qty, placed(actions)) == ("dust", -e8("0.001"), [])


@pytest.mark.parametrize(("level", "sends"), [(TradingLevel.REDUCING, ["t1-1-h0"]), (TradingLevel.HALTED, [])])
def test_no_leg_follows_once_trading_was_lowered_but_the_fill_is_evened_out_where_hedges_may(level, sends):
    arb, _ = say(opened(), SELL, sold("0.5"))
    arb, actions = tick(arb, level=level)
    assert placed(actions) == sends
    assert (arb.orders[0].refusal, arb.held) == (RefusalReason.STOPPED, "")


def test_second_leg_that_misses_is_evened_out_like_any_lone_leg():
    arb, _ = say(opened(), SELL, sold("0.5"))
    arb, _ = tick(arb)
    arb, _ = say(arb, BUY, heard(OrderOn.CANCELED, executed="0"), at=40)
    assert arb.state is ArbState.LEGGED
    _, actions = tick(arb, at=50)
    assert placed(actions) == ["t1-1-h0"]


def test_held_leg_is_neither_asked_for_nor_cancelled_while_it_waits():
    arb, _ = say(opened(), SELL, OrderReport(OrderOn.ACKED))
    arb, actions = tick(arb, at=10_600)
    assert {action.order.client_order_id for action in actions if not isinstance(action, Halt)} == {SELL}


def test_restart_drops_the_held_leg_and_asks_for_the_first_alone():
    back, actions = recovered(opened(), moment(90_000))
    assert [action.order.client_order_id for action in actions if isinstance(action, Query)] == [SELL]
    assert (back.state, back.held, back.orders[0].state) == (ArbState.UNRESOLVED, "", OrderState.REFUSED)
    back, _ = say(back, SELL, sold("0.5"), at=90_100)
    assert back.state is ArbState.LEGGED


def test_restart_after_the_second_leg_was_let_go_asks_for_both():
    arb, _ = say(opened(), SELL, sold("0.5"))
    arb, _ = tick(arb)
    _, actions = recovered(arb, moment(90_000))
    assert [action.order.client_order_id for action in actions if isinstance(action, Query)] == [BUY]


def test_arb_that_is_stuck_behind_its_first_leg_keeps_no_leg_alive():
    arb, _ = say(opened(), SELL, OrderReport(OrderOn.OUTCOME_LOST))
    arb, _ = tick(arb, at=60_100)
    assert (arb.state, arb.held) == (ArbState.STUCK, "")
    assert arb.orders[0].is_ended


def test_late_fill_of_a_first_leg_that_had_nothing_is_evened_out():
    arb, _ = say(opened(), SELL, heard(OrderOn.CANCELED, executed="0"))
    arb, _ = say(arb, SELL, heard(OrderOn.PART_FILL, fill("late", 4_020_000, "0.1")), at=9_000)
    assert arb.why == "imbalanced late_fill"


def test_journal_of_a_desk_that_knew_no_first_legs_is_read_and_its_legs_went_together():
    record = Record(1, "trader", 1, ArbStepped(opened(), None, Ns(1)))
    plain = msgspec.msgpack.decode(record_to_bytes(record))
    for name in ("leader", "held", "dust_in_qty"):
        del plain["event"]["arb"][name]
    event = record_from_bytes(msgspec.msgpack.encode(plain)).event
    assert isinstance(event, ArbStepped)
    assert (event.arb.leader, event.arb.held, event.arb.dust_in_qty) == ("", "", 0)
