"""Upbit's announcements on a connection of their own; no order call is behind this file (upbit.md §3.8)."""

from collections.abc import AsyncIterator

from arbitrage.domain.drift import Drift
from arbitrage.domain.ports import AnnouncementNews, StreamNews
from arbitrage.domain.units import Exchange
from arbitrage.domain.wire import SHIPPED_WIRE, ExchangeWire
from exchanges.drift import DriftLog
from exchanges.fields import Fields
from exchanges.private_stream import private_news
from exchanges.stream import StreamTiming
from exchanges.transport import Clock
from exchanges.upbit.codec import AnnouncementReader, announcement_subscription
from exchanges.upbit.profile import FACTS
from exchanges.words import Signer


class UpbitAnnouncements:
    """A hint of maintenance and wallet stops. What comes while the stream is away is not told again."""

    def __init__(self, signer: Signer, stream_url: str, clock: Clock, timing: StreamTiming | None = None) -> None:
        self.drift = DriftLog()
        self._signer = signer
        self._url = stream_url + FACTS.paths.private_stream
        self._clock = clock
        self._timing = timing or StreamTiming(ping_every_ns=FACTS.ping_every_ns)
        self.use_wire(SHIPPED_WIRE)

    def use_wire(self, wire: ExchangeWire) -> None:
        """Read by the field maps of `wire` from the next frame on. ConfigError when they cannot be used."""
        self.use_fields(Fields(Exchange.UPBIT, wire.fields))

    def use_fields(self, fields: Fields) -> None:
        """Read through these maps from the next frame on."""
        self._reader = AnnouncementReader(fields, self._note)

    def news(self) -> AsyncIterator[AnnouncementNews | StreamNews]:
        """Yield announcements until closed; reconnects by itself."""
        return private_news(
            url=self._url,
            token=lambda: self._signer.token("", self._clock.wall_ns() // 1_000_000),
            subscription=announcement_subscription,
            read=lambda data: self._reader.read(data),
            clock=self._clock,
            drift=self.drift,
            timing=self._timing,
        )

    def _note(self, finding: str, data: bytes) -> None:
        self.drift.note("announcement", finding, data, self._clock.wall_ns(), kind=Drift.GAP)
