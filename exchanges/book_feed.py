"""Public order books of one exchange: the stream, and REST where the stream is down, silent or doubted (R1.2)."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any
from uuid import uuid4

from arbitrage.domain.errors import ExchangeError, FrameInvalid, ReadFailed
from arbitrage.domain.frame_spec import DecodedBook, FrameDecoder, FrameSpec
from arbitrage.domain.ports import Frame, StreamState
from arbitrage.domain.units import Exchange, Ns
from arbitrage.domain.wire import ExchangeWire
from exchanges.drift import DriftLog
from exchanges.freshness import Doubt, Watch, is_behind
from exchanges.rest_books import RestBooks
from exchanges.stream import Ready, Stream, StreamTiming
from exchanges.transport import Clock, Socket

POLL_EVERY_S = 1.0
SECOND_LOOK_S = 1.0
"""A silent market whose book differs is looked at once more after this: the frame may be on its way."""


class BookFeed:
    """`ports.Feed` over one stream and one source of REST books; an exchange's own feed adds its words."""

    def __init__(
        self,
        exchange: Exchange,
        spec: FrameSpec,
        rest: RestBooks,
        subscription: Callable[[str, tuple[str, ...]], str],
        stream_url: str,
        clock: Clock,
        timing: StreamTiming,
    ) -> None:
        """`subscription` makes the whole request from a ticket and the markets."""
        self.exchange = exchange
        self.spec = spec
        self.drift = rest.drift
        self._shipped = spec
        self._rest = rest
        self._clock = clock
        self._timing = timing
        self._markets: tuple[str, ...] = ()
        self._state = StreamState.DOWN
        self._behind: set[str] = set()
        self._watch = Watch(spec, (), 0)
        self._on_frame: Callable[[Frame], DecodedBook | None] = _ignore
        self._on_snapshot: Callable[[DecodedBook, Ns, Ns], None] = _ignore
        self._on_dead: Callable[[str, str], None] = _ignore
        self._stream = Stream(
            lambda: Socket.open(stream_url),
            lambda: subscription(uuid4().hex, self._markets),
            clock,
            timing,
            Ready.FIRST_CONTENT,
        )

    @property
    def counts(self) -> Counter[str]:
        """Return what was counted: the stream's counts, polls, second looks, markets found dead, clocks doubted."""
        counts = self._stream.counts
        counts["disconnects_last_hour"] = self._stream.disconnects_last_hour()
        return counts

    def use_wire(self, wire: ExchangeWire) -> None:
        """Read frames and REST books as `wire` says, from the next one on."""
        self.spec = wire.spec(self._shipped)
        self._rest.use_wire(wire)
        self._watch_anew()

    def use_drift(self, drift: DriftLog) -> None:
        """Keep what cannot be read in this log from now on."""
        self.drift = self._rest.drift = drift

    async def run(
        self,
        markets: Sequence[str],
        on_frame: Callable[[Frame], DecodedBook | None],
        on_state: Callable[[StreamState, str], None],
        on_snapshot: Callable[[DecodedBook, Ns, Ns], None],
        on_dead: Callable[[str, str], None] | None = None,
    ) -> None:
        """Subscribe to all markets in one request and hand on each frame until cancelled; see `ports.Feed`.

        While the stream is not UP, REST books go to `on_snapshot` once a second, with the receive
        clocks (wall, monotonic) of their answer; so do those of a market that is dead on a lively stream.
        """
        self._markets = tuple(markets)
        self._on_frame, self._on_snapshot, self._on_dead = on_frame, on_snapshot, on_dead or _ignore

        def state_changed(state: StreamState, cause: str) -> None:
            self._state = state
            self._behind.clear()
            self._watch_anew()
            self._state_changed(state)
            on_state(state, cause)

        works = (self._stream.run(self._frame_came, state_changed), *self._errands())
        parts = [asyncio.create_task(work) for work in works]
        try:
            # None of them ends by itself. Only a bug does that, and a feed that no longer looks must not seem well.
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
            self._state = StreamState.DOWN
            await self.close()

    async def close(self) -> None:
        """Close the REST connections; `run` does so at its end."""
        await self._rest.close()

    def request_resync(self) -> None:
        """Subscribe anew on the present connection, so that whole books follow."""
        self._stream.request_resync()

    async def snapshot(self, market: str) -> DecodedBook:
        """Return the book by REST. ReadFailed or NotSent when it cannot be had."""
        for book in await self._rest.fetch((market,)):
            if book.market == market:
                return book
        raise ReadFailed(f"the answer has no book of {market}")

    # What a feed of another kind of stream does otherwise

    def _errands(self) -> tuple[Coroutine[Any, Any, None], ...]:
        return (self._poll(), self._cross_check())

    def _state_changed(self, state: StreamState) -> None:
        """Take note before the owner is told."""

    def _frame_came(self, data: bytes, wall_ns: int, mono_ns: int) -> None:
        if self._behind:
            self._alive_again(data)
        book = self._on_frame(Frame(data, wall_ns, mono_ns))  # type: ignore[arg-type]
        doubt = self._watch.saw(data, mono_ns, book)
        if doubt is not None:
            self._dead(*doubt)

    # The stream is down, or one market of it is dead

    async def _poll(self) -> None:
        await self._rest.open()
        while True:
            await asyncio.sleep(POLL_EVERY_S)
            wanted = tuple(self._behind) if self._is_up() else self._markets
            if not wanted:
                continue
            try:
                books = await self._rest.fetch(wanted)
            except ExchangeError:
                continue
            # The stream may have come back meanwhile: its books are newer.
            for book in books:
                if not self._is_up() or book.market in self._behind:
                    self.counts["polls"] += 1
                    self._on_snapshot(book, Ns(self._clock.wall_ns()), Ns(self._clock.mono_ns()))

    async def _cross_check(self) -> None:
        """Look at silent markets by REST: most are merely quiet, one that moved there is dead here."""
        timing = self._timing
        while True:
            await asyncio.sleep(timing.market_look_ns / 1e9)
            quiet = set(self._watch.quiet(self._clock.mono_ns(), timing.market_silence_ns)) - self._behind
            if not quiet or not self._is_up():
                continue
            since = {market: self._watch.heard_ns(market) for market in quiet}
            suspects = await self._moved(quiet)
            if suspects:
                await asyncio.sleep(SECOND_LOOK_S)
                self.counts["second_looks"] += 1
                suspects = await self._moved({one for one in suspects if self._watch.heard_ns(one) == since[one]})
            for market in quiet:
                if self._watch.heard_ns(market) != since[market] or not self._is_up():
                    continue
                self._watch.rest(market, self._clock.mono_ns())
                if market in suspects:
                    self._dead(market, Doubt.BEHIND_REST)

    async def _moved(self, markets: set[str]) -> set[str]:
        # Nothing is proven by a REST that does not answer.
        if not markets:
            return set()
        try:
            books = await self._rest.fetch(tuple(markets))
        except ExchangeError:
            return set()
        return {book.market for book in books if is_behind(self._streamed(book.market), book)} & markets

    def newest(self, market: str) -> DecodedBook | None:
        """Return the newest book the stream brought on this connection, None when there is none."""
        return self._streamed(market) if market in self._markets and self._is_up() else None

    def _streamed(self, market: str) -> DecodedBook | None:
        try:
            return FrameDecoder(self.spec).decode(self._watch.last(market))
        except FrameInvalid:
            return None

    def _dead(self, market: str, doubt: Doubt) -> None:
        self.counts[f"dead.{doubt}"] += 1
        if doubt is Doubt.BEHIND_REST:
            self._behind.add(market)
        self._on_dead(market, doubt)
        self.request_resync()

    def _alive_again(self, data: bytes) -> None:
        # Its polled times were of another clock: the slot begins anew.
        market = self._watch.market_of(data)
        if market in self._behind:
            self._behind.discard(market)
            self._on_dead(market, "stream_speaks_again")

    def _watch_anew(self) -> None:
        self._watch = Watch(self.spec, self._markets, self._clock.mono_ns())

    def _is_up(self) -> bool:
        return self._state is StreamState.UP


def _ignore(*_: object) -> None:
    """Nobody asked to be told."""
