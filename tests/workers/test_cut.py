"""Cutting orders off under a real trader: nothing leaves any more, it ends, and a new one reads no key."""

import asyncio

import pytest
from two_machines import Desk, Machine, on_two_machines, until

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.errors import ConfigError
from fast_path.cut import cut, mend
from workers.trader import CUT


def test_cut_ends_the_trader_and_keeps_it_away_until_mended_and_resumed() -> None:
    async def story(desk: Desk) -> None:
        world = desk.world
        trader = Machine(world, world.env, "trader")
        trader.trade()
        await until(lambda: trader.count("arbs_closed") >= 1)
        cut(world.control, "key leaked", "kim", world.clock.wall_ns())
        sent = len(world.reached)
        assert trader.task is not None
        assert await asyncio.wait_for(trader.task, 1) == CUT
        # Started again it ends before it has read a key, whatever the level says.
        world.operator.set_level(TradingLevel.ACTIVE)
        trader.trade()
        with pytest.raises(ConfigError, match=r"orders are cut off \(key leaked\): .* mend"):
            await trader.task
        await asyncio.sleep(20)
        assert len(world.reached) == sent
        mend(world.control, "new keys", "kim", world.clock.wall_ns())
        assert world.control.level() is TradingLevel.HALTED
        trader.trade()
        await until(lambda: trader.count("ready") == 1)
        await asyncio.sleep(5)
        assert len(world.reached) == sent
        world.operator.set_level(TradingLevel.ACTIVE)
        await until(lambda: len(world.reached) > sent + 2)
        assert await trader.stop() == 0
        desk.check_truth(trader)

    on_two_machines(story)
