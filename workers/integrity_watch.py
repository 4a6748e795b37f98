"""Whether both exchanges' prices, and both exchanges, can be believed right now: one trader's view of it (R1.1, R1.3).

History is taken from the books once a second beside the hot path; a signal only compares with it.
"""

from collections.abc import Callable, Mapping

import msgspec

from arbitrage.domain.integrity import Glance, Jump, MarketHistory
from arbitrage.domain.params import MS, SECOND, Params
from arbitrage.domain.stability import Stability, Trouble
from arbitrage.domain.units import EXCHANGES, Exchange, Ns, Ppm, percent_text
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


class _Seen(msgspec.Struct):
    # Both books of a market, and what was worked out of them. Views never change: the same two show the same.
    views: tuple[SlotView, SlotView]
    one: Glance
    other: Glance
    jump: Jump | None = None
    """None = not compared with its history yet, or not since that grew."""


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
        self._seen: list[_Seen | None] = [None] * len(context.env.markets)
        self._stability = {exchange: Stability() for exchange in EXCHANGES}
        self._looked_ns = self._sampled_ns = 0

    # Prices

    def sight(self, index: int) -> Sight:
        """Return how both books of a market look beside their history."""
        seen = self._look(index, self._context.clock.mono_ns() - self._params().max_book_age_ns)
        if seen is None:
            return BLIND
        one, other = seen.one, seen.other
        delay_ns = self._history[index].delay_ns(one, other)
        widest = Ppm(max(one.spread_ppm, other.spread_ppm))
        return Sight(delay_ns, widest, self._jump(index, seen), self._ladders.still_ns(index))

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
        params = self._params()
        oldest = now - params.max_book_age_ns
        for index, market in enumerate(self._context.env.markets):
            seen = self._look(index, oldest)
            if seen is None:
                continue
            self._ladders.look(index, seen.views, now)
            jump = self._jump(index, seen)
            if jump.ppm > params.max_price_jump_ppm and self._context.control.paused_until_mono_ns(market) <= now:
                self.distrust(market, jump)
            if samples:
                self._history[index].sample(seen.one, seen.other)
                seen.jump = None

    def distrust(self, market: str, jump: Jump) -> None:
        """Pause a market whose price left on one exchange alone."""
        detail = f"{EXCHANGES[jump.mover]} is {percent_text(jump.ppm)} from the usual gap"
        self._pauses.pause(market, Cause.PRICE_JUMPED, detail)

    def _look(self, index: int, oldest: int) -> _Seen | None:
        first, second = self._readers
        one = first.read(index)
        if one is None or one.recv_mono_ns < oldest:
            return None
        other = second.read(index)
        if other is None or other.recv_mono_ns < oldest:
            return None
        seen = self._seen[index]
        if seen is None or seen.views[0] is not one or seen.views[1] is not other:
            seen = self._seen[index] = _Seen((one, other), _glance(one), _glance(other))
        return seen

    def _jump(self, index: int, seen: _Seen) -> Jump:
        if seen.jump is None:
            seen.jump = self._history[index].jump(seen.one, seen.other)
        return seen.jump

    # Exchanges

    def troubled(self, exchange: Exchange, trouble: Trouble) -> None:
        """Note what an exchange did wrong."""
        self._stability[exchange].add(trouble, self._context.clock.mono_ns())

    def trouble_points(self, now: Ns) -> int:
        """Return the points of the worse of both."""
        return max(one.points(now) for one in self._stability.values())


def _glance(view: SlotView) -> Glance:
    return Glance(view.best_bid, view.best_ask, view.exchange_ns, view.recv_wall_ns)
