"""One simulated exchange: requests in, answers out, events to whoever subscribed.

No sockets, no clock, no waiting: `handle` and `connect` are told the time, and everything that
happens later is on the agenda, which the driver advances. The same object runs behind a server or in
memory on virtual time.
"""

from collections.abc import Callable
from random import Random
from typing import Any

import msgspec

from arbitrage.domain.units import Exchange, Side
from exchanges.simulator.account import Account
from exchanges.simulator.agenda import Agenda
from exchanges.simulator.announcements import Announcement, Board
from exchanges.simulator.announcing import Announcer
from exchanges.simulator.auth import AuthFault, NonceMemory
from exchanges.simulator.conversation import ABNORMAL, Conversation
from exchanges.simulator.dialect import Access, BookView, Call, Dialect, Format, Ids, News, Older, Route
from exchanges.simulator.entrance import Entrance
from exchanges.simulator.faults import Faults
from exchanges.simulator.gate import BITHUMB_GATE, CONNECT, UPBIT_GATE, Gate, GateRules
from exchanges.simulator.ladder import Ladder
from exchanges.simulator.listing import ACTIVE, Listing
from exchanges.simulator.market import Market
from exchanges.simulator.matching import Matching
from exchanges.simulator.operations import Operations
from exchanges.simulator.order_desk import OrderDesk
from exchanges.simulator.orders import Draft, SimOrder
from exchanges.simulator.publication import Publication
from exchanges.simulator.resting import joined, merged
from exchanges.simulator.rules import Rules
from exchanges.simulator.state import Sink
from exchanges.simulator.steps import Fault, OrderStep
from exchanges.simulator.stream import Session
from exchanges.simulator.tape import Print
from exchanges.simulator.trouble.answers import Answers
from exchanges.simulator.trouble.keys import TokenVoid
from exchanges.simulator.trouble.stream_acts import StreamActs
from exchanges.simulator.twap import Twaps
from exchanges.simulator.wire import Params, Request, Response, WireRefusal


