"""The executor over scripted exchanges: journal before send, one task a leg, restart, stop, strangers."""

import asyncio
from decimal import Decimal

import msgspec
import pytest
from desk_builders import e8, fill, heard
from scripted_executor import Story, accepted, filled, settle

from arbitrage.domain.arb import ArbState
from arbitrage.domain.balances import Shortage
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.events import StrangeOrderSeen
from arbitrage.domain.order import Order, OrderOn, OrderRole, OrderState, RefusalReason
from arbitrage.domain.ports import Answer, Found, Lookup, OrderNews, Refused, Unknown
from arbitrage.domain.units import EXCHANGES, Exchange
from fast_path.journal import JournalNotWritten


@pytest.fixture
def story(tmp_path):
    one = Story(tmp_path)
    yield one
    one.close()


async def test_both_legs_are_journalled_before_they_leave_and_close(story):
    story.upbit.answers["r1-1-b"] = accepted(filled(4_000_000))
    story.bithumb.answers["r1-1-s"] = accepted(filled(4_020_000, fee="804"))
    story.open()
    await settle()
    assert story.upbit.journalled_at_place == {"r1-1-b": True}
    assert story.bithumb.journalled_at_place == {"r1-1-s": True}
    (arb,) = story.desk.ended
    assert (arb.state, arb.pnl_krw) == (ArbState.CLOSED, Decimal(8196))
    assert story.counters.get("pnl_e8") == 8196 * 10**8
    assert story.counters.get("arbs_closed") == 1
    assert story.desk.wallets.reservations() == ()
    assert story.images()[arb.arb_id] == arb


async def test_legs_are_sent_side_by_side_not_one_after_the_other(story):
    story.upbit.block.clear()
    story.open()
    await settle()
    assert (story.upbit.placed(), story.bithumb.placed()) == (["r1-1-b"], ["r1-1-s"])
    story.upbit.block.set()


async def test_one_leg_refused_is_hedged_without_a_tick(story):
    story.upbit.answers["r1-1-b"] = accepted(filled(4_000_000))
    story.bithumb.answers["r1-1-s"] = Refused(RefusalReason.MARKET_OFFLINE)
    story.bithumb.answers["r1-1-h0"] = accepted(filled(4_010_000, fee="802"))
    story.open()
    await settle()
    (arb,) = story.desk.ended
    assert arb.imbalance == 0
    assert [order.role for order in arb.orders] == [OrderRole.BUY_LEG, OrderRole.SELL_LEG, OrderRole.HEDGE]
    assert story.counters.get("hedges") == 1


async def test_lost_answer_is_asked_for_and_never_sent_again(story):
    story.upbit.answers["r1-1-b"] = accepted(filled(4_000_000))
    story.bithumb.answers["r1-1-s"] = Unknown("cut")
    story.open()
    await settle()
    for _ in range(6):
        await story.pass_time(510)
    assert story.bithumb.placed() == ["r1-1-s"]
    assert story.bithumb.calls.count(("query", "r1-1-s")) >= 5
    assert story.executor.open_count == 1
    story.bithumb.lookups["r1-1-s"] = Found(filled(4_020_000))
    await story.pass_time(510)
    assert [arb.why for arb in story.desk.ended] == ["balanced"]


async def test_gateway_that_breaks_leaves_the_order_unknown_and_halts(story):
    async def broken(order: Order) -> Answer:
        raise ZeroDivisionError

    story.bithumb.place = broken
    story.open()
    await settle()
    (arb,) = story.executor.open_arbs()
    assert arb.orders[1].state is OrderState.UNKNOWN
    assert [level for level, _ in story.desk.halts] == [TradingLevel.HALTED]


async def test_shortage_sends_nothing_and_journals_nothing(story):
    answer = story.open(qty="30")
    await settle()
    assert isinstance(answer, Shortage)
    assert story.upbit.calls == story.bithumb.calls == []
    assert story.images() == {}


async def test_journal_that_cannot_be_written_sends_nothing_and_gives_the_reservations_back(story):
    story.journal.close()
    with pytest.raises(JournalNotWritten):
        story.open()
    await settle()
    assert story.upbit.calls == story.bithumb.calls == []
    assert story.desk.wallets.reservations() == ()
    assert story.executor.open_count == 0


