"""How many of an exchange's answers, or of its frames, were errors lately (R1.1). Pure: told what happened and when."""

from collections import deque

import msgspec

from arbitrage.domain.units import PPM, Ns, Ppm

WINDOW_NS = 60_000_000_000
MAX_ERRORS_PPM = Ppm(100_000)
"""More than a tenth stops trading on the exchange (R1.1)."""
LEAST_CALLS = 20
LEAST_FRAMES = 50
"""With fewer in the window a share says nothing."""
_SLICES = 60


class Rate(msgspec.Struct, frozen=True):
    """What the window holds."""

    total: int
    errors: int

    @property
    def ppm(self) -> Ppm:
        """Return the share of errors; 0 of nothing."""
        return Ppm(self.errors * PPM // self.total) if self.total else Ppm(0)

    def is_too_high(self, least: int, bound: Ppm = MAX_ERRORS_PPM) -> bool:
        """Return whether more than `bound` of at least `least` were errors."""
        return self.total >= least and self.errors * PPM > bound * self.total


class ErrorWindow:
    """A sliding window in slices of a sixtieth: what is older than the window is forgotten."""

    def __init__(self, window_ns: int = WINDOW_NS) -> None:
        self._window_ns = window_ns
        self._slice_ns = max(window_ns // _SLICES, 1)
        self._slices: deque[list[int]] = deque()
        self._total = self._errors = 0

    def add(self, total: int, errors: int, now: Ns) -> None:
        """Count `total` answers, `errors` of them bad."""
        number = now // self._slice_ns
        if not self._slices or self._slices[-1][0] != number:
            self._slices.append([number, 0, 0])
        self._slices[-1][1] += total
        self._slices[-1][2] += errors
        self._total += total
        self._errors += errors
        self._forget(now)

    def rate(self, now: Ns) -> Rate:
        """Return what lies within the window that ends now."""
        self._forget(now)
        return Rate(self._total, self._errors)

    def clear(self) -> None:
        """Begin anew: a person has looked."""
        self._slices.clear()
        self._total = self._errors = 0

    def _forget(self, now: Ns) -> None:
        oldest = (now - self._window_ns) // self._slice_ns
        while self._slices and self._slices[0][0] <= oldest:
            _, total, errors = self._slices.popleft()
            self._total -= total
            self._errors -= errors
