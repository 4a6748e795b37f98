"""Public order books of one exchange: the stream, and REST polling once a second while it is down (R1.2)."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from uuid import uuid4

from arbitrage.domain.errors import ExchangeError, NotSent, ReadFailed
from arbitrage.domain.frame_spec import DecodedBook, FrameDecoder, FrameSpec
from arbitrage.domain.ports import Frame, StreamState
from arbitrage.domain.units import Exchange, Ns
from exchanges.drift import DriftLog
from exchanges.facts import Facts
from exchanges.ratelimit import Lane, Limiter
from exchanges.reads import read_books
from exchanges.stream import Ready, Stream, StreamTiming
from exchanges.transport import AsyncTransport, Clock, HttpAnswer, Request, Socket, Use
from exchanges.verdict import read_body

POLL_EVERY_S = 1.0
POLL_TIMEOUT_NS = 2_000_000_000


class BookFeed:
    """`ports.Feed`; an exchange's own feed adds its subscription."""

    def __init__(
        self,
        facts: Facts,
        subscription: Callable[[str, tuple[str, ...]], str],
        transport: AsyncTransport,
        stream_url: str,
        clock: Clock,
        timing: StreamTiming | None,
        limiter: Limiter | None = None,
    ) -> None:
        """`limiter` is the one all processes of this machine share; without it the feed counts for itself."""
        self.exchange: Exchange = facts.exchange
        self.spec: FrameSpec = facts.stream_spec
        self.drift = DriftLog()
        self._facts = facts
        self._transport = transport
        self._clock = clock
        self._decoder = FrameDecoder(facts.rest_spec)
        self._limiter = limiter or Limiter(facts.limits, clock.mono_ns())
        self._markets: tuple[str, ...] = ()
        self._state = StreamState.DOWN
        self._stream = Stream(
            lambda: Socket.open(stream_url),
            lambda: subscription(uuid4().hex, self._markets),
            clock,
            timing or StreamTiming(ping_every_ns=facts.ping_every_ns),
            Ready.FIRST_CONTENT,
        )

    @property
    def counts(self) -> Counter[str]:
        """Return the stream's counts: connects, disconnects, status_frames, error_frames, resyncs."""
        return self._stream.counts

    async def run(
        self,
        markets: Sequence[str],
        on_frame: Callable[[Frame], None],
        on_state: Callable[[StreamState, str], None],
        on_snapshot: Callable[[DecodedBook, Ns, Ns], None],
    ) -> None:
        """Subscribe to all markets in one request and hand on each frame until cancelled.

        While the stream is not UP, REST books go to `on_snapshot` once a second, with the receive
        clocks (wall, monotonic) of their answer.
        """
        self._markets = tuple(markets)

        def state_changed(state: StreamState, cause: str) -> None:
            self._state = state
            on_state(state, cause)

        def frame_came(data: bytes, wall_ns: int, mono_ns: int) -> None:
            on_frame(Frame(data, Ns(wall_ns), Ns(mono_ns)))

        polling = asyncio.create_task(self._poll(on_snapshot))
        try:
            await self._stream.run(frame_came, state_changed)
        finally:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)
            self._state = StreamState.DOWN
            await self._transport.close()

    def request_resync(self) -> None:
        """Subscribe anew on the present connection, so that whole books follow."""
        self._stream.request_resync()

    async def snapshot(self, market: str) -> DecodedBook:
        """Return the book by REST. ReadFailed or NotSent when it cannot be had."""
        for book in await self._fetch((market,)):
            if book.market == market:
                return book
        raise ReadFailed(f"the answer has no book of {market}")

    async def _poll(self, on_snapshot: Callable[[DecodedBook, Ns, Ns], None]) -> None:
        await self._transport.open()
        while True:
            await asyncio.sleep(POLL_EVERY_S)
            if self._is_up():
                continue
            try:
                books = await self._fetch(self._markets)
            except ExchangeError:
                continue
            # The stream may have come back meanwhile: its books are newer.
            if not self._is_up():
                for book in books:
                    on_snapshot(book, Ns(self._clock.wall_ns()), Ns(self._clock.mono_ns()))

    def _is_up(self) -> bool:
        return self._state is StreamState.UP

    async def _fetch(self, markets: tuple[str, ...]) -> tuple[DecodedBook, ...]:
        # One call for all: 30 levels each on Upbit, 15 on Bithumb (upbit.md §1.2, bithumb.md §3.3).
        group = self._facts.groups.orderbook
        if not self._limiter.take((group,), Lane.QUERY, self._clock.mono_ns()):
            raise NotSent("own request budget is spent")
        request = Request("GET", self._facts.paths.orderbook, f"markets={','.join(markets)}")
        outcome = await self._transport.send(lambda: request, use=Use.READS, timeout_ns=POLL_TIMEOUT_NS)
        if isinstance(outcome, HttpAnswer):
            self._limiter.heed(group, outcome.status, outcome.headers, self._facts.remaining_in, self._clock.mono_ns())
        body = read_body(outcome, self._facts)
        try:
            return read_books(self._decoder, body)
        except ValueError as problem:
            self.drift.note("snapshot", str(problem), body, self._clock.wall_ns())
            raise ReadFailed(f"snapshot: {problem}") from None
