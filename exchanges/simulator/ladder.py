"""The liquidity of one market on one exchange: a ladder someone quotes, less what was taken from it.

`Quotes` makes a seeded ladder around a fair price; a recording hands in its own. `LiveBook` shows
either, and keeps what was taken away until it is refilled.
"""

from collections.abc import Iterable
from math import exp, log
from random import Random

from arbitrage.domain.instrument import TickTable
from arbitrage.domain.units import INT64_MAX, PPM, SCALE, Price, Side

Ladder = list[tuple[int, int]]
"""(price, qty) in 10^-8, best first."""

DEPTH = 30
_LEAST, _MOST = 48, 56
"""Levels quoted: more than are shown, so that a swept book still has 30."""
PPB = 10**9
_DEEP = 12
"""From this rank on all levels are alike."""
_QTY_OF_KRW = SCALE * SCALE
_NEARNESS = 0.2
"""Levels near the touch change more often: by rank, one over the mean of an exponential draw."""


class LiveBook:
    """What stands in the book right now."""

    def __init__(self) -> None:
        self._source: dict[Side, Ladder] = {Side.BID: [], Side.ASK: []}
        self._taken: dict[Side, dict[int, list[tuple[int, int]]]] = {Side.BID: {}, Side.ASK: {}}
        self._next_refill: dict[Side, int] = {Side.BID: 0, Side.ASK: 0}
        self._left: dict[Side, Ladder] = {}
        """What `levels` returned last, as long as it is true."""

    def quote(self, bids: Ladder, asks: Ladder) -> None:
        """Replace what is quoted; what was taken stays taken until its refill."""
        self._source = {Side.BID: bids, Side.ASK: asks}
        self._left.clear()

    def mid(self) -> int | None:
        """Return the middle of the quoted touch, or None when a side is empty."""
        bids, asks = self._source[Side.BID], self._source[Side.ASK]
        return (bids[0][0] + asks[0][0]) // 2 if bids and asks else None

    def levels(self, side: Side, now: int) -> Ladder:
        """Return the levels resting on `side` at `now`, best first, at most 30. Not to be changed: kept for others."""
        taken = self._taken[side]
        if taken and now >= self._next_refill[side]:
            self._refill(side, now)
        left = self._left.get(side)
        if left is None:
            # As many levels as were taken from may be gone.
            source = self._source[side][: DEPTH + len(taken)]
            left = self._left[side] = _less(source, taken, -side.sign)[:DEPTH] if taken else source
        return left

    def best(self, side: Side, now: int) -> tuple[int, int]:
        """Return the best level of `side` at `now`, or (0, 0) when nothing rests there."""
        if not self._taken[side]:
            source = self._source[side]
            return source[0] if source else (0, 0)
        levels = self.levels(side, now)
        return levels[0] if levels else (0, 0)

    def take(self, side: Side, price: int, qty: int, refill_ns: int) -> None:
        """Remove `qty` resting on `side` at `price` until `refill_ns`."""
        taken = self._taken[side]
        self._next_refill[side] = min(self._next_refill[side], refill_ns) if taken else refill_ns
        taken.setdefault(price, []).append((refill_ns, qty))
        self._left.pop(side, None)

    def _refill(self, side: Side, now: int) -> None:
        taken = self._taken[side]
        for price in [price for price, rows in taken.items() if any(until <= now for until, _ in rows)]:
            rows = [row for row in taken[price] if row[0] > now]
            if rows:
                taken[price] = rows
            else:
                del taken[price]
        self._next_refill[side] = min((until for rows in taken.values() for until, _ in rows), default=0)
        self._left.pop(side, None)


# Behind the last price something was taken at, all is as it was.
def _less(levels: Ladder, taken: dict[int, list[tuple[int, int]]], sign: int) -> Ladder:
    left: Ladder = []
    last = max(taken) if sign > 0 else min(taken)
    for rank, level in enumerate(levels):
        price, qty = level
        if (price - last) * sign > 0:
            return left + levels[rank:]
        if price not in taken:
            left.append(level)
            continue
        qty -= sum([gone for _, gone in taken[price]])
        if qty > 0:
            left.append((price, qty))
    return left


class Steps:
    """A tick table that remembers the band of the last price: prices seldom leave it."""

    def __init__(self, ticks: TickTable) -> None:
        self._ticks = ticks
        self._low = 0
        self._high = 0
        self._tick = 1

    def at(self, price: int) -> int:
        """Return the price step at `price`. ValueError when no band covers it."""
        if not self._low <= price < self._high:
            self._tick = int(self._ticks.tick_at(Price(price)))
            starts = [int(band.from_price) for band in self._ticks.bands]
            self._low = max(start for start in starts if start <= price)
            self._high = min((start for start in starts if start > price), default=INT64_MAX)
        return self._tick


