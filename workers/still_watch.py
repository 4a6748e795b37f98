"""Ladders that stand still while their frames go on: asks for whole books, and tells people when it lasts (R1.1, R1.3).

The gate is closed meanwhile (`risk.is_ladder_frozen`), and opens when the ladder changes.
"""

from collections.abc import Callable

from arbitrage.domain.params import SECOND, Params
from arbitrage.domain.stillness import Ladder
from arbitrage.domain.units import EXCHANGES, Ns
from fast_path.books import SlotView
from workers.pauses import Cause, Pauses
from workers.process import Context

TELL_AFTER_NS = 10 * SECOND
"""A ladder found frozen this long pauses its market, which raises an alert; again as long as it lasts."""


class StillWatch:
    """Follows both ladders of every market. `look` is called a few times a second, beside the hot path."""

    def __init__(self, context: Context, params: Callable[[], Params], pauses: Pauses) -> None:
        self._context = context
        self._params = params
        self._pauses = pauses
        markets = context.env.markets
        self._ladders = [tuple(Ladder() for _ in EXCHANGES) for _ in markets]
        self._seen: list[tuple[SlotView, SlotView] | None] = [None] * len(markets)
        """What each market's ladders were told last."""
        self._found_ns: list[list[int]] = [[0] * len(EXCHANGES) for _ in markets]
        """Since when a ladder is known to be frozen; 0 = it is not."""
        self._still_ns = [0] * len(markets)

    def still_ns(self, index: int) -> int:
        """Return for how long the worse of both ladders stood, as of the last look; 0 = neither is doubted."""
        return self._still_ns[index]

    def look(self, index: int, views: tuple[SlotView, SlotView], now: Ns) -> None:
        """Look at both books of a market; the very same tuple again shows nothing new, only time has passed."""
        if views is not self._seen[index]:
            self._seen[index] = views
            self._tell(index, views, now)
        worst = 0
        for place, ladder in enumerate(self._ladders[index]):
            still_ns = ladder.still_ns(now)
            if still_ns or self._found_ns[index][place]:
                worst = max(worst, still_ns)
                self._judge(index, place, still_ns, now)
        self._still_ns[index] = worst

    def _tell(self, index: int, views: tuple[SlotView, SlotView], now: Ns) -> None:
        for ladder, view, other in zip(self._ladders[index], views, views[::-1], strict=True):
            ladder.look(
                view.bid_words,
                view.ask_words,
                view.exchange_ns,
                other_bid=other.best_bid,
                other_ask=other.best_ask,
                now=now,
            )

    def _judge(self, index: int, place: int, still_ns: int, now: Ns) -> None:
        context, market, exchange = self._context, self._context.env.markets[index], EXCHANGES[place]
        found_ns = self._found_ns[index][place]
        if still_ns <= self._params().max_ladder_still_ns:
            if found_ns:
                self._found_ns[index][place] = 0
                context.log.info("ladder_moved_again", exchange=exchange, market=market)
            return
        if not found_ns:
            self._found_ns[index][place] = now
            context.counters.add(f"ladder_frozen.{exchange}")
            context.control.request_resync(exchange, market)
            context.log.warning("ladder_froze", exchange=exchange, market=market, still_ns=still_ns)
        elif now - found_ns >= TELL_AFTER_NS and context.control.paused_until_mono_ns(market) <= now:
            detail = f"{exchange} sends frames, but its book has stood still for {still_ns // SECOND} s"
            self._pauses.pause(market, Cause.LADDER_FROZEN, detail)
