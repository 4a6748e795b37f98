"""What one market's prices did lately: how far they swing, and how wide each exchange's spread usually is.

Fed with both touches about once a second; forgets by halves, about every half minute. Integers throughout:
a swing is in ppm of the price for the square root of a second, so that four seconds swing twice as far.
"""

from math import isqrt

import msgspec

from arbitrage.domain.units import PPM, Exchange, Ns

SECOND_NS = 1_000_000_000
LEAST_GAP_NS = SECOND_NS // 5
"""Touches closer together than this say nothing new."""
MOST_GAP_NS = 10 * SECOND_NS
"""Across a longer silence nothing is compared."""
KNOWN_AFTER = 8
"""Samples before anything is said."""
WEIGHT = 32
"""A sample counts one part in so many."""
FINE = 256
"""Sums are kept this much finer than what they say."""


class _Seen(msgspec.Struct):
    mid: int = 0
    at_ns: int = 0
    count: int = 0
    variance: int = 0  # ppm², per second, times FINE
    spread: int = 0  # ppm, times FINE


class Swings:
    """The swings of one market on all exchanges. No clock, no I/O."""

    def __init__(self) -> None:
        self._seen: dict[Exchange, _Seen] = {}

    def saw(self, exchange: Exchange, bid: int, ask: int, now: Ns) -> None:
        """Take over a touch seen at `now`; a crossed or empty one is left out."""
        if not 0 < bid < ask:
            return
        seen = self._seen.setdefault(exchange, _Seen())
        gap_ns, middle = now - seen.at_ns, (bid + ask) // 2
        if gap_ns < LEAST_GAP_NS:
            return
        spread = (ask - bid) * PPM // middle * FINE
        if seen.mid and gap_ns <= MOST_GAP_NS:
            step = (middle - seen.mid) * PPM // seen.mid
            self._learn(seen, step * step * FINE * SECOND_NS // gap_ns, spread)
        seen.mid, seen.at_ns = middle, now

    def _learn(self, seen: _Seen, variance: int, spread: int) -> None:
        # The first samples count evenly: the mean of three is better than one part in 32 of each.
        seen.count = min(seen.count + 1, WEIGHT)
        seen.variance += (variance - seen.variance) // seen.count
        seen.spread += (spread - seen.spread) // seen.count

    def sigma_ppm(self) -> int:
        """Return the wilder exchange's swing for the square root of a second; 0 while it is not known."""
        known = [seen.variance for seen in self._seen.values() if seen.count >= KNOWN_AFTER]
        return isqrt(max(known) // FINE) if known else 0

    def usual_spread_ppm(self, exchange: Exchange) -> int:
        """Return how wide the exchange's spread usually is; 0 while it is not known."""
        seen = self._seen.get(exchange)
        return seen.spread // FINE if seen is not None and seen.count >= KNOWN_AFTER else 0


def swing_ppm(sigma_ppm: int, time_ns: int) -> int:
    """Return how far a price usually swings in `time_ns`: sigma times the root of the time, in ppm."""
    return sigma_ppm * isqrt(max(time_ns, 0)) // isqrt(SECOND_NS)
