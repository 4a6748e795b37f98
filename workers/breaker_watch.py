"""The breakers of one trader: asked at each signal and at each tick, latched in the trading state.

What trips lowers the desk to REDUCING: nothing new opens, hedges go on. Only a person raises it again, and then the
figures of its conduct begin anew. They are folded from the journal (`conduct.py`), so a restart changes nothing.
"""

from collections.abc import Callable, Iterable

from arbitrage.domain.arb import Arb, ArbState
from arbitrage.domain.breakers import COUNT, PPM_OF_ORDERS, Figure, Figures, Trip, tripped
from arbitrage.domain.conduct import ACTIVE, Conduct
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.events import Event, TradingStateChanged
from arbitrage.domain.params import Params
from arbitrage.domain.units import QUOTE, Exchange, Krw, Ns, Price, Qty, notional_ceil
from fast_path.journal import Journal
from workers.process import Context
from workers.today import Today

_UNEVEN = frozenset({ArbState.UNRESOLVED, ArbState.LEGGED, ArbState.HEDGING, ArbState.STUCK})
"""While OPENING, one leg's answer is merely earlier than the other's."""


class BreakerWatch:
    """Judges one desk. `lower` is told the first breaker that tripped."""

    def __init__(
        self,
        context: Context,
        *,
        conduct: Conduct,
        today: Today,
        journal: Journal,
        open_arbs: Callable[[], Iterable[Arb]],
        params: Callable[[], Params],
        lower: Callable[[Trip], None],
    ) -> None:
        self._context = context
        self._conduct = conduct
        self._today = today
        self._journal = journal
        self._open_arbs = open_arbs
        self._params = params
        self._lower = lower
        self._saw_lowered = False
        self._verdict: tuple[Trip, ...] | None = None
        """As of the last tick; None once anything was journalled since."""
        self._judged: tuple[Params, int] | None = None
        """What the verdict was given on beside the journal: parameters, and the profit of the day it is."""
        conduct.started(context.clock.mono_ns())
        journal.on_append = self._heard

    def _heard(self, event: Event) -> None:
        self._conduct.heard(event)
        self._verdict = None

    def figures(self, now: Ns) -> Figures:
        """Return one reading of everything breakers look at."""
        conduct = self._conduct
        pnl, _ = self._today.figures(self._context.clock.wall_ns())
        return Figures(
            day_pnl=Figure(pnl, QUOTE),
            session_pnl=Figure(*conduct.session_pnl),
            worst_loss=Figure(conduct.worst_loss, QUOTE),
            unhedged=Figure(self._unhedged(), QUOTE),
            failures_in_a_row=Figure(conduct.failures_in_a_row, COUNT),
            refused=Figure(conduct.refused_ppm, PPM_OF_ORDERS),
            orders_last_minute=Figure(conduct.orders_last_minute(now), COUNT),
        )

    def tripped(self, now: Ns) -> tuple[Trip, ...]:
        """Return every breaker that says stop: figures only rise with what is journalled."""
        if self._verdict is None:
            figures, params = self.figures(now), self._params()
            self._judged = params, figures.day_pnl.value
            self._verdict = tripped(figures, params)
        return self._verdict

    def net(self, buy: Exchange, sell: Exchange, now: Ns) -> Krw:
        """Return how far stock went this way within the hour: coins to `buy`, KRW to `sell`; at least 0."""
        return Krw(max(self._conduct.net_krw(buy, now), -self._conduct.net_krw(sell, now), 0))

    def tick(self) -> None:
        """Begin anew where a person let the desk trade again; lower it where a breaker tripped."""
        context = self._context
        if self._verdict or not self._is_judged():
            self._verdict = None
        if context.control.level() is not TradingLevel.ACTIVE:
            self._saw_lowered = True
            return
        if self._saw_lowered or self._conduct.is_lowered:
            self._journal.append(
                TradingStateChanged(ACTIVE, "a person let the desk trade again", context.clock.wall_ns()), durable=False
            )
            self._saw_lowered = False
        if self._verdict is not None:
            # None of them tripped, and nothing has changed since.
            return
        for trip in self.tripped(context.clock.mono_ns())[:1]:
            context.counters.add(f"breaker.{trip.name}")
            self._lower(trip)

    # While nothing is open figures only fall with time; another day has another profit.
    def _is_judged(self) -> bool:
        if self._judged is None or next(iter(self._open_arbs()), None) is not None:
            return False
        params, pnl = self._judged
        return params is self._params() and pnl == self._today.figures(self._context.clock.wall_ns())[0]

    def _unhedged(self) -> int:
        total = 0
        for arb in self._open_arbs():
            if arb.state in _UNEVEN and (uneven := abs(arb.imbalance)):
                dearest = max(order.price for order in arb.orders)
                total += notional_ceil(Price(dearest), Qty(uneven))
        return total
