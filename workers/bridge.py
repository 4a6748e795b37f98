"""Between the operator's rows and shared memory: params and levels in; heartbeats, counters and latency out.

The trader opens nothing new once this process stops beating, because an operator's changes no longer arrive.
So a bridge whose database is gone ends, and does not beat again before the database answers. It only ever
lowers the desk's own level: raising belongs to `resume`, which goes through the switch itself.
"""

import asyncio
import sys
from collections.abc import Callable, Sequence

import msgspec

from arbitrage.domain.controls import Standing, TradingLevel
from arbitrage.domain.drift import DriftSeen
from arbitrage.domain.params import params_from_bytes
from arbitrage.domain.units import EXCHANGES, Exchange
from fast_path.books import BookReader
from fast_path.control import Beat
from fast_path.counters import read_counters
from fast_path.latency import read_latency
from karb_project.env import read_env
from workers.announced import Listener
from workers.django_room import ANSWER_WITHIN_S, DatabaseDown, DatabaseThread, open_django, run_with_database
from workers.drift_file import read_drift
from workers.process import Context
from workers.sight import books_fresh

ROUND_S = 0.25
ROWS_EVERY = 4
SLOW_ROWS_EVERY = 12
"""Rounds between two writings of heartbeats; of counters, latency and waiting incidents."""
GONE_AFTER_NS = 3_000_000_000


class Asked(msgspec.Struct, frozen=True):
    """One reading of the operator's rows."""

    epoch: int
    params: bytes
    level: TradingLevel
    reason: str
    by: str
    exchanges: dict[Exchange, TradingLevel]
    markets: dict[str, TradingLevel]
    alerts_open: int
    wire_epoch: int = 0
    wire: bytes = b""
    """Empty = everything as shipped."""
    standing: dict[str, Standing] = {}
    """What stands against which market; one not named has nothing against it."""
    said_ns: dict[Exchange, int] = {}
    """When the exchange's level was last spoken of, UTC."""


def main(_argv: list[str]) -> int:
    """Carry both ways until told to stop."""
    env = read_env()
    open_django()
    try:
        read_asked()
    except DatabaseDown as error:
        print(f"bridge: the database does not answer ({type(error).__name__})", file=sys.stderr)
        return 1
    return run_with_database("bridge", carry, env)


async def carry(context: Context, database: DatabaseThread, *, gone_after_ns: int = GONE_AFTER_NS) -> int:
    """Carry both ways until told to stop; 1 once the database is gone."""
    listening = asyncio.create_task(Listener(context, database).listen())
    # Said when it happens: the bridge may carry on for months.
    listening.add_done_callback(lambda task: _say_ended(context, task))
    try:
        return await _carry(context, database, gone_after_ns)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


def _say_ended(context: Context, listening: "asyncio.Task[None]") -> None:
    error = None if listening.cancelled() else listening.exception()
    if error is not None:
        context.counters.add("announcements_ended")
        context.log.error("announcements_ended", error=type(error).__name__)


async def _carry(context: Context, database: DatabaseThread, gone_after_ns: int) -> int:
    bridge = Bridge(context, database)
    answered_ns, rounds = context.clock.mono_ns(), 0
    while not context.stopping.is_set():
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await bridge.carry_in()
                if rounds % ROWS_EVERY == 0:
                    await bridge.carry_out()
                if rounds % SLOW_ROWS_EVERY == 0:
                    await bridge.carry_out_slowly()
            answered_ns, rounds = context.clock.mono_ns(), rounds + 1
        except (DatabaseDown, TimeoutError) as error:
            context.counters.add("database_failures")
            context.log.warning("database_not_answering", error=type(error).__name__)
            if isinstance(error, TimeoutError) or context.clock.mono_ns() - answered_ns > gone_after_ns:
                context.log.error("bridge_gave_up")
                return 1
        await context.sleep(ROUND_S)
    await bridge.close()
    return 0


def read_asked() -> Asked:
    """Return what the rows ask for right now."""
    from django.conf import settings

    from arbitrage import selectors
    from arbitrage.services import controls, params, standing, wire

    epoch, body = params.active_bytes()
    wire_epoch, wire_bytes = wire.active()
    wanted = controls.wanted()
    return Asked(
        epoch=epoch,
        params=body,
        level=wanted.level,
        reason=wanted.reason,
        by=wanted.by,
        exchanges=wanted.exchanges,
        markets=wanted.markets,
        alerts_open=selectors.open_alerts().count(),
        wire_epoch=wire_epoch,
        wire=wire_bytes,
        said_ns=wanted.said_ns,
        standing=standing.standing(settings.KARB_ENV.markets),
    )


