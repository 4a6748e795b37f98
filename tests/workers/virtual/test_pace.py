"""A trader on a machine that is too slow watches fewer markets and wants more edge, until the machine is well."""

import asyncio

import msgspec

from arbitrage.domain.events import PaceChanged
from arbitrage.domain.params import DEFAULT_PARAMS, MS, SECOND
from fast_path.latency import Stage
from workers.pace_watch import LEAST_ORDERS
from workers.virtual.run import PARAMS, Plan, lived
from workers.virtual.world import World

SET = msgspec.structs.replace(PARAMS, pace_window_ns=2 * SECOND, pace_edge_step_ppm=2_000, pace_max_steps=2)


async def slow_windows(world: World, count: int) -> None:
    assert world.life is not None
    for _ in range(count):
        for _ in range(LEAST_ORDERS):
            world.life.context.latency.record(Stage.FRAME_TO_WIRE, 80 * MS)
        await asyncio.sleep(2.03)


def test_a_slow_machine_wants_more_edge_sends_less_and_is_undone_when_well() -> None:
    async def live(world: World) -> None:
        world.change_params(SET)
        world.start_trader()
        await asyncio.sleep(1)
        life = world.life
        assert life is not None
        assert life.trader is not None
        engine = life.trader.engine
        await slow_windows(world, 3)
        assert engine.params.min_edge_ppm == SET.min_edge_ppm + 2 * 2_000
        assert engine.stored == SET
        counters = life.context.counters
        assert (counters.get("pace_step"), counters.get("pace_edge_ppm")) == (2, 4_000)
        slowed_ns = world.loop.now_ns
        world.change_params(msgspec.structs.replace(SET, min_edge_ppm=500))
        await asyncio.sleep(3)
        assert engine.params.min_edge_ppm == 4_500
        hurried_ns = world.loop.now_ns
        await asyncio.sleep(20)
        assert engine.params == engine.stored
        assert counters.get("pace_step") == 0
        life.die()
        opened = [arb for arb in world.images().values() if arb.opened_mono_ns > slowed_ns]
        assert all(arb.signal.net_edge_ppm >= 4_500 for arb in opened if arb.opened_mono_ns < hurried_ns)
        assert any(arb.signal.net_edge_ppm < 4_500 for arb in opened)
        changes = [record.event for record in world.records() if isinstance(record.event, PaceChanged)]
        assert [change.step for change in changes] == [1, 2, 1, 0]
        assert changes[0].why == "p99 frame to orders 81.8 ms, loop lag 0.0 ms"

    lived(Plan(20), live)


def test_the_market_that_earned_least_is_looked_at_no_more() -> None:
    async def live(world: World) -> None:
        world.change_params(msgspec.structs.replace(SET, pace_edge_step_ppm=0))
        world.start_trader()
        await asyncio.sleep(1)
        life = world.life
        assert life is not None
        assert life.trader is not None
        life.trader._conduct.earned.update({"KRW-ETH": -(10**12)})
        await slow_windows(world, 1)
        slowed_ns = world.loop.now_ns
        await slow_windows(world, 4)
        assert life.context.counters.get("pace_markets_out") == 1
        assert life.context.counters.get("looks_paced_out") > 0
        markets = {one.order.market for one in world.sends if one.at_ns > slowed_ns}
        assert markets == {"KRW-BTC"}

    lived(Plan(21), live, markets=("KRW-ETH", "KRW-BTC"))


def test_the_usual_bounds_are_the_founding_ones() -> None:
    assert (DEFAULT_PARAMS.max_frame_to_order_ns, DEFAULT_PARAMS.max_loop_lag_ns) == (50 * MS, 200 * MS)
