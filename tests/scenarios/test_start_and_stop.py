"""How a trader starts with a past and stops with a present: nothing new too early, nothing old left behind."""

import asyncio
import time

import pytest
from story_exchange import Story, states
from story_life import until

from arbitrage.domain.arb import ArbState
from arbitrage.domain.errors import ConfigError
from arbitrage.domain.events import TRADER_STREAM, BalancesRead
from arbitrage.domain.instrument import TickBand, TickTable
from arbitrage.domain.order import OrderState
from arbitrage.domain.params import MS
from arbitrage.domain.units import SCALE, Exchange, Price
from fast_path.journal import Journal

FILLED, REFUSED = OrderState.FILLED, OrderState.REFUSED


async def test_stop_with_both_legs_on_the_wire_waits_for_their_ends(story: Story) -> None:
    life = await story.live()
    story.faults(Exchange.UPBIT).delay_fills(150 * MS)
    arb_id = life.open(story.signal()).arb_id
    assert await life.stop() == 0
    story.check_truth()
    assert states(story.images()[arb_id]) == [FILLED, FILLED]


async def test_stop_with_a_lone_leg_evens_it_out_first(story: Story) -> None:
    life = await story.live()
    story.faults(Exchange.BITHUMB).refuse_next(400, "market_offline")
    arb_id = life.open(story.signal()).arb_id
    assert await life.stop() == 0
    story.check_truth()
    back = story.images()[arb_id]
    assert (back.state, back.imbalance) == (ArbState.CLOSED, 0)


async def test_stop_reads_the_last_balances_after_the_last_order(story: Story) -> None:
    life = await story.live()
    await life.closed(life.open(story.signal()).arb_id)
    assert await life.stop() == 0
    last = [record.event for record in story.records() if isinstance(record.event, BalancesRead)][-2:]
    assert {read.exchange for read in last} == set(Exchange)
    assert all(read.settled for read in last)
    held = {(read.exchange, holding.asset): holding.total for read in last for holding in read.holdings}
    assert held[Exchange.UPBIT, "ETH"] + held[Exchange.BITHUMB, "ETH"] == 40
    assert held[Exchange.UPBIT, "ETH"] == 20.5


async def test_stop_while_an_exchange_is_away_at_the_start_ends_at_once(story: Story) -> None:
    story.away.add(Exchange.BITHUMB)
    life = await story.live(ready=False)
    await until(lambda: life.trader.treasury.is_known(Exchange.UPBIT))
    began = time.monotonic()
    assert await life.stop() == 0
    assert time.monotonic() - began < 2
    assert story.reached == {}


async def test_nothing_new_opens_before_both_exchanges_were_heard(story: Story) -> None:
    story.away.add(Exchange.BITHUMB)
    story.feeds_wake = True
    life = await story.live(ready=False)
    await until(lambda: life.trader.treasury.is_known(Exchange.UPBIT))
    await asyncio.sleep(0.15)
    assert not life.is_ready
    assert (life.count("signals"), story.reached) == (0, {})
    story.away.clear()
    await until(lambda: life.count("arbs_closed") >= 1)
    story.feeds_wake = False
    await until(lambda: not life.trader.executor.open_count)
    await story.end(life)


async def test_fill_told_by_the_private_stream_counts_before_the_start_is_over(story: Story) -> None:
    first = await story.live()
    story.faults(Exchange.UPBIT).delay_fills(250 * MS)
    arb_id = first.open(story.signal()).arb_id
    await until(lambda: len(story.reached) == 2)
    await first.die()
    story.away.add(Exchange.BITHUMB)
    story.mute.add(Exchange.UPBIT)
    second = await story.live(ready=False)
    await until(lambda: (arb := second.trader.executor.find(arb_id)) is not None and arb.orders[0].state is FILLED)
    assert not second.is_ready
    story.away.clear()
    arb = await second.closed(arb_id)
    assert (states(arb), arb.imbalance) == ([FILLED, FILLED], 0)
    await story.end(second)


async def test_first_reading_with_an_order_alive_is_not_called_settled(story: Story) -> None:
    first = await story.live()
    story.faults(Exchange.UPBIT).delay_fills(250 * MS)
    first.open(story.signal())
    await until(lambda: len(story.reached) == 2)
    await first.die()
    seen = len(story.records())
    second = await story.live()
    await until(lambda: not second.trader.executor.open_count)
    await story.end(second)
    fresh = [record.event for record in story.records()[seen:] if isinstance(record.event, BalancesRead)]
    assert next(read.settled for read in fresh if read.exchange is Exchange.UPBIT) is False


async def test_refused_key_at_the_start_refuses_the_start(story: Story) -> None:
    story.locked_out.add(Exchange.BITHUMB)
    life = await story.live(ready=False)
    with pytest.raises(ConfigError, match="balances bithumb: the exchange refused the key"):
        await asyncio.wait_for(life.run, 5)


async def test_refused_key_at_the_start_still_evens_out_a_lone_leg_elsewhere(story: Story) -> None:
    first = await story.live()
    story.stop_books()
    story.faults(Exchange.BITHUMB).refuse_next(400, "market_offline")
    arb_id = first.open(story.signal()).arb_id
    await until(lambda: first.arb(arb_id).state is ArbState.LEGGED)
    await first.die()
    story.locked_out.add(Exchange.BITHUMB)
    story.stale.clear()
    second = await story.live(ready=False)
    with pytest.raises(ConfigError):
        await asyncio.wait_for(asyncio.shield(second.run), 10)
    await second.die()
    story.check_truth()
    back = story.images()[arb_id]
    assert (back.state, back.orders[-1].exchange, back.imbalance) == (ArbState.CLOSED, Exchange.UPBIT, 0)


async def test_market_an_exchange_does_not_trade_now_is_not_traded(story: Story) -> None:
    story.inactive.add(Exchange.BITHUMB)
    story.feeds_wake = True
    life = await story.live()
    await until(lambda: life.count("denied.market_paused") >= 3)
    assert story.reached == {}
    await story.end(life)


async def test_second_trader_cannot_open_the_journal_of_a_living_one(story: Story) -> None:
    life = await story.live()
    with pytest.raises(ConfigError, match="being written by another process"):
        Journal(story.env.journal_path, TRADER_STREAM, "none")
    await story.end(life)


async def test_crash_leaves_no_word_that_it_is_ready(story: Story) -> None:
    first = await story.live()
    await first.die()
    story.away.add(Exchange.UPBIT)
    second = await story.live(ready=False)
    await until(lambda: second.trader.treasury.is_known(Exchange.BITHUMB))
    assert not second.is_ready
    await story.end(second)


async def test_market_whose_price_step_changed_unseen_is_not_traded(story: Story) -> None:
    half_won = TickTable("2026-11-26", (TickBand(Price(0), Price(SCALE // 2)),))
    story.exchange(Exchange.UPBIT).set_rules(ticks=half_won)
    life = await story.live()
    control, now = life.context.control, life.context.clock.mono_ns()
    assert control.paused_until_mono_ns("KRW-ETH") > now
    assert story.reached == {}
    assert await life.stop() == 0
