"""Whether an exchange can still be believed (R1.1): its error rate, and answers that hide our own orders or money.

What fails makes the exchange monitor-only, here and at once, database or not: nothing new is opened, what is open
is finished, books go on. Only a person lifts that. Own limits are no errors of the exchange: what never left, or
was refused for too many requests, counts for nothing.
"""

from collections.abc import Callable, Mapping

from arbitrage.domain.error_rate import LEAST_CALLS, LEAST_FRAMES, ErrorWindow
from arbitrage.domain.ports import SeenDrift
from arbitrage.domain.stability import Trouble
from arbitrage.domain.units import Exchange
from fast_path.counters import CounterView
from workers.process import Context

BY = "trader"
LOOK_EVERY_NS = 1_000_000_000


class ExchangeWatch:
    """Judges both exchanges for one trader."""

    def __init__(self, context: Context, drifts: Mapping[Exchange, SeenDrift]) -> None:
        self._context = context
        self._drifts = drifts
        self._calls = {exchange: ErrorWindow() for exchange in drifts}
        self._frames = {exchange: ErrorWindow() for exchange in drifts}
        self._feeds = {exchange: CounterView(context.env.shm_dir, f"feed.{exchange}") for exchange in drifts}
        self._counted: dict[Exchange, tuple[int, int]] = {}
        self._looked_ns = 0
        self._drift_total = dict.fromkeys(drifts, 0)
        self._grave = dict.fromkeys(drifts, 0)
        self._fallen: dict[Exchange, int] = {}
        self.on_trouble: Callable[[Exchange, Trouble], None] = lambda exchange, trouble: None
        """Told what an exchange did wrong."""
        self._stopped = {exchange for exchange in drifts if context.control.monitor_only_since(exchange)}

    def went_well(self, exchange: Exchange) -> None:
        """Count an answer that could be read and used."""
        self._calls[exchange].add(1, 0, self._context.clock.mono_ns())
        self.look_at_drift(exchange)

    def went_wrong(self, exchange: Exchange) -> None:
        """Count an answer that was lost, an error or unreadable."""
        self._calls[exchange].add(1, 1, self._context.clock.mono_ns())
        self._context.counters.add(f"answers_bad.{exchange}")
        self.on_trouble(exchange, Trouble.LOST)
        self.look_at_drift(exchange)

    def look_at_drift(self, exchange: Exchange) -> None:
        """Stop at the first answer of which our own orders or balances can no longer be read."""
        drift = self._drifts[exchange]
        if drift.total() == self._drift_total[exchange]:
            return
        self._drift_total[exchange] = drift.total()
        rows = [row for row in drift.seen(exchange) if row.is_grave]
        count = sum(row.count for row in rows)
        if count > self._grave[exchange]:
            newest = max(rows, key=lambda row: row.last_wall_ns)
            self._stop(exchange, f"{newest.where} cannot be read: {newest.finding}")
        self._grave[exchange] = count

    def tick(self) -> None:
        """Look once a second."""
        now = self._context.clock.mono_ns()
        if now - self._looked_ns >= LOOK_EVERY_NS:
            self._looked_ns = now
            self.look()

    def look(self) -> None:
        """Judge the last minute of answers and frames; begin anew where a person has lifted a stop."""
        now = self._context.clock.mono_ns()
        for exchange in self._drifts:
            if exchange in self._stopped and not self._context.control.monitor_only_since(exchange):
                self._lifted(exchange)
            self.look_at_drift(exchange)
            self._count_frames(exchange)
            for what, window, least in (
                ("answers", self._calls[exchange], LEAST_CALLS),
                ("frames", self._frames[exchange], LEAST_FRAMES),
            ):
                rate = window.rate(now)
                self._context.counters.set(f"error_ppm.{what}.{exchange}", rate.ppm if rate.total >= least else 0)
                if rate.is_too_high(least):
                    self._stop(exchange, f"{rate.errors} of {rate.total} {what} in the last minute were errors")

    def _count_frames(self, exchange: Exchange) -> None:
        feed = self._feeds[exchange]
        fallen = feed.get("disconnects")
        if fallen > self._fallen.setdefault(exchange, fallen):
            self.on_trouble(exchange, Trouble.DISCONNECTED)
        self._fallen[exchange] = fallen
        total = feed.get("frames") + feed.get("polls")
        bad = feed.get("frames_invalid") + feed.get("book_faults")
        before = self._counted.get(exchange)
        self._counted[exchange] = (total, bad)
        if before is None or total < before[0] or bad < before[1]:
            return
        self._frames[exchange].add(total - before[0], bad - before[1], self._context.clock.mono_ns())

    def _stop(self, exchange: Exchange, reason: str) -> None:
        self._stopped.add(exchange)
        try:
            if not self._context.control.make_monitor_only(exchange, reason, BY):
                return
        except OSError as error:
            # It holds in memory; only a reboot before a person looks would forget it.
            self._context.log.error("monitor_only_not_kept", exchange=exchange, error=str(error))
        self._context.counters.add("exchanges_stopped")
        self._context.log.critical("exchange_made_monitor_only", exchange=exchange, reason=reason)

    def _lifted(self, exchange: Exchange) -> None:
        self._stopped.discard(exchange)
        self._calls[exchange].clear()
        self._frames[exchange].clear()
        self._context.log.warning("monitor_only_lifted", exchange=exchange)
