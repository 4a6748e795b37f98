"""Both generations read side by side, and what they tell differently: known before a duty is switched.

Nothing here influences trading. What moves between two readings is looked at twice before it counts.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from arbitrage.domain.drift import Drift
from arbitrage.domain.events import Holding
from arbitrage.domain.frame_spec import DecodedBook
from arbitrage.domain.order import OrderOn, OrderReport
from arbitrage.domain.ports import OpenOrder
from arbitrage.domain.units import PPM, Ns, units_text
from arbitrage.domain.wire import Duty
from exchanges.drift import DriftLog

KEPT = 200
TOLERANCE_PPM = 1_000
"""How far the best prices of two books may be apart: they are of moments a little apart themselves."""
NEAR_NS = 100_000_000
"""Books whose own times are no further apart are of one moment."""
LOOKS = 5
"""Looks in a row after which a difference counts even between books of different moments."""
ENDS = frozenset({OrderOn.FULL_FILL, OrderOn.CANCELED})


class Difference(msgspec.Struct, frozen=True):
    """One thing the two generations tell differently: `used` by the one in use, `other` by the other."""

    duty: Duty
    subject: str
    """A market, an asset, or an exchange's order id."""
    field: str
    used: str
    other: str
    wall_ns: Ns


class Found(msgspec.Struct, frozen=True):
    """A difference before it has a time."""

    subject: str
    field: str
    used: str
    other: str


class Comparison:
    """Checks and differences counted by duty, the newest differences kept, and told as drift."""

    def __init__(self, drift: DriftLog | None = None) -> None:
        self.counts: Counter[str] = Counter()
        """`compared.<duty>`, `differed.<duty>`, `not_compared.<duty>`, `comparisons_ended`."""
        self.kept: deque[Difference] = deque(maxlen=KEPT)
        self._drift = drift

    def checked(self, duty: Duty, found: Iterable[Found], wall_ns: Ns) -> None:
        """Take note of one comparison and what it found."""
        self.counts[f"compared.{duty}"] += 1
        for one in found:
            self.counts[f"differed.{duty}"] += 1
            self.kept.append(Difference(duty, one.subject, one.field, one.used, one.other, wall_ns))
            if self._drift is not None:
                told = f"{one.subject}: {one.field} is {one.used} in use, {one.other} in the other generation"
                finding = f"{one.field} differs between the generations"
                self._drift.note(f"compare_{duty}", finding, told.encode(), wall_ns, kind=Drift.DIFFERENT)

    def missed(self, duty: Duty) -> None:
        """Take note that one side could not be read, or moved while it was."""
        self.counts[f"not_compared.{duty}"] += 1

    def watch(self, comparing: "asyncio.Task[None]", where: str, wall_ns: Callable[[], int]) -> None:
        """Tell when a bug ends this task: no difference found must not look like none that is there."""

        def ended(task: "asyncio.Task[None]") -> None:
            error = None if task.cancelled() else task.exception()
            if error is None:
                return
            self.counts["comparisons_ended"] += 1
            if self._drift is not None:
                finding = f"comparing ended with {type(error).__name__}"
                self._drift.note(f"compare_{where}", finding, b"", wall_ns(), kind=Drift.GAP)

        comparing.add_done_callback(ended)


def book_differences(market: str, used: DecodedBook | None, other: DecodedBook | None) -> tuple[Found, ...]:
    """Return where the best prices are further apart than the tolerance, or that one side has no book."""
    if used is None or other is None:
        told = tuple("no book" if book is None else "a book" for book in (used, other))
        return () if used is other else (Found(market, "book", *told),)
    found = []
    for field, ours, theirs in (("best_bid", used.bids, other.bids), ("best_ask", used.asks, other.asks)):
        a, b = (side[0].price if side else 0 for side in (ours, theirs))
        if abs(a - b) * PPM > max(a, b) * TOLERANCE_PPM:
            found.append(Found(market, field, units_text(a), units_text(b)))
    return tuple(found)


def is_one_moment(used: DecodedBook | None, other: DecodedBook | None) -> bool:
    """Return whether two books are of about the same time, as the exchange tells it for both."""
    return used is not None and other is not None and abs(used.exchange_ns - other.exchange_ns) <= NEAR_NS


class Doubts:
    """What differed at the looks before: books move, and one generation shows them later than the other."""

    def __init__(self) -> None:
        self._looks: dict[tuple[str, str], tuple[Found, int]] = {}

    def lasting(self, found: Iterable[tuple[Found, bool]]) -> list[Found]:
        """Take one look's differences, each with whether its books are of one moment; return those that count.

        The second look in a row counts when they are, or when nothing moved since the first; else the fifth.
        """
        counted, looks = [], {}
        for one, is_of_one_moment in found:
            key = (one.subject, one.field)
            earlier, before = self._looks.get(key, (None, 0))
            looks[key] = (one, before + 1)
            if (before and (is_of_one_moment or one == earlier)) or before + 1 >= LOOKS:
                counted.append(one)
        self._looks = looks
        return counted


def balance_differences(used: Sequence[Holding], other: Sequence[Holding]) -> tuple[Found, ...]:
    """Return every asset told differently, to the last digit; an asset that is not told is zero."""
    ours, theirs = _held(used), _held(other)
    nothing = (Decimal(0), Decimal(0))
    return tuple(
        Found(asset, "free, locked", _told(ours.get(asset, nothing)), _told(theirs.get(asset, nothing)))
        for asset in sorted(ours.keys() | theirs.keys())
        if ours.get(asset) != theirs.get(asset)
    )


def _held(rows: Sequence[Holding]) -> Mapping[str, tuple[Decimal, Decimal]]:
    return {row.asset: (row.free, row.locked) for row in rows if row.free or row.locked}


def _told(amounts: tuple[Decimal, Decimal]) -> str:
    return ", ".join(f"{amount:f}" for amount in amounts)


def order_differences(exchange_order_id: str, used: OrderReport, other: OrderReport) -> tuple[Found, ...]:
    """Return what is told differently of one order: what it executed, what it paid, whether it ended."""
    pairs = (
        ("executed_qty", used.executed_qty, other.executed_qty),
        ("executed_funds", used.executed_funds, other.executed_funds),
        ("paid_fee", used.paid_fee, other.paid_fee),
        ("has_ended", used.on in ENDS, other.on in ENDS),
    )
    return tuple(
        Found(exchange_order_id, field, str(ours), str(theirs))
        for field, ours, theirs in pairs
        if ours is not None and theirs is not None and ours != theirs
    )


def open_order_differences(
    used: Sequence[OpenOrder], other: Sequence[OpenOrder], markets: Sequence[str]
) -> tuple[Found, ...]:
    """Return every resting order of `markets` that only one side lists."""
    ours, theirs = ({row.exchange_order_id for row in rows if row.market in markets} for rows in (used, other))
    told = {True: "resting", False: "not listed"}
    return tuple(Found(one, "open", told[one in ours], told[one in theirs]) for one in sorted(ours ^ theirs))
