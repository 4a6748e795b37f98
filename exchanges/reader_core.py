"""Asking for the jobs' reads: budget, signature, one request over `requests`. No order call leaves from here."""

import time
from collections.abc import Callable
from typing import TypeVar

from arbitrage.domain.drift import Drift
from arbitrage.domain.errors import NotSent, ReadFailed
from arbitrage.domain.frame_spec import FrameDecoder
from arbitrage.domain.params import is_market
from arbitrage.domain.units import Exchange
from arbitrage.domain.wire import ExchangeWire
from exchanges.drift import DriftLog
from exchanges.facts import Facts
from exchanges.fields import Fields
from exchanges.ratelimit import Lane, Limiter
from exchanges.reads import Reads
from exchanges.transport import Clock, HttpAnswer, Request, SyncTransport, redacted
from exchanges.verdict import read_body
from exchanges.words import Signer

T = TypeVar("T")
TURN_S = 0.05
TURNS = 40
"""A read waits for its turn in the request budget, looks this often, and gives up after two seconds."""


class ReaderCore:
    """One exchange's session. Reads raise ReadFailed, NotSent or AuthRefused."""

    def __init__(
        self, facts: Facts, signer: Signer, rest_url: str, clock: Clock, limiter: Limiter | None = None
    ) -> None:
        self.exchange: Exchange = facts.exchange
        self.drift = DriftLog()
        self._facts = facts
        self._signer = signer
        self._transport = SyncTransport(rest_url, clock)
        self._clock = clock
        self._limiter = limiter or Limiter(facts.limits, clock.mono_ns())
        self.use_wire(ExchangeWire())

    def use_wire(self, wire: ExchangeWire) -> None:
        """Read every answer from now on by the field maps and book layouts of `wire`. ConfigError as for a gateway."""
        fields, decoder = Fields(self.exchange, wire.fields), FrameDecoder(wire.spec(self._facts.rest_spec))
        self._reads, self._decoder = Reads(fields), decoder

    def close(self) -> None:
        """Close the session."""
        self._transport.close()

    def _public(self, path: str, query: str, group: str) -> bytes:
        self._take(group)
        answer = self._learn(group, self._transport.send(Request("GET", path, query)))
        return read_body(answer, self._facts, self._reads.errors)

    def _private(self, path: str, query: str = "", *, body: bytes = b"", hashed: str = "") -> bytes:
        """Return the body of a private read; one with a body is posted, and `hashed` is its text for the hash."""
        return read_body(self._ask(path, query, body=body, hashed=hashed), self._facts, self._reads.errors)

    def _ask(self, path: str, query: str = "", *, body: bytes = b"", hashed: str = "") -> HttpAnswer:
        group = self._facts.groups.private
        self._take(group)
        token = self._signer.token(hashed or query, self._clock.wall_ns() // 1_000_000)
        request = Request("POST" if body else "GET", path, query, body, token)
        return self._learn(group, self._transport.send(request))

    def _readable(self, where: str, body: bytes, read: Callable[[bytes], T]) -> T:
        try:
            return read(body)
        except ValueError as problem:
            self.drift.note(where, str(problem), body, self._clock.wall_ns())
            raise ReadFailed(redacted(f"{where}: {problem}")) from None
        finally:
            for gap in self._reads.take_gaps():
                self.drift.note(where, gap, body, self._clock.wall_ns(), kind=Drift.GAP)

    # A job has time: it waits its turn a while rather than fail for the sake of a tenth of a second.
    def _take(self, group: str) -> None:
        for _ in range(TURNS):
            if self._limiter.take((group,), Lane.QUERY, self._clock.mono_ns()):
                return
            time.sleep(TURN_S)
        raise NotSent("own request budget is spent")

    def _learn(self, group: str, answer: HttpAnswer) -> HttpAnswer:
        self._limiter.heed(group, answer.status, answer.headers, self._facts.remaining_in, self._clock.mono_ns())
        return answer


def check_market(market: str) -> None:
    """Raise ReadFailed unless `market` can stand in a query."""
    if not is_market(market):
        raise ReadFailed(f"market was {market!r}, must look like KRW-BTC")
