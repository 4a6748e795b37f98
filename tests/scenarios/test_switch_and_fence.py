"""The kill switch at every point, a younger trader, a full disk, a silent bridge, a process that slept (R4.1)."""

import asyncio
import time

import pytest
from story_exchange import Story, states
from story_life import until

from arbitrage.domain.arb import ArbState
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.order import OrderRole, OrderState
from arbitrage.domain.params import MS
from arbitrage.domain.units import EXCHANGES, Exchange
from fast_path.journal import JournalNotWritten
from workers.process import EXIT_FAILED
from workers.trader import FENCED

ACTIVE, REDUCING, HALTED = TradingLevel
FILLED, REFUSED = OrderState.FILLED, OrderState.REFUSED


@pytest.mark.parametrize("level", [REDUCING, HALTED])
async def test_switch_moved_before_the_wire_keeps_both_legs_back(story: Story, level: TradingLevel) -> None:
    life = await story.live()
    arb = life.open(story.signal())
    story.set_level(level)
    closed = await life.closed(arb.arb_id)
    assert (states(closed), closed.why) == ([REFUSED, REFUSED], "nothing_filled")
    await story.end(life)
    assert story.reached == {}


async def test_reduced_between_the_legs_evens_the_lone_one_out(story: Story) -> None:
    life = await story.live()
    life.at_send(OrderRole.SELL_LEG, lambda at: story.set_level(REDUCING))
    arb = await life.closed(life.open(story.signal()).arb_id)
    assert (states(arb), arb.imbalance) == ([FILLED, REFUSED, FILLED], 0)
    await story.end(life)


async def test_halted_between_the_legs_sends_nothing_until_resumed(story: Story) -> None:
    life = await story.live()
    life.at_send(OrderRole.SELL_LEG, lambda at: story.set_level(HALTED))
    arb_id = life.open(story.signal()).arb_id
    await until(lambda: life.arb(arb_id).state is ArbState.LEGGED)
    # Longer than the time limit for evening out: a halt is no reason to give up.
    await asyncio.sleep(0.6)
    assert life.arb(arb_id).state is ArbState.LEGGED
    assert list(story.reached) == [f"{arb_id}-b"]
    story.set_level(ACTIVE)
    arb = await life.closed(arb_id)
    assert (states(arb), arb.imbalance) == ([FILLED, REFUSED, FILLED], 0)
    await story.end(life)


@pytest.mark.parametrize("level", [REDUCING, HALTED])
async def test_switch_moved_while_orders_work(story: Story, level: TradingLevel) -> None:
    life = await story.live()
    story.change_params(2, cancel_after_ns=60_000 * MS)
    await until(lambda: life.context.control.applied_epoch() == 2)
    for exchange in EXCHANGES:
        story.faults(exchange).delay_fills(120 * MS)
    arb_id = life.open(story.signal()).arb_id
    await until(lambda: states(life.arb(arb_id)) == [OrderState.WORKING, OrderState.WORKING])
    story.set_level(level)
    arb = await life.closed(arb_id)
    assert states(arb) == [FILLED, FILLED]
    assert (life.count("cancels_sent") > 0) == (level is HALTED)
    await story.end(life)


async def test_halted_before_the_hedge_leaves_stops_it_and_resumed_sends_another(story: Story) -> None:
    life = await story.live()
    story.faults(Exchange.BITHUMB).refuse_next(400, "market_offline")
    life.at_send(OrderRole.HEDGE, lambda at: story.set_level(HALTED))
    arb_id = life.open(story.signal()).arb_id
    await until(lambda: states(life.arb(arb_id))[2:] == [REFUSED])
    story.set_level(REDUCING)
    arb = await life.closed(arb_id)
    assert (states(arb)[2:], arb.imbalance) == ([REFUSED, FILLED], 0)
    await story.end(life)
    assert f"{arb_id}-h0" not in story.reached


async def test_halted_while_the_hedge_is_in_flight_lets_it_end(story: Story) -> None:
    life = await story.live()
    story.faults(Exchange.BITHUMB).refuse_next(400, "market_offline")
    life.at_send(OrderRole.HEDGE, lambda at: story.faults(at).delay_fills(100 * MS))
    arb_id = life.open(story.signal()).arb_id
    await until(lambda: f"{arb_id}-h0" in story.reached)
    story.set_level(HALTED)
    arb = await life.closed(arb_id)
    assert (states(arb)[2:], arb.imbalance) == ([FILLED], 0)
    await story.end(life)


