"""A book that stands still under ever new times while the other exchange leaves: over the real feed and gate."""

import asyncio

import msgspec
import pytest

from arbitrage.domain import risk
from arbitrage.domain.events import MarketPaused
from arbitrage.domain.order import OrderRole
from arbitrage.domain.params import SECOND
from arbitrage.domain.units import EXCHANGES, Exchange
from exchanges.simulator.regimes import USUAL
from exchanges.simulator.trouble.fault import Lane, Scope
from exchanges.simulator.trouble.frames import LadderFrozen
from tests.sabotage import Edit, apply
from workers.virtual.run import PARAMS, Plan, lived
from workers.virtual.world import World

MARKET = "KRW-ETH"
FROZEN_S, FOUND_WITHIN_S = 20, 6
"""The limit of 2 s, and what the fewer frames of a story take to show that it is one."""


def legs_between(world: World, begins_ns: int, ends_ns: int) -> int:
    return sum(one.order.role is not OrderRole.HEDGE and begins_ns < one.at_ns < ends_ns for one in world.sends)


def count(world: World, name: str) -> int:
    assert world.life is not None
    return world.life.context.counters.get(name)


async def freeze(world: World, exchange: Exchange) -> tuple[int, int]:
    """Trade, freeze one exchange's book while prices go on, and let it go; return when it froze and when it thawed."""
    steer = world.simulator.simulator.market.steer
    world.simulator.simulator.market.set_behaviour(USUAL, world.true_clock.wall_ns())
    world.change_params(msgspec.structs.replace(PARAMS, pause_ns=2 * SECOND, max_failures_in_a_row=1_000))
    # A gap that stands, and turns as the other exchange leaves: the frozen book shows a chance that is none.
    steer(MARKET, 6_000, 0, world.true_clock.wall_ns(), Exchange.UPBIT)
    world.start_trader()
    await asyncio.sleep(8)
    assert legs_between(world, 0, world.loop.now_ns) > 0
    world.faults(exchange).arm(LadderFrozen(), Scope(lane=Lane.STREAM, lasts_ns=FROZEN_S * SECOND))
    frozen_ns = world.loop.now_ns
    other, leaves = (Exchange.BITHUMB, 12_000) if exchange is Exchange.UPBIT else (Exchange.UPBIT, -6_000)
    steer(MARKET, leaves, 0, world.true_clock.wall_ns(), other)
    await asyncio.sleep(FROZEN_S)
    thawed_ns = world.loop.now_ns
    steer(MARKET, 0, 0, world.true_clock.wall_ns(), Exchange.BITHUMB)
    for gap in (6_000, -6_000):
        steer(MARKET, gap, 0, world.true_clock.wall_ns(), Exchange.UPBIT)
        await asyncio.sleep(10)
    return frozen_ns, thawed_ns


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_nothing_opens_on_a_frozen_book_people_are_told_and_trading_comes_back(exchange: Exchange) -> None:
    other = next(one for one in EXCHANGES if one is not exchange)

    async def live(world: World) -> None:
        paused: list[MarketPaused] = []
        world.on_event = lambda event: paused.append(event) if isinstance(event, MarketPaused) else None
        frozen_ns, thawed_ns = await freeze(world, exchange)
        assert count(world, f"ladder_frozen.{exchange}") == 1
        assert count(world, f"ladder_frozen.{other}") == 0
        assert count(world, "denied.ladder_frozen") > 0
        assert legs_between(world, frozen_ns + int(FOUND_WITHIN_S * SECOND), thawed_ns) == 0
        causes = {one.cause for one in paused}
        assert "ladder_frozen" in causes
        assert {one.market for one in paused} == {MARKET}
        assert legs_between(world, thawed_ns, world.loop.now_ns) > 0

    lived(Plan(44), live)


def test_without_the_check_legs_go_on_leaving(monkeypatch: pytest.MonkeyPatch) -> None:
    edit = Edit(risk.is_ladder_frozen, "> q.params.max_ladder_still_ns", "< 0")
    apply(monkeypatch, (edit,))

    async def live(world: World) -> None:
        frozen_ns, _ = await freeze(world, Exchange.BITHUMB)
        assert count(world, "ladder_frozen.bithumb") == 1
        found_ns = frozen_ns + int(FOUND_WITHIN_S * SECOND)
        assert legs_between(world, found_ns, frozen_ns + 10 * SECOND) > 0

    lived(Plan(44), live)


def test_a_market_that_is_well_is_not_doubted() -> None:
    async def live(world: World) -> None:
        world.start_trader()
        await asyncio.sleep(60)
        assert [count(world, f"ladder_frozen.{exchange}") for exchange in EXCHANGES] == [0, 0]
        assert count(world, "denied.ladder_frozen") == 0
        assert legs_between(world, 0, world.loop.now_ns) > 0

    lived(Plan(45), live)
