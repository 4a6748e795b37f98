"""Upbit's side of `ports.Gateway`: its words and its private stream over what both gateways share."""

from collections.abc import AsyncIterator, Callable
from functools import partial

from arbitrage.domain.drift import Drift
from arbitrage.domain.order import Order
from arbitrage.domain.ports import AnnouncementNews, PrivateNews, StreamNews
from arbitrage.domain.units import Exchange
from exchanges.credentials import Credentials
from exchanges.fields import Fields
from exchanges.private_stream import private_news
from exchanges.ratelimit import Limiter
from exchanges.records import fingerprint
from exchanges.stream import StreamTiming
from exchanges.transport import AsyncTransport, Clock, Orders
from exchanges.upbit.announcements import UpbitAnnouncements
from exchanges.upbit.auth import DEFAULT_ALGORITHM, UpbitSigner
from exchanges.upbit.codec import NewsReader, order_body
from exchanges.upbit.many import UpbitOrders
from exchanges.upbit.profile import DEFAULT_SMP, FACTS, Smp
from exchanges.words import private_subscription


class UpbitGateway(UpbitOrders):
    """`ports.Gateway` for Upbit."""

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
        algorithm: str = DEFAULT_ALGORITHM,
        smp: Smp = DEFAULT_SMP,
        private_format: str = "DEFAULT",
        orders: Orders = Orders.LEAVE,
    ) -> None:
        """`last_check` is asked right before an order's bytes go to the socket: a reason stops it."""
        signer = UpbitSigner(credentials.access_key, credentials.secret_key, algorithm)
        body = partial(order_body, smp=smp)
        self._announcements = UpbitAnnouncements(signer, stream_url, clock, timing)
        transport = AsyncTransport(rest_url, clock, orders=orders)
        super().__init__(FACTS, body, signer, transport, clock, last_check, limiter)
        self.key_mark = fingerprint(credentials.access_key)
        self._announcements.drift = self.drift
        self._smp = smp
        self._private_format = private_format
        self._stream_url = stream_url + FACTS.paths.private_stream
        self._timing = timing or StreamTiming(ping_every_ns=FACTS.ping_every_ns)

    def _use_fields(self, fields: Fields) -> None:
        super()._use_fields(fields)
        self._news_reader = NewsReader(fields, self._note_news)
        self._announcements.use_fields(fields)

    def _note_news(self, finding: str, data: bytes) -> None:
        self.drift.note("private_news", finding, data, self._clock.wall_ns(), kind=Drift.GAP)

    def private_news(self) -> AsyncIterator[PrivateNews]:
        """Yield own orders and balances until closed; reconnects by itself."""
        return private_news(
            url=self._stream_url,
            token=lambda: self._token(""),
            subscription=lambda ticket: private_subscription(ticket, self._private_format),
            read=lambda data: self._news_reader.read(data),
            clock=self._clock,
            drift=self.drift,
            timing=self._timing,
        )

    def announcements(self) -> AsyncIterator[AnnouncementNews | StreamNews]:
        """Yield announcements over a connection of their own until closed; reconnects by itself (upbit.md §3.8).

        They are a hint of maintenance and wallet stops, and never in the way of orders.
        """
        return self._announcements.news()
