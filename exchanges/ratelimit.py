"""How many requests may still leave: one token bucket per limit group, with lanes.

Pure: every call is told the time. Tokens are kept in 10^-9, so that rate x nanoseconds is exact.
A hedge may use the last token; every lane below it leaves some for the lanes above. The buckets stand
in rows of plain ints: in this process, or in memory all processes of the machine share (`governor.py`).
"""

from collections.abc import Iterable, Mapping, MutableSequence, Sequence
from contextlib import AbstractContextManager, nullcontext
from enum import IntEnum
from functools import lru_cache
from typing import Protocol

from exchanges.facts import GroupLimit, RemainingIn

_TOKEN = 1_000_000_000
_SECOND_NS = 1_000_000_000
SHRUNK_FOR_NS = 30 * _SECOND_NS
"""After an overrun the rate is halved, and doubled again after each calm time of this length."""
BLOCK_NS = 10 * _SECOND_NS
"""The length of a block is not documented (upbit.md §9.1): unless the answer says more we rest this long,
twice as long after each further block, and look again."""
MOST_BLOCK_NS = 600 * _SECOND_NS
"""The longest rest: the longest block either exchange speaks of is ten minutes (bithumb.md §4)."""
TOO_MANY = 429
_BLOCKED = 418
"""HTTP statuses of an overrun and of a block (upbit.md §4)."""
_RETRY_AFTER = "retry-after"
_MAX_SHRINK = 5
_LANE_PARTS = 12

Row = MutableSequence[int] | memoryview
"""One bucket: the words named below."""
CAPACITY, PERIOD, TOKENS, AT, SHRINK, OVERRUN_AT, BLOCKED_UNTIL, IN_A_ROW = range(8)
ROW_WORDS = 8
"""IN_A_ROW counts overruns and blocks since the last good answer."""


class Lane(IntEnum):
    """Who asks; lower goes first. Lane n leaves n/12 of the bucket to those before it."""

    HEDGE = 0
    CANCEL = 1
    QUERY = 2
    NEW = 3


class Rows(Protocol):
    """Where the buckets stand. Everything but `locked` is called inside it."""

    def find(self, group: str) -> Row | None:
        """Return the row of a group, None when nobody claimed one."""

    def claim(self, group: str) -> Row:
        """Return a new row of zeros for a group that has none."""

    def all(self) -> Iterable[Row]:
        """Return every row claimed."""

    def locked(self) -> AbstractContextManager[None]:
        """Keep everyone else out."""


class OwnRows:
    """Rows of this process alone."""

    def __init__(self) -> None:
        self._rows: dict[str, list[int]] = {}

    def find(self, group: str) -> Row | None:
        """Return the row of a group."""
        return self._rows.get(group)

    def claim(self, group: str) -> Row:
        """Return a new row."""
        return self._rows.setdefault(group, [0] * ROW_WORDS)

    def all(self) -> Iterable[Row]:
        """Return every row."""
        return self._rows.values()

    def locked(self) -> AbstractContextManager[None]:
        """Return a lock that is always free: one thread uses this."""
        return nullcontext()


def _fill(row: Row, limit: GroupLimit, now_ns: int) -> None:
    row[CAPACITY], row[PERIOD] = limit.capacity, limit.period_ns
    row[TOKENS], row[AT] = limit.capacity * _TOKEN, now_ns


# Bring the bucket to `now_ns`; a clock that stands still adds nothing.
def _refill(row: Row, now_ns: int) -> None:
    while row[SHRINK] and now_ns - row[OVERRUN_AT] >= SHRUNK_FOR_NS:
        row[SHRINK] -= 1
        row[OVERRUN_AT] += SHRUNK_FOR_NS
    passed = now_ns - row[AT]
    if passed > 0:
        full = row[CAPACITY] * _TOKEN
        period = row[PERIOD]
        if row[TOKENS] == full and period <= full >> row[SHRINK]:
            # Nothing fits in, and what is left over below is less than a nanosecond.
            row[AT] = now_ns
            return
        # After so long the bucket is full at any rate; the product below stays small.
        passed = min(passed, period << _MAX_SHRINK)
        rate = max(full >> row[SHRINK], _TOKEN)
        fresh, rest = divmod(rate * passed, period)
        row[TOKENS] = min(full, row[TOKENS] + fresh)
        row[AT] = now_ns - rest // rate


