"""Let one made-up process stand still, as SIGSTOP does, and go on later: what was due meanwhile is due at once then.

It stands between two callbacks, never inside one. Timers, wake-ups and bytes that arrive for it wait; everybody
else goes on.
"""

from typing import TYPE_CHECKING, Any

from workers.virtual.owners import OWNER

if TYPE_CHECKING:
    from workers.virtual.virtual_loop import VirtualLoop


class _Still:
    def __init__(self) -> None:
        self.handles: list[Any] = []
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
        for fd in readers & set(loop._selector.get_map()):
            handle = loop._selector.get_key(fd).data[0]
            still.readers.append((handle._context, fd, handle._callback, handle._args))
            loop.remove_reader(fd)

    def go_on(self, owner: str) -> None:
        """Let it go on; one that does not stand still is left alone."""
        still = self.waiting.pop(owner, None)
        if still is None:
            return
        loop: Any = self._loop
        loop._ready.extend(still.handles)
        for space, fd, callback, args in still.readers:
            space.run(loop.add_reader, fd, callback, *args)

    def keep(self, handle: Any) -> bool:
        """Keep what is due for one that stands still; return False when it is due for somebody else."""
        still = self.waiting.get(handle._context.get(OWNER, ""))
        if still is None:
            return False
        still.handles.append(handle)
        return True
