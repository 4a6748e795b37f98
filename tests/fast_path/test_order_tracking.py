"""An order is followed to its end by the desk's own clock: asked for, cancelled, and heard of long after (R3.1)."""

import pytest
from desk_builders import fill, heard
from scripted_executor import Story, accepted, filled, settle

from arbitrage.domain.arb import ArbState
from arbitrage.domain.arb_clocks import GRACES
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.events import StrangeOrderSeen
from arbitrage.domain.order import Order, OrderOn, OrderRole, OrderState, RefusalReason
from arbitrage.domain.params import DEFAULT_PARAMS
from arbitrage.domain.ports import Found, Lookup, OrderNews, Refused, Unknown
from arbitrage.domain.units import Exchange

DOWN_NS = 1_000_000_000
"""How long nobody trades between two lives."""


@pytest.fixture
def story(tmp_path):
    one = Story(tmp_path)
    yield one
    one.close()


async def test_order_without_news_is_asked_for_every_half_second_besides_the_stream(story):
    working = Found(heard(OrderOn.ACKED))
    story.upbit.lookups["r1-1-b"] = story.bithumb.lookups["r1-1-s"] = working
    story.open()
    await settle()
    for _ in range(100):
        await story.pass_time(30)
    # 3 s in steps of 30 ms: every 510 ms.
    assert story.upbit.calls.count(("query", "r1-1-b")) == 5
    assert story.bithumb.calls.count(("query", "r1-1-s")) == 5


async def test_order_the_stream_tells_of_is_not_asked_for_meanwhile(story):
    story.open()
    await settle()
    for _ in range(10):
        await story.pass_time(300)
        story.executor.hear(Exchange.UPBIT, OrderNews("r1-1-b", "X1", heard(OrderOn.ACKED)))
    assert ("query", "r1-1-b") not in story.upbit.calls


async def test_order_still_open_after_ten_seconds_is_cancelled_and_not_before(story):
    story.upbit.lookups["r1-1-b"] = story.bithumb.lookups["r1-1-s"] = Found(heard(OrderOn.ACKED))
    story.open()
    await settle()
    for _ in range(19):
        await story.pass_time(510)
    assert ("cancel", "r1-1-b") not in story.upbit.calls
    await story.pass_time(510)
    assert story.upbit.calls.count(("cancel", "r1-1-b")) == 1
    assert story.bithumb.calls.count(("cancel", "r1-1-s")) == 1


async def nothing_filled(story: Story) -> None:
    """Let an arb close with nothing bought and nothing sold."""
    story.upbit.answers["r1-1-b"] = accepted(heard(OrderOn.CANCELED, executed="0"))
    story.bithumb.answers["r1-1-s"] = Refused(RefusalReason.MARKET_OFFLINE)
    story.open()
    await settle()
    assert [arb.why for arb in story.desk.ended] == ["nothing_filled"]


LATE = OrderNews("r1-1-b", "X1", heard(OrderOn.PART_FILL, fill("late", 4_000_000, "0.1")))


async def test_fill_that_comes_ten_minutes_late_is_taken_and_evened_out(story):
    await nothing_filled(story)
    await story.pass_time(600_000)
    story.executor.hear(Exchange.UPBIT, LATE)
    await settle()
    assert story.bithumb.placed() == ["r1-1-s", "r1-1-h0"]
    assert story.images()["r1-1"].imbalance == 10_000_000


async def test_fill_later_than_that_is_told_as_strange_and_nothing_is_sent(story):
    await nothing_filled(story)
    await story.pass_time(600_001)
    story.executor.hear(Exchange.UPBIT, LATE)
    await settle()
    assert story.bithumb.placed() == ["r1-1-s"]
    strange = [one.event for one in story.journal.replay() if isinstance(one.event, StrangeOrderSeen)]
    assert [(one.exchange_order_id, one.client_order_id) for one in strange] == [("X1", "r1-1-b")]


async def test_leg_that_goes_first_is_followed_at_once_and_both_are_journalled_before_they_leave(story):
    story.desk.first = OrderRole.SELL_LEG
    story.bithumb.answers["r1-1-s"] = accepted(filled(4_020_000, "0.3"))
    story.upbit.answers["r1-1-b"] = accepted(filled(4_000_000, "0.3"))
    story.bithumb.answers["r1-1-s"] = accepted(heard(OrderOn.CANCELED, fill("s", 4_020_000, "0.3"), fee="1"))
    story.open()
    assert len(story.desk.wallets.reservations()) == 2, "both are reserved before either leaves"
    await settle()
    assert (story.bithumb.placed(), story.upbit.placed()) == (["r1-1-s"], ["r1-1-b"])
    assert story.upbit.journalled_at_place == {"r1-1-b": True}
    (arb,) = story.desk.ended
    assert ([order.qty for order in arb.orders], arb.why) == ([30_000_000, 50_000_000], "balanced")
    assert story.desk.wallets.reservations() == ()


async def test_leg_that_goes_first_and_finds_nothing_leaves_the_other_unsent_and_unreserved(story):
    story.desk.first = OrderRole.BUY_LEG
    story.upbit.answers["r1-1-b"] = accepted(heard(OrderOn.CANCELED, executed="0"))
    story.open()
    await settle()
    assert (story.upbit.placed(), story.bithumb.calls) == (["r1-1-b"], [])
    assert [arb.why for arb in story.desk.ended] == ["nothing_filled"]
    assert story.desk.wallets.reservations() == ()


async def test_held_leg_is_not_asked_for_when_its_stream_comes_back(story):
    story.desk.first = OrderRole.BUY_LEG
    story.open()
    await settle()
    story.executor.ask_again(Exchange.BITHUMB)
    await settle()
    assert story.bithumb.calls == []


@pytest.mark.parametrize("life_ms", [1_020, 3_060])
async def test_a_trader_that_keeps_dying_over_an_order_nobody_knows_of_tells_a_person(tmp_path, life_ms):
    story, lives, placed = Story(tmp_path), 1, []
    began = story.desk.mono
    story.upbit.answers["r1-1-b"] = story.bithumb.answers["r1-1-s"] = Unknown("cut")
    story.open()
    while True:
        story.bithumb.query = story.upbit.query = unanswered
        await settle()
        for _ in range(life_ms // 510):
            await story.pass_time(510)
        halts, mono, (arb,) = story.desk.halts, story.desk.mono, story.images().values()
        placed += story.upbit.placed() + story.bithumb.placed()
        story.close()
        if halts or lives == 200:
            break
        assert arb.state is ArbState.UNRESOLVED
        story, lives = Story(tmp_path, run_id=f"r{lives + 1}"), lives + 1
        story.desk.mono = mono + DOWN_NS
        story.executor.recover({arb.arb_id: arb})
    assert [level for level, _ in halts] == [TradingLevel.REDUCING]
    assert (arb.state, {order.state for order in arb.orders}) == (ArbState.STUCK, {OrderState.UNKNOWN})
    assert placed == ["r1-1-b", "r1-1-s"]
    limit, grace = DEFAULT_PARAMS.unresolved_deadline_ns, DEFAULT_PARAMS.not_found_grace_ns
    assert limit <= mono - began
    assert mono - began - lives * DOWN_NS <= 2 * limit + GRACES * 2 * grace


async def unanswered(order: Order) -> Lookup:
    return Unknown("still away")
