"""Order books asked for by REST: where feeds look while the stream is down, silent or doubted (R1.2)."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from arbitrage.domain.errors import NotSent, ReadFailed
from arbitrage.domain.frame_spec import DecodedBook, FrameDecoder
from arbitrage.domain.wire import ExchangeWire
from exchanges.drift import DriftLog
from exchanges.facts import Facts
from exchanges.ratelimit import Lane, Limiter
from exchanges.reads import read_books
from exchanges.transport import AsyncTransport, Clock, HttpAnswer, Outcome, Request, Use
from exchanges.verdict import read_body

TIMEOUT_NS = 2_000_000_000
TURN_S = 0.05
TURNS = 6
"""A book waits this often for its turn in the request budget: within 0.3 s a rate gives one, a rest does not."""


class RestBooks(Protocol):
    """Where a feed's REST books come from."""

    drift: DriftLog

    def use_wire(self, wire: ExchangeWire) -> None:
        """Read books as `wire` says from the next request on."""

    async def open(self) -> None:
        """Open connections ahead of time."""

    async def close(self) -> None:
        """Close them."""

    async def fetch(self, markets: tuple[str, ...]) -> tuple[DecodedBook, ...]:
        """Return the books of `markets`; ReadFailed or NotSent when they cannot be had."""


def http_status(answer: HttpAnswer) -> int:
    """Return the status our request budget learns from where HTTP tells it."""
    return answer.status


class PublicGet:
    """One public GET, counted against the shared budget."""

    def __init__(
        self,
        facts: Facts,
        transport: AsyncTransport,
        clock: Clock,
        limiter: Limiter | None,
        status_of: Callable[[HttpAnswer], int] = http_status,
    ) -> None:
        """`status_of` says what an answer's status is where HTTP does not."""
        self._facts = facts
        self._transport = transport
        self._clock = clock
        self._limiter = limiter or Limiter(facts.limits, clock.mono_ns())
        self._status_of = status_of

    async def send(self, path: str, query: str = "") -> Outcome:
        """Return what came of it. It waits its turn in our own budget a while; NotSent when that stays spent."""
        group = self._facts.groups.orderbook
        await self._turn(group)
        request = Request("GET", path, query)
        outcome = await self._transport.send(lambda: request, use=Use.READS, timeout_ns=TIMEOUT_NS)
        if isinstance(outcome, HttpAnswer):
            status = self._status_of(outcome)
            self._limiter.heed(group, status, outcome.headers, self._facts.remaining_in, self._clock.mono_ns())
        return outcome

    async def _turn(self, group: str) -> None:
        for _ in range(TURNS):
            if self._limiter.take((group,), Lane.QUERY, self._clock.mono_ns()):
                return
            await asyncio.sleep(TURN_S)
        raise NotSent("own request budget is spent")


class FactBooks:
    """`RestBooks` of the JWT generations: one call for all markets, 30 levels each on Upbit, 15 on Bithumb
    (upbit.md §1.2, bithumb.md §3.3)."""

    def __init__(self, facts: Facts, transport: AsyncTransport, clock: Clock, limiter: Limiter | None = None) -> None:
        self.drift = DriftLog()
        self._facts = facts
        self._transport = transport
        self._clock = clock
        self._get = PublicGet(facts, transport, clock, limiter)
        self._decoder = FrameDecoder(facts.rest_spec)

    def use_wire(self, wire: ExchangeWire) -> None:
        """Read books by the spec of `wire`."""
        self._decoder = FrameDecoder(wire.spec(self._facts.rest_spec))

    async def open(self) -> None:
        """Open connections ahead of time."""
        await self._transport.open()

    async def close(self) -> None:
        """Close them."""
        await self._transport.close()

    async def fetch(self, markets: tuple[str, ...]) -> tuple[DecodedBook, ...]:
        """Return the books of `markets`."""
        body = read_body(await self._get.send(self._facts.paths.orderbook, f"markets={','.join(markets)}"), self._facts)
        try:
            return read_books(self._decoder, body)
        except ValueError as problem:
            self.drift.note("snapshot", str(problem), body, self._clock.wall_ns())
            raise ReadFailed(f"snapshot: {problem}") from None