class SimExchange:
    """An exchange: its dialect, its orders and accounts, its connections."""

    def __init__(
        self,
        dialect: Dialect,
        rules: Rules,
        market: Market,
        agenda: Agenda,
        sink: Sink,
        draws: Callable[[str], Random],
        ids: Ids,
        older: Older | None = None,
    ) -> None:
        self.dialect = dialect
        self.exchange = rules.exchange
        """Which exchange this is."""
        self.older = older
        """A second generation of words for the same orders, on paths of its own."""
        self.market = market
        self.faults = Faults(lambda: agenda.now, lambda purpose: draws(f"fault/{purpose}"))
        self.answers = Answers(self.faults)
        self.stream_acts = StreamActs(self.faults, agenda)
        self.publication = Publication(rules.ticks)
        self.listings: dict[str, Listing] = {}
        """Markets about which there is more to say than that they are traded; change it at any time."""
        rng = draws("matching")
        self.matching = Matching(rules, market, agenda, sink, self.faults, rng, ids.order_id, ids.trade_id)
        self.matching.on_step = self._on_step
        self.matching.on_assets = self._on_assets
        self.sessions: list[Conversation] = []
        self.repeated_headers_from_ns: int | None = None
        self.offers_deflate = True
        """permessage-deflate, if a client asks for it (upbit.md §3.3)."""
        self.counts = {"frames": 0, "requests": 0, "orders": 0, "fills": 0}
        self.twaps = Twaps(agenda, self.matching.place)
        self._agenda = agenda
        self.desk = OrderDesk(self.matching, self.faults, agenda, self.counts)
        self.operations = Operations(self.matching, market, agenda, sink)
        self.keys, self.wallets, self.cash = self.operations.keys, self.operations.wallets, self.operations.cash
        self.tariff, self.closing = self.operations.tariff, self.operations.closing
        self.entrance = Entrance(dialect, self.operations, lambda: self.rules)
        self.cash.on_assets = self._on_assets
        self.closing.cut, self.closing.book = self._cut, self._book
        self.use_gate(UPBIT_GATE if rules.exchange is Exchange.UPBIT else BITHUMB_GATE)
        self.board = Board(rules.exchange)
        self.board.on_notice = self._on_notice
        Announcer(self.board, self.closing, self.wallets)

    @property
    def rules(self) -> Rules:
        """Return the rules as they are now."""
        return self.matching.rules

    @property
    def nonces(self) -> NonceMemory:
        """Return which nonces each key has used."""
        return self.entrance.nonces

    @property
    def accounts(self) -> dict[str, Account]:
        """Return the accounts by access key."""
        return self.matching.accounts

    def set_rules(self, **changed: Any) -> None:
        """Change rules by name from now on; what was taken before keeps its own fee and self-trade word."""
        self.matching.rules = msgspec.structs.replace(self.matching.rules, **changed)

    def use_gate(self, rules: GateRules) -> None:
        """Count requests anew, by these rules."""
        self.gate = Gate(self.dialect.limits, self.dialect.stream.connect_limit, rules)

    def handle(self, request: Request, now: int) -> Response:
        """Answer one request. Everything due by `now` has happened first."""
        now = self._agenda.advance(now)
        self.counts["requests"] += 1
        return self.answers.around(request, now, self._answer)

    def _answer(self, request: Request, now: int) -> Response:
        self.desk.asking = self.answers.seen(request)
        words = self._words(request.path)
        route = self._route(request)
        if route is None:
            return words.path_unknown()
        try:
            call = self._call(request, route.access, now)
        except WireRefusal as refusal:
            self.gate.count_failed(route.group, request, now)
            return words.refused(refusal, route.access)
        market = self._market_of(call) if self.gate.counts_market(route.group) else ""
        passage = self.gate.ask(route.group, request, call.account, market, now)
        headers = self.dialect.limit_headers(passage.group, passage.limit, passage.verdict)
        if not passage.verdict.is_allowed:
            response = self.gate.answer(passage, words.over_limit())
        else:
            try:
                response = route.answer(self, call)
            except WireRefusal as refusal:
                response = words.refused(refusal, route.access)
        return msgspec.structs.replace(response, headers=response.headers + headers)

    def repeated_header(self, now: int) -> Response | None:
        """Return the answer to a request with a header sent twice; None while that is no fault (upbit.md §1.1)."""
        if self.repeated_headers_from_ns is None or now < self.repeated_headers_from_ns:
            return None
        return self.dialect.refused(WireRefusal(400, "bad_request", "a header was sent twice"), Access.PRIVATE)

    def connect(self, request: Request, now: int) -> Conversation | Response:
        """Open a WebSocket connection, or refuse it with an HTTP answer."""
        now = self._agenda.advance(now)
        self.desk.asking = self.answers.seen(request)
        refused = self.answers.handshake(request)
        if refused is not None:
            return refused
        opened = self._opened(request, now)
        if not isinstance(opened, Response):
            self.stream_acts.begin(opened, now)
            self.sessions.append(opened)
        return opened

    def _opened(self, request: Request, now: int) -> Conversation | Response:
        if self.older is not None and self.older.streams(request.path):
            passage = self.gate.ask(CONNECT, request, None, "", now)
            if not passage.verdict.is_allowed:
                return self.gate.answer(passage, self.older.over_limit())
            return self.older.open(self, self._agenda, now)
        access = self.dialect.stream.paths.get(request.path)
        gone_ns = self.dialect.stream.retired.get(request.path)
        if access is None or (gone_ns is not None and now >= gone_ns):
            return self.dialect.path_unknown()
        try:
            account = self._believed(request, Params(()), now) if access is Access.PRIVATE else None
        except WireRefusal as refusal:
            return self.dialect.refused(refusal, access)
        passage = self.gate.ask(CONNECT, request, account, "", now)
        if not passage.verdict.is_allowed:
            return self.gate.answer(passage, self.dialect.over_limit())
        if self._is_full(account):
            return self.dialect.over_limit()
        finders = (self.find_view, self.find_news)
        session = Session(self.dialect, self._agenda, access, request.path, account, *finders, now)
        session.reader.barred = self.entrance.barred_types(request) if access is Access.PRIVATE else frozenset()
        return session

    # An order names its market, an older one its two currencies; a cancel names an order.
    def _market_of(self, call: Call) -> str:
        market = call.params.one("market")
        if market is not None or call.account is None:
            return market or ""
        base, quote = call.params.one("order_currency"), call.params.one("payment_currency")
        if base and quote:
            return f"{quote}-{base}"
        ids = [call.params.one(name) for name in ("uuid", "order_id", "identifier", "client_order_id")]
        by_client_id = self.matching.by_client_id
        for name in ids:
            found = name and self.matching.orders.get(by_client_id.get((call.account.access_key, name)) or name)
            if found:
                return found.draft.market
        return ""

    def disconnect(self, session: Conversation) -> None:
        """Forget a connection that is gone."""
        session.end()
        self.stream_acts.forget(session)
        if session in self.sessions:
            self.sessions.remove(session)

    def find_view(self, market: str, now: int) -> BookView | None:
        """Return the book as last published, or None for a market not listed."""
        return self.view(market, now) if market in self.market.markets else None

    def view(self, market: str, now: int) -> BookView:
        """Return the book of a listed market as last published, in its wire form; a closed one stands still."""
        shut = self.closing.shut(market)
        if shut is not None:
            return self.publication.shaped(BookView(market, shut.bids, shut.asks, shut.since_ns))
        return self.publication.shaped(BookView(market, *self._book(market), now))

    # As last published, with what the accounts' own orders add to it.
    def _book(self, market: str) -> tuple[Ladder, Ladder]:
        resting = self.matching.register.resting
        if not resting.has(market):
            return self.market.shown(self.exchange, market)
        own_bids, own_asks = (resting.side(market, side).levels(self.rules.depth) for side in (Side.BID, Side.ASK))
        return merged(self.market.shown(self.exchange, market), own_bids, own_asks, self.rules.depth)

    def find_news(self, market: str, now: int) -> News | None:
        """Return the newest print with what surrounds it, or None for a market not listed or never traded."""
        tape = self.market.tape(self.exchange, market) if market in self.market.markets else None
        last = tape.last() if tape is not None else None
        return None if tape is None or last is None else News(tape, last, self.listing(market), now)

    def listing(self, market: str) -> Listing:
        """Return what the exchange says about a market as such; a closed one is suspended."""
        listing = self.listings.get(market, ACTIVE)
        return msgspec.structs.replace(listing, is_suspended=True) if self.closing.is_closed(market) else listing

    def levels(self, market: str, side: Side, now: int) -> Ladder:
        """Return what rests on `side` at this moment, the accounts' own orders included."""
        return joined(
            self.market.levels(self.exchange, market, side, now),
            self.matching.register.resting.side(market, side).levels(self.rules.depth),
            side,
            self.rules.depth,
        )

    def on_publication(self, market: str, now: int) -> None:
        """Let resting orders meet a changed or repeated book, and pass it on."""
        if self.closing.is_closed(market):
            return
        self.matching.book_changed(market, now)
        if not self.sessions:
            return
        view = self.view(market, now)
        if not self.publication.transforms:
            self._send_book(view, now)
            return
        for leaving in self.publication.leaving(view):
            self._send_book(leaving, now)

    def on_print(self, fresh: Print) -> None:
        """Pass a public trade on, to orders that wait for its price first."""
        self.matching.traded(fresh.market, fresh.price, fresh.at_ns)
        if not self.sessions:
            return
        tape = self.market.tape(self.exchange, fresh.market)
        news = News(tape, fresh, self.listing(fresh.market), fresh.at_ns)
        cache: dict[tuple[str, Format], bytes] = {}
        for session in self.sessions:
            before = len(session.outbox)
            session.on_print(news, cache)
            self.counts["frames"] += len(session.outbox) - before

    def _send_book(self, view: BookView, now: int) -> None:
        cache: dict[tuple[Format, int], bytes] = {}
        for session in self.sessions:
            before = len(session.outbox)
            session.on_book(view, cache, now)
            self.counts["frames"] += len(session.outbox) - before

    def own_order(self, account: Account, order_id: str | None, client_order_id: str | None) -> SimOrder | None:
        """Return one of the account's orders; the exchange's id wins when both are given."""
        return self.desk.find(account, order_id, client_order_id)

    def take_order(
        self,
        call: Call,
        read: Callable[[Call], Draft],
        refusal_of: Callable[[Fault, Side], WireRefusal],
        answer: Callable[[SimOrder], Response],
    ) -> Response:
        """Place an order in a dialect's words, with whatever faults are armed for it."""
        return self.desk.take(call, read, refusal_of, answer)

    # Some exchanges may bound how many connections one owner has at a time.
    def _is_full(self, account: Account | None) -> bool:
        most = self.dialect.stream.connections_most
        mine = (session for session in self.sessions if isinstance(session, Session) and session.account is account)
        return most is not None and sum(1 for _ in mine) >= most

    def place_own(self, account: Account, draft: Draft, now: int) -> SimOrder | Fault:
        """Place an order that comes from no client of ours: the owner by hand, or a second program."""
        order = self.matching.place(account, draft, now)
        self.counts["orders"] += isinstance(order, SimOrder)
        return order

    def _words(self, path: str) -> Dialect | Older:
        return self.older if self.older is not None and self.older.owns(path) else self.dialect

    def _route(self, request: Request) -> Route | None:
        if self.older is not None and self.older.owns(request.path):
            return self.older.route(request)
        return self.dialect.routes.get((request.method, request.path))

    def _call(self, request: Request, access: Access, now: int) -> Call:
        if self.older is not None and self.older.owns(request.path):
            call = self.older.call(self, request, access, now)
            self.entrance.refuse_if_closed(request)
            return call
        params = self.dialect.read_params(request)
        account = self._believed(request, params, now) if access is Access.PRIVATE else None
        self.entrance.refuse_if_closed(request)
        return Call(request, params, now, account)

    def _believed(self, request: Request, params: Params, now: int) -> Account:
        account = self.entrance.account_of(request, params, now)
        if self.faults.take(TokenVoid, self.desk.asking) is not None:
            raise self.dialect.auth_refusal(AuthFault.SIGNATURE)
        return account

    def _on_step(self, account: Account, step: OrderStep) -> None:
        if step.trade is not None:
            self.counts["fills"] += 1
        for session in self.sessions:
            session.on_order(account, step)

    def _on_notice(self, notice: Announcement) -> None:
        for session in self.sessions:
            if isinstance(session, Session):
                session.on_notice(notice)

    def _on_assets(self, account: Account, assets: tuple[str, ...], now: int) -> None:
        for session in self.sessions:
            session.on_assets(account, assets, now)

    def _cut(self) -> None:
        for session in self.sessions:
            session.close_code = ABNORMAL
