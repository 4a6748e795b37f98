"""Request limits of both exchanges: a token bucket or a fixed one-second window per group and owner."""

import msgspec

from exchanges.simulator.kst import SECOND


class Limit(msgspec.Struct, frozen=True):
    """`capacity` requests per `period_ns`. A bucket refills steadily; a window starts anew at each full period."""

    capacity: int
    period_ns: int = SECOND
    is_bucket: bool = True


class Verdict(msgspec.Struct, frozen=True):
    """Whether a request may pass, and how many more may right now."""

    is_allowed: bool
    left: int


class Limiter:
    """The spent part of every (group, owner)."""

    def __init__(self, limits: dict[str, Limit]) -> None:
        self.limits = limits
        self._spent: dict[tuple[str, str], tuple[int, int]] = {}

    def take(self, group: str, owner: str, now: int) -> Verdict:
        """Count one request of `owner` in `group`. A refused one is not counted."""
        limit = self.limits[group]
        # `spent` is in request-nanoseconds, so that a bucket refills without rounding.
        spent, at = self._spent.get((group, owner), (0, now))
        if limit.is_bucket:
            spent = max(0, spent - max(now - at, 0) * limit.capacity)
        elif now // limit.period_ns != at // limit.period_ns:
            spent = 0
        full = limit.capacity * limit.period_ns
        if spent + limit.period_ns > full:
            self._spent[group, owner] = (spent, now)
            return Verdict(False, 0)
        spent += limit.period_ns
        self._spent[group, owner] = (spent, now)
        return Verdict(True, (full - spent) // limit.period_ns)
