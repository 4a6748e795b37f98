"""An event loop whose time is made up: it never waits, it jumps to whatever is due next.

Everything a desk is made of runs on it unchanged; only clocks and network are this loop's. Two runs of the
same seed do the same things in the same order. A loop in which nothing is left to happen ends with Stalled
instead of waiting for ever.
"""

import asyncio
import selectors
from collections import deque
from collections.abc import Callable, Collection
from contextvars import Context, copy_context
from heapq import heappop, heappush
from typing import Any

import msgspec

from arbitrage.domain.errors import InvariantError
from arbitrage.domain.units import Ns
from workers.process import Clock
from workers.virtual.memory_net import MemoryNet
from workers.virtual.owners import OWNER, Owners
from workers.virtual.standstill import Standstill

START_WALL_NS = 1_795_400_000 * 10**9
"""When made-up time begins: 2026-11-23 in Seoul."""
_NS = 1_000_000_000
_BEGIN_MONO_NS = 3600 * _NS


class Stalled(InvariantError):
    """Nothing is due and nobody is ready: in real time this would hang."""


class _Handle(msgspec.Struct, eq=False):
    # What asyncio's is, as far as anyone uses it, and much cheaper to make: a run makes tens of thousands of them.
    _context: Context
    _callback: Any
    _args: Any
    _cancelled: bool = False

    def cancel(self) -> None:
        self._cancelled = True
        self._callback = self._args = None

    def cancelled(self) -> bool:
        return self._cancelled


class _Timer(_Handle, eq=False):
    _due_ns: int = 0

    def when(self) -> float:
        return self._due_ns / _NS


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio on made-up time and a made-up network. `now_ns` counts from 0."""

    _ready: deque[_Handle]
    _scheduled: list[tuple[int, int, _Timer]]
    _stopping: bool
    _selector: selectors.BaseSelector
    _process_events: Callable[[Any], None]

    def __init__(self, net: MemoryNet | None = None) -> None:
        self.now_ns = 0
        self.net = MemoryNet() if net is None else net
        self.unheard: list[str] = []
        """Errors of callbacks that no process asked to be told of: bugs."""
        self._watched: dict[str, set[Any]] = {}
        self._on_error: dict[str, Callable[..., object]] = {}
        self._timers = 0
        self._still = Standstill(self)
        selector = selectors.EpollSelector()
        self._poll: Callable[[float, int], list[Any]] = selector._selector.poll  # type: ignore[attr-defined]
        super().__init__(selector)
        self.owners = Owners(self)

    def time(self) -> float:
        """Return made-up seconds."""
        return self.now_ns / _NS

    def call_soon(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> Any:
        """Call it before time passes."""
        handle = _Handle(copy_context() if context is None else context, callback, args)
        self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Any, *args: Any, context: Context | None = None
    ) -> Any:
        """Call it after so many made-up seconds, those of one nanosecond in the order in which they were asked for.

        Any delay at all lets a nanosecond pass.
        """
        due_ns = self.now_ns + ((round(delay * _NS) or 1) if delay > 0 else 0)
        timer = _Timer(copy_context() if context is None else context, callback, args, False, due_ns)
        self._timers += 1
        heappush(self._scheduled, (due_ns, self._timers, timer))
        return timer

    def call_at(  # type: ignore[override]
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> Any:
        """Call it at a made-up second."""
        return self.call_later(when - self.now_ns / _NS, callback, *args, context=context)

    def _run_once(self) -> None:
        # Whatever is ready; then, while it is still this moment, what files have; only then time passes.
        ready, timers, still, poll = self._ready, self._scheduled, self._still, self._poll
        while True:
            now_ns = self.now_ns
            while timers and (timers[0][0] <= now_ns or timers[0][2]._cancelled):
                ready.append(heappop(timers)[2])
            if not ready:
                if poll(0, 1):
                    self._process_events(self._selector.select(0))
                if not ready:
                    if not timers:
                        raise Stalled(f"nothing is left to happen after {now_ns} ns")
                    self.now_ns = timers[0][0]
                    continue
            for _ in range(len(ready)):
                handle = ready.popleft()
                if handle._cancelled or (still.waiting and still.keep(handle)):
                    continue
                args = handle._args
                try:
                    if args:
                        handle._context.run(handle._callback, *args)
                    else:
                        handle._context.run(handle._callback)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:  # noqa: BLE001  as asyncio does: one callback ends no other
                    name = getattr(handle._callback, "__qualname__", "of a cancelled handle")
                    message = f"Exception in callback {name}"
                    self.call_exception_handler({"message": message, "exception": error, "handle": handle})
            if self._stopping:
                return

    def add_reader(self, fd: Any, callback: Callable[..., Any], *args: Any) -> None:  # type: ignore[override]
        """Watch a real file descriptor for the process that asks."""
        self._watched.setdefault(OWNER.get(), set()).add(fd)
        super().add_reader(fd, callback, *args)

    @property
    def standing_still(self) -> Collection[str]:
        """Return the processes that stand still."""
        return self._still.waiting

    def stop_process(self, owner: str) -> None:
        """Let a process stand still, as SIGSTOP does, until `continue_process` or `kill`."""
        self._still.stop(owner, self._watched.get(owner, set()))

    def continue_process(self, owner: str) -> None:
        """Let a process that stands still go on, with everything that was due meanwhile."""
        self._still.go_on(owner)

    def remove_reader(self, fd: Any) -> bool:
        """Watch a descriptor no more; its number may come back for another process's."""
        self._watched.get(OWNER.get(), set()).discard(fd)
        return super().remove_reader(fd)

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

    def __init__(self, loop: VirtualLoop, start_wall_ns: int = START_WALL_NS) -> None:
        self._loop = loop
        self._start_wall_ns = start_wall_ns
        self._stepped_ns = 0
        self._drift_ppm = 0
        self._drifts_from_ns = 0

    def wall_ns(self) -> Ns:
        """Return UTC in ns since 1970."""
        now = self._loop.now_ns
        drifted = (now - self._drifts_from_ns) * self._drift_ppm // 1_000_000 if self._drift_ppm else 0
        return self._start_wall_ns + now + self._stepped_ns + drifted  # type: ignore[return-value]

    def mono_ns(self) -> Ns:
        """Return the monotonic clock: it begins at an hour, as a machine's that has been up for a while."""
        return _BEGIN_MONO_NS + self._loop.now_ns  # type: ignore[return-value]

    def boot_ns(self) -> Ns:
        """Return the same: made-up machines are never suspended."""
        return self.mono_ns()

    def step(self, by_ns: int) -> None:
        """Set the wall clock forward or back."""
        self._stepped_ns += by_ns

    def drift(self, ppm: int) -> None:
        """Let the wall clock run fast (or slow, below 0) from now on."""
        self._drift_ppm, self._drifts_from_ns = ppm, self._loop.now_ns

    def set_right(self) -> None:
        """Show the loop's own time again."""
        self._stepped_ns = self._drift_ppm = 0
