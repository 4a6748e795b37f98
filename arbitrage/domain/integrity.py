"""Whether a market's prices can be believed: each exchange against the other's recent history and its own (R1.3).

A price that one exchange alone leaves for is more likely a fault of that exchange than a chance. Pure, bounded, ints:
told what both books show and when, holds no clock.
"""

from bisect import bisect_left, insort
from collections import deque

import msgspec

from arbitrage.domain.units import PPM, Ns, Ppm

SAMPLES_KEPT = 300
LOW_SHARE = 10
"""A tenth of the samples may be stranger than what is called usual."""


class Sliding:
    """The last so many samples, kept in order: quantiles cost nothing."""

    def __init__(self, most: int = SAMPLES_KEPT) -> None:
        self._most = most
        self._samples: deque[int] = deque()
        self._sorted: list[int] = []

    def __len__(self) -> int:
        return len(self._samples)

    def add(self, sample: int) -> None:
        """Take one more; the oldest goes when there are too many."""
        if len(self._samples) == self._most:
            del self._sorted[bisect_left(self._sorted, self._samples.popleft())]
        self._samples.append(sample)
        insort(self._sorted, sample)

    def median(self) -> int | None:
        """Return the lower median; None of nothing."""
        return self._sorted[(len(self._sorted) - 1) // 2] if self._sorted else None

    def low(self) -> int | None:
        """Return what nine in ten samples reach; None of nothing."""
        return self._sorted[(len(self._sorted) - 1) // LOW_SHARE] if self._sorted else None


class Glance(msgspec.Struct, frozen=True, gc=False):
    """What one book shows right now: best prices in 10^-8, the exchange's clock, and ours when it came."""

    best_bid: int
    best_ask: int
    exchange_ns: Ns
    recv_wall_ns: Ns

    @property
    def mid(self) -> int:
        """Return the middle between the best prices."""
        return (self.best_bid + self.best_ask) // 2

    @property
    def delay_ns(self) -> int:
        """Return how long ago by the exchange's clock it was when it came; only differences of it mean anything."""
        return self.recv_wall_ns - self.exchange_ns

    @property
    def spread_ppm(self) -> Ppm:
        """Return the spread, of the best bid."""
        return Ppm((self.best_ask - self.best_bid) * PPM // self.best_bid) if self.best_bid > 0 else Ppm(PPM)


class Jump(msgspec.Struct, frozen=True):
    """How far the gap between the exchanges is from what it usually is, and which of the two went there."""

    ppm: int
    mover: int
    """0 = the first exchange, 1 = the second."""


class MarketHistory:
    """One market on both exchanges, over the last samples."""

    def __init__(self) -> None:
        self._gaps = Sliding()
        self._mids = (Sliding(), Sliding())
        self._delays = (Sliding(), Sliding())
        self._usual: tuple[int, int | None, int | None] = 0, None, None
        """Gap and mids as of the last sample; no gap and None of nothing."""

    def sample(self, one: Glance, other: Glance) -> None:
        """Take what both show now."""
        self._gaps.add(_gap_ppm(one.mid, other.mid))
        for place, glance in enumerate((one, other)):
            self._mids[place].add(glance.mid)
            self._delays[place].add(glance.delay_ns)
        self._usual = self._gaps.median() or 0, self._mids[0].median(), self._mids[1].median()

    def jump(self, one: Glance, other: Glance) -> Jump:
        """Return how far both are from their usual gap; with no history the usual gap is none."""
        mid, other_mid = one.mid, other.mid
        usual_gap, usual, other_usual = self._usual
        moved = abs(_gap_ppm(mid, usual or mid))
        other_moved = abs(_gap_ppm(other_mid, other_usual or other_mid))
        return Jump(abs(_gap_ppm(mid, other_mid) - usual_gap), 0 if moved >= other_moved else 1)

    def delay_ns(self, one: Glance, other: Glance) -> int:
        """Return by how much more than usual the slower of both books is late: it drains slowly, say. At least 0."""
        late = 0
        for glance, delays in ((one, self._delays[0]), (other, self._delays[1])):
            usual = delays.low()
            if usual is not None and glance.delay_ns - usual > late:
                late = glance.delay_ns - usual
        return late


def _gap_ppm(price: int, base: int) -> int:
    return (price - base) * PPM // base if base > 0 else PPM