async def test_halted_over_a_restart_asks_but_sends_nothing(story: Story) -> None:
    first = await story.live()
    story.faults(Exchange.BITHUMB).refuse_next(400, "market_offline")
    first.at_send(OrderRole.HEDGE, lambda at: first.end_now())
    arb_id = first.open(story.signal()).arb_id
    await until(lambda: first.is_dead)
    await first.die()
    story.set_level(HALTED)
    second = await story.live()
    await until(lambda: second.arb(arb_id).state is ArbState.LEGGED)
    await asyncio.sleep(0.1)
    assert second.arb(arb_id).state is ArbState.LEGGED
    assert len(story.reached) == 2
    story.set_level(REDUCING)
    arb = await second.closed(arb_id)
    assert arb.imbalance == 0
    await story.end(second)


async def test_process_that_slept_between_decision_and_wire_sends_neither_leg(story: Story) -> None:
    life = await story.live()
    arb = life.open(story.signal())
    time.sleep(0.6)
    closed = await life.closed(arb.arb_id)
    assert (states(closed), closed.why) == ([REFUSED, REFUSED], "nothing_filled")
    await story.end(life)
    assert story.reached == {}


async def test_full_disk_before_the_legs_sends_nothing_and_ends_the_trader(story: Story) -> None:
    life = await story.live()
    life.journal.is_full = True
    with pytest.raises(JournalNotWritten):
        life.open(story.signal())
    assert life.trader.wallets.reservations() == ()
    await asyncio.sleep(0.05)
    assert story.reached == {}
    life.journal.is_full = False
    await story.end(life)


async def test_full_disk_under_open_orders_ends_the_trader_and_the_next_one_finds_them(story: Story) -> None:
    first = await story.live()
    first.at_send(OrderRole.SELL_LEG, lambda at: setattr(first.journal, "is_full", True))
    arb_id = first.open(story.signal()).arb_id
    assert await asyncio.wait_for(first.run, 5) == EXIT_FAILED
    assert len(story.reached) == 2
    await first.die()
    assert story.level() is HALTED
    story.set_level(ACTIVE)
    second = await story.live()
    arb = await second.closed(arb_id)
    assert states(arb) == [FILLED, FILLED]
    await story.end(second)


async def test_full_disk_before_a_hedge_sends_none(story: Story) -> None:
    first = await story.live()
    story.faults(Exchange.BITHUMB).refuse_next(400, "market_offline")
    story.stop_books()
    arb_id = first.open(story.signal()).arb_id
    await until(lambda: first.arb(arb_id).state is ArbState.LEGGED)
    first.journal.is_full = True
    story.stale.clear()
    with pytest.raises(JournalNotWritten):
        await asyncio.wait_for(first.run, 5)
    assert len(story.reached) == 2
    await first.die()
    story.set_level(ACTIVE)
    second = await story.live()
    arb = await second.closed(arb_id)
    assert arb.imbalance == 0
    await story.end(second)


async def test_younger_trader_fences_this_one_off_and_it_leaves_without_a_word(story: Story) -> None:
    life = await story.live()
    story.faults(Exchange.BITHUMB).refuse_next(400, "market_offline")
    life.at_send(OrderRole.SELL_LEG, lambda at: story.raise_fence())
    arb_id = life.open(story.signal()).arb_id
    assert await asyncio.wait_for(life.run, 10) == FENCED
    # It does not spend its attempts at hedges that are all kept back, and then lower the younger one's level.
    assert life.arb(arb_id).state is ArbState.LEGGED
    assert story.level() is ACTIVE
    await life.die()
    assert list(story.reached) == [f"{arb_id}-b"]


async def test_silent_bridge_opens_nothing_more_and_finishes_what_is_open(story: Story) -> None:
    life = await story.live()
    story.feeds_wake = True
    await until(lambda: life.count("arbs_closed") >= 2)
    story.bridge_beats = False
    await until(lambda: life.count("denied.control_stale") >= 1)
    opened = life.count("arbs_opened")
    await until(lambda: life.count("arbs_closed") == opened)
    await until(lambda: life.count("denied.control_stale") >= 3)
    assert life.count("arbs_opened") == opened
    story.feeds_wake = False
    await story.end(life)
