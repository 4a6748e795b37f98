"""The dead man's switch: a process of its own that stops the desk when the trader falls silent (R4.1).

It needs neither database nor broker nor the trader's event loop. Silence, or beats without a finished round, for
longer than `KARB_WATCHDOG_AFTER_MS`: a trader that still exists is fenced off and HALTED is latched, then every
order of the desk is cancelled on both exchanges until neither lists one. A trader whose process has ended is given
time to be started again before HALTED is latched; its orders go at once. It can place nothing.

`python -m workers watchdog` watches this machine's trader; `--listen HOST:PORT` one of another machine, by its
signed heartbeats, with keys of its own.
"""

import argparse
import asyncio

from arbitrage.domain.deadman import Bounds, DeadMan, DeadManState, look
from arbitrage.domain.errors import ConfigError
from arbitrage.domain.params import MS, SECOND
from arbitrage.domain.units import EXCHANGES, Ns
from arbitrage.domain.wire import Wire
from exchanges.canceller import Canceller, canceller
from karb_project.env import SHORTEST_SECRET, read_env, split_address
from workers.beacon import TraderElsewhere
from workers.pending import queue_incident
from workers.process import EXIT_OK, Context, run_process
from workers.sweep import Sweep, of_anyone, of_desk
from workers.watched import OwnTrader, Watched
from workers.wire_use import WireUse

LOOK_S = 0.25
REARM_NS = Ns(10 * SECOND)
"""How long a trader must be steady after a trip before it is watched anew."""
RESTART_NS = 15 * SECOND
"""How long a trader whose process ended may stay away before HALTED is latched."""
KEEP_NS = 60 * SECOND
STANDBY_KEEP_NS = SECOND
"""How long after a trip exchanges that list nothing are asked again, alone and with a standby that will trade."""
BACK_NS = SECOND
"""A trader silent for less than this is there."""


