"""Start the parts as soon as what they need is ready, restart what dies, stop all in order (R4.1)."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from arbitrage.domain.controls import TradingLevel
from karb_project.env import ROOT, Env
from workers.up_child import Child, bound_log, log_tail, run_step
from workers.up_parts import DATABASE, Part
from workers.up_report import Figures, krw_text
from workers.up_screen import Screen
from workers.up_watch import Watch, log_path

BACKOFF_S = (1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_S = 60.0
"""A part that ran this long begins its back-off anew."""
START_LIMIT_S = 90.0
MAX_FAILED_STARTS = 4
HUNG_AFTER_NS = 45_000_000_000
"""A part whose heartbeat is older than this is killed and restarted."""
CATCH_UP_S = 20.0
RECONCILE_S = 60.0
PROBE_EVERY_S = 0.05
MIND_EVERY_S = 1.0


class StartFailed(Exception):
    """The desk cannot come up. `exit_code` 2: the operator must mend something first."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code


class _Tended:
    """What the supervisor knows of one part right now."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.child: Child | None = None
        self.state = "waiting"
        self.ready = asyncio.Event()
        self.was_ready = False
        self.is_stopping = False
        self.task: asyncio.Task[None] | None = None


class Supervisor:
    """All parts of one desk. `stopping` is set once somebody asked for the end."""

    def __init__(self, env: Env, parts: Sequence[Part], watch: Watch, screen: Screen, redis_url: str) -> None:
        self.env = env
        self.watch = watch
        self.screen = screen
        self.stopping = asyncio.Event()
        self.restarts: dict[str, int] = {}
        self.tasks_before: dict[str, int] = {}
        self._is_hurried = False
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tended = {part.name: _Tended(part) for part in parts}
        self._steps = {DATABASE: asyncio.Event()}
        self.children_environ = {**os.environ, "KARB_REDIS_URL": redis_url, "PYTHONUNBUFFERED": "1"}
        self._prepare: asyncio.Task[None] | None = None

    def ask_to_stop(self) -> None:
        """Stop in order; asked a second time, kill at once (everything survives that)."""
        if self.stopping.is_set():
            self._is_hurried = True
            for tended in self._tended.values():
                if tended.child is not None:
                    tended.child.kill_group()
        self.stopping.set()

    async def start(self) -> bool:
        """Start everything and return True once all is ready, False when asked to stop meanwhile.

        StartFailed names the part that cannot come up.
        """
        if any(DATABASE in tended.part.needs for tended in self._tended.values()):
            self._prepare = asyncio.create_task(self._guard(self._prepare_database()))
        else:
            self._steps[DATABASE].set()
        for tended in self._tended.values():
            tended.task = asyncio.create_task(self._guard(self._tend(tended)))
        ready = asyncio.create_task(self._all_ready())
        stop = asyncio.create_task(self._until_stopping())
        try:
            await asyncio.wait({ready, stop}, return_when=asyncio.FIRST_COMPLETED)
            self.check()
            return ready.done()
        finally:
            ready.cancel()
            stop.cancel()

    def rows(self) -> list[tuple[str, str, str]]:
        """Return part, state, address of every part."""
        return [(name, tended.state, tended.part.address) for name, tended in self._tended.items()]

    def status_text(self, before: Figures) -> str:
        """Return the one calm line, what matters most first: a terminal of 80 columns cuts off its end."""
        counters = self.watch.counters()
        trader = counters.get("trader", {})
        started = before.counters.get("trader", {})
        level = self.watch.level()
        watched = self.watch.monitor_only()
        down = [name for name, tended in self._tended.items() if tended.state != "ready"]
        denied = sum(value - started.get(name, 0) for name, value in trader.items() if name.startswith("denied."))
        opened, closed = (trader.get(name, 0) - started.get(name, 0) for name in ("arbs_opened", "arbs_closed"))
        words = [
            self.watch.mode_text(),
            level.name,
            *([f"monitor-only: {', '.join(watched)}"] if watched else []),
            *([f"not ready: {', '.join(down)}"] if down else []),
            f"alerts {counters.get('bridge', {}).get('alerts_open', 0)}",
            f"books {self.watch.fresh_books()}/{2 * len(self.env.markets)}",
            f"arbs {closed}" + (f", {opened - closed} open" if opened > closed else ""),
            f"P&L {krw_text(trader.get('pnl_e8', 0) - started.get('pnl_e8', 0))} KRW",
            f"denied {denied}",
        ]
        if level is not TradingLevel.ACTIVE:
            words.append(str(self.watch.control.latch().get("reason")))
        return " | ".join(words)

    async def stop_trading(self) -> bool:
        """Stop the trader and wait until the recorder has booked its journal; False when either did not end well."""
        trader = self._tended["trader"]
        # One that is just being restarted has something to settle: let it come back first.
        await self._within(trader.part.grace_s, trader.ready.is_set)
        ended_well = await self._stop(trader)
        return await self._within(CATCH_UP_S, lambda: self.watch.recorder_lag() <= 0) and ended_well

    async def stop_rest(self) -> None:
        """Stop whatever still runs, wave by wave; a second call finds nothing to do."""
        if self._prepare is not None:
            self._prepare.cancel()
            await asyncio.wait({self._prepare})
        for wave in sorted({tended.part.wave for tended in self._tended.values()}):
            of_wave = [tended for tended in self._tended.values() if tended.part.wave == wave]
            await asyncio.gather(*(self._stop(tended) for tended in of_wave))

    async def reconcile(self, since_wall_ns: int) -> dict[str, Any]:
        """Return what `workers reconcile` finds of the run since then; an unequal answer when it finds nothing."""
        argv = (sys.executable, "-m", "workers", "reconcile", "--json", "--since", str(since_wall_ns))
        log = log_path(self.env, "reconcile")
        try:
            async with asyncio.timeout(RECONCILE_S):
                _, out = await run_step(argv, self.children_environ, ROOT, log)
            return dict(json.loads(out.strip().splitlines()[-1]))
        except (TimeoutError, ValueError, IndexError):
            return {"ledger_equal": False, "differences": [f"reconcile gave no answer; see {log}"]}

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        # The outer loop of each part: whatever goes wrong here, the desk stops in order.
        try:
            await work
        except Exception as error:  # noqa: BLE001
            if not self._failure.done():
                self._failure.set_exception(error)
                # Read here too, so that a failure after the start is not reported as forgotten.
                self._failure.exception()
            self.stopping.set()

    def check(self) -> None:
        """Raise whatever ended a part's own loop."""
        if self._failure.done():
            self._failure.result()

    async def _until_stopping(self) -> None:
        await self.stopping.wait()

    async def _all_ready(self) -> None:
        broker = self._tended.get("redis")
        if broker is not None:
            await broker.ready.wait()
        self.tasks_before = await self.watch.task_counts()
        for event in (*self._steps.values(), *(tended.ready for tended in self._tended.values())):
            await event.wait()

    async def _prepare_database(self) -> None:
        log = log_path(self.env, "setup")
        for command in (("migrate", "--noinput", "--verbosity", "0"), ("seed",)):
            offset = log.stat().st_size if log.exists() else 0
            argv = (sys.executable, str(ROOT / "manage.py"), *command)
            code, out = await run_step(argv, self.children_environ, ROOT, log)
            if code:
                said = log_tail(log, offset, lines=1) or [f"see {log}"]
                raise StartFailed(f"manage.py {command[0]} failed: {said[0]}", 2)
            if command[0] == "seed":
                for line in out.splitlines():
                    self.screen.say(f"  {line}")
        self._steps[DATABASE].set()

    async def _tend(self, tended: _Tended) -> None:
        part, failed = tended.part, 0
        for need in part.needs:
            event = self._steps.get(need) or self._tended[need].ready
            await event.wait()
        while not tended.is_stopping:
            loop = asyncio.get_running_loop()
            started_s = loop.time()
            tended.state = "starting"
            environ: Mapping[str, str] = {**self.children_environ, **part.environ}
            tended.child = child = Child(part.argv, environ, ROOT, log_path(self.env, part.name))
            await self._mind(tended, child)
            tended.ready.clear()
            if tended.is_stopping:
                return
            failed = 1 if loop.time() - started_s > STEADY_S else failed + 1
            delay_s = BACKOFF_S[min(failed, len(BACKOFF_S)) - 1]
            tended.state = f"down ({child.ending})"
            said = log_tail(child.log, child.log_offset, lines=1)
            if not tended.was_ready and (child.returncode == 2 or failed >= MAX_FAILED_STARTS):
                text = f"{part.name} did not start ({child.ending}): {said[0] if said else f'see {child.log}'}"
                raise StartFailed(text, 2 if child.returncode == 2 else 1)
            self.restarts[part.name] = self.restarts.get(part.name, 0) + 1
            self.screen.say(f"{part.name} died ({child.ending}); starting it again in {delay_s:.0f} s")
            await asyncio.sleep(delay_s)

    async def _mind(self, tended: _Tended, child: Child) -> None:
        # Until the child has ended: first wait for it to be ready, then see that it is not stuck.
        part, loop = tended.part, asyncio.get_running_loop()
        started_s = loop.time()
        while child.returncode is None and not await part.probe(self.watch, child.pid):
            if not tended.was_ready and loop.time() - started_s > START_LIMIT_S:
                raise StartFailed(f"{part.name} was not ready within {START_LIMIT_S:.0f} s; see {child.log}", 1)
            await asyncio.sleep(PROBE_EVERY_S)
        if child.returncode is None:
            if tended.was_ready:
                self.screen.say(f"{part.name} is back")
            tended.state, tended.was_ready = "ready", True
            tended.ready.set()
        while child.returncode is None:
            try:
                async with asyncio.timeout(MIND_EVERY_S):
                    await child.wait()
            except TimeoutError:
                bound_log(child.log)
                if not tended.is_stopping and self.watch.is_hung(part.name, child.pid, HUNG_AFTER_NS):
                    self.screen.say(f"{part.name} has not moved for {HUNG_AFTER_NS // 10**9} s and is killed")
                    child.kill_group()
        await child.wait()

    async def _stop(self, tended: _Tended) -> bool:
        tended.is_stopping = True
        child = tended.child
        if child is not None and child.returncode is None:
            tended.state = "stopping"
            await child.stop(0.0 if self._is_hurried else tended.part.grace_s)
        if tended.task is not None:
            tended.task.cancel()
            await asyncio.wait({tended.task})
        tended.state = "stopped"
        return child is not None and child.returncode == 0

    async def _within(self, limit_s: float, is_so: Callable[[], bool]) -> bool:
        loop = asyncio.get_running_loop()
        end_s = loop.time() + limit_s
        while not is_so():
            if loop.time() > end_s or self._is_hurried:
                return False
            await asyncio.sleep(PROBE_EVERY_S)
        return True