async def test_orders_count_against_the_rate_as_soon_as_they_are_decided(story):
    story.open()
    assert story.executor.orders_last_second(story.desk.mono) == 2
    assert story.executor.orders_last_second(story.desk.mono + 999_999_999) == 2
    assert story.executor.orders_last_second(story.desk.mono + 1_000_000_000) == 0


async def test_orders_decided_in_one_go_are_known_before_their_requests_are_counted(story):
    story.open()
    story.open()
    assert [story.executor.unsent(exchange) for exchange in EXCHANGES] == [2, 2]
    await settle()
    assert [story.executor.unsent(exchange) for exchange in EXCHANGES] == [0, 0]


async def test_desk_learns_what_came_of_every_order(story):
    story.bithumb.answers["r1-1-s"] = Refused(RefusalReason.MARKET_OFFLINE)
    story.upbit.answers["r1-1-b"] = Unknown("cut")
    story.open()
    await settle()
    assert sorted(story.desk.answers, key=str) == [("r1-1-b", Unknown), ("r1-1-s", Refused)]


async def test_process_that_slept_between_decision_and_wire_sends_no_leg(story):
    arb = story.open()
    story.desk.mono += 501_000_000
    for leg in arb.orders:
        assert "decided 501 ms ago" in story.executor.last_check(leg.exchange, leg)


async def test_leg_whose_sibling_has_left_may_be_a_second_late_and_no_more(story):
    arb = story.open()
    buy, sell = arb.orders
    assert story.executor.last_check(buy.exchange, buy) is None
    story.desk.mono += 1_000_000_000
    assert story.executor.last_check(sell.exchange, sell) is None
    story.desk.mono += 1_000_000
    assert "decided 1001 ms ago" in story.executor.last_check(sell.exchange, sell)


async def test_finish_gives_up_what_does_not_answer_and_leaves_it_unknown(story):
    story.upbit.block.clear()
    story.bithumb.answers["r1-1-s"] = accepted(filled(4_020_000))
    story.open()
    await settle()
    await asyncio.wait_for(story.executor.finish(0.05), 2)
    image = story.images()["r1-1"]
    assert [order.state for order in image.orders] == [OrderState.UNKNOWN, OrderState.FILLED]


async def test_finishing_plans_no_hedge(story):
    story.upbit.answers["r1-1-b"] = accepted(filled(4_000_000))
    story.bithumb.answers["r1-1-s"] = Refused(RefusalReason.MARKET_OFFLINE)
    story.open()
    await story.executor.finish(1)
    await settle()
    await story.pass_time(510)
    assert story.images()["r1-1"].state is ArbState.LEGGED
    assert story.bithumb.placed() == ["r1-1-s"]


async def test_restart_asks_the_exchanges_first_and_sends_nothing_again(tmp_path):
    first = Story(tmp_path)
    first.upbit.block.clear()
    first.bithumb.block.clear()
    first.open()
    await settle()
    images = first.images()
    first.close()
    second = Story(tmp_path, run_id="r2")
    second.upbit.lookups["r1-1-b"] = Found(filled(4_000_000))
    second.bithumb.lookups["r1-1-s"] = Found(filled(4_020_000, fee="804"))
    second.executor.recover(images)
    await settle()
    assert second.upbit.placed() == second.bithumb.placed() == []
    (arb,) = second.desk.ended
    assert (arb.arb_id, arb.pnl_krw) == ("r1-1", Decimal(8196))
    assert second.desk.wallets.reservations() == ()
    second.close()


async def test_restart_with_a_stuck_arb_lets_the_desk_open_nothing(tmp_path, story):
    story.open()
    await settle()
    images = {arb_id: msgspec.structs.replace(arb, state=ArbState.STUCK) for arb_id, arb in story.images().items()}
    second = Story(tmp_path / "second", run_id="r2")
    second.executor.recover(images)
    await settle()
    ((level, why),) = second.desk.halts
    assert level is TradingLevel.REDUCING
    assert "r1-1" in why
    assert second.upbit.placed() == second.bithumb.placed() == []
    second.close()


async def test_restart_with_an_order_that_never_left_hedges_the_other_after_the_grace_time(tmp_path):
    first = Story(tmp_path)
    first.upbit.answers["r1-1-b"] = accepted(filled(4_000_000))
    first.bithumb.block.clear()
    first.open()
    await settle()
    images = first.images()
    first.close()
    second = Story(tmp_path, run_id="r2")
    second.bithumb.answers["r1-1-h0"] = accepted(filled(4_010_000))
    second.executor.recover(images)
    for _ in range(8):
        await second.pass_time(510)
    assert second.bithumb.placed() == []
    for _ in range(3):
        await second.pass_time(510)
    assert second.bithumb.placed() == ["r1-1-h0"]
    assert [arb.imbalance for arb in second.desk.ended] == [0]
    second.close()


