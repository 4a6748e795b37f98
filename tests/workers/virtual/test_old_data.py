"""Twelve ways in which a book is not what it seems, over the real feed, reader and gate: no leg leaves on old data.

`OLD_DATA_SEEDS=500` tells each with so many seeds; the suite tells one.
"""

import asyncio
import os

import msgspec
import pytest

from arbitrage.domain.order import OrderRole
from arbitrage.domain.params import MS, SECOND
from arbitrage.domain.units import EXCHANGES, Exchange, Side
from exchanges.simulator.trouble.fault import Fault, Lane, Scope
from exchanges.simulator.trouble.frames import (
    BookCrossed,
    FramesDoubled,
    FramesLost,
    FramesReordered,
    JumpBack,
    LadderFrozen,
    OneSided,
    PongOnly,
    SlowDrain,
    StreamFrozen,
    TimestampFrozen,
    WrongSymbol,
)
from workers.virtual.life import Life
from workers.virtual.run import PARAMS, Plan, lived
from workers.virtual.world import Sent, World

SEEDS = int(os.environ.get("OLD_DATA_SEEDS", "1"))
FAULTS: dict[str, Fault] = {
    "pong but no data": PongOnly(),
    "frames lost": FramesLost(),
    "stream frozen": StreamFrozen(),
    "timestamp frozen": TimestampFrozen(),
    "ladder frozen": LadderFrozen(),
    "one side only": OneSided(empty=Side.ASK),
    "crossed": BookCrossed(),
    "out of order": FramesReordered(),
    "jump back": JumpBack(),
    "slow drain": SlowDrain(delay_ns=2 * SECOND),
    "frames doubled": FramesDoubled(copies=3),
    "wrong symbol": WrongSymbol(code="KRW-BTC"),
}
LIES_ABOUT_TIME = {"timestamp frozen"}
BEFORE_S, FAULT_S, AFTER_S = 8, 8, 14


class Ages:
    """How old the books were that legs left on, by the exchanges' own clock, as far as it says."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.seen: list[tuple[int, int, int]] = []
        """When, oldest by our receipt, oldest by the exchange's clock, in ns."""
        self.is_stopped = False
        """Whether an exchange that sent too much nonsense waits for a person."""

    def sent(self, life: Life, one: Sent) -> None:
        if one.order.role is OrderRole.HEDGE or life.trader is None:
            return
        views = [life.trader.desk._readers[exchange].read(0) for exchange in EXCHANGES]
        assert None not in views
        world = self._world
        received = max(world.clock.mono_ns() - view.recv_mono_ns for view in views if view is not None)
        made = max(world.true_clock.wall_ns() - view.exchange_ns for view in views if view is not None)
        self.seen.append((one.at_ns, received, made))


@pytest.mark.parametrize("name", FAULTS)
def test_no_leg_leaves_on_old_data_and_trading_comes_back(name: str) -> None:
    limit_ns = PARAMS.max_book_age_ns + 100 * MS
    traded_before = traded_after = 0
    for seed in range(SEEDS):
        exchange = EXCHANGES[(seed + len(name)) % 2]

        async def live(world: World, exchange: Exchange = exchange) -> Ages:
            ages = Ages(world)
            world.on_send = ages.sent
            world.change_params(msgspec.structs.replace(PARAMS, pause_ns=2 * SECOND))
            # A gap that always stands and turns with the fault: an old book shows a chance that is none.
            steer = world.simulator.simulator.market.steer
            steer("KRW-ETH", 6_000, 0, world.true_clock.wall_ns(), Exchange.UPBIT)
            world.start_trader()
            await asyncio.sleep(BEFORE_S)
            world.faults(exchange).arm(FAULTS[name], Scope(lane=Lane.STREAM, lasts_ns=FAULT_S * SECOND))
            steer("KRW-ETH", -6_000, 0, world.true_clock.wall_ns(), Exchange.UPBIT)
            await asyncio.sleep(FAULT_S + 2)
            steer("KRW-ETH", 6_000, 0, world.true_clock.wall_ns(), Exchange.UPBIT)
            await asyncio.sleep(AFTER_S / 2)
            steer("KRW-ETH", -6_000, 0, world.true_clock.wall_ns(), Exchange.UPBIT)
            await asyncio.sleep(AFTER_S / 2)
            ages.is_stopped = any(world.control.monitor_only_since(one) for one in EXCHANGES)
            return ages

        ages = lived(Plan(60 + seed), live)
        assert [one for one in ages.seen if one[1] > limit_ns] == []
        if name not in LIES_ABOUT_TIME:
            assert [one for one in ages.seen if one[2] > limit_ns] == []
        traded_before += sum(at < BEFORE_S * SECOND for at, _, _ in ages.seen)
        traded_after += ages.is_stopped or sum(at > (BEFORE_S + FAULT_S + 2) * SECOND for at, _, _ in ages.seen)
    assert traded_before > 0
    assert traded_after > 0
