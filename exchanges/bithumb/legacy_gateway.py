"""`ports.Gateway` over Bithumb's legacy generation (v1.2): no client ids, no time in force, no private stream.

An order is known by the exchange's id alone. When its answer is lost it is looked for in the lists
(`legacy_search.py`); it is never sent again. IOC is a limit order that is cancelled a moment later.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from decimal import Decimal

from arbitrage.domain.errors import ExchangeError, InvariantError, ReadFailed
from arbitrage.domain.events import Holding
from arbitrage.domain.order import Order, OrderKind, OrderOn, OrderRole, RefusalReason, TimeInForce
from arbitrage.domain.order_kind import kind_fault
from arbitrage.domain.params import is_market
from arbitrage.domain.ports import (
    Accepted,
    Answer,
    CancelScope,
    Found,
    Lookup,
    MarketRules,
    NewSize,
    NotFound,
    OpenOrder,
    OrderNews,
    PrivateNews,
    Refused,
    Replaced,
    RequestBudget,
    Swept,
    Unknown,
)
from arbitrage.domain.units import DECIMALS, QUOTE, Exchange, Ns, Qty, to_decimal
from arbitrage.domain.wire import ExchangeWire
from exchanges.bithumb import legacy_profile as profile
from exchanges.bithumb.legacy_auth import LegacySigner
from exchanges.bithumb.legacy_calls import LegacyCalls
from exchanges.bithumb.legacy_feed import LegacyBooks
from exchanges.bithumb.legacy_forms import BALANCE_FORM, Form, cancel_form, market_form, pair_of, place_form
from exchanges.bithumb.legacy_ids import IdMemory
from exchanges.bithumb.legacy_news import PolledNews
from exchanges.bithumb.legacy_profile import LegacySettings
from exchanges.bithumb.legacy_search import Absent, Filled, Finding, Lists, Resting, Unclear, search
from exchanges.bithumb.legacy_verdict import command_answer, drift_of
from exchanges.bithumb.profile import FACTS
from exchanges.credentials import Credentials
from exchanges.doors import transport_door
from exchanges.drift import DriftLog
from exchanges.fields import Fields
from exchanges.ratelimit import Lane, Limiter
from exchanges.records import fingerprint
from exchanges.transport import AsyncTransport, Clock, HttpAnswer, Orders, Stopped, Unsent
from exchanges.words import CLIENT_ORDER_ID, WIRE_ID

_REMEMBERED = 10_000
_CANCEL_TRIES = 8
_CLOSE_WITHIN_S = 3.0


class LegacyGateway:
    """Orders and private reads of one account."""

    def __init__(
        self,
        credentials: Credentials,
        rest_url: str,
        clock: Clock,
        *,
        markets: Sequence[str],
        last_check: Callable[[Exchange, Order], str | None] | None = None,
        settings: LegacySettings | None = None,
        limiter: Limiter | None = None,
        orders: Orders = Orders.LEAVE,
    ) -> None:
        """`markets`: where resting orders are looked for, since a coin must be named (bithumb.md §1.4).

        `last_check` is asked right before an order's bytes go to the socket: a reason stops it.
        """
        self.exchange = Exchange.BITHUMB
        self.memory = IdMemory()
        self._settings = settings or LegacySettings()
        transport = AsyncTransport(rest_url, clock, orders=orders)
        self.doors = (transport_door(self.exchange, transport, fingerprint(credentials.access_key)),)
        signer = LegacySigner(credentials.access_key, credentials.secret_key)
        self._calls = LegacyCalls(signer, transport, clock, self._settings, limiter)
        self._books = LegacyBooks(transport, clock, limiter)
        self.drift = self._calls.drift
        self._clock = clock
        self._markets = tuple(markets)
        self._last_check = last_check
        self._placed: dict[str, None] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._listeners: list[Callable[[PrivateNews], None]] = []

    def use_wire(self, wire: ExchangeWire) -> None:
        """Read every answer from now on by the field maps of `wire`. ConfigError when they cannot be used."""
        fields = Fields(self.exchange, wire.fields)
        self._calls.use_fields(fields)
        self._books.use_wire(wire)

    def use_drift(self, drift: DriftLog) -> None:
        """Keep what cannot be read in this log from now on."""
        self.drift = self._calls.drift = self._books.drift = drift

    def remember(self, orders: Iterable[Order]) -> None:
        """Take over what the journal kept of orders of an earlier run: ids and fills that are taken."""
        self.memory.remember(orders)

    async def open(self) -> None:
        """Open the connections orders will use, ahead of time."""
        await self._calls.open()

    async def close(self) -> None:
        """Let orders that are being ended end, then close all connections; requests in flight end Unknown."""
        if self._ending:
            await asyncio.wait(set(self._ending.values()), timeout=_CLOSE_WITHIN_S)
        for task in tuple(self._ending.values()):
            task.cancel()
        await asyncio.gather(*self._ending.values(), return_exceptions=True)
        await self._calls.close()

    # Orders

    async def place(self, order: Order) -> Answer:
        """Send one order, once. InvariantError when this gateway was given the id before."""
        fault = self._fault(order)
        if fault is not None:
            return Refused(*fault)
        if order.client_order_id in self._placed:
            raise InvariantError(f"{order.client_order_id} was placed before; an order is never sent twice")
        # Kept before the first await: the same order given again meanwhile must find it.
        self._placed[order.client_order_id] = None
        if len(self._placed) > _REMEMBERED:
            del self._placed[next(iter(self._placed))]
        form = await self._admitted(order)
        if isinstance(form, Refused):
            self._placed.pop(order.client_order_id, None)
            return form
        self.memory.in_flight[order.client_order_id] = order
        answer: Answer = Unknown("the send was abandoned")
        try:
            answer = await self._sent(order, form)
        finally:
            del self.memory.in_flight[order.client_order_id]
            self._answered(order, answer)
        return answer

    async def _admitted(self, order: Order) -> Form | Refused:
        try:
            form = await self._form(order)
        except ExchangeError as error:
            return Refused(RefusalReason.NOT_SENT, str(error))
        lane = Lane.HEDGE if order.role is OrderRole.HEDGE else Lane.NEW
        if not self._calls.take(FACTS.groups.place, lane, order.market):
            return Refused(RefusalReason.RATE_LIMITED, "own request budget is spent")
        return form

    async def _sent(self, order: Order, form: Form) -> Answer:
        def check() -> str | None:
            return None if self._last_check is None else self._last_check(self.exchange, order)

        outcome = await self._calls.command(form, FACTS.groups.place, check)
        if isinstance(outcome, Unsent | Stopped):
            self._placed.pop(order.client_order_id, None)
        answer = command_answer(outcome, None, self._calls.reads.envelope)
        if isinstance(answer, Unknown) and isinstance(outcome, HttpAnswer):
            self.drift.note("place", answer.cause, outcome.body, self._clock.wall_ns(), kind=drift_of(outcome))
        return answer

    def _answered(self, order: Order, answer: Answer) -> None:
        match answer:
            case Accepted(report):
                self.memory.learn(order, report.exchange_order_id or "")
                self._end_soon(order, report.exchange_order_id or "", self._settings.ioc_rest_ns)
            case Unknown():
                self.memory.lost[order.client_order_id] = order
            case Refused():
                pass

    async def _form(self, order: Order) -> Form:
        if order.kind is OrderKind.LIMIT:
            return place_form(order)
        if order.is_by_funds:
            return market_form(order, await self._buyable(order))
        return market_form(order, order.qty)

    async def _buyable(self, order: Order) -> Qty:
        """Return how many coins the order's KRW buy even if prices rise meanwhile: market buys are given by
        quantity here (bithumb.md §1.5), and must not spend more than was told."""
        budget = int(order.funds) * 1_000_000 // (1_000_000 + self._settings.market_buy_margin_ppm)
        (book,) = await self._books.fetch((order.market,))
        qty = 0
        for level in book.asks:
            step = min(level.qty, budget * 10**DECIMALS // level.price)
            qty += step
            budget -= level.price * step // 10**DECIMALS
            if step < level.qty:
                break
        lot = 10 ** (DECIMALS - self._settings.unit_decimals)
        if qty < lot:
            raise ReadFailed(f"{to_decimal(order.funds)} KRW buy less than the smallest quantity of {order.market}")
        return Qty(qty - qty % lot)

    async def cancel(self, order: Order) -> Answer:
        """Ask for a cancel. Without the exchange's id nothing can be sent: the order must be found first."""
        exchange_order_id = self.memory.id_of(order)
        if exchange_order_id is None or not WIRE_ID.fullmatch(exchange_order_id):
            return Refused(RefusalReason.NOT_SENT, "the exchange's id of this order is not known")
        if not is_market(order.market):
            return Refused(RefusalReason.INVALID_REQUEST, f"market was {order.market!r}, must look like KRW-BTC")
        return await self._cancel(order, exchange_order_id)

    async def cancel_many(self, orders: Sequence[Order]) -> tuple[Answer, ...]:
        """Ask for the cancel of each order, side by side: this generation takes one at a time."""
        return tuple(await asyncio.gather(*(self.cancel(order) for order in orders)))

    async def cancel_all(self, scope: CancelScope) -> Swept | Refused | Unknown:
        """Refuse: there is no such call (bithumb.md §1.5)."""
        return Refused(RefusalReason.UNSUPPORTED, "the legacy generation cancels one order at a time")

    async def replace(self, order: Order, new: Order, size: NewSize = NewSize.GIVEN) -> Replaced | Refused | Unknown:
        """Refuse: there is no such call (bithumb.md §1.5)."""
        return Refused(RefusalReason.UNSUPPORTED, "the legacy generation has no cancel-and-new")

    async def test(self, order: Order) -> Answer:
        """Refuse: there is no such call (bithumb.md §1.5)."""
        return Refused(RefusalReason.UNSUPPORTED, "the legacy generation has no test order")

    async def _cancel(self, order: Order, exchange_order_id: str) -> Answer:
        if not self._calls.take(FACTS.groups.cancel, Lane.CANCEL, order.market):
            return Refused(RefusalReason.RATE_LIMITED, "own request budget is spent")
        form = cancel_form(order.market, order.side, exchange_order_id)
        outcome = await self._calls.command(form, FACTS.groups.cancel)
        return command_answer(outcome, exchange_order_id, self._calls.reads.envelope)

    def _end_soon(self, order: Order, exchange_order_id: str, rest_ns: Ns) -> None:
        """Cancel an IOC order after its short rest: what has not matched by then is not to match."""
        if order.kind is OrderKind.LIMIT and order.tif is TimeInForce.IOC and exchange_order_id not in self._ending:
            task = asyncio.create_task(self._end(order, exchange_order_id, rest_ns / 1e9))
            self._ending[exchange_order_id] = task
            task.add_done_callback(lambda _: self._ending.pop(exchange_order_id, None))

    async def _end(self, order: Order, exchange_order_id: str, rest_s: float) -> None:
        """Cancel and look until the order has ended. Given up after some tries: its owner cancels it too (R3.1)."""
        await asyncio.sleep(rest_s)
        for attempt in range(_CANCEL_TRIES):
            await self._cancel(order, exchange_order_id)
            try:
                found = await self._calls.detail(order.market, exchange_order_id)
            except ExchangeError:
                pass
            else:
                self.memory.heard(order.market, order.side, found.report)
                if found.report.on in (OrderOn.FULL_FILL, OrderOn.CANCELED):
                    self._tell(OrderNews(order.client_order_id, exchange_order_id, found.report))
                    return
            await asyncio.sleep(0.05 * 2**attempt)

    # Looking orders up

    async def query(self, order: Order) -> Lookup:
        """Ask for one order by the exchange's id, or look for it when that was never heard."""
        fault = self._fault(order)
        if fault is not None and fault[0] is RefusalReason.INVALID_REQUEST:
            return Unknown(f"not asked: {fault[1]}")
        if order.client_order_id in self.memory.in_flight:
            return Unknown("not asked: its answer is still awaited", is_fault=False)
        try:
            exchange_order_id = self.memory.id_of(order)
            if exchange_order_id is None:
                return await self._looked_for(order)
            return await self._by_id(order, exchange_order_id)
        except ExchangeError as error:
            return Unknown(str(error))

    async def by_id(self, order: Order, exchange_order_id: str) -> Lookup:
        """Return what this generation says of an order placed through the other one; nothing is kept of it."""
        try:
            return Found((await self._calls.detail(order.market, exchange_order_id)).report)
        except ExchangeError as error:
            return Unknown(str(error))

    async def _by_id(self, order: Order, exchange_order_id: str) -> Lookup:
        if not WIRE_ID.fullmatch(exchange_order_id):
            return Unknown(f"not asked: exchange_order_id was {exchange_order_id!r}")
        found = await self._calls.detail(order.market, exchange_order_id)
        if found.side is not order.side:
            return Unknown(f"asked for a {order.side} order, was told of a {found.side} one")
        self.memory.learn(order, exchange_order_id)
        self.memory.heard(order.market, order.side, found.report)
        if found.report.on not in (OrderOn.FULL_FILL, OrderOn.CANCELED):
            # Alive after its rest: the process that was to end it is gone, or its answer was lost.
            age = self._clock.wall_ns() - order.planned_wall_ns
            self._end_soon(order, exchange_order_id, Ns(max(0, self._settings.ioc_rest_ns - age)))
        return Found(found.report)

    async def _looked_for(self, order: Order) -> Lookup:
        since = Ns(order.planned_wall_ns - self._settings.clock_slack_ns)
        asked = Ns(self._clock.wall_ns())
        rows = await self._calls.open_rows(order.market)
        matches, is_whole = await self._calls.matches(order.market, order.side, since)
        lists = Lists(rows, matches, is_whole and len(rows) < profile.MOST_ORDERS, asked)
        found: Finding = search(order, lists, self.memory, self._settings)
        match found:
            case Resting(exchange_order_id):
                return await self._by_id(order, exchange_order_id)
            case Filled(report):
                self.memory.lost.pop(order.client_order_id, None)
                self.memory.claim(order.market, order.side, order.client_order_id, report.fills)
                return Found(report)
            case Absent():
                self.memory.lost.pop(order.client_order_id, None)
                return NotFound()
            case Unclear(cause):
                return Unknown(cause, is_fault=False)

    # Reads

    async def open_orders(self) -> tuple[OpenOrder, ...]:
        """Return the resting orders of the desk's markets, and of every coin some of which is in use: a coin must
        be named (bithumb.md §1.4), so a bid for a coin not watched goes unseen."""
        in_use = {f"{QUOTE}-{row.asset}" for row in await self.balances() if row.locked and row.asset != QUOTE}
        found = []
        for market in sorted(in_use | set(self._markets)):
            rows = await self._calls.open_rows(market)
            self.memory.saw((row.exchange_order_id for row in rows), self._clock.wall_ns())
            found += [
                OpenOrder(self.exchange, market, row.exchange_order_id, self.memory.owner_of(row.exchange_order_id))
                for row in rows
            ]
        return tuple(found)

    async def balances(self) -> tuple[Holding, ...]:
        """Return every holding."""
        return await self._calls.read(BALANCE_FORM, self._calls.reads.balances)

    async def market_rules(self, market: str) -> MarketRules:
        """Return the account's fee, and the bounds of the profile: no call tells them here (bithumb.md §1.5)."""
        if not is_market(market):
            raise ReadFailed(f"market was {market!r}, must look like KRW-BTC")
        fee: Decimal = await self._calls.read((profile.ACCOUNT, pair_of(market)), self._calls.reads.trade_fee)
        return MarketRules(
            market=market,
            bid_fee=fee,
            ask_fee=fee,
            min_total=to_decimal(FACTS.min_notional),
            max_total=to_decimal(FACTS.max_notional),
            is_active=True,
            lot_step=self.lot_step,
        )

    @property
    def lot_step(self) -> Qty:
        """Return the smallest step of a quantity here (bithumb.md §1.5 [?])."""
        return Qty(10 ** (DECIMALS - self._settings.unit_decimals))

    def budget(self) -> RequestBudget:
        """Return how many new orders and how many queries may leave right now."""
        groups = FACTS.groups
        return RequestBudget(self._calls.spare(groups.place, Lane.NEW), self._calls.spare(groups.private, Lane.QUERY))

    async def private_news(self) -> AsyncIterator[PrivateNews]:
        """Yield own orders and balances until closed: polled, and at once where an order was ended here."""
        queue: asyncio.Queue[PrivateNews | None] = asyncio.Queue()
        polling = asyncio.create_task(PolledNews(self._calls, self.memory, self._markets, queue.put_nowait).run())
        polling.add_done_callback(lambda _: queue.put_nowait(None))
        self._listeners.append(queue.put_nowait)
        try:
            while (news := await queue.get()) is not None:
                yield news
            polling.result()
        finally:
            self._listeners.remove(queue.put_nowait)
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)

    def _tell(self, news: PrivateNews) -> None:
        for tell in self._listeners:
            tell(news)

    def _fault(self, order: Order) -> tuple[RefusalReason, str] | None:
        invalid = RefusalReason.INVALID_REQUEST
        if order.exchange is not self.exchange:
            raise InvariantError(f"{order.client_order_id} is of {order.exchange}, this gateway of {self.exchange}")
        if not CLIENT_ORDER_ID.fullmatch(order.client_order_id):
            return invalid, f"client_order_id was {order.client_order_id!r}, must be 1 to 36 of A-Z a-z 0-9 _ -"
        if not is_market(order.market):
            return invalid, f"market was {order.market!r}, must look like KRW-BTC"
        kind = kind_fault(order)
        if kind is not None:
            return invalid, kind
        if order.kind is OrderKind.BEST or order.tif in (TimeInForce.FOK, TimeInForce.POST_ONLY):
            return invalid, f"{order.kind} {order.tif} is not to be had from the legacy generation"
        if order.qty % self.lot_step:
            return RefusalReason.QTY_INVALID, f"qty was {order.qty}, must be a multiple of {self.lot_step}"
        return None
