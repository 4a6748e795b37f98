"""What makes the real trader doubt a price, an exchange or a coin, and that it then sends nothing."""

import asyncio

import msgspec
import pytest

from arbitrage.domain.order import OrderRole
from arbitrage.domain.params import SECOND
from arbitrage.domain.units import Exchange
from exchanges.simulator.trouble.fault import Lane, Scope
from exchanges.simulator.trouble.frames import SlowDrain
from workers.virtual.run import PARAMS, Plan, lived
from workers.virtual.world import World

MARKET = "KRW-ETH"


def legs_after(world: World, at_ns: int) -> int:
    return sum(one.order.role is not OrderRole.HEDGE and one.at_ns > at_ns for one in world.sends)


def count(world: World, name: str) -> int:
    assert world.life is not None
    return world.life.context.counters.get(name)


@pytest.mark.parametrize(
    ("against", "reason"),
    [
        (({Exchange.UPBIT}, ()), "denied.market_warned"),
        (((), {Exchange.BITHUMB}), "denied.wallet_suspended"),
    ],
)
def test_what_stands_against_a_market_keeps_its_legs_back_until_it_is_over(against, reason) -> None:
    async def live(world: World) -> None:
        world.start_trader()
        world.control.set_standing(MARKET, *against)
        await asyncio.sleep(25)
        assert legs_after(world, 0) == 0
        assert count(world, reason) > 0
        world.control.set_standing(MARKET, (), ())
        await asyncio.sleep(20)
        assert legs_after(world, 0) > 0

    lived(Plan(40), live)


def test_one_exchange_that_leaves_alone_pauses_the_market_and_both_together_do_not() -> None:
    async def live(world: World) -> None:
        market = world.simulator.simulator.market
        world.change_params(msgspec.structs.replace(PARAMS, pause_ns=3 * SECOND))
        world.start_trader()
        await asyncio.sleep(10)
        market.steer(MARKET, -40_000, 0, world.true_clock.wall_ns())
        await asyncio.sleep(8)
        assert count(world, "pauses.price_jumped") == 0
        market.steer(MARKET, 0, 0, world.true_clock.wall_ns())
        await asyncio.sleep(5)
        market.steer(MARKET, -30_000, 0, world.true_clock.wall_ns(), Exchange.BITHUMB)
        jumped_ns = world.loop.now_ns
        await asyncio.sleep(10)
        # Paused within a second, again as long as it lasts, and not a leg in between.
        assert count(world, "pauses.price_jumped") >= 3
        assert legs_after(world, jumped_ns + SECOND) == 0
        market.steer(MARKET, 0, 0, world.true_clock.wall_ns(), Exchange.BITHUMB)
        back_ns = world.loop.now_ns
        await asyncio.sleep(25)
        assert legs_after(world, back_ns) > 0

    lived(Plan(41), live)


def test_a_stream_that_drains_slowly_is_not_traded_on_though_its_frames_are_young() -> None:
    async def live(world: World) -> None:
        world.start_trader()
        await asyncio.sleep(15)
        world.faults(Exchange.UPBIT).arm(SlowDrain(delay_ns=2 * SECOND), Scope(lane=Lane.STREAM, lasts_ns=20 * SECOND))
        armed_ns = world.loop.now_ns
        await asyncio.sleep(19)
        assert count(world, "denied.book_delayed") > 0
        assert legs_after(world, armed_ns + SECOND) == 0
        await asyncio.sleep(21)
        assert legs_after(world, armed_ns + 22 * SECOND) > 0

    lived(Plan(42), live)


def test_an_exchange_that_fell_too_often_is_left_alone_until_its_points_are_forgotten() -> None:
    async def live(world: World) -> None:
        world.change_params(msgspec.structs.replace(PARAMS, max_trouble_points=60))
        world.start_trader()
        await asyncio.sleep(10)
        for _ in range(4):
            world.link(Exchange.UPBIT).cut()
            await asyncio.sleep(2.5)
        cut_ns = world.loop.now_ns
        await asyncio.sleep(10)
        assert count(world, "trouble.upbit") > 60
        assert legs_after(world, cut_ns) == 0
        await asyncio.sleep(60)
        assert legs_after(world, cut_ns) > 0

    lived(Plan(43), live)
