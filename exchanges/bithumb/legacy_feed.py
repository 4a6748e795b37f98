"""Bithumb's legacy public stream: whole books, or diffs folded on REST books (bithumb.md §2)."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec

from arbitrage.domain.book import ladder_fault
from arbitrage.domain.errors import ExchangeError, FrameInvalid, ReadFailed
from arbitrage.domain.frame_spec import DecodedBook
from arbitrage.domain.ports import StreamState
from arbitrage.domain.units import Exchange, Ns
from arbitrage.domain.wire import SHIPPED_WIRE, ExchangeWire
from exchanges.bithumb import legacy_profile as profile
from exchanges.bithumb.legacy_books import Depth, FoldedBook, read_book, read_depth
from exchanges.bithumb.legacy_codec import LegacyReads
from exchanges.bithumb.legacy_forms import symbol_of
from exchanges.bithumb.legacy_profile import LegacySettings
from exchanges.bithumb.legacy_verdict import heeded_status, read_data
from exchanges.bithumb.profile import FACTS
from exchanges.book_feed import BookFeed
from exchanges.drift import DriftLog
from exchanges.fields import Fields
from exchanges.ratelimit import Limiter
from exchanges.rest_books import PublicGet
from exchanges.stream import StreamTiming
from exchanges.transport import AsyncTransport, Clock, HttpAnswer

TIMING = StreamTiming(ping_every_ns=0)
"""No application ping is documented; the protocol's own, every 20 s, is sent (bithumb.md §2.4)."""
ANCHOR_EVERY_S = 30.0
"""How often a folded book starts from REST again: a lost diff cannot be seen otherwise (bithumb.md §2.1)."""
_RETRY_S = 1.0


def subscription(kind: str, markets: tuple[str, ...]) -> str:
    """Return the filter for one type of frame; it is acknowledged by a status frame (bithumb.md §2)."""
    return msgspec.json.encode({"type": kind, "symbols": [symbol_of(market) for market in markets]}).decode()


class LegacyBooks:
    """`RestBooks` of the legacy generation: one call per market, 30 levels (bithumb.md §1.3)."""

    def __init__(self, transport: AsyncTransport, clock: Clock, limiter: Limiter | None = None) -> None:
        self.drift = DriftLog()
        self._transport = transport
        self._clock = clock
        self._get = PublicGet(FACTS, transport, clock, limiter, lambda told: heeded_status(told, self.reads.envelope))
        self.use_wire(SHIPPED_WIRE)

    def use_wire(self, wire: ExchangeWire) -> None:
        """Read books by the field maps of `wire`. ConfigError when they cannot be used."""
        self.reads = LegacyReads(Fields(Exchange.BITHUMB, wire.fields), LegacySettings())

    async def open(self) -> None:
        """Open connections ahead of time."""
        await self._transport.open()

    async def close(self) -> None:
        """Close them."""
        await self._transport.close()

    async def fetch(self, markets: tuple[str, ...]) -> tuple[DecodedBook, ...]:
        """Return the books of `markets`; a market that is not listed is left out."""
        found = []
        failed: ExchangeError | None = None
        for market in markets:
            try:
                found.append(await self._one(market))
            except ExchangeError as error:
                failed = error
        if failed is not None and not found:
            raise failed
        return tuple(found)

    async def _one(self, market: str) -> DecodedBook:
        outcome = await self._get.send(profile.BOOK + symbol_of(market))
        read_data(outcome, self.reads.envelope)
        body = outcome.body if isinstance(outcome, HttpAnswer) else b""
        try:
            return read_book(self.reads, body)
        except ValueError as problem:
            self.drift.note("snapshot", str(problem), body, self._clock.wall_ns())
            raise ReadFailed(f"snapshot: {problem}") from None


class LegacyFeed(BookFeed):
    """`ports.Feed` over `orderbooksnapshot`: 30 levels a side, about four times a second (bithumb.md §2.2)."""

    kind = "orderbooksnapshot"

    def __init__(
        self,
        rest_url: str,
        stream_url: str,
        clock: Clock,
        timing: StreamTiming | None = None,
        limiter: Limiter | None = None,
    ) -> None:
        """`rest_url` and `stream_url` are scheme and host; `timing` is for tests."""
        self._books = LegacyBooks(AsyncTransport(rest_url, clock, order_connections=0), clock, limiter)
        super().__init__(
            Exchange.BITHUMB,
            profile.STREAM_SPEC,
            self._books,
            lambda ticket, markets: subscription(self.kind, markets),
            stream_url + profile.STREAM,
            clock,
            timing or TIMING,
        )


