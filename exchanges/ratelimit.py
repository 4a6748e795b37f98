"""How many requests may still leave: one token bucket per limit group, with lanes.

Pure: every call is told the time. Tokens are kept in 10^-9, so that rate x nanoseconds is exact.
A hedge may use the last token; every lane below it leaves some for the lanes above.
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum

from exchanges.facts import GroupLimit, RemainingIn

_TOKEN = 1_000_000_000
_SECOND_NS = 1_000_000_000
SHRUNK_FOR_NS = 30 * _SECOND_NS
"""After an overrun the rate is halved, and doubled again after each calm time of this length."""
BLOCK_NS = 10 * _SECOND_NS
"""The length of a block is not documented (upbit.md §9.1): we rest this long and look again."""
_TOO_MANY = 429
_BLOCKED = 418
"""HTTP statuses of an overrun and of a block (upbit.md §4)."""
_MAX_SHRINK = 5
_LANE_PARTS = 12


class Lane(IntEnum):
    """Who asks; lower goes first. Lane n leaves n/12 of the bucket to those before it."""

    HEDGE = 0
    CANCEL = 1
    QUERY = 2
    NEW = 3


class _Bucket:
    """One group. `shrink` counts how often the rate was halved."""

    def __init__(self, per_second: int, now_mono_ns: int) -> None:
        self.per_second = per_second
        self.full = per_second * _TOKEN
        self.tokens = self.full
        self.at_ns = now_mono_ns
        self.shrink = 0
        self.overrun_at_ns = 0
        self.blocked_until_ns = 0

    def refill(self, now_ns: int) -> None:
        """Bring the bucket to `now_ns`; a clock that stands still adds nothing."""
        while self.shrink and now_ns - self.overrun_at_ns >= SHRUNK_FOR_NS:
            self.shrink -= 1
            self.overrun_at_ns += SHRUNK_FOR_NS
        passed = now_ns - self.at_ns
        if passed > 0:
            rate = max(self.per_second >> self.shrink, 1)
            self.tokens = min(self.full, self.tokens + rate * passed)
            self.at_ns = now_ns

    def spare(self, lane: Lane, now_ns: int) -> int:
        """Return how many whole requests `lane` may send."""
        self.refill(now_ns)
        if now_ns < self.blocked_until_ns:
            return 0
        return max(0, (self.tokens - self.full * lane // _LANE_PARTS) // _TOKEN)


class Limiter:
    """All groups of one exchange. A group it was not told of is not limited until it is."""

    def __init__(self, groups: Sequence[GroupLimit], now_mono_ns: int) -> None:
        self._buckets = {group.name: _Bucket(group.per_second, now_mono_ns) for group in groups}

    def learn(self, group: GroupLimit, now_mono_ns: int) -> None:
        """Add a group met at run time, an asset's own limit say; a known one stays as it is."""
        if group.name not in self._buckets:
            self._buckets[group.name] = _Bucket(group.per_second, now_mono_ns)

    def take(self, groups: Sequence[str], lane: Lane, now_mono_ns: int) -> bool:
        """Take one request from every group, or none from any and return False."""
        buckets = [self._buckets[name] for name in groups if name in self._buckets]
        if any(bucket.spare(lane, now_mono_ns) < 1 for bucket in buckets):
            return False
        for bucket in buckets:
            bucket.tokens -= _TOKEN
        return True

    def spare(self, group: str, lane: Lane, now_mono_ns: int) -> int:
        """Return how many requests `lane` may send right now."""
        return self._buckets[group].spare(lane, now_mono_ns)

    def heed(self, group: str, status: int, headers: Mapping[str, str], where: RemainingIn, now_mono_ns: int) -> None:
        """Learn from an answer to a request of `group`: the exchange's own count, an overrun, a block."""
        said = remaining_of(headers, where)
        if said is not None:
            self.correct(group, said[0], said[1], now_mono_ns)
        if status == _TOO_MANY:
            self.overrun(group, now_mono_ns)
        elif status == _BLOCKED:
            self.block(now_mono_ns + BLOCK_NS)

    def correct(self, asked: str, named: str | None, remaining: int, now_mono_ns: int) -> None:
        """Believe the exchange's own count when it is lower than ours.

        `named` is the group the answer named; wire names are an open set (upbit.md §4), so an
        unknown one means the group we asked under.
        """
        bucket = self._buckets.get(named) if named is not None else None
        bucket = bucket or self._buckets.get(asked)
        if bucket is not None and remaining >= 0:
            bucket.refill(now_mono_ns)
            bucket.tokens = min(bucket.tokens, remaining * _TOKEN)

    def overrun(self, group: str, now_mono_ns: int) -> None:
        """The exchange said too many: empty the bucket and halve its rate for a while."""
        bucket = self._buckets.get(group)
        if bucket is not None:
            bucket.refill(now_mono_ns)
            bucket.tokens = 0
            bucket.shrink = min(bucket.shrink + 1, _MAX_SHRINK)
            bucket.overrun_at_ns = now_mono_ns

    def block(self, until_mono_ns: int) -> None:
        """The exchange blocked us: no group sends before `until_mono_ns` (upbit.md §4, 418)."""
        for bucket in self._buckets.values():
            bucket.blocked_until_ns = max(bucket.blocked_until_ns, until_mono_ns)


def remaining_of(headers: Mapping[str, str], where: RemainingIn) -> tuple[str | None, int] | None:
    """Return `(group named, requests left)` of an answer, None when it does not say.

    Upbit: `group=order; min=480; sec=7`, of which `sec` counts (upbit.md §4). Bithumb: a bare number
    for the bucket asked under (bithumb.md §4).
    """
    text = headers.get(where.value)
    if text is None:
        return None
    if where is RemainingIn.X_RATELIMIT:
        return (None, int(text)) if _is_count(text) else None
    parts = dict(part.strip().partition("=")[::2] for part in text.split(";"))
    left = parts.get("sec", "")
    return (parts.get("group"), int(left)) if _is_count(left) else None


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