async def test_late_fill_from_the_stream_reopens_a_closed_arb_and_is_hedged(story):
    story.upbit.answers["r1-1-b"] = accepted(heard(OrderOn.CANCELED, executed="0"))
    story.bithumb.answers["r1-1-s"] = Refused(RefusalReason.MARKET_OFFLINE)
    story.bithumb.answers["r1-1-h0"] = accepted(filled(4_010_000, qty="0.1"))
    story.open()
    await settle()
    assert [arb.why for arb in story.desk.ended] == ["nothing_filled"]
    late = OrderNews("r1-1-b", "X1", heard(OrderOn.PART_FILL, fill("late", 4_000_000, "0.1")))
    story.executor.hear(Exchange.UPBIT, late)
    story.executor.hear(Exchange.UPBIT, late)
    await settle()
    assert story.bithumb.placed() == ["r1-1-s", "r1-1-h0"]
    assert [(arb.why, arb.imbalance) for arb in story.desk.ended[1:]] == [("balanced", 0)]
    assert story.counters.get("arbs_closed") == 1


async def test_news_of_a_strange_order_is_journalled_once(story):
    news = OrderNews(None, "hand-made", heard(OrderOn.ACKED))
    story.executor.hear(Exchange.UPBIT, news)
    story.executor.hear(Exchange.UPBIT, news)
    strange = [r.event for r in story.journal.replay() if isinstance(r.event, StrangeOrderSeen)]
    assert [one.exchange_order_id for one in strange] == ["hand-made"]


async def test_fill_on_a_refused_order_is_a_contradiction_and_halts(story):
    story.bithumb.answers["r1-1-s"] = Refused(RefusalReason.MARKET_OFFLINE)
    story.open()
    await settle()
    story.executor.hear(Exchange.BITHUMB, OrderNews("r1-1-s", "X9", filled(4_020_000)))
    assert [level for level, _ in story.desk.halts] == [TradingLevel.HALTED]


@pytest.mark.parametrize(
    ("level", "role", "leaves"),
    [
        (TradingLevel.ACTIVE, OrderRole.BUY_LEG, True),
        (TradingLevel.REDUCING, OrderRole.BUY_LEG, False),
        (TradingLevel.REDUCING, OrderRole.HEDGE, True),
        (TradingLevel.HALTED, OrderRole.HEDGE, False),
    ],
)
async def test_last_check_keeps_back_what_the_kill_switch_forbids(story, level, role, leaves):
    arb = story.open()
    order = msgspec.structs.replace(arb.orders[0], role=role)
    story.desk.levels = level
    assert (story.executor.last_check(order.exchange, order) is None) == leaves


async def test_halted_cancels_what_works(story):
    story.open()
    await settle()
    story.desk.levels = TradingLevel.HALTED
    await story.pass_time(510)
    assert ("cancel", "r1-1-b") in story.upbit.calls
    assert ("cancel", "r1-1-s") in story.bithumb.calls


async def test_quantities_survive_the_journal(story):
    story.upbit.answers["r1-1-b"] = accepted(filled(4_000_000))
    story.open()
    await settle()
    image = story.images()["r1-1"]
    assert image.orders[0].executed_qty == e8("0.5")
    assert image.orders[0].fills[0].funds == Decimal("2000000")


async def test_stuck_arb_is_closed_by_a_person_and_only_when_stuck(story):
    story.bithumb.answers["r1-1-s"] = Unknown("cut")
    story.upbit.answers["r1-1-b"] = Unknown("cut")
    story.open()
    await settle()
    assert not story.executor.resolve("r1-1", "too early")
    story.bithumb.query = story.upbit.query = unanswered
    await story.pass_time(60_100)
    assert story.executor.resolve("r1-1", "settled by hand")
    assert not story.executor.resolve("r1-1", "again")
    assert [arb.why for arb in story.desk.ended] == ["operator_resolved settled by hand"]
    assert story.desk.halts[0][0] is TradingLevel.REDUCING


async def unanswered(order: Order) -> Lookup:
    return Unknown("still away")
