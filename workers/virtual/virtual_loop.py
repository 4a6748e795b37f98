"""An event loop whose time is made up: it never waits, it jumps to whatever is due next.

Everything a desk is made of runs on it unchanged; only clocks and network are this loop's. Two runs of the
same seed do the same things in the same order. A loop in which nothing is left to happen ends with Stalled
instead of waiting for ever.
"""

import asyncio
import selectors
from collections.abc import Callable
from typing import Any

from arbitrage.domain.errors import InvariantError
from arbitrage.domain.units import Ns
from workers.process import Clock
from workers.virtual.memory_net import MemoryNet
from workers.virtual.owners import OWNER, Owners
from workers.virtual.standstill import Standstill

START_WALL_NS = 1_795_400_000 * 10**9
"""When made-up time begins: 2026-11-23 in Seoul."""
_NS = 1_000_000_000


class Stalled(InvariantError):
    """Nothing is due and nobody is ready: in real time this would hang."""


class _Jumping(selectors.BaseSelector):
    # Looks at real file descriptors without waiting; where the loop would sleep, time jumps instead.
    def __init__(self, jump: Callable[[float | None], None]) -> None:
        self._real = selectors.DefaultSelector()
        self._jump = jump

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if not ready and (timeout is None or timeout > 0):
            self._jump(timeout)
        return ready

    def close(self) -> None:
        self._real.close()

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.get_key(fileobj)

    def get_map(self) -> Any:
        return self._real.get_map()


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio on made-up time and a made-up network. `now_ns` counts from 0."""

    def __init__(self, net: MemoryNet | None = None) -> None:
        self.now_ns = 0
        self.net = MemoryNet() if net is None else net
        self.unheard: list[str] = []
        """Errors of callbacks that no process asked to be told of: bugs."""
        self._watched: dict[str, set[Any]] = {}
        self._on_error: dict[str, Callable[..., object]] = {}
        self._still = Standstill(self)
        super().__init__(_Jumping(self._jump))
        self.owners = Owners(self)
        # Timers are kept in float seconds. Less than a nanosecond: one that is due in a nanosecond must let time pass.
        self._clock_resolution = 1e-10

    def time(self) -> float:
        """Return made-up seconds."""
        return self.now_ns / _NS

    def _jump(self, timeout: float | None) -> None:
        if timeout is None:
            raise Stalled(f"nothing is left to happen after {self.now_ns} ns")
        self.now_ns += max(round(timeout * _NS), 1)

    def add_reader(self, fd: Any, callback: Callable[..., Any], *args: Any) -> None:  # type: ignore[override]
        """Watch a real file descriptor for the process that asks."""
        self._watched.setdefault(OWNER.get(), set()).add(fd)
        super().add_reader(fd, callback, *args)

    def stop_process(self, owner: str) -> None:
        """Let a process stand still, as SIGSTOP does, until `continue_process` or `kill`."""
        self._still.stop(owner, self._watched.get(owner, set()))

    def continue_process(self, owner: str) -> None:
        """Let a process that stands still go on, with everything that was due meanwhile."""
        self._still.go_on(owner)

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:  # type: ignore[override]
        """Run it next, or once its process goes on again."""
        if self._still.waiting:
            handle = asyncio.Handle(callback, args, self, context)
            if self._still.keep(handle):
                return handle
        return super().call_soon(callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:  # type: ignore[override]
        """Run it then, or once its process goes on again."""
        if self._still.waiting:
            handle = asyncio.TimerHandle(when, callback, args, self, context)
            if self._still.keep(handle):
                return handle
        return super().call_at(when, callback, *args, context=context)

    def kill(self, owner: str) -> None:
        """Let a process be gone: its connections reset, its descriptors watched no more, its errors unheard."""
        self._still.go_on(owner)
        self.owners.gone.add(owner)
        self.net.drop(owner)
        for fd in self._watched.pop(owner, ()):
            self.remove_reader(fd)

    def set_exception_handler(self, handler: Callable[..., object] | None) -> None:
        """Let each made-up process have a handler of its own, as each real one has."""
        if handler is None:
            self._on_error.pop(OWNER.get(), None)
        else:
            self._on_error[OWNER.get()] = handler

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Tell the process in which it happened; of a killed one nobody is told."""
        owner = self._owner_of(context)
        if isinstance(context.get("exception"), BaseException) and owner in self.owners.gone:
            return
        handler = self._on_error.get(owner)
        if handler is None:
            self.unheard.append(f"{owner or 'world'}: {context.get('message')}: {context.get('exception')!r}")
        else:
            handler(self, context)

    def _owner_of(self, context: dict[str, Any]) -> str:
        task = context.get("task") or context.get("future")
        if isinstance(task, asyncio.Task):
            return self.owners.owner_of(task)
        space = getattr(context.get("handle"), "_context", None)
        return OWNER.get() if space is None else str(space.get(OWNER, ""))

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **words: Any) -> Any:
        """Connect to a listener of the same loop; TLS and sockets of one's own are not known here."""
        if words.get("ssl") or words.get("sock") is not None:
            raise InvariantError("made-up connections know neither TLS nor sockets")
        return await self.net.connect(self, protocol_factory, str(host), int(port))

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = None, **words: Any) -> Any:
        """Listen; port 0 takes a free one."""
        return self.net.listen(protocol_factory, str(host), int(port))


class VirtualClock(Clock):
    """The clocks of one machine in a loop. `step` moves its wall clock, as an operator or ntp does."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._stepped_ns = 0

    def wall_ns(self) -> Ns:
        """Return UTC in ns since 1970."""
        return Ns(START_WALL_NS + self._loop.now_ns + self._stepped_ns)

    def mono_ns(self) -> Ns:
        """Return the monotonic clock: it begins at an hour, as a machine's that has been up for a while."""
        return Ns(3600 * _NS + self._loop.now_ns)

    def step(self, by_ns: int) -> None:
        """Set the wall clock forward or back."""
        self._stepped_ns += by_ns

    def set_right(self) -> None:
        """Show the loop's own time again."""
        self._stepped_ns = 0