class Watchdog:
    """Looks, and when it trips, stops and sweeps."""

    def __init__(self, context: Context, watched: Watched, cancellers: list[Canceller]) -> None:
        self.man = DeadMan()
        self._context = context
        self._watched = watched
        self._cancellers = cancellers
        is_ours = of_anyone if context.env.watchdog_scope == "account" else of_desk
        self._sweeps = [Sweep(context, one, is_ours) for one in cancellers]
        self._tasks: list[asyncio.Task[None]] = []
        self._bounds = Bounds(Ns(context.env.watchdog_after_ms * MS), REARM_NS)
        self._wire_use = WireUse(context)
        self._tripped_ns = 0
        self._is_stopped = False

    async def run(self) -> int:
        """Watch until told to stop, and return the exit code."""
        context = self._context
        self._heed_wire()
        for one in self._cancellers:
            await one.open()
        context.log.info("watchdog_ready", after_ms=context.env.watchdog_after_ms, scope=context.env.watchdog_scope)
        try:
            while not context.stopping.is_set():
                self.tick()
                await context.sleep(LOOK_S)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for one in self._cancellers:
                await one.close()
        return EXIT_OK

    def tick(self) -> None:
        """Look once, and act on what changed."""
        before, now = self.man, self._context.clock.mono_ns()
        self._heed_wire()
        self.man = look(before, self._watched.sign(), now, self._bounds)
        if self.man.state is not before.state:
            self._changed(before.state)
        if self.man.state is DeadManState.TRIPPED:
            self._hold_down(now)
        self._watched.tell(has_tripped=self.man.state is DeadManState.TRIPPED)
        self._gauge()

    def _changed(self, before: DeadManState) -> None:
        context = self._context
        match self.man.state:
            case DeadManState.ARMED:
                context.log.info("watchdog_armed", before=before)
            case DeadManState.UNARMED:
                context.log.info("trader_said_goodbye", before=before)
            case DeadManState.TRIPPED:
                self._trip()

    def _trip(self) -> None:
        context = self._context
        self._tripped_ns, self._is_stopped = context.clock.mono_ns(), False
        silent_ms = self.man.silence_ns // MS
        is_gone = self._watched.is_gone()
        reason = f"the trader gave no sign of progress for {silent_ms} ms"
        if not is_gone:
            self._stop(reason)
        context.counters.add("trips")
        context.log.critical("watchdog_tripped", silent_ms=silent_ms, process_gone=is_gone)
        self._tell("watchdog_tripped", f"Dead man's switch: {reason}; its orders are being cancelled")
        self._tasks = [task for task in self._tasks if not task.done()]
        if not self._tasks:
            self._tasks = [asyncio.get_running_loop().create_task(one.run(self._is_wanted)) for one in self._sweeps]

    def _hold_down(self, now: int) -> None:
        # A process that ended sends nothing; but one that does not come back needs a person.
        is_late = now - self._tripped_ns > RESTART_NS and not self._is_back()
        if not self._is_stopped and is_late:
            self._stop(f"the trader ended and was not back within {RESTART_NS // SECOND} s")

    def _stop(self, reason: str) -> None:
        self._is_stopped = self._watched.stop(reason)

    def _is_back(self) -> bool:
        return self.man.silence_ns < BACK_NS

    def _is_wanted(self) -> bool:
        # A trader that was started again settles its orders itself; one that was stopped has none to settle.
        if self.man.state is not DeadManState.TRIPPED:
            return False
        if not all(sweep.is_clean for sweep in self._sweeps):
            return self._is_stopped or not self._is_back()
        # What was under way can still arrive; but a standby may trade by then.
        keep_ns = STANDBY_KEEP_NS if self._context.env.standby_address else KEEP_NS
        return not self._is_back() and self._context.clock.mono_ns() - self._tripped_ns < keep_ns

    def _tell(self, kind: str, title: str) -> None:
        try:
            queue_incident(self._context.env, kind, title, "watchdog", self._context.clock.wall_ns())
        except OSError as error:
            self._context.log.error("incident_not_kept", kind=kind, error=str(error))

    def _gauge(self) -> None:
        counters = self._context.counters
        counters.set("armed", int(self.man.state is DeadManState.ARMED))
        counters.set("tripped", int(self.man.state is DeadManState.TRIPPED))
        counters.set("silence_ms", self.man.silence_ns // MS)

    def _heed_wire(self) -> None:
        self._wire_use.heed(self._use_wire)

    def _use_wire(self, wire: Wire) -> None:
        for one in self._cancellers:
            one.use_wire(wire.of(one.exchange))


async def _main(context: Context) -> int:
    return await Watchdog(context, OwnTrader(context), _cancellers(context)).run()


async def _listen(context: Context, address: str) -> int:
    elsewhere = TraderElsewhere(context, split_address(address))
    try:
        await elsewhere.open()
    except OSError as error:
        raise ConfigError([f"--listen {address} cannot be listened on: {error}"]) from None
    try:
        return await Watchdog(context, elsewhere, _cancellers(context)).run()
    finally:
        elsewhere.close()


def _cancellers(context: Context) -> list[Canceller]:
    return [canceller(exchange, context.env, context.clock) for exchange in EXCHANGES]


def main(argv: list[str]) -> int:
    """Run the watchdog; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m workers watchdog", description="Stop the desk when it hangs.")
    parser.add_argument("--listen", metavar="HOST:PORT", help="watch the trader of another machine, by its heartbeats")
    given = parser.parse_args(argv)
    env = read_env()
    if given.listen is None:
        return run_process("watchdog", _main, env)
    try:
        split_address(given.listen)
    except ValueError as error:
        raise ConfigError([f"--listen: {error}"]) from None
    if len(env.watchdog_secret) < SHORTEST_SECRET:
        raise ConfigError([f"--listen needs KARB_WATCHDOG_SECRET of at least {SHORTEST_SECRET} characters"])
    return run_process("watchdog", lambda context: _listen(context, given.listen), env)
