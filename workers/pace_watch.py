"""Whether this machine keeps up, and what the trader does about it when it does not (R2.1)."""

from collections.abc import Callable, Mapping

from arbitrage.domain.events import PaceChanged
from arbitrage.domain.pace_policy import UNHURRIED, Load, Pace, edge_raise_ppm, judged, markets_out
from arbitrage.domain.params import MS, Params
from fast_path.journal import Journal, JournalNotWritten
from fast_path.latency import Stage
from workers.process import Context

LEAST_ORDERS = 5
"""Fewer arbs in a window say nothing of its latency."""


class PaceWatch:
    """Looks at each window's latency and lag; `apply` is told every new pace."""

    def __init__(
        self,
        context: Context,
        *,
        journal: Journal,
        params: Callable[[], Params],
        earned: Mapping[str, int],
        apply: Callable[[Pace], None],
    ) -> None:
        """`params` are the stored ones, without any pace."""
        self.pace = UNHURRIED
        self.resting: frozenset[int] = frozenset()
        """Indexes of the markets not watched for now."""
        self._context = context
        self._journal = journal
        self._params = params
        self._earned = earned
        self._apply = apply
        self._seen = context.latency.histogram(Stage.FRAME_TO_WIRE)
        self._began_ns = context.clock.mono_ns()
        self._worst_lag_ns = 0

    def tick(self) -> None:
        """Take the lag; at a window's end judge it."""
        now = self._context.clock.mono_ns()
        lag_ns = self._context.loop_lag_ns
        if lag_ns > self._worst_lag_ns:
            self._worst_lag_ns = lag_ns
        params = self._params()
        if now - self._began_ns < params.pace_window_ns:
            return
        load = self._measured()
        self._began_ns, self._worst_lag_ns = now, 0
        before, self.pace = self.pace, judged(self.pace, load, params)
        if self.pace.step != before.step:
            self._change(load, params)

    def _measured(self) -> Load:
        seen = self._context.latency.histogram(Stage.FRAME_TO_WIRE)
        window, self._seen = seen - self._seen, seen
        p99 = window.quantile_ns(0.99) if window.count >= LEAST_ORDERS else None
        return Load(p99, self._worst_lag_ns)

    def _change(self, load: Load, params: Params) -> None:
        context, pace = self._context, self.pace
        markets = context.env.markets
        out = markets_out(pace, markets, self._earned, params)
        self.resting = frozenset(index for index, market in enumerate(markets) if market in out)
        self._apply(pace)
        more = edge_raise_ppm(pace, params)
        context.counters.set("pace_step", pace.step)
        context.counters.set("pace_edge_ppm", more)
        context.counters.set("pace_markets_out", len(out))
        slow = "no orders to time" if load.p99_ns is None else f"p99 frame to orders {_ms(load.p99_ns)}"
        why = f"{slow}, loop lag {_ms(load.lag_ns)}"
        context.log.warning("pace_changed", step=pace.step, edge_ppm=more, out=sorted(out), why=why)
        try:
            self._journal.append(
                PaceChanged(pace.step, more, tuple(sorted(out)), why, context.clock.wall_ns()), durable=False
            )
        except JournalNotWritten as error:
            context.log.error("pace_not_journalled", error=str(error))


def _ms(ns: int) -> str:
    return f"{ns / MS:.1f} ms"
