"""The real dead man's switch in a made-up world."""

from typing import TYPE_CHECKING

from arbitrage.domain.units import EXCHANGES
from exchanges.canceller import canceller
from workers.process import Context
from workers.virtual.part import RHYTHM
from workers.watchdog import Watchdog
from workers.watched import OwnTrader

if TYPE_CHECKING:
    from workers.virtual.world import World


class MadeUpTrader(OwnTrader):
    """All made-up processes have this one's number: whether the trader's has ended, the world knows."""

    def __init__(self, context: Context, world: "World") -> None:
        super().__init__(context)
        self._world = world

    def is_gone(self) -> bool:
        """Return whether no trader lives."""
        return not any(life.is_running and life.trader is not None for life in self._world.lives)


async def keep_watch(world: "World") -> None:
    """Watch the world's trader until cancelled."""
    context = Context("watchdog", world.env, world.clock, RHYTHM)
    try:
        cancellers = [canceller(exchange, world.env, world.clock) for exchange in EXCHANGES]
        await Watchdog(context, MadeUpTrader(context, world), cancellers).run()
    finally:
        context.close()