class Quotes:
    """A seeded ladder that follows a fair price: ticks of the exchange, thin and thick times, some dust."""

    def __init__(self, ticks: TickTable, rng: Random, level_krw: int, spacing_ppm: int) -> None:
        self._steps = Steps(ticks)
        self._rng = rng
        self._level_krw = level_krw
        self._spacing_ppm = spacing_ppm
        self._thick_ppm = PPM
        self._usual_krw = self._sizes()
        """The usual size of a level, by its rank."""
        self._bids: Ladder = []
        self._asks: Ladder = []

    def use_depth(self, level_krw: int) -> None:
        """Quote levels of this size from now on; those standing are scaled at once."""
        if level_krw == self._level_krw:
            return
        for levels in (self._bids, self._asks):
            levels[:] = [(price, max(1, qty * level_krw // self._level_krw)) for price, qty in levels]
        self._level_krw = level_krw
        self._usual_krw = self._sizes()

    def follow(self, fair: int, half_spread_ppm: int) -> tuple[Ladder, Ladder]:
        """Return new bids and asks around `fair` (10^-8): swept levels gone, new ones in front, some sizes redrawn."""
        rng = self._rng
        if rng.random() < 0.01:
            self._thick_ppm = rng.choice((300_000, 600_000, PPM, 1_600_000))
            self._usual_krw = self._sizes()
        half = fair * half_spread_ppm // PPM
        bid = self._aligned(max(fair - half, 1), -1)
        ask = self._aligned(fair + half, 1)
        if ask <= bid:
            ask = self._aligned(bid + 1, 1)
        self._bids = self._side(self._bids, bid, -1)
        self._asks = self._side(self._asks, ask, 1)
        return self._bids[:], self._asks[:]

    def _side(self, levels: Ladder, best: int, sign: int) -> Ladder:
        if not levels or levels[0][0] != best:
            _drop(levels, best, sign, 0)
            if not levels or levels[0][0] != best:
                _drop(levels, best, sign, self._gap(best) // 2)
                levels[:0] = self._run(best, sign, levels[0][0] if levels else None)
        if len(levels) > _MOST:
            del levels[_MOST:]
        elif len(levels) < _LEAST:
            levels += self._run(self._next(levels[-1][0], sign), sign, None, _LEAST + 2 - len(levels))
        random, last = self._rng.random, len(levels) - 1
        for _ in range(self._rng.randint(1, 4)):
            rank = int(-log(1.0 - random()) / _NEARNESS)
            index = rank if rank < last else last
            price = levels[index][0]
            levels[index] = (price, self._size(price, index))
        return levels

    # New levels from `start` outwards, stopping short of `stop`.
    def _run(self, start: int, sign: int, stop: int | None, most: int = _LEAST + 2) -> Ladder:
        fresh: Ladder = []
        price = start
        while len(fresh) < most and price > 0 and (stop is None or (stop - price) * sign > 0):
            fresh.append((price, self._size(price, len(fresh))))
            price = self._next(price, sign)
        return fresh

    def _next(self, price: int, sign: int) -> int:
        price += sign * self._gap(price)
        return self._aligned(price if price > 0 else 1, sign)

    def _gap(self, price: int) -> int:
        tick = self._steps.at(price)
        return tick * self._rng.randint(1, 2 * price * self._spacing_ppm // PPM // tick or 1)

    def _aligned(self, price: int, sign: int) -> int:
        tick = self._steps.at(price)
        over = price % tick
        if over and sign > 0:
            return price - over + tick
        return price - over or tick

    def _size(self, price: int, rank: int) -> int:
        rng = self._rng
        if rng.random() < 0.02:
            krw = rng.randint(1, 3_000)
        else:
            usual_krw = self._usual_krw[rank if rank < _DEEP else _DEEP]
            krw = usual_krw * int(exp(rng.normalvariate(0.0, 0.7)) * PPM) // PPM
        return krw * _QTY_OF_KRW // price or 1

    def _sizes(self) -> list[int]:
        shapes = [600_000 + 120_000 * rank for rank in range(_DEEP + 1)]
        return [self._level_krw * shape // PPM * self._thick_ppm // PPM for shape in shapes]


# The levels nearer to `best` than `near`, or passed by it.
def _drop(levels: Ladder, best: int, sign: int, near: int) -> None:
    gone = 0
    for price, _ in levels:
        if (price - best) * sign >= near:
            break
        gone += 1
    del levels[:gone]


def swept(levels: Iterable[tuple[int, int]], bound: int, sign: int) -> Ladder:
    """Return the levels an order with limit `bound` meets: asks up to it (sign 1) or bids down to it (sign -1)."""
    met: Ladder = []
    for price, qty in levels:
        if (price - bound) * sign > 0:
            break
        met.append((price, qty))
    return met
