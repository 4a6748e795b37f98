"""Whether both exchanges' prices, and both exchanges, can be believed right now: one trader's view of it (R1.1, R1.3).

History is taken from the books once a second beside the hot path; a signal only compares with it.
"""

from collections.abc import Callable, Mapping

import msgspec

from arbitrage.domain.integrity import Glance, Jump, MarketHistory
from arbitrage.domain.params import MS, SECOND, Params
from arbitrage.domain.stability import Stability, Trouble
from arbitrage.domain.units import EXCHANGES, Exchange, Ns, Ppm
from fast_path.books import BookReader, SlotView
from workers.pauses import Cause, Pauses
from workers.process import Context
from workers.still_watch import StillWatch

LOOK_EVERY_NS = 200 * MS
SAMPLE_EVERY_NS = 1 * SECOND


class Sight(msgspec.Struct, frozen=True):
    """What is to be said of one market right now."""

    delay_ns: int
    widest_spread_ppm: Ppm
    jump: Jump
    still_ns: int


BLIND = Sight(0, Ppm(0), Jump(0, 0), 0)
"""Of a market with a book missing: the gate has its own word for that."""


class IntegrityWatch:
    """Keeps the history of every market, and the troubles of every exchange."""

    def __init__(
        self,
        context: Context,
        readers: Mapping[Exchange, BookReader],
        params: Callable[[], Params],
        pauses: Pauses,
    ) -> None:
        self._context = context
        self._readers = tuple(readers[exchange] for exchange in EXCHANGES)
        self._params = params
        self._pauses = pauses
        self._ladders = StillWatch(context, params, pauses)
        self._history = [MarketHistory() for _ in context.env.markets]
        self._stability = {exchange: Stability() for exchange in EXCHANGES}
        self._looked_ns = self._sampled_ns = 0

    # Prices

    def sight(self, index: int) -> Sight:
        """Return how both books of a market look beside their history."""
        views = self._views(index)
        if views is None:
            return BLIND
        one, other, history = _glance(views[0]), _glance(views[1]), self._history[index]
        widest = Ppm(max(one.spread_ppm, other.spread_ppm))
        return Sight(history.delay_ns(one, other), widest, history.jump(one, other), self._ladders.still_ns(index))

    def tick(self) -> None:
        """Look at every market: pause the ones whose price jumped, and remember what the others show."""
        now = self._context.clock.mono_ns()
        if now - self._looked_ns < LOOK_EVERY_NS:
            return
        self._looked_ns = now
        samples = now - self._sampled_ns >= SAMPLE_EVERY_NS
        if samples:
            self._sampled_ns = now
            for exchange in EXCHANGES:
                self._context.counters.set(f"trouble.{exchange}", self._stability[exchange].points(now))
        for index, market in enumerate(self._context.env.markets):
            views = self._views(index)
            if views is None:
                continue
            self._ladders.look(index, views, now)
            seen, history = (_glance(views[0]), _glance(views[1])), self._history[index]
            jump = history.jump(*seen)
            is_paused = self._context.control.paused_until_mono_ns(market) > now
            if jump.ppm > self._params().max_price_jump_ppm and not is_paused:
                self.distrust(market, jump)
            if samples:
                history.sample(*seen)

    def distrust(self, market: str, jump: Jump) -> None:
        """Pause a market whose price left on one exchange alone."""
        detail = f"{EXCHANGES[jump.mover]} is {jump.ppm} ppm from the usual gap"
        self._pauses.pause(market, Cause.PRICE_JUMPED, detail)

    def _views(self, index: int) -> tuple[SlotView, SlotView] | None:
        oldest = self._context.clock.mono_ns() - self._params().max_book_age_ns
        seen = []
        for reader in self._readers:
            view = reader.read(index)
            if view is None or view.recv_mono_ns < oldest:
                return None
            seen.append(view)
        return seen[0], seen[1]

    # Exchanges

    def troubled(self, exchange: Exchange, trouble: Trouble) -> None:
        """Note what an exchange did wrong."""
        self._stability[exchange].add(trouble, self._context.clock.mono_ns())

    def trouble_points(self, now: Ns) -> int:
        """Return the points of the worse of both."""
        return max(one.points(now) for one in self._stability.values())


def _glance(view: SlotView) -> Glance:
    return Glance(view.best_bid, view.best_ask, view.exchange_ns, view.recv_wall_ns)
