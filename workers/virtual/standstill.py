"""Let one made-up process stand still, as SIGSTOP does, and go on later: what was due meanwhile is due at once then.

It stands between two callbacks, never inside one. Timers, wake-ups and bytes that arrive for it wait; everybody
else goes on.
"""

import asyncio
import heapq
from typing import TYPE_CHECKING, Any

from workers.virtual.owners import OWNER

if TYPE_CHECKING:
    from workers.virtual.virtual_loop import VirtualLoop


class _Still:
    def __init__(self) -> None:
        self.handles: list[asyncio.Handle] = []
        self.readers: list[tuple[Any, Any, Any, Any]] = []


class Standstill:
    """Who stands still in one loop, and what waits for them."""

    def __init__(self, loop: "VirtualLoop") -> None:
        self.waiting: dict[str, _Still] = {}
        """By owner; empty as long as nobody stands still."""
        self._loop = loop

    def stop(self, owner: str, readers: set[Any]) -> None:
        """Let a process stand still, with the descriptors it watches; one that does already stays so."""
        if owner in self.waiting:
            return
        still = self.waiting[owner] = _Still()
        loop: Any = self._loop
        for place, handle in enumerate(loop._ready):
            if _owner(handle) == owner and not handle.cancelled():
                still.handles.append(handle)
                # The loop has counted how many it will run in this round: their number must stay.
                loop._ready[place] = asyncio.Handle(_nothing, (), loop)
        timers = [one for one in loop._scheduled if _owner(one) == owner]
        loop._scheduled = [one for one in loop._scheduled if _owner(one) != owner]
        heapq.heapify(loop._scheduled)
        for timer in timers:
            timer._scheduled = False
            if timer.cancelled():
                loop._timer_cancelled_count -= 1
            else:
                still.handles.append(timer)
        for fd in readers:
            handle = loop._selector.get_key(fd).data[0]
            still.readers.append((handle._context, fd, handle._callback, handle._args))
        for fd in tuple(readers):
            loop.remove_reader(fd)

    def go_on(self, owner: str) -> None:
        """Let it go on; one that does not stand still is left alone."""
        still = self.waiting.pop(owner, None)
        if still is None:
            return
        loop: Any = self._loop
        for handle in still.handles:
            if isinstance(handle, asyncio.TimerHandle):
                heapq.heappush(loop._scheduled, handle)
                handle._scheduled = True  # type: ignore[attr-defined]
            else:
                loop._ready.append(handle)
        for space, fd, callback, args in still.readers:
            space.run(loop.add_reader, fd, callback, *args)

    def keep(self, handle: asyncio.Handle) -> bool:
        """Keep what is meant for one that stands still; return False when it is meant for somebody else."""
        still = self.waiting.get(_owner(handle))
        if still is None:
            return False
        still.handles.append(handle)
        return True


def _nothing() -> None:
    """Be run in the place of one that waits."""


def _owner(handle: Any) -> str:
    return str(handle._context.get(OWNER, ""))
