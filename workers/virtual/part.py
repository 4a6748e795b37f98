"""A feed of a made-up desk: a process that can be killed or stopped, and is started again as a supervisor does."""

import asyncio
import contextvars
from typing import TYPE_CHECKING

from arbitrage.domain.units import EXCHANGES, Exchange
from fast_path.books import BookWriter
from workers.feed import open_feed
from workers.process import Context, Rhythm
from workers.virtual.owners import OWNER

if TYPE_CHECKING:
    from workers.virtual.world import World

RESTART_AFTER_S = 1.0
RHYTHM = Rhythm(lag_look_s=0.5, feed_look_s=0.2)
"""Of processes beside the trader: nobody asks whether their loops are late."""


class FeedPart:
    """One exchange's feed through all its lives."""

    def __init__(self, world: "World", exchange: Exchange) -> None:
        self._world = world
        self._exchange = exchange
        self._count = 0
        self._context: Context | None = None
        self._writer: BookWriter | None = None
        self.start()

    @property
    def owner(self) -> str:
        """Return the name of the process that lives, or lived last."""
        return f"feed.{self._exchange}" + (f"-{self._count}" if self._count > 1 else "")

    def start(self) -> None:
        """Start one more process."""
        self._count += 1
        space = contextvars.copy_context()
        space.run(OWNER.set, self.owner)
        asyncio.get_running_loop().create_task(self._run(), context=space)

    def die(self) -> None:
        """Be killed, and started again a moment later; one that is not there yet cannot be killed."""
        world = self._world
        if self.owner in world.owners.gone:
            return
        world.note(self.owner, "killed")
        world.loop.kill(self.owner)
        # A killed process's memory is unmapped: nothing of what still unwinds reaches a book.
        if self._writer is not None:
            self._writer.forsake()
        if self._context is not None:
            self._context.close()
        for task in world.owners.tasks_of(self.owner):
            task.cancel()
        world.loop.call_later(RESTART_AFTER_S, self.start)

    async def _run(self) -> None:
        world, owner = self._world, self.owner
        context = self._context = Context(f"feed.{self._exchange}", world.env, world.clock, RHYTHM)
        watch = asyncio.get_running_loop().create_task(context.watch_loop())
        worker, self._writer, wakeup = open_feed(context, self._exchange)
        writer = self._writer
        try:
            await worker.run()
        finally:
            watch.cancel()
            wakeup.close()
            if owner not in world.owners.gone:
                writer.close()
                context.close()


def start_feeds(world: "World") -> dict[Exchange, FeedPart]:
    """Start both feeds."""
    return {exchange: FeedPart(world, exchange) for exchange in EXCHANGES}
