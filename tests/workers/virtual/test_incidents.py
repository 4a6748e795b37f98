"""The three Korean incidents, told fast to a whole desk: little goes into an exchange after the onset.

An anomaly is a gap between the true books of both exchanges further from the last minutes' median than is believed;
from then on no leg may be decided later than a second, until the gap is back.
"""

import asyncio
import os
from statistics import median_low
from typing import Any

import msgspec
import pytest
from desk_builders import e8

from arbitrage.domain.order import OrderRole
from arbitrage.domain.params import SECOND
from arbitrage.domain.units import EXCHANGES, PPM, Exchange, Side
from exchanges.simulator.scenario import Telling, read_scenario
from workers.virtual.run import PARAMS, Plan, lived
from workers.virtual.world import World

MARKETS = ("KRW-BTC", "KRW-ETH")
CAP = e8(20_000_000)
SET = msgspec.structs.replace(PARAMS, max_exchange_net_krw=CAP, max_qty={})
USUAL_S = 20
"""How long all is well before."""
LOOK_S = 0.2


class Observer:
    """Looks at the true books from outside, with its own idea of what an anomaly is."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._gaps: dict[str, list[int]] = {market: [] for market in MARKETS}
        self.anomalies: dict[str, list[int]] = {market: [] for market in MARKETS}
        self.onset_ns = 0

    async def look(self) -> None:
        """Look until cancelled."""
        market = self._world.simulator.simulator.market
        while True:
            await asyncio.sleep(LOOK_S)
            for name in MARKETS:
                tops = [market.shown(exchange, name) for exchange in EXCHANGES]
                if not all(side for pair in tops for side in pair):
                    continue
                one, other = (sum(side[0][0] for side in pair) for pair in tops)
                gap = (one - other) * PPM // other
                usual = median_low(self._gaps[name][-1_500:] or [0])
                if abs(gap - usual) > SET.max_price_jump_ppm * 11 // 10:
                    self.anomalies[name].append(self._world.loop.now_ns)
                self._gaps[name].append(gap)

    def is_anomalous(self, market: str, at_ns: int) -> bool:
        """Return whether the gap was strange for the whole second before, as looked at."""
        wanted = int(1 / LOOK_S)
        return sum(at_ns - SECOND <= seen < at_ns for seen in self.anomalies[market]) >= wanted


async def told(world: World, name: str, factor: int, for_s: float) -> Observer:
    world.change_params(SET)
    observer = Observer(world)
    looking = asyncio.get_running_loop().create_task(observer.look())
    world.start_trader()
    await asyncio.sleep(USUAL_S)
    observer.onset_ns = world.loop.now_ns
    simulator = world.simulator.simulator
    Telling(read_scenario(name, MARKETS, factor), simulator, world.true_clock.wall_ns())
    await asyncio.sleep(for_s)
    looking.cancel()
    return observer


def bought_less_sold(world: World, since_ns: int) -> dict[Exchange, int]:
    world.lives[-1].die()
    net = dict.fromkeys(EXCHANGES, 0)
    for arb in world.images().values():
        for order in arb.orders:
            if order.planned_mono_ns >= since_ns:
                net[order.exchange] += order.side.sign * int(order.executed_funds)
    return net


INCIDENTS: dict[str, tuple[int, float]] = {
    "martial-law-2024": (240, 38),
    "credit-error-2026": (120, 38),
    "wallet-theft-2025": (2_400, 38),
}
"""How many times faster, and for how long; `INCIDENTS_AT=slow` tells them at their usual pace."""


@pytest.mark.parametrize("name", INCIDENTS)
def test_after_the_onset_little_goes_into_an_exchange_and_nothing_at_a_price_not_believed(name: str) -> None:
    factor, for_s = INCIDENTS[name]
    if os.environ.get("INCIDENTS_AT") == "slow":
        factor, for_s = factor // 4, 4.2 * for_s

    async def live(world: World) -> dict[str, Any]:
        observer = await told(world, name, factor, for_s)
        net = bought_less_sold(world, observer.onset_ns)
        arbs = world.images().values()
        legs = [one for one in world.sends if one.order.role is not OrderRole.HEDGE]
        late = [one for one in legs if observer.is_anomalous(one.order.market, one.at_ns)]
        assert observer.onset_ns > 0
        assert [arb.arb_id for arb in arbs if arb.signal.net_edge_ppm > SET.max_edge_ppm] == []
        assert [one.order.client_order_id for one in late] == []
        # The cap counts what was paid; what the other exchange paid for the same coins is an edge more.
        assert max(abs(one) for one in net.values()) * 10**8 <= CAP + CAP * SET.max_edge_ppm // PPM
        before = [one for one in legs if one.at_ns < observer.onset_ns and one.order.side is Side.BID]
        assert before
        return {
            "anomalous_s": {market: len(seen) * LOOK_S for market, seen in observer.anomalies.items()},
            "legs": len(legs),
            "before": len(before),
            "net": net,
        }

    seen = lived(Plan(31), live, markets=MARKETS)
    print(name, seen)
    assert max(seen["anomalous_s"].values()) > 1
