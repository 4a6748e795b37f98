"""Bithumb's side of `ports.Gateway`: its words and its private stream over what both gateways share."""

from collections.abc import AsyncIterator, Callable

from arbitrage.domain.drift import Drift
from arbitrage.domain.order import Order
from arbitrage.domain.ports import Lookup, PrivateNews, Unknown
from arbitrage.domain.units import Exchange
from exchanges.bithumb.auth import BithumbSigner
from exchanges.bithumb.codec import NewsReader, order_body
from exchanges.bithumb.many import BatchHash, BithumbOrders
from exchanges.bithumb.profile import FACTS
from exchanges.credentials import Credentials
from exchanges.fields import Fields
from exchanges.private_stream import private_news
from exchanges.ratelimit import Lane, Limiter
from exchanges.records import fingerprint
from exchanges.rest_gateway import ORDER_TIMEOUT_NS
from exchanges.stream import StreamTiming
from exchanges.transport import AsyncTransport, Clock, Orders, Use
from exchanges.verdict import lookup_answer
from exchanges.words import WIRE_ID, private_subscription


class BithumbGateway(BithumbOrders):
    """`ports.Gateway` for Bithumb."""

    def __init__(
        self,
        credentials: Credentials,
        rest_url: str,
        stream_url: str,
        clock: Clock,
        *,
        last_check: Callable[[Exchange, Order], str | None] | None = None,
        timing: StreamTiming | None = None,
        limiter: Limiter | None = None,
        batch_hash: BatchHash = BatchHash.INDEXED,
        orders: Orders = Orders.LEAVE,
    ) -> None:
        """`last_check` is asked right before an order's bytes go to the socket: a reason stops it."""
        signer = BithumbSigner(credentials.access_key, credentials.secret_key)
        transport = AsyncTransport(rest_url, clock, orders=orders)
        super().__init__(FACTS, order_body, signer, transport, clock, last_check, limiter)
        self.key_mark = fingerprint(credentials.access_key)
        self._batch_hash = batch_hash
        self._stream_url = stream_url + FACTS.paths.private_stream
        self._timing = timing or StreamTiming(ping_every_ns=FACTS.ping_every_ns)

    def _use_fields(self, fields: Fields) -> None:
        super()._use_fields(fields)
        self._news_reader = NewsReader(fields, self._note_news)

    def _note_news(self, finding: str, data: bytes) -> None:
        self.drift.note("private_news", finding, data, self._clock.wall_ns(), kind=Drift.GAP)

    async def by_id(self, order: Order, exchange_order_id: str) -> Lookup:
        """Return what this generation says of an order placed through the other one (bithumb.md §3.5)."""
        group = self._facts.groups.private
        if not WIRE_ID.fullmatch(exchange_order_id):
            return Unknown(f"not asked: exchange_order_id was {exchange_order_id!r}")
        if not self._limiter.take((group,), Lane.QUERY, self._clock.mono_ns()):
            return Unknown("not asked: own request budget is spent")
        query = f"uuid={exchange_order_id}"
        outcome = await self._send("GET", self._facts.paths.order, query, group, Use.READS, ORDER_TIMEOUT_NS)
        return lookup_answer(
            outcome, self._facts, lambda body: self._reads.order(body, order.client_order_id), self._reads.errors
        )

    def private_news(self) -> AsyncIterator[PrivateNews]:
        """Yield own orders and balances until closed; reconnects by itself."""
        return private_news(
            url=self._stream_url,
            token=lambda: self._token(""),
            subscription=private_subscription,
            read=lambda data: self._news_reader.read(data),
            clock=self._clock,
            drift=self.drift,
            timing=self._timing,
        )
