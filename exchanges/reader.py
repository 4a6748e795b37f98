"""Reads for jobs and commands, over `requests`. There is no order call in here, and no gateway behind it."""

import hashlib

import msgspec

from arbitrage.domain.errors import KArbError, NotSent, ReadFailed
from arbitrage.domain.events import Holding
from arbitrage.domain.frame_spec import DecodedBook, FrameDecoder
from arbitrage.domain.params import is_market
from arbitrage.domain.ports import Lookup, MarketRules, OpenOrder, Unknown
from arbitrage.domain.units import Exchange, Ns
from arbitrage.domain.wire import ExchangeWire
from exchanges.facts import Facts
from exchanges.fields import Fields
from exchanges.ratelimit import Lane, Limiter
from exchanges.reads import Reads, iso_ns, read_books
from exchanges.shapes import WireKey, WireMarket, is_warned
from exchanges.transport import Clock, HttpAnswer, Lost, Outcome, Request, SyncTransport
from exchanges.verdict import lookup_answer, read_body
from exchanges.words import CLIENT_ORDER_ID, MAX_PAGES, PAGE, Signer, page_query


class MarketListing(msgspec.Struct, frozen=True):
    """One market the exchange lists, and whether it warns of it."""

    market: str
    is_warned: bool


class KeyInfo(msgspec.Struct, frozen=True):
    """One API key of the account: never the key, only a fingerprint of it, and when it ends."""

    fingerprint: str
    expires_wall_ns: Ns


def fingerprint(access_key: str) -> str:
    """Return the first 16 hex digits of the key's SHA-256."""
    return hashlib.sha256(access_key.encode()).hexdigest()[:16]


class SyncReader:
    """Public and private reads of one exchange. Raises ReadFailed, NotSent or AuthRefused."""

    def __init__(
        self, facts: Facts, signer: Signer, rest_url: str, clock: Clock, limiter: Limiter | None = None
    ) -> None:
        self.exchange: Exchange = facts.exchange
        self._facts = facts
        self._signer = signer
        self._transport = SyncTransport(rest_url, clock)
        self._clock = clock
        self._decoder = FrameDecoder(facts.rest_spec)
        self._limiter = limiter or Limiter(facts.limits, clock.mono_ns())
        self._reads = Reads(Fields(facts.exchange))

    def use_wire(self, wire: ExchangeWire) -> None:
        """Read every answer from now on by the field maps and book layouts of `wire`. ConfigError as for a gateway."""
        self._reads = Reads(Fields(self.exchange, wire.fields))
        self._decoder = FrameDecoder(wire.spec(self._facts.rest_spec))

    def close(self) -> None:
        """Close the session."""
        self._transport.close()

    def book(self, market: str) -> DecodedBook:
        """Return the book of one market."""
        _check(market)
        body = self._public(self._facts.paths.orderbook, f"markets={market}", self._facts.groups.orderbook)
        try:
            found = read_books(self._decoder, body)
        except ValueError as problem:
            raise ReadFailed(f"book of {market}: {problem}") from None
        for book in found:
            if book.market == market:
                return book
        raise ReadFailed(f"the answer has no book of {market}")

    def market_list(self) -> tuple[MarketListing, ...]:
        """Return every market listed."""
        query = f"{self._facts.market_details_key}=true"
        body = self._public(self._facts.paths.market_list, query, self._facts.groups.markets)
        try:
            return tuple(MarketListing(row.market, is_warned(row)) for row in self._reads.many(WireMarket, body))
        except ValueError as problem:
            raise ReadFailed(f"market list: {problem}") from None

    def balances(self) -> tuple[Holding, ...]:
        """Return every holding."""
        body = self._private(self._facts.paths.accounts, "")
        try:
            return self._reads.balances(body)
        except ValueError as problem:
            raise ReadFailed(f"balances: {problem}") from None

    def order(self, client_order_id: str) -> Lookup:
        """Return what the exchange says of one order, asked for by our own id."""
        if not CLIENT_ORDER_ID.fullmatch(client_order_id):
            return Unknown(f"not asked: client_order_id was {client_order_id!r}")
        query = f"{self._facts.ids.client_query}={client_order_id}"
        try:
            outcome: Outcome = self._ask(self._facts.paths.order, query)
        except KArbError as error:
            outcome = Lost(str(error))
        return lookup_answer(
            outcome, self._facts, lambda body: self._reads.order(body, client_order_id), self._reads.errors
        )

    def open_orders(self) -> tuple[OpenOrder, ...]:
        """Return all resting orders; an id on two pages counts once."""
        found: dict[str, OpenOrder] = {}
        for page in range(1, MAX_PAGES + 1):
            body = self._private(self._facts.paths.open_orders, page_query(page))
            try:
                rows = self._reads.open_orders(body)
            except ValueError as problem:
                raise ReadFailed(f"open orders: {problem}") from None
            found.update({row.exchange_order_id: row for row in rows})
            if len(rows) < PAGE:
                return tuple(found.values())
        raise ReadFailed(f"open orders fill more than {MAX_PAGES} pages")

    def market_rules(self, market: str) -> MarketRules:
        """Return fees and bounds of one market."""
        _check(market)
        body = self._private(self._facts.paths.chance, f"market={market}")
        try:
            return self._reads.rules(body)
        except ValueError as problem:
            raise ReadFailed(f"market rules: {problem}") from None

    def keys(self) -> tuple[KeyInfo, ...]:
        """Return the account's keys and when each ends (upbit.md §1.9, bithumb.md §3.2)."""
        body = self._private(self._facts.paths.api_keys, "")
        try:
            rows = self._reads.many(WireKey, body)
            marks = [(fingerprint(row.access_key), iso_ns(row.expires)) for row in rows]
        except ValueError:
            # The problem's text could quote a key.
            raise ReadFailed("key list is not of the documented form") from None
        return tuple(KeyInfo(mark, ends) for mark, ends in marks)

    def _public(self, path: str, query: str, group: str) -> bytes:
        self._take(group)
        return read_body(
            self._learn(group, self._transport.send(Request("GET", path, query))), self._facts, self._reads.errors
        )

    def _private(self, path: str, query: str) -> bytes:
        return read_body(self._ask(path, query), self._facts, self._reads.errors)

    def _ask(self, path: str, query: str) -> HttpAnswer:
        group = self._facts.groups.private
        self._take(group)
        token = self._signer.token(query, self._clock.wall_ns() // 1_000_000)
        return self._learn(group, self._transport.send(Request("GET", path, query, b"", token)))

    def _take(self, group: str) -> None:
        if not self._limiter.take((group,), Lane.QUERY, self._clock.mono_ns()):
            raise NotSent("own request budget is spent")

    def _learn(self, group: str, answer: HttpAnswer) -> HttpAnswer:
        self._limiter.heed(group, answer.status, answer.headers, self._facts.remaining_in, self._clock.mono_ns())
        return answer


def _check(market: str) -> None:
    if not is_market(market):
        raise ReadFailed(f"market was {market!r}, must look like KRW-BTC")