def _spare(row: Row, lane: Lane, now_ns: int) -> int:
    _refill(row, now_ns)
    if now_ns < row[BLOCKED_UNTIL]:
        return 0
    spare = (row[TOKENS] - row[CAPACITY] * _TOKEN * lane // _LANE_PARTS) // _TOKEN
    return spare if spare > 0 else 0


class Limiter:
    """All groups of one exchange. A group it was not told of is not limited until it is."""

    def __init__(self, groups: Sequence[GroupLimit], now_mono_ns: int, rows: Rows | None = None) -> None:
        """`rows` that others use too keep what they hold; without any the limiter is this process's own."""
        self._rows = OwnRows() if rows is None else rows
        with self._rows.locked():
            for group in groups:
                self._learn(group, now_mono_ns)

    def learn(self, group: GroupLimit, now_mono_ns: int) -> None:
        """Add a group met at run time, an asset's own limit say; a known one stays as it is."""
        with self._rows.locked():
            self._learn(group, now_mono_ns)

    def _learn(self, group: GroupLimit, now_mono_ns: int) -> None:
        if self._rows.find(group.name) is None:
            _fill(self._rows.claim(group.name), group, now_mono_ns)

    def take(self, groups: Sequence[str], lane: Lane, now_mono_ns: int) -> bool:
        """Take one request from every group, or none from any and return False."""
        with self._rows.locked():
            rows = []
            for name in groups:
                row = self._rows.find(name)
                if row is not None:
                    if _spare(row, lane, now_mono_ns) < 1:
                        return False
                    rows.append(row)
            for row in rows:
                row[TOKENS] -= _TOKEN
        return True

    def spare(self, group: str, lane: Lane, now_mono_ns: int) -> int:
        """Return how many requests `lane` may send right now. KeyError for a group never told of."""
        return self.spares(((group, lane),), now_mono_ns)[0]

    def spares(self, asked: Sequence[tuple[str, Lane]], now_mono_ns: int) -> tuple[int, ...]:
        """Return the same for several groups and lanes at one moment."""
        found = []
        with self._rows.locked():
            for group, lane in asked:
                row = self._rows.find(group)
                if row is None:
                    raise KeyError(group)
                found.append(_spare(row, lane, now_mono_ns))
        return tuple(found)

    def heed(self, group: str, status: int, headers: Mapping[str, str], where: RemainingIn, now_mono_ns: int) -> None:
        """Learn from an answer to a request of `group`: the exchange's own count, an overrun, a block."""
        said = remaining_of(headers, where)
        with self._rows.locked():
            if said is not None:
                self._correct(group, said[0], said[1], now_mono_ns)
            if 200 <= status < 300:
                self._calm(group)
        if status == TOO_MANY:
            self.overrun(group, now_mono_ns)
        elif status == _BLOCKED:
            self.blocked(group, announced_ns(headers), now_mono_ns)

    def correct(self, asked: str, named: str | None, remaining: int, now_mono_ns: int) -> None:
        """Believe the exchange's own count when it is lower than ours.

        `named` is the group the answer named; wire names are an open set (upbit.md §4), so an
        unknown one means the group we asked under.
        """
        with self._rows.locked():
            self._correct(asked, named, remaining, now_mono_ns)

    def _correct(self, asked: str, named: str | None, remaining: int, now_mono_ns: int) -> None:
        row = self._rows.find(named) if named is not None else None
        row = self._rows.find(asked) if row is None else row
        if row is not None and remaining >= 0:
            _refill(row, now_mono_ns)
            row[TOKENS] = min(row[TOKENS], remaining * _TOKEN)

    def overrun(self, group: str, now_mono_ns: int) -> None:
        """The exchange said too many: empty the bucket and halve its rate for a while.

        Each further one with no good answer between rests the group, 1, 2, 4 … 60 s: what is sent while a
        restriction lasts counts against us (bithumb.md §4) and ends in a block (upbit.md §4).
        """
        with self._rows.locked():
            row = self._rows.find(group)
            if row is None:
                return
            _refill(row, now_mono_ns)
            row[TOKENS] = 0
            row[SHRINK] = min(row[SHRINK] + 1, _MAX_SHRINK)
            row[OVERRUN_AT] = now_mono_ns
            row[IN_A_ROW] = min(row[IN_A_ROW] + 1, 30)
            if row[IN_A_ROW] > 1:
                rest_ns = min(_SECOND_NS << (row[IN_A_ROW] - 2), 60 * _SECOND_NS)
                row[BLOCKED_UNTIL] = max(row[BLOCKED_UNTIL], now_mono_ns + rest_ns)

    def blocked(self, group: str, announced: int, now_mono_ns: int) -> None:
        """The exchange blocked us: rest as long as it `announced` (ns), or as experience says, whichever is longer."""
        with self._rows.locked():
            row = self._rows.find(group)
            before = 0
            if row is not None:
                before = row[IN_A_ROW]
                row[IN_A_ROW] = min(before + 1, 30)
            rest_ns = min(max(announced, BLOCK_NS << before), max(MOST_BLOCK_NS, announced))
        self.block(now_mono_ns + rest_ns)

    def block(self, until_mono_ns: int) -> None:
        """Let no group send before `until_mono_ns`: a block is of the address or the account (upbit.md §4, 418)."""
        with self._rows.locked():
            for row in self._rows.all():
                row[BLOCKED_UNTIL] = max(row[BLOCKED_UNTIL], until_mono_ns)

    def _calm(self, group: str) -> None:
        row = self._rows.find(group)
        if row is not None and row[IN_A_ROW]:
            row[IN_A_ROW] = 0


def announced_ns(headers: Mapping[str, str]) -> int:
    """Return how long an answer asks us to stay away, by `Retry-After` in seconds; 0 when it does not say.

    That header is not documented by either exchange (upbit.md §9.1); where it comes it is obeyed, a day at most.
    """
    text = headers.get(_RETRY_AFTER, "")
    return min(int(text), 86_400) * _SECOND_NS if _is_count(text) else 0


def remaining_of(headers: Mapping[str, str], where: RemainingIn) -> tuple[str | None, int] | None:
    """Return `(group named, requests left)` of an answer, None when it does not say.

    Upbit: `group=order; min=480; sec=7`, of which `sec` counts (upbit.md §4). Bithumb: a bare number
    for the bucket asked under (bithumb.md §4).
    """
    text = headers.get(where)
    if text is None:
        return None
    if where is RemainingIn.X_RATELIMIT:
        return (None, int(text)) if _is_count(text) else None
    return _remaining_req(text)


# A calm desk hears the same few texts over and over.
@lru_cache(maxsize=512)
def _remaining_req(text: str) -> tuple[str | None, int] | None:
    parts = dict(part.strip().partition("=")[::2] for part in text.split(";"))
    left = parts.get("sec", "")
    return (parts.get("group"), int(left)) if _is_count(left) else None


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
