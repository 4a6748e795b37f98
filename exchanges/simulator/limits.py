"""Request limits of both exchanges: a token bucket or a fixed window per group and owner, and what too much leads to.

How long blocks last is documented for Bithumb (bithumb.md §4) and not established for Upbit (upbit.md §9.1): named
settings, with their defaults here.
"""

from collections import deque

import msgspec

from arbitrage.domain.units import PPM
from exchanges.simulator.kst import SECOND


class Limit(msgspec.Struct, frozen=True):
    """`capacity` requests per `period_ns`. A bucket refills steadily; a window starts anew at each full period."""

    capacity: int
    period_ns: int = SECOND
    is_bucket: bool = True
    earlier: tuple[int, int] | None = None
    """(until, capacity): what held before a change."""

    def at(self, now: int) -> "Limit":
        """Return the limit in force at `now`."""
        if self.earlier is None or now >= self.earlier[0]:
            return self
        return Limit(self.earlier[1], self.period_ns, self.is_bucket)


class Verdict(msgspec.Struct, frozen=True):
    """Whether a request may pass, and how many more may right now."""

    is_allowed: bool
    left: int


class Limiter:
    """The spent part of every (group, owner)."""

    def __init__(self, limits: dict[str, Limit]) -> None:
        self.limits = limits
        self._full = dict(limits)
        self._spent: dict[tuple[str, str], tuple[int, int]] = {}

    def scale(self, to_ppm: int) -> None:
        """Let every limit be this part of what it was at first, at least one request."""
        for group, limit in self._full.items():
            self.limits[group] = msgspec.structs.replace(limit, capacity=max(limit.capacity * to_ppm // PPM, 1))

    def take(self, group: str, owner: str, now: int) -> Verdict:
        """Count one request of `owner` in `group`. A refused one is not counted."""
        limit = self.limits[group].at(now)
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


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """What follows when more than `tolerated` requests within `within_ns` were over the limit.

    The first block lasts `first_ns`; one that begins within `forget_ns` after the last ended is `factor` times
    as long, up to `most_ns`; the one after `most_blocks` such blocks in a row never ends (0 = there is none).
    """

    tolerated: int
    within_ns: int = 10 * SECOND
    first_ns: int
    factor: int = 1
    most_ns: int = 3600 * SECOND
    forget_ns: int = 600 * SECOND
    most_blocks: int = 0


NEVER_ENDS = 2**63 - 1


class Blocks:
    """Who is blocked where, and until when."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, str], int] = {}
        self._in_row: dict[tuple[str, str], int] = {}
        self._refused: dict[tuple[str, str], deque[int]] = {}

    def left_ns(self, group: str, owner: str, now: int) -> int:
        """Return how long `owner` is still blocked in `group`; 0 = it is not."""
        return max(self._until.get((group, owner), 0) - now, 0)

    def refused(self, group: str, owner: str, rule: Block, now: int) -> int:
        """Note a request over the limit; return how long the block is that comes of it, 0 = none."""
        key = (group, owner)
        times = self._refused.setdefault(key, deque())
        times.append(now)
        while times[0] <= now - rule.within_ns:
            times.popleft()
        if len(times) <= rule.tolerated:
            return 0
        times.clear()
        is_in_row = key in self._until and now - self._until[key] <= rule.forget_ns
        count = self._in_row[key] = self._in_row.get(key, 0) + 1 if is_in_row else 1
        if rule.most_blocks and count > rule.most_blocks:
            self._until[key] = NEVER_ENDS
        else:
            self._until[key] = now + min(rule.first_ns * rule.factor ** (count - 1), rule.most_ns)
        return self._until[key] - now
