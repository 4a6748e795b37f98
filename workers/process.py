"""What every long-lived process has: clocks, signals, heartbeat, loop-lag guard, back-off, and its exit code."""

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgspec
import uvloop

from arbitrage.domain.arming import mode_word
from arbitrage.domain.errors import ConfigError, JournalCorrupt
from arbitrage.domain.units import Ns
from exchanges.registry import mode_problems, transport_mode
from fast_path import core
from fast_path.control import ControlBlock
from fast_path.counters import Counters
from fast_path.latency import Latency
from karb_project import logs
from karb_project.env import Env

BEAT_NS = 200_000_000
LAG_KEPT_NS = 1_000_000_000
BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_CONFIG = 2


class Clock:
    """The only source of time. Ages and time-outs use `mono_ns`; the two never meet in a subtraction."""

    def wall_ns(self) -> Ns:
        """Return UTC in ns since 1970."""
        return Ns(time.time_ns())

    def mono_ns(self) -> Ns:
        """Return the machine's monotonic clock in ns, comparable between processes, not over a reboot."""
        return Ns(time.monotonic_ns())

    def boot_ns(self) -> Ns:
        """Return a clock that also counts while the machine is suspended: for what must end whatever happens."""
        return Ns(time.clock_gettime_ns(_BOOT_CLOCK))


class Rhythm(msgspec.Struct, frozen=True):
    """How often a process looks at what nobody tells it of, in seconds."""

    lag_look_s: float = 0.05
    """Whether the event loop is late."""
    trader_tick_s: float = 0.03
    """What time does to open arbs, and whether there are new params."""
    feed_look_s: float = 0.1
    """Whether a whole book was asked for."""


class Backoff:
    """Waits of 1, 2, 5, 10, 30, 60, 60 ... s, each up to a fifth shorter so that not all come at once (R1.2)."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311  # nosec B311: spreads retries, keeps no secret
        self.attempt = 0

    def next_s(self) -> float:
        """Return how long to wait before the next attempt."""
        wait = BACKOFF_S[min(self.attempt, len(BACKOFF_S) - 1)]
        self.attempt += 1
        return wait * (1 - self._random.random() / 5)

    def reset(self) -> None:
        """Begin anew after a success."""
        self.attempt = 0


class Stop(asyncio.Event):
    """Set when a process is to end. Who sleeps on it is woken then, at the cost of one timer."""

    def __init__(self) -> None:
        super().__init__()
        self._sleepers: set[asyncio.Future[None]] = set()

    def set(self) -> None:
        """Say that the process is to end, and wake everybody."""
        super().set()
        for sleeper in self._sleepers:
            _wake(sleeper)

    async def sleep(self, seconds: float) -> None:
        """Wait so long; return at once when it is set, also in between."""
        if self.is_set():
            return
        loop = asyncio.get_running_loop()
        sleeper = loop.create_future()
        timer = loop.call_later(seconds, _wake, sleeper)
        self._sleepers.add(sleeper)
        try:
            await sleeper
        finally:
            timer.cancel()
            self._sleepers.discard(sleeper)


def _wake(sleeper: "asyncio.Future[None]") -> None:
    if not sleeper.done():
        sleeper.set_result(None)


class Context:
    """What a process's main is given. `stopping` is set by SIGTERM or SIGINT: finish and return."""

    def __init__(self, name: str, env: Env, clock: Clock | None = None, rhythm: Rhythm | None = None) -> None:
        """Open the shared files. ConfigError when one of them is of another layout.

        `clock` and `rhythm` are for made-up time.
        """
        self.name = name
        self.env = env
        self.clock = Clock() if clock is None else clock
        self.rhythm = Rhythm() if rhythm is None else rhythm
        self.log = logs.get(name)
        self.control = ControlBlock(env.shm_dir, env.markets, env.latch_path)
        self.counters = Counters(env.shm_dir, name)
        self.latency = Latency(env.shm_dir, name)
        self.stopping = Stop()
        self._lag_ns = 0
        self._lag_seen_ns = 0
        self._due_ns = 0

    @property
    def loop_lag_ns(self) -> Ns:
        """Return the worst lateness of the event loop within the last second, one still going on included."""
        now = self.clock.mono_ns()
        late = now - self._due_ns if self._due_ns else 0
        kept = self._lag_ns if now - self._lag_seen_ns < LAG_KEPT_NS else 0
        return Ns(max(late, kept, 0))

    def beat(self) -> None:
        """Give a sign of life now; a process calls it itself only where it blocks the loop on purpose."""
        self.control.beat(self.name, self.clock.mono_ns(), self.clock.wall_ns())

    def sleep(self, seconds: float) -> Coroutine[Any, Any, None]:
        """Wait so long; return at once when told to stop."""
        return self.stopping.sleep(seconds)

    async def watch_loop(self) -> None:
        """Beat and measure the loop's lateness until cancelled."""
        worst = self.counters.get("loop_lag_max_ns")
        look_s = self.rhythm.lag_look_s
        look_ns = int(look_s * 1e9)
        beaten_ns = 0
        while True:
            now = self.clock.mono_ns()
            if now - beaten_ns >= BEAT_NS:
                self.beat()
                beaten_ns = now
            self._due_ns = now + look_ns
            await asyncio.sleep(look_s)
            now = self.clock.mono_ns()
            late = max(now - self._due_ns, 0)
            if late >= self._lag_ns or now - self._lag_seen_ns >= LAG_KEPT_NS:
                self._lag_ns, self._lag_seen_ns = late, now
            if late > worst:
                worst = late
                self.counters.set("loop_lag_max_ns", worst)

    def close(self) -> None:
        """Let go of the shared files."""
        self.latency.close()
        self.counters.close()
        self.control.close()


def run_process(name: str, main: Callable[[Context], Awaitable[int]], env: Env) -> int:
    """Run `main` to its end and return the exit code: its own, 1 after a bug, 2 for what a person must mend.

    A first SIGTERM or SIGINT sets `stopping`; a second one ends the process at once.
    """
    logs.setup(name, env)
    logs.set_mode(mode_word(transport_mode(env)))
    log = logs.get(name)
    try:
        problems = mode_problems(env)
        if problems:
            raise ConfigError(problems)
        described = core.describe(env.native)
        log.info("process_started", pid=os.getpid(), core=described)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(_run(name, main, env))
    except (ConfigError, JournalCorrupt) as error:
        problems = list(error.problems) if isinstance(error, ConfigError) else [str(error)]
        log.error("process_refused", problems=problems)
        # Last, for the supervisor shows the last line that a part said.
        print(*problems, sep="\n", file=sys.stderr, flush=True)
        return EXIT_CONFIG
    except Exception:  # the outermost loop: say why, let the supervisor restart us
        log.exception("process_failed")
        return EXIT_FAILED
    log.info("process_ended", code=code)
    return code


async def _run(name: str, main: Callable[[Context], Awaitable[int]], env: Env) -> int:
    context = Context(name, env)
    loop = asyncio.get_running_loop()

    def stop(number: signal.Signals) -> None:
        if context.stopping.is_set():
            os._exit(128 + number)
        context.log.info("process_stopping", signal=number.name)
        context.stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    context.beat()
    watch = asyncio.create_task(context.watch_loop(), name="watch_loop")
    try:
        return await main(context)
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        context.close()
