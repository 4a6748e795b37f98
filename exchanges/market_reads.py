"""Public reads: books, the market list with its warnings, price steps, notices (upbit.md §1.2, bithumb.md §3.3)."""

from collections.abc import Sequence

from arbitrage.domain.errors import ReadFailed
from arbitrage.domain.frame_spec import DecodedBook
from arbitrage.domain.units import Price
from exchanges.list_shapes import WireInstrument, WireMarketWarning, WireNotice
from exchanges.reader_core import ReaderCore, check_market
from exchanges.reads import read_books, units
from exchanges.records import MarketListing, MarketWarning, Notice, NotOffered, TickTold
from exchanges.shapes import WireMarket, is_warned

MOST_NOTICES = 20


class MarketReads(ReaderCore):
    """What anyone may ask."""

    def book(self, market: str) -> DecodedBook:
        """Return the book of one market."""
        check_market(market)
        body = self._public(self._facts.paths.orderbook, f"markets={market}", self._facts.groups.orderbook)
        found = self._readable(f"book of {market}", body, lambda data: read_books(self._decoder, data))
        for book in found:
            if book.market == market:
                return book
        raise ReadFailed(f"the answer has no book of {market}")

    def market_list(self) -> tuple[MarketListing, ...]:
        """Return every market listed, with the exchange's warnings."""
        query = f"{self._facts.market_details_key}=true"
        body = self._public(self._facts.paths.market_list, query, self._facts.groups.markets)
        rows = self._readable("market list", body, lambda data: self._reads.many(WireMarket, data))
        return tuple(MarketListing(row.market, is_warned(row), _flags(row)) for row in rows)

    def ticks(self, markets: Sequence[str]) -> tuple[TickTold, ...] | NotOffered:
        """Return the price step the exchange names for each market (Upbit only, upbit.md §1.2)."""
        if not self._facts.paths.instruments:
            return NotOffered("price steps")
        for market in markets:
            check_market(market)
        body = self._public(self._facts.paths.instruments, f"markets={','.join(markets)}", self._facts.groups.orderbook)
        rows = self._readable("instruments", body, self._ticks)
        return tuple(row for row in rows if row.market in markets)

    def _ticks(self, data: bytes) -> list[TickTold]:
        return [TickTold(row.market, Price(units(row.tick, "tick"))) for row in self._reads.many(WireInstrument, data)]

    def market_warnings(self) -> tuple[MarketWarning, ...] | NotOffered:
        """Return every warning in force (Bithumb only, bithumb.md §3.3; Upbit's stand in its market list)."""
        if not self._facts.paths.market_warnings:
            return NotOffered("market warnings")
        body = self._public(self._facts.paths.market_warnings, "", self._facts.groups.markets)
        rows = self._readable("market warnings", body, lambda data: self._reads.many(WireMarketWarning, data))
        return tuple(MarketWarning(row.market, row.kind, row.step or "", row.ends or "") for row in rows)

    def notices(self, count: int = MOST_NOTICES) -> tuple[Notice, ...] | NotOffered:
        """Return the newest notices, at most 20 (Bithumb only, bithumb.md §3.3; Upbit streams them, upbit.md §3.8)."""
        if not self._facts.paths.notices:
            return NotOffered("notices")
        query = f"count={min(max(count, 1), MOST_NOTICES)}"
        body = self._public(self._facts.paths.notices, query, self._facts.groups.markets)
        rows = self._readable("notices", body, lambda data: self._reads.many(WireNotice, data))
        return tuple(Notice(row.title, tuple(row.categories or ()), row.url or "", row.listed_at or "") for row in rows)


def _flags(row: WireMarket) -> tuple[str, ...]:
    """Return why the exchange warns, in its own words: 유의 and the cautions, or the one warning there is."""
    found = []
    if row.event is not None:
        found += ["WARNING"] if row.event.is_warned else []
        found += [name for name, is_set in (row.event.cautions or {}).items() if is_set is True]
    if row.warning not in (None, "NONE"):
        found.append(str(row.warning))
    return tuple(found)
