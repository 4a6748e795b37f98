"""What a run leaves behind in its process, and how its operator leaves a halt."""

import asyncio
import weakref

from arbitrage.domain.controls import TradingLevel
from exchanges.simulator import texts
from workers.virtual.run import Plan, lived
from workers.virtual.world import World


def test_nothing_of_a_world_outlives_the_next_but_one():
    worlds: list[weakref.ref[World]] = []

    async def live(world: World) -> None:
        worlds.append(weakref.ref(world))
        await asyncio.sleep(1)

    for _ in range(4):
        lived(Plan(1), live)
    assert [world() for world in worlds[:3]] == [None, None, None]


def test_a_run_begins_with_nothing_spelled():
    spelled: list[int] = []

    @texts.kept
    def spell(price: int) -> str:
        spelled.append(price)
        return str(price)

    async def live(_world: World) -> str:
        return spell(1)

    assert (spell(1), spell(1)) == ("1", "1")
    assert lived(Plan(1), live) == "1"
    assert spelled == [1, 1]


def test_a_halt_is_left_in_two_steps():
    async def live(world: World) -> list[TradingLevel]:
        world.operator.set_level(TradingLevel.HALTED)
        world.operator.resume()
        seen = [world.control.level()]
        for wait_s in (0.99, 0.02):
            await asyncio.sleep(wait_s)
            seen.append(world.control.level())
        return seen

    assert lived(Plan(1), live) == [TradingLevel.REDUCING, TradingLevel.REDUCING, TradingLevel.ACTIVE]


def test_a_halt_pressed_between_the_steps_stays():
    async def live(world: World) -> TradingLevel:
        world.operator.set_level(TradingLevel.HALTED)
        world.operator.resume()
        await asyncio.sleep(0.5)
        world.operator.set_level(TradingLevel.HALTED)
        await asyncio.sleep(2)
        return world.control.level()

    assert lived(Plan(1), live) is TradingLevel.HALTED


def test_a_trader_stopped_at_a_door_goes_on_after_its_time():
    async def live(world: World) -> None:
        life = world.start_trader()
        await asyncio.sleep(2)
        life.at_door(1, lambda door: world.stop_process(life.owner, 1.5))
        for _ in range(100):
            await asyncio.sleep(0.1)
            if world.loop.standing_still:
                break
        assert list(world.loop.standing_still) == [life.owner]
        await asyncio.sleep(2)
        assert list(world.loop.standing_still) == []
        assert life.is_ready

    lived(Plan(7), live)
