"""Whether each market of a lively stream is alive itself (R1.2). Pure: every call is told the time.

A frame's market and time are those of the book that was read from it; where none was, they are read by
themselves. A market is heard when its frame differs from the one before: a server that repeats one frame
for ever is silent.
"""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec

from arbitrage.domain.frame_spec import (
    NS_PER,
    DecodedBook,
    FrameSpec,
    Layout,
    MarketForm,
    market_of_symbol,
    whole_number,
)

BACK_FRAMES = 3
"""Frames in a row with a time before the newest one seen: not a stray any more."""
FROZEN_NS = 5_000_000_000
FROZEN_FRAMES = 5
"""A time that stands still this long over this many different frames is a stopped clock."""
LEVELS_COMPARED = 5


class Doubt(StrEnum):
    """Why a market's stream is no longer believed."""

    TIME_BACK = "time_went_back"
    TIME_FROZEN = "time_frozen"
    BEHIND_REST = "behind_rest"


class Head(msgspec.Struct, frozen=True):
    """A frame's market and its own time."""

    market: str
    exchange_ns: int


class HeadReader:
    """Reads heads of frames of one spec."""

    def __init__(self, spec: FrameSpec) -> None:
        fields: list[Any] = [("market", str), ("time", msgspec.Raw)]
        head: Any = msgspec.defstruct("Head", fields, rename={"market": spec.market_key, "time": spec.time_key})
        self._is_nested = spec.layout is Layout.LADDERS and spec.content_key is not None
        if self._is_nested:
            head = msgspec.defstruct("Outer", [("content", head)], rename={"content": spec.content_key or ""})
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(head)
        self._form = spec.market_form
        self._ns_per = NS_PER[spec.time_unit]

    def read(self, data: bytes) -> Head | None:
        """Return the head, None when there is none to read."""
        try:
            found = self._decoder.decode(data)
            found = found.content if self._is_nested else found
            market = found.market if self._form is MarketForm.QUOTE_BASE else market_of_symbol(found.market)
            return Head(market, whole_number(found.time) * self._ns_per)
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError):
            return None


class _Market:
    __slots__ = ("back", "data", "different", "heard_ns", "since_ns", "time")

    def __init__(self, now_ns: int) -> None:
        self.data = b""
        self.time = 0
        self.heard_ns = now_ns
        self.since_ns = now_ns
        self.back = 0
        self.different = 0


class Watch:
    """All markets of one connection."""

    def __init__(self, spec: FrameSpec, markets: Iterable[str], now_ns: int) -> None:
        self.counts: Counter[str] = Counter()
        """times_back, times_frozen."""
        self._heads = HeadReader(spec)
        self._markets = {market: _Market(now_ns) for market in markets}

    def market_of(self, data: bytes) -> str | None:
        """Return which market a frame is of."""
        head = self._heads.read(data)
        return None if head is None else head.market

    def saw(self, data: bytes, now_ns: int, book: DecodedBook | None) -> tuple[str, Doubt] | None:
        """Take note of a frame; return the market and the doubt when its clock cannot be believed any more.

        `book` is what was read from it, None when nothing was.
        """
        head = self._heads.read(data) if book is None else book
        row = None if head is None else self._markets.get(head.market)
        if head is None or row is None or data == row.data:
            return None
        time = head.exchange_ns
        row.data = data
        row.heard_ns = now_ns
        if time > row.time:
            row.time, row.since_ns, row.back, row.different = time, now_ns, 0, 0
            return None
        if time < row.time:
            self.counts["times_back"] += 1
            row.back += 1
            return self._doubted(head.market, row, Doubt.TIME_BACK) if row.back >= BACK_FRAMES else None
        row.different += 1
        if row.different >= FROZEN_FRAMES and now_ns - row.since_ns >= FROZEN_NS:
            self.counts["times_frozen"] += 1
            return self._doubted(head.market, row, Doubt.TIME_FROZEN)
        return None

    def _doubted(self, market: str, row: _Market, doubt: Doubt) -> tuple[str, Doubt]:
        # The clock begins anew: told once, not at every frame.
        row.time = row.back = row.different = 0
        return market, doubt

    def quiet(self, now_ns: int, bound_ns: int) -> tuple[str, ...]:
        """Return the markets of which nothing new came for `bound_ns`."""
        return tuple(name for name, row in self._markets.items() if now_ns - row.heard_ns >= bound_ns)

    def rest(self, market: str, now_ns: int) -> None:
        """Let a market that was looked into count as heard now."""
        self._markets[market].heard_ns = now_ns

    def heard_ns(self, market: str) -> int:
        """Return when a market was heard last."""
        return self._markets[market].heard_ns

    def last(self, market: str) -> bytes:
        """Return a market's newest frame, empty when there was none."""
        return self._markets[market].data


def is_behind(streamed: DecodedBook | None, asked: DecodedBook) -> bool:
    """Return whether REST shows other prices than the stream's newest book: the best five levels of each side.

    Sizes are left out: they are rounded differently by stream and REST in places (bithumb.md §5.2).
    """
    if streamed is None:
        return bool(asked.bids or asked.asks)
    pairs = ((streamed.bids, asked.bids), (streamed.asks, asked.asks))
    return any(
        [level.price for level in ours[:LEVELS_COMPARED]] != [level.price for level in theirs[:LEVELS_COMPARED]]
        for ours, theirs in pairs
    )
