"""Where a market's price goes: a common walk, a gap between the exchanges, run-aheads, and courses someone steers."""

from math import cos, log, pi, sin, sqrt
from random import Random

from arbitrage.domain.units import EXCHANGES, PPM, Exchange
from exchanges.simulator.ladder import PPB
from exchanges.simulator.regimes import USUAL

BPS = 100_000
"""One basis point in 10^-9."""
_STEP_NS = 50_000_000
_TURN = 2.0 * pi


class Course:
    """A shift of an exchange's price, in 10^-9 of it, that goes to a target in a straight line and stays there."""

    def __init__(self) -> None:
        self._begin = 0
        self._target = 0
        self._begin_ns = 0
        self._end_ns = 0

    def at(self, now: int) -> int:
        """Return the shift at `now`."""
        if now >= self._end_ns:
            return self._target
        passed, whole = max(now - self._begin_ns, 0), self._end_ns - self._begin_ns
        return self._begin + (self._target - self._begin) * passed // whole

    def steer(self, target_ppb: int, over_ns: int, now: int) -> None:
        """Head for `target_ppb` from wherever the shift is, to be there after `over_ns`."""
        self._begin, self._target = self.at(now), target_ppb
        self._begin_ns, self._end_ns = now, now + over_ns


class Path:
    """The common price and the gap of one market, in 10^-9 of the start price. Advances in fixed steps of time."""

    def __init__(self, rng: Random, now: int) -> None:
        self.behaviour = USUAL
        """May be changed at any time; counts from the next step."""
        self.common = 0
        self.gap = 0
        self.lead = dict.fromkeys(EXCHANGES, 0)
        self.courses = {exchange: Course() for exchange in EXCHANGES}
        self._rng = rng
        self._at = now

    def advance(self, now: int) -> None:
        """Walk to `now`: usually common by 0.25 bps a step, gap as Ornstein-Uhlenbeck around 0 (sd about 2 bps)."""
        steps = (now - self._at) // _STEP_NS
        if steps <= 0:
            return
        random, how = self._rng.random, self.behaviour
        walk, gap_walk = 0.25 * BPS * how.walk_ppm / PPM, 0.6 * BPS * how.gap_walk_ppm / PPM
        common, gap, drift_ppb, mean_ppb = self.common, self.gap, how.drift_ppb, how.gap_mean_ppb
        for _ in range(steps):
            # Two normal draws at once, as Random.gauss makes them in pairs.
            angle, radius = random() * _TURN, sqrt(-2.0 * log(1.0 - random()))
            common += int(cos(angle) * radius * walk) - common // 100_000
            if drift_ppb:
                common += drift_ppb * (PPB + common) // PPB
            gap += int(sin(angle) * radius * gap_walk) - (gap - mean_ppb) // 20
        self.common, self.gap = common, gap
        self._at += steps * _STEP_NS

    def fair(self, exchange: Exchange, start: int, now: int) -> int:
        """Return the exchange's fair price, the start price being `start`."""
        half = self.gap // 2
        offset = self.lead[exchange] + (half if exchange is Exchange.UPBIT else -half)
        return self._steered(exchange, start * (PPB + self.common + offset) // PPB, now)

    def fair_beside(self, exchange: Exchange, played: int, now: int) -> int:
        """Return the fair price beside `played`, the other exchange's recorded one."""
        return self._steered(exchange, played * (PPB + self.gap + self.lead[exchange]) // PPB, now)

    def _steered(self, exchange: Exchange, price: int, now: int) -> int:
        shift = self.courses[exchange].at(now)
        return max(price + price * shift // PPB if shift else price, 1)
