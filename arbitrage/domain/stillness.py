"""Whether a ladder is frozen: its frames go on, the other exchange leaves, it stands still to the last digit (R1.3).

A quiet market is no fault: there no frames come, or both exchanges stand. Pure, ints, told the time at every look.
"""

from collections.abc import Sequence

from arbitrage.domain.units import PPM, Ns

MOVED_PPM = 300
"""How far the other exchange's best price of that side must have gone from where it was: less hardly makes a chance."""
MOVES = 2
"""At how many looks it must have been another one: a price that stepped once may have stepped alone."""
FRESH_BOTH = 8
"""At how many looks the exchange's time must have been a newer one, where both sides stand."""
FRESH_LONG = 30
"""The same however little the other exchange's price went. Bithumb repeats one frame in two, not 30 in a row."""
FRESH_ONE = 40
"""The same where one side stands alone: on a calm market that happens (22 s in a recording of 2021)."""


class _Side:
    # One side of one book since it changed last. What speaks for a frozen one only grows until it changes.
    __slots__ = ("fresh", "ladder", "moved_ppm", "moves", "other", "other_first", "since_ns")

    def __init__(self) -> None:
        self.ladder: Sequence[int] = ()
        self._begin((), 0, Ns(0))

    def _begin(self, ladder: Sequence[int], other: int, now: Ns) -> None:
        self.ladder, self.since_ns = ladder, now
        self.fresh = self.moves = self.moved_ppm = 0
        self.other = self.other_first = other

    def look(self, ladder: Sequence[int], other: int, now: Ns, *, is_fresh: bool) -> None:
        if ladder != self.ladder:
            self._begin(ladder, other, now)
            return
        self.fresh += is_fresh
        if other != self.other:
            self.other = other
            self.moves += 1
            if self.other_first > 0:
                self.moved_ppm = max(self.moved_ppm, abs(other - self.other_first) * PPM // self.other_first)

    def has_evidence(self, fresh: int, moved_ppm: int = MOVED_PPM) -> bool:
        return self.fresh >= fresh and self.moves >= MOVES and self.moved_ppm >= moved_ppm


class Ladder:
    """One market's book on one exchange."""

    def __init__(self) -> None:
        self._bids, self._asks = _Side(), _Side()
        self._exchange_ns = 0

    def look(
        self,
        bids: Sequence[int],
        asks: Sequence[int],
        exchange_ns: Ns,
        *,
        other_bid: int,
        other_ask: int,
        now: Ns,
    ) -> None:
        """Take what the book shows, and the other exchange's best prices of the same moment."""
        is_fresh = exchange_ns > self._exchange_ns
        self._exchange_ns = exchange_ns
        self._bids.look(bids, other_bid, now, is_fresh=is_fresh)
        self._asks.look(asks, other_ask, now, is_fresh=is_fresh)

    def still_ns(self, now: Ns) -> int:
        """Return for how long a side, or both, stood where they should have moved; 0 = nothing speaks for that."""
        sides = self._bids, self._asks
        if max(self._bids.fresh, self._asks.fresh) < FRESH_BOTH:
            # The least that anything below asks for.
            return 0
        found = [now - side.since_ns for side in sides if side.has_evidence(FRESH_ONE)]
        if all(side.has_evidence(FRESH_BOTH) or side.has_evidence(FRESH_LONG, 0) for side in sides):
            found.append(now - max(side.since_ns for side in sides))
        return max(found, default=0)
