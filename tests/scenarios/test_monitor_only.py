"""The founding example (R1.1): /v1/accounts turns from an array into an object. No database is near any of this."""

import asyncio

import pytest
from story_exchange import Story, states
from story_life import until

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.order import OrderState
from arbitrage.domain.params import MS
from arbitrage.domain.units import Exchange

ACTIVE, REDUCING, _ = TradingLevel


def objects(path: str, body: bytes) -> bytes:
    """Turn the balances into an object."""
    return b'{"accounts":' + body + b"}" if path == "/v1/accounts" else body


@pytest.mark.parametrize("exchange", list(Exchange))
async def test_balances_as_an_object_stop_trading_there_at_once_and_books_go_on(
    story: Story, exchange: Exchange
) -> None:
    life = await story.live()
    story.rewrite[exchange] = objects
    life.trader.treasury.want(exchange)
    control = life.context.control
    await until(lambda: control.monitor_only_since(exchange))
    assert (control.exchange_level(exchange), story.level()) == (REDUCING, ACTIVE)
    assert str(control.monitor_only_latch(exchange)["reason"]).startswith("balances cannot be read: ")
    story.feeds_wake = True
    await until(lambda: life.count("denied.trading_state") >= 3)
    assert life.count("arbs_opened") == 0
    assert story.reached == {}
    story.feeds_wake = False
    await story.end(life)


async def test_what_is_open_is_finished_and_nothing_new_follows(story: Story) -> None:
    life = await story.live()
    story.faults(Exchange.UPBIT).delay_fills(300 * MS)
    arb = life.open(story.signal())
    story.rewrite[Exchange.BITHUMB] = objects
    life.trader.treasury.want(Exchange.BITHUMB)
    await until(lambda: life.context.control.monitor_only_since(Exchange.BITHUMB))
    assert not life.arb(arb.arb_id).is_closed
    assert states(await life.closed(arb.arb_id)) == [OrderState.FILLED, OrderState.FILLED]
    story.feeds_wake = True
    await until(lambda: life.count("denied.trading_state") >= 3)
    assert life.count("arbs_opened") == 1
    story.feeds_wake = False
    story.rewrite.clear()
    life.trader.treasury.want(Exchange.BITHUMB)
    await story.end(life)


async def test_it_outlives_the_trader_and_trading_goes_on_when_a_person_lifts_it(story: Story) -> None:
    life = await story.live()
    story.rewrite[Exchange.UPBIT] = objects
    life.trader.treasury.want(Exchange.UPBIT)
    await until(lambda: life.context.control.monitor_only_since(Exchange.UPBIT))
    story.rewrite.clear()
    await life.stop()
    life = await story.live()
    story.feeds_wake = True
    await until(lambda: life.count("denied.trading_state") >= 3)
    assert life.count("arbs_opened") == 0
    assert life.context.control.lift_monitor_only(Exchange.UPBIT, story.clock.wall_ns())
    await until(lambda: life.count("arbs_closed") >= 1)
    story.feeds_wake = False
    await until(lambda: life.count("open_arbs") == 0)
    assert life.context.control.exchange_level(Exchange.UPBIT) is ACTIVE
    await asyncio.sleep(0.05)
    await story.end(life)
