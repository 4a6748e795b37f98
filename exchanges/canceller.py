"""The door to cancels, and to nothing else: list what rests on an exchange, take it away.

Whoever must stop a desk but may never trade gets this one. No order call can be reached from here; an import
contract keeps it so.
"""

from arbitrage.domain.errors import NotSent, ReadFailed
from arbitrage.domain.order import OrderReport, RefusalReason
from arbitrage.domain.ports import Answer, OpenOrder, Refused
from arbitrage.domain.units import Exchange
from arbitrage.domain.wire import SHIPPED_WIRE, ExchangeWire
from exchanges import registry
from exchanges.facts import Facts
from exchanges.fields import Fields
from exchanges.ratelimit import Lane, Limiter
from exchanges.reads import Reads
from exchanges.transport import AsyncTransport, Clock, HttpAnswer, Outcome, Request, Use, redacted
from exchanges.verdict import command_answer, read_body
from exchanges.words import MAX_PAGES, PAGE, WIRE_ID, Signer, page_query
from karb_project.env import Env

TIMEOUT_NS = 2_000_000_000
"""Shorter than for orders: an answer that does not come is asked for by listing again."""


class Canceller:
    """Lists and cancels the resting orders of one account."""

    def __init__(self, facts: Facts, signer: Signer, transport: AsyncTransport, clock: Clock, limiter: Limiter) -> None:
        self.exchange: Exchange = facts.exchange
        self._facts = facts
        self._signer = signer
        self._transport = transport
        self._clock = clock
        self._limiter = limiter
        self.use_wire(SHIPPED_WIRE)

    def use_wire(self, wire: ExchangeWire) -> None:
        """Read answers by the field maps of `wire` from now on. ConfigError when they cannot be used."""
        self._reads = Reads(Fields(self.exchange, wire.fields))

    async def open(self) -> None:
        """Open the connections ahead of time."""
        await self._transport.open()

    async def close(self) -> None:
        """Close all connections."""
        await self._transport.close()

    async def open_orders(self) -> tuple[OpenOrder, ...]:
        """Return all resting orders of the account. ReadFailed, NotSent, AuthRefused."""
        found: dict[str, OpenOrder] = {}
        for page in range(1, MAX_PAGES + 1):
            rows = await self._page(page)
            found.update({row.exchange_order_id: row for row in rows})
            if len(rows) < PAGE:
                return tuple(found.values())
        raise ReadFailed(f"open orders fill more than {MAX_PAGES} pages")

    async def _page(self, page: int) -> tuple[OpenOrder, ...]:
        # In the lane of cancels: what cannot be listed cannot be cancelled.
        outcome = await self._send("GET", self._facts.paths.open_orders, page_query(page), self._facts.groups.private)
        if outcome is None:
            raise NotSent("own request budget is spent")
        body = read_body(outcome, self._facts, self._reads.errors)
        try:
            return self._reads.open_orders(body)
        except ValueError as problem:
            raise ReadFailed(redacted(f"open_orders: {problem}")) from None

    async def cancel(self, order: OpenOrder) -> Answer:
        """Ask for the cancel of one order. Accepted is an acknowledgement; whether it is gone, the list says."""
        if not WIRE_ID.fullmatch(order.exchange_order_id):
            return Refused(RefusalReason.INVALID_REQUEST, f"exchange_order_id was {order.exchange_order_id!r}")
        query = f"{self._facts.ids.exchange_cancel}={order.exchange_order_id}"
        outcome = await self._send("DELETE", self._facts.paths.cancel, query, self._facts.groups.cancel)
        if outcome is None:
            return Refused(RefusalReason.RATE_LIMITED, "own request budget is spent")

        def read(body: bytes) -> OrderReport:
            return self._reads.accepted(body, order.client_order_id)

        return command_answer(outcome, self._facts, read, self._reads.errors)

    async def _send(self, method: str, path: str, query: str, group: str) -> Outcome | None:
        if not self._limiter.take((group,), Lane.CANCEL, self._clock.mono_ns()):
            return None
        outcome = await self._transport.send(
            lambda: Request(method, path, query, b"", self._signer.token(query, self._clock.wall_ns() // 1_000_000)),
            use=Use.ORDERS,
            timeout_ns=TIMEOUT_NS,
        )
        if isinstance(outcome, HttpAnswer):
            now = self._clock.mono_ns()
            self._limiter.heed(group, outcome.status, outcome.headers, self._facts.remaining_in, now)
        return outcome


def canceller(exchange: Exchange, env: Env, clock: Clock) -> Canceller:
    """Return what cancels on `exchange`. ConfigError when its keys are missing or unsafe."""
    return Canceller(
        registry.facts(exchange),
        registry.signer(exchange, env),
        AsyncTransport(registry.addresses(exchange, env)[0], clock, order_connections=1, read_connections=0),
        clock,
        registry.limiter(exchange, env, clock),
    )