class Bridge:
    """Carries between rows and shared memory for one desk."""

    def __init__(self, context: Context, database: DatabaseThread) -> None:
        env = context.env
        self._context = context
        self._database = database
        self._drift_told: dict[str, tuple[str, int]] = {}
        self._readers = {exchange: BookReader(env.shm_dir, exchange, env.markets) for exchange in EXCHANGES}

    async def carry_in(self) -> None:
        """Bring params and levels into the control block."""
        # The level is read before the rows: a resume writes its row first, so a row read later is never older.
        level = self._context.control.level()
        asked = await self._database.run(read_asked)
        self.obey(asked, level)

    def obey(self, asked: Asked, level: TradingLevel) -> None:
        """Bring one reading into the control block; `level` is the desk's before the reading was taken."""
        context, control = self._context, self._context.control
        held_epoch, held = control.read_params()
        if (held_epoch, held) != (asked.epoch, asked.params):
            if held_epoch >= asked.epoch:
                # Nobody else writes here: said with what is wrong in it, then replaced by what the rows say.
                context.counters.add("params_strange")
                found = params_from_bytes(held)[1]
                context.log.error("params_strange", epoch=held_epoch, problems=found)
            control.write_params(asked.epoch, asked.params)
            context.counters.set("params_epoch", asked.epoch)
            context.log.info("params_carried", epoch=asked.epoch)
        self._obey_wire(asked)
        for exchange in EXCHANGES:
            wanted = asked.exchanges.get(exchange, TradingLevel.ACTIVE)
            if control.asked_exchange_level(exchange) is not wanted:
                control.set_exchange_level(exchange, wanted)
                context.log.info("exchange_level_carried", exchange=exchange, level=wanted.name)
            if wanted is TradingLevel.ACTIVE and control.lift_monitor_only(exchange, asked.said_ns.get(exchange, 0)):
                context.log.warning("monitor_only_lifted", exchange=exchange)
        for market in context.env.markets:
            wanted = asked.markets.get(market, TradingLevel.ACTIVE)
            if control.market_level(market) is not wanted:
                control.set_market_level(market, wanted)
                context.log.info("market_level_carried", market=market, level=wanted.name)
            against = asked.standing.get(market, Standing())
            if control.set_standing(market, against.warned, against.suspended):
                context.log.warning(
                    "standing_carried",
                    market=market,
                    warned=sorted(against.warned),
                    suspended=sorted(against.suspended),
                )
        if asked.level > level and asked.level > control.level():
            control.set_level(asked.level, asked.reason, asked.by)
            context.log.warning("level_lowered", level=asked.level.name, by=asked.by)
        context.counters.set("alerts_open", asked.alerts_open)

    def _obey_wire(self, asked: Asked) -> None:
        # Not judged here: each process does, keeps what it has when they are bad, and its epoch tells.
        context, control = self._context, self._context.control
        if control.read_wire() == (asked.wire_epoch, asked.wire):
            return
        try:
            control.write_wire(asked.wire_epoch, asked.wire)
        except ValueError as error:
            # Logged once an epoch: the settings in force stay those before.
            if context.counters.get("wire_too_large") != asked.wire_epoch:
                context.counters.set("wire_too_large", asked.wire_epoch)
                context.log.error("wire_not_carried", epoch=asked.wire_epoch, error=str(error))
            return
        context.counters.set("wire_epoch", asked.wire_epoch)
        context.log.info("wire_carried", epoch=asked.wire_epoch)

    async def carry_out(self) -> None:
        """Write heartbeats, with each feed's fresh books, and what the desk really obeys."""
        from arbitrage.services import health

        await self._tell_stops()
        control = self._context.control
        beats = {
            name: health.BeatSeen(beat.pid, beat.wall_ns, self._detail(name), beat.wire_epoch)
            for name, beat in control.heartbeats().items()
        }
        latch = control.latch()
        why = str(latch.get("reason", "")), str(latch.get("by", ""))
        await self._database.run(health.keep, beats)
        await self._database.run(health.keep_desk, control.level(), *why, control.applied_epoch())

    async def _tell_stops(self) -> None:
        # Said again each time: what is known already changes nothing.
        from arbitrage.services import monitor_only
        from arbitrage.wall_time import moment

        control = self._context.control
        for exchange in EXCHANGES:
            since = control.monitor_only_since(exchange)
            if since:
                reason = str(control.monitor_only_latch(exchange).get("reason") or "no reason is known")
                await self._database.run(monitor_only.keep_stopped, exchange, reason, moment(since))

    def _detail(self, process: str) -> dict[str, int | str]:
        kind, _, name = process.partition(".")
        if kind != "feed" or name not in self._readers:
            return {}
        reader = self._readers[Exchange(name)]
        fresh = books_fresh(self._context.control, reader, self._context.clock.mono_ns())
        return {"books_fresh": fresh, "books": len(reader.markets)}

    async def carry_out_slowly(self) -> None:
        """Write counters and latency, and open the incidents that waited for the database."""
        from arbitrage.services import drift, health, incidents, wire

        await self._tell_drift(drift.keep)
        applied = {name: beat.wire_epoch for name, beat in self._fresh_beats().items()}
        await self._database.run(wire.note_applied, applied)
        shm_dir = self._context.env.shm_dir
        stages = {
            stage.value: health.LatencySeen(
                count=found.count,
                p50_ns=found.quantile_ns(0.5) or 0,
                p90_ns=found.quantile_ns(0.9) or 0,
                p99_ns=found.quantile_ns(0.99) or 0,
            )
            for stage, found in read_latency(shm_dir).items()
        }
        await self._database.run(health.keep_counters, read_counters(shm_dir))
        await self._database.run(health.keep_latency, stages)
        await self._database.run(incidents.pick_up_pending)

    async def _tell_drift(self, keep: Callable[[str, str, Sequence[DriftSeen]], int]) -> None:
        for process, told in read_drift(self._context.env).items():
            mark = (told.run, sum(row.count for row in told.rows))
            if self._drift_told.get(process) != mark:
                await self._database.run(keep, process, told.run, told.rows)
                self._drift_told[process] = mark

    def _fresh_beats(self) -> dict[str, Beat]:
        # The processes that use wire settings, and are alive to do so.
        now = self._context.clock.mono_ns()
        beats = self._context.control.heartbeats()
        names = ("trader", *(f"feed.{exchange}" for exchange in EXCHANGES))
        return {name: beats[name] for name in names if name in beats and now - beats[name].mono_ns < GONE_AFTER_NS}

    async def close(self) -> None:
        """Let go of the database and the books."""
        await self._database.close()
        for reader in self._readers.values():
            reader.close()
