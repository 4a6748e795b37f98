"""What an exchange announces on a stream, as alerts while it is news (R1.1); for the rest a job asks each hour.

A hint for people and never in the way of trading: whatever goes wrong here is said in the log and ends nothing.
"""

import asyncio

import msgspec

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.ports import AnnouncementNews
from arbitrage.domain.units import EXCHANGES, Exchange
from arbitrage.domain.wire import wire_from_bytes
from exchanges import registry
from exchanges.shipped import shipped
from exchanges.upbit.announcements import UpbitAnnouncements
from workers.django_room import DatabaseDown, DatabaseThread
from workers.process import Context

_MAINTENANCE = "maintenance"
"""The category of planned work (upbit.md §3.8)."""
WIRE_EVERY_S = 1.0


class Announced(msgspec.Struct, frozen=True):
    """One announcement as `services.notices` tells it. An update is news of its own: works take longer, say."""

    title: str
    categories: tuple[str, ...]
    url: str
    listed_at: str

    @property
    def is_maintenance(self) -> bool:
        """Return whether it is about planned work."""
        return _MAINTENANCE in self.categories


def announced(news: AnnouncementNews) -> Announced:
    """Return what is told of one announcement."""
    kinds = tuple(word for word in (news.category, news.event.lower()) if word)
    # What is told goes by its address: an update has one of its own.
    is_update = news.event == "UPDATED"
    url = f"{news.url or news.announcement_id}#{news.listed_at}" if is_update else news.url or news.announcement_id
    return Announced(news.title, kinds, url, news.listed_at)


class Listener:
    """Hears every exchange that streams announcements, and keeps them as alerts."""

    def __init__(self, context: Context, database: DatabaseThread) -> None:
        self._context = context
        self._database = database
        self._sources: dict[Exchange, UpbitAnnouncements] = {}
        self._wire_epoch = 0

    async def listen(self) -> None:
        """Listen until cancelled; at once done when no exchange can be heard."""
        context = self._context
        for exchange in EXCHANGES:
            try:
                source = registry.announcements(exchange, context.env, context.clock)
            except ConfigError as error:
                context.log.warning("announcements_not_heard", exchange=exchange, problems=list(error.problems))
                continue
            if source is not None:
                self._sources[exchange] = source
        if not self._sources:
            return
        parts = [asyncio.create_task(work) for work in (self._follow_wire(), *map(self._one, self._sources))]
        try:
            # None of them ends by itself: only a bug does that, and then none goes on unseen.
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)

    async def _follow_wire(self) -> None:
        # Other than a feed's or the trader's, its wire is nobody's condition for trading: no epoch is told.
        while True:
            epoch, data = self._context.control.read_wire()
            if data and epoch != self._wire_epoch:
                self._wire_epoch = epoch
                wire, _ = wire_from_bytes(data, shipped())
                if wire is not None:
                    for exchange, source in self._sources.items():
                        source.use_wire(wire.of(exchange))
            await asyncio.sleep(WIRE_EVERY_S)

    async def _one(self, exchange: Exchange) -> None:
        async for news in self._sources[exchange].news():
            if isinstance(news, AnnouncementNews):
                await self._tell(exchange, news)

    async def _tell(self, exchange: Exchange, news: AnnouncementNews) -> None:
        from arbitrage.services import notices

        context = self._context
        context.log.info("exchange_announced", exchange=exchange, category=news.category, title=news.title)
        context.counters.add("announcements")
        try:
            await self._database.run(notices.tell, exchange, announced(news))
        except DatabaseDown as error:
            context.log.error("announcement_not_kept", exchange=exchange, error=type(error).__name__)