class LegacyDiffFeed(LegacyFeed):
    """`ports.Feed` over `orderbookdepth`: every book is folded here and handed on whole (bithumb.md §2.1).

    A diff that is older than one before it, a frame that cannot be read, and a book that crosses: that market is
    dead until REST gave it a new start.
    """

    kind = "orderbookdepth"

    def __init__(
        self,
        rest_url: str,
        stream_url: str,
        clock: Clock,
        timing: StreamTiming | None = None,
        limiter: Limiter | None = None,
        anchor_every_s: float = ANCHOR_EVERY_S,
    ) -> None:
        """As `LegacyFeed`; `anchor_every_s` is for tests."""
        super().__init__(rest_url, stream_url, clock, timing, limiter)
        self._folded: dict[str, FoldedBook] = {}
        self._anchor_every_s = anchor_every_s
        self._broken = asyncio.Event()

    def request_resync(self) -> None:
        """Start every book from REST again."""
        super().request_resync()
        for market in self._folded:
            self._start_anew(market)

    def _errands(self) -> tuple[Coroutine[Any, Any, None], ...]:
        return (self._poll(), self._keep_anchored())

    def _streamed(self, market: str) -> DecodedBook | None:
        folded = self._folded.get(market)
        return folded.book(market) if folded is not None and folded.is_whole else None

    def _state_changed(self, state: StreamState) -> None:
        self._folded = {market: FoldedBook() for market in self._markets}
        self._broken.set()

    def _frame_came(self, data: bytes, wall_ns: int, mono_ns: int) -> None:
        try:
            changes = read_depth(self._books.reads.fields, data)
        except FrameInvalid as problem:
            # Which market lost a change is not known.
            self.counts["diffs_invalid"] += 1
            self.drift.note("orderbookdepth", str(problem), data, wall_ns)
            for market in self._folded:
                self._start_anew(market)
            return
        for depth in changes:
            if depth.market in self._folded:
                self._fold(depth, wall_ns, mono_ns)

    def _fold(self, depth: Depth, wall_ns: int, mono_ns: int) -> None:
        folded = self._folded[depth.market]
        if not folded.fold(depth):
            self.counts["diffs_out_of_order"] += 1
            self._start_anew(depth.market)
        elif folded.is_whole:
            self._hand_on(depth.market, wall_ns, mono_ns)

    def _hand_on(self, market: str, wall_ns: int, mono_ns: int) -> None:
        book = self._folded[market].book(market)
        if ladder_fault(book.bids, book.asks) == "book_crossed":
            # A level that is gone was not told to be.
            self.counts["books_crossed"] += 1
            self._start_anew(market)
            return
        self.counts["books_folded"] += 1
        self._on_snapshot(book, Ns(wall_ns), Ns(mono_ns))

    def _start_anew(self, market: str) -> None:
        if self._folded[market].is_whole:
            self._folded[market].restart()
            self._on_dead(market, "folded_book_lost")
        self._broken.set()

    async def _keep_anchored(self) -> None:
        """Give every book its start from REST, again now and then, and soon where one was lost."""
        while True:
            try:
                async with asyncio.timeout(self._anchor_every_s):
                    await self._broken.wait()
                self._broken.clear()
                wanted = tuple(market for market, folded in self._folded.items() if not folded.is_whole)
            except TimeoutError:
                wanted = tuple(self._folded)
            if not wanted or not self._is_up():
                await asyncio.sleep(_RETRY_S / 10)
                continue
            await self._anchor(wanted)
            if any(not folded.is_whole for folded in self._folded.values()):
                await asyncio.sleep(_RETRY_S)
                self._broken.set()

    async def _anchor(self, markets: tuple[str, ...]) -> None:
        try:
            books = await self._rest.fetch(markets)
        except ExchangeError:
            self.counts["anchors_missed"] += 1
            return
        for book in books:
            folded = self._folded.get(book.market)
            if folded is None or not self._is_up():
                continue
            self.counts["anchors"] += 1
            if folded.begin(book):
                self.counts["anchors_differed"] += 1
            self._hand_on(book.market, self._clock.wall_ns(), self._clock.mono_ns())


MAKERS: dict[profile.BookSource, Callable[..., LegacyFeed]] = {
    profile.BookSource.SNAPSHOTS: LegacyFeed,
    profile.BookSource.DIFFS: LegacyDiffFeed,
}
