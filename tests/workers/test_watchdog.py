"""The dead man's switch over the real trader and both simulated exchanges, on made-up time."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.units import EXCHANGES, Exchange, Side
from exchanges.simulator.orders import Draft, OrdType, SimOrder
from exchanges.simulator.wire import Request
from workers.virtual.life import Life
from workers.virtual.run import Plan, lived
from workers.virtual.world import World

DESK = "toxni81-7-b"
OTHER = "by-hand-1"
ACTIVE, REDUCING, HALTED = TradingLevel


def in_world(story: Callable[[World], Coroutine[Any, Any, None]]) -> None:
    lived(Plan(seed=21), story)


def rest(world: World, exchange: Exchange, name: str) -> SimOrder:
    """Let an order rest on an exchange, far from its price."""
    draft = Draft(world.env.markets[0], Side.BID, OrdType.LIMIT, 3_000_000 * 10**8, 10**7, None, name)
    order = world.exchange(exchange).matching.place(world.account(exchange), draft, world.true_clock.wall_ns())
    assert isinstance(order, SimOrder), order
    return order


async def trading(world: World) -> Life:
    """Start a trader and return once the watchdog has seen it at work."""
    life = world.start_trader()
    while not life.is_ready:
        await asyncio.sleep(0.1)
    await asyncio.sleep(1)
    return life


def incidents(world: World) -> list[dict[str, str]]:
    path = world.env.var_dir / "pending_incidents.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.parametrize("still_s", [4.5, 20.0])
def test_trader_that_stands_still_is_halted_fenced_and_swept_within_five_seconds(still_s: float) -> None:
    async def story(world: World) -> None:
        life = await trading(world)
        fence = world.control.fence()
        ours = [rest(world, exchange, DESK) for exchange in EXCHANGES]
        by_hand = rest(world, Exchange.UPBIT, OTHER)
        world.stop_process(life.owner, still_s)
        await asyncio.sleep(2.5)
        assert (world.control.level(), all(order.is_open for order in ours)) == (ACTIVE, True)
        await asyncio.sleep(2.0)
        assert (world.control.level(), world.control.fence()) == (HALTED, fence + 1)
        assert [order.is_open for order in ours] == [False, False]
        assert by_hand.is_open
        sent = len(world.sends)
        world.operator.set_level(ACTIVE)
        await asyncio.sleep(still_s)
        # It woke, saw a younger fence and ended without another order, though the desk was resumed meanwhile.
        assert (life.code, len(world.sends)) == (3, sent)
        assert [(one["kind"], one["by"]) for one in incidents(world)] == [("watchdog_tripped", "watchdog")]

    in_world(story)


def test_short_standstill_trips_nothing_and_trading_goes_on() -> None:
    async def story(world: World) -> None:
        life = await trading(world)
        for _ in range(5):
            world.stop_process(life.owner, 2.5)
            await asyncio.sleep(4)
        assert (world.control.level(), life.code, incidents(world)) == (ACTIVE, None, [])

    in_world(story)


def test_killed_trader_that_comes_back_in_time_is_not_halted_and_its_orders_are_gone() -> None:
    async def story(world: World) -> None:
        life = await trading(world)
        ours = rest(world, Exchange.BITHUMB, DESK)
        life.die()
        await asyncio.sleep(5)
        assert (ours.is_open, world.control.level()) == (False, ACTIVE)
        await trading(world)
        await asyncio.sleep(20)
        assert world.control.level() is ACTIVE
        assert len(incidents(world)) == 1

    in_world(story)


def test_killed_trader_that_stays_away_is_halted() -> None:
    async def story(world: World) -> None:
        (await trading(world)).die()
        await asyncio.sleep(17)
        assert world.control.level() is ACTIVE
        await asyncio.sleep(3)
        assert world.control.level() is HALTED
        assert world.control.latch()["by"] == "watchdog"

    in_world(story)


def test_planned_stop_says_goodbye_and_trips_nothing() -> None:
    async def story(world: World) -> None:
        life = await trading(world)
        ours = rest(world, Exchange.UPBIT, DESK)
        assert await life.stop() == 0
        await asyncio.sleep(20)
        assert (world.control.level(), incidents(world), ours.is_open) == (ACTIVE, [], True)

    in_world(story)


def test_cancels_that_are_lost_and_lists_that_fail_are_asked_again() -> None:
    async def story(world: World) -> None:
        life = await trading(world)
        sim, ours = world.exchange(Exchange.UPBIT), rest(world, Exchange.UPBIT, DESK)
        heard: list[str] = []
        answer = sim.handle

        def handle(request: Request, now: int) -> Any:
            if request.method == "DELETE" or "state=wait" in request.query:
                heard.append(request.method)
                if len(heard) < 5:
                    return answer(Request("GET", "/nowhere"), now)
            return answer(request, now)

        sim.handle = handle  # type: ignore[method-assign]
        world.stop_process(life.owner, 60)
        await asyncio.sleep(6.5)
        assert not ours.is_open
        assert heard.count("DELETE") >= 1

    in_world(story)


def test_order_taken_late_while_the_trader_is_still_silent_goes_too() -> None:
    async def story(world: World) -> None:
        life = await trading(world)
        world.stop_process(life.owner, 60)
        await asyncio.sleep(20)
        late = rest(world, Exchange.BITHUMB, DESK)
        await asyncio.sleep(3)
        assert not late.is_open

    in_world(story)
