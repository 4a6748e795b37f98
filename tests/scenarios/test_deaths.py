"""A trader that dies on the spot at every point where it hurts, and the next one that finds what it left."""

import asyncio

import pytest
from story_exchange import Story, states
from story_life import Life, until

from arbitrage.domain.arb import Arb, ArbState
from arbitrage.domain.order import OrderRole, OrderState
from arbitrage.domain.params import MS
from arbitrage.domain.units import EXCHANGES, Exchange

FILLED, REFUSED, UNKNOWN = OrderState.FILLED, OrderState.REFUSED, OrderState.UNKNOWN


async def recovered(story: Story, arb_id: str) -> tuple[Life, Arb]:
    """Start the next life and wait until it has dealt with the arb."""
    life = await story.live()
    return life, await life.closed(arb_id)


async def test_death_between_journal_and_wire_sends_nothing_ever(story: Story) -> None:
    first = await story.live()
    arb = first.open(story.signal())
    # No await in between: neither sending task has run its first step.
    await first.die()
    assert story.reached == {}
    assert states(story.images()[arb.arb_id]) == [OrderState.PLANNED, OrderState.PLANNED]
    second, back = await recovered(story, arb.arb_id)
    assert (states(back), back.why) == ([REFUSED, REFUSED], "nothing_filled")
    await story.end(second)
    assert story.reached == {}


@pytest.mark.parametrize("sent", EXCHANGES)
async def test_death_after_one_leg_left_evens_it_out_after_the_grace_time(story: Story, sent: Exchange) -> None:
    first = await story.live()
    first.before_send.append(lambda exchange, order: None if exchange is sent else first.end_now())
    arb = first.open(story.signal())
    await until(lambda: first.is_dead)
    await first.die()
    assert len(story.reached) == 1
    second, back = await recovered(story, arb.arb_id)
    assert sorted(states(back)[:2]) == [FILLED, REFUSED]
    assert (states(back)[2:], back.imbalance) == ([FILLED], 0)
    await story.end(second)
    assert len(story.reached) == 2


@pytest.mark.parametrize("wait_ms", [0, 30, 60])
async def test_death_with_both_legs_on_the_wire_is_found_filled(story: Story, wait_ms: int) -> None:
    first = await story.live()
    arb = first.open(story.signal())
    await until(lambda: len(story.reached) == 2)
    await asyncio.sleep(wait_ms / 1000)
    await first.die()
    second = await story.live()
    await until(lambda: not second.trader.executor.open_count)
    await story.end(second)
    assert states(story.images()[arb.arb_id]) == [FILLED, FILLED]
    assert len(story.reached) == 2


@pytest.mark.parametrize("exchange", EXCHANGES)
async def test_death_between_fill_and_hedge(story: Story, exchange: Exchange) -> None:
    first = await story.live()
    story.faults(exchange).refuse_next(400, "market_offline")
    first.at_send(OrderRole.HEDGE, lambda at: first.end_now())
    arb = first.open(story.signal())
    await until(lambda: first.is_dead)
    await first.die()
    left = story.images()[arb.arb_id]
    assert (left.state, left.orders[2].state) == (ArbState.HEDGING, OrderState.PLANNED)
    second, back = await recovered(story, arb.arb_id)
    # The hedge that never left is proven not to be there, and only then is another one sent.
    assert (states(back)[2:], back.imbalance) == ([REFUSED, FILLED], 0)
    await story.end(second)
    assert f"{arb.arb_id}-h0" not in story.reached


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("delay_ms", [0, 150])
async def test_death_with_a_hedge_in_flight(story: Story, exchange: Exchange, delay_ms: int) -> None:
    first = await story.live()
    story.faults(exchange).refuse_next(400, "market_offline")
    first.at_send(OrderRole.HEDGE, lambda at: story.faults(at).delay_fills(delay_ms * MS))
    arb = first.open(story.signal())
    await until(lambda: f"{arb.arb_id}-h0" in story.reached)
    await first.die()
    second, back = await recovered(story, arb.arb_id)
    assert (states(back)[2:], back.imbalance) == ([FILLED], 0)
    await story.end(second)
    assert len(story.reached) == 3


async def test_death_after_death_after_death(story: Story) -> None:
    life = await story.live()
    story.faults(Exchange.BITHUMB).drop_before_accept()
    arb = life.open(story.signal())
    await until(lambda: UNKNOWN in states(life.arb(arb.arb_id)))
    for _ in range(3):
        await life.die()
        life = await story.live()
    back = await life.closed(arb.arb_id)
    assert (states(back), back.imbalance) == ([FILLED, REFUSED, FILLED], 0)
    await story.end(life)


async def test_lone_leg_is_unwound_though_the_other_exchange_is_away_at_the_restart(story: Story) -> None:
    first = await story.live()
    story.stop_books()
    story.faults(Exchange.BITHUMB).refuse_next(400, "market_offline")
    arb = first.open(story.signal())
    await until(lambda: first.arb(arb.arb_id).state is ArbState.LEGGED)
    await first.die()
    story.away.add(Exchange.BITHUMB)
    story.stale.clear()
    second = await story.live(ready=False)
    back = await second.closed(arb.arb_id)
    assert (back.orders[-1].exchange, back.imbalance) == (Exchange.UPBIT, 0)
    assert not second.is_ready
    await story.end(second)
