"""Books of Bithumb's legacy generation: REST books, and diffs folded on one (bithumb.md §1.3, §2.1). Pure."""

from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar

import msgspec

from arbitrage.domain.book import MAX_LEVELS, Level
from arbitrage.domain.errors import FrameInvalid
from arbitrage.domain.frame_spec import DecodedBook, Pair, best_first, market_of_symbol
from arbitrage.domain.units import INT64_MAX, Ns, Price, Qty, Side, units_exact, units_floor
from exchanges.bithumb.legacy_codec import LegacyReads, number
from exchanges.bithumb.legacy_profile import SUCCESS
from exchanges.fields import Fields, Shape

MOST_KEPT = 2_000
"""Levels of one side before the ones far from the market are forgotten."""
_KEPT = 500
MOST_RECENT = 2_000
"""Diffs kept to be folded on the next REST book; they come at some dozens a second, the book within seconds."""
_MS_NS = 1_000_000
_US_NS = 1_000


class _Row(Shape):
    object_name: ClassVar[str] = "legacy_book_level"
    price: msgspec.Raw
    qty: msgspec.Raw


class _Book(Shape):
    object_name: ClassVar[str] = "legacy_book"
    at_ms: msgspec.Raw
    base: str
    quote: str
    bids: list[_Row]
    asks: list[_Row]


class _Change(Shape):
    object_name: ClassVar[str] = "legacy_depth_change"
    symbol: str
    side: str
    price: Decimal
    qty: Decimal


class _Changes(Shape):
    object_name: ClassVar[str] = "legacy_depth_content"
    changes: list[_Change]
    at_us: int | str


class _Depth(Shape):
    object_name: ClassVar[str] = "legacy_depth"
    kind: str
    content: _Changes


class Change(msgspec.Struct, frozen=True, gc=False):
    """The new size at one price; 0 = the level is gone (bithumb.md §2.1)."""

    side: Side
    price: Price
    qty: Qty


class Depth(msgspec.Struct, frozen=True):
    """What one frame says of one market."""

    market: str
    exchange_ns: Ns
    changes: tuple[Change, ...]


def read_book(reads: LegacyReads, data: bytes) -> DecodedBook:
    """Return a REST book; its time is in ms (bithumb.md §1.3). ValueError when it is none."""
    answer = reads.envelope(data)
    if answer.status != SUCCESS:
        raise ValueError(f"{answer.status} {answer.message[:100]}")
    book = reads.fields.one(_Book, answer.data)
    at = number(book.at_ms, "at_ms")
    if at != int(at) or not 10**12 <= at < 10**13:
        raise ValueError(f"at_ms was {at}, must be milliseconds since 1970")
    try:
        bids, asks = best_first(_pairs(book.bids), _pairs(book.asks))
    except (ArithmeticError, msgspec.MsgspecError) as error:
        raise ValueError(str(error)) from None
    return DecodedBook(f"{book.quote}-{book.base}", Ns(int(at) * _MS_NS), bids, asks)


def _pairs(rows: list[_Row]) -> list[Pair]:
    return [(_whole(row.price), _whole(row.qty)) for row in rows]


def _whole(raw: msgspec.Raw) -> msgspec.Raw:
    # Thousands separators (bithumb.md §1.1).
    return msgspec.Raw(bytes(raw).replace(b",", b""))


def read_depth(fields: Fields, data: bytes) -> tuple[Depth, ...]:
    """Return what an `orderbookdepth` frame changes, one entry per market. FrameInvalid when it is no such frame."""
    try:
        frame = fields.one(_Depth, data)
        if frame.kind != "orderbookdepth":
            raise ValueError(f"type was {frame.kind!r}, must be 'orderbookdepth'")
        at = int(frame.content.at_us) * _US_NS
        if not 0 < at <= INT64_MAX:
            raise ValueError(f"time was {frame.content.at_us}, must be a positive int64 in ns")
        found: dict[str, list[Change]] = {}
        for row in frame.content.changes:
            found.setdefault(row.symbol, []).append(_change(row))
        return tuple(Depth(market_of_symbol(symbol), Ns(at), tuple(changes)) for symbol, changes in found.items())
    except (ValueError, ArithmeticError) as error:
        raise FrameInvalid(f"bithumb.legacy.orderbookdepth: {error}: {data[:160]!r}") from None


def _change(row: _Change) -> Change:
    price, qty = units_exact(row.price), units_floor(row.qty)
    if price <= 0 or qty < 0:
        raise ValueError(f"level {row.price} x {row.qty} is not positive")
    return Change(Side(row.side), Price(price), Qty(min(qty, INT64_MAX)))


class FoldedBook:
    """One market's book: a REST book and every diff since. There is no sequence number, so a lost diff goes
    unseen until the book crosses or starts from REST again (bithumb.md §2.1)."""

    def __init__(self) -> None:
        self._sides: dict[Side, dict[int, int]] = {Side.BID: {}, Side.ASK: {}}
        self._recent: deque[Depth] = deque(maxlen=MOST_RECENT)
        self._base_ns = 0
        self._at_ns = 0
        self.is_whole = False

    def restart(self) -> None:
        """Forget the book; diffs wait for the next REST book."""
        self._recent.clear()
        self._at_ns = 0
        self.is_whole = False

    def begin(self, book: DecodedBook) -> bool:
        """Start from a REST book, folding what came since; return whether the best prices were other ones before.

        Diffs of the book's own ms are folded too: sizes are absolute, so twice is once.
        """
        before = self._best() if self.is_whole else None
        self._sides = {
            Side.BID: {level.price: level.qty for level in book.bids},
            Side.ASK: {level.price: level.qty for level in book.asks},
        }
        self._base_ns = book.exchange_ns
        self.is_whole = True
        for depth in self._recent:
            self._apply(depth)
        return before is not None and before != self._best()

    def fold(self, depth: Depth) -> bool:
        """Fold one frame's changes. False when it is older than one before it: the book must start anew."""
        if depth.exchange_ns < self._at_ns:
            return False
        self._at_ns = depth.exchange_ns
        self._recent.append(depth)
        if self.is_whole:
            self._apply(depth)
        return True

    def _apply(self, depth: Depth) -> None:
        # What is older than the REST book is in it.
        if depth.exchange_ns < self._base_ns:
            return
        for change in depth.changes:
            side = self._sides[change.side]
            if change.qty:
                side[change.price] = change.qty
            else:
                side.pop(change.price, None)

    def _best(self) -> tuple[int, int]:
        return max(self._sides[Side.BID], default=0), min(self._sides[Side.ASK], default=0)

    def book(self, market: str) -> DecodedBook:
        """Return the best 30 levels a side."""
        return DecodedBook(market, Ns(max(self._at_ns, self._base_ns)), self._ladder(Side.BID), self._ladder(Side.ASK))

    def _ladder(self, side: Side) -> tuple[Level, ...]:
        levels = self._sides[side]
        prices: Sequence[int] = sorted(levels, reverse=side is Side.BID)
        if len(prices) > MOST_KEPT:
            for price in prices[_KEPT:]:
                del levels[price]
        return tuple(Level(Price(price), Qty(levels[price])) for price in prices[:MAX_LEVELS])
