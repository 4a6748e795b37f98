"""A fee that changed: the first fill that shows it has the rules read anew, not the next reading in five minutes."""

import asyncio

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.units import EXCHANGES, Exchange
from workers.virtual.run import Plan, lived
from workers.virtual.world import World

MARKET = "KRW-ETH"


def believed(world: World, exchange: Exchange) -> int:
    assert world.life is not None
    assert world.life.trader is not None
    return world.life.trader.desk._instruments[exchange, MARKET].fee_ppm


def asked(world: World) -> list[int]:
    assert world.life is not None
    return [world.life.context.counters.get(f"other_fees.{exchange}") for exchange in EXCHANGES]


def test_a_fee_that_changed_is_believed_soon_after_the_first_fill_that_shows_it() -> None:
    async def live(world: World) -> None:
        world.start_trader()
        await asyncio.sleep(15)
        assert world.sends
        assert asked(world) == [0, 0]
        before = believed(world, Exchange.UPBIT)
        sent = len(world.sends)
        world.exchange(Exchange.BITHUMB).tariff.change(700, 700, world.true_clock.wall_ns())
        while len(world.sends) == sent:
            await asyncio.sleep(0.1)
        await asyncio.sleep(4)
        assert believed(world, Exchange.BITHUMB) == 700
        assert believed(world, Exchange.UPBIT) == before
        assert asked(world) == [0, 1]
        await asyncio.sleep(30)
        assert asked(world) == [0, 1]

    lived(Plan(46), live)


def test_an_exchange_that_says_the_same_again_is_asked_once_in_five_minutes() -> None:
    async def live(world: World) -> None:
        world.start_trader()
        await asyncio.sleep(10)
        assert world.life is not None
        assert world.life.trader is not None
        desk = world.life.trader.desk
        for _ in range(40):
            desk.on_other_fee(Exchange.UPBIT, believed(world, Exchange.UPBIT))
            await asyncio.sleep(1)
        assert asked(world) == [1, 0]
        for other in (1, 2, 3):
            desk.on_other_fee(Exchange.UPBIT, other)
        assert asked(world) == [2, 0]
        await asyncio.sleep(10.1)
        desk.on_other_fee(Exchange.UPBIT, 3)
        assert asked(world) == [3, 0]

    lived(Plan(46), live)


def test_a_doubt_of_one_exchange_has_the_other_ones_rules_read_too() -> None:
    async def live(world: World) -> None:
        world.operator.set_level(TradingLevel.HALTED)
        world.start_trader()
        await asyncio.sleep(10)
        assert world.life is not None
        assert world.life.trader is not None
        assert believed(world, Exchange.BITHUMB) != 700
        world.exchange(Exchange.BITHUMB).tariff.change(700, 700, world.true_clock.wall_ns())
        world.life.trader.desk.on_other_fee(Exchange.UPBIT, believed(world, Exchange.UPBIT))
        await asyncio.sleep(4)
        assert believed(world, Exchange.BITHUMB) == 700
        assert asked(world) == [1, 0]

    lived(Plan(46), live)
