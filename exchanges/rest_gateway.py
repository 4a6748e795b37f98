"""Orders and private reads of one exchange over its REST API: what both gateways have in common.

An order command is sent once. What came of it is judged in `verdict.py`; nothing here sends again.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from arbitrage.domain.arming import OrderDoor
from arbitrage.domain.drift import Drift
from arbitrage.domain.errors import InvariantError, NotSent, ReadFailed
from arbitrage.domain.events import Holding
from arbitrage.domain.frame_spec import FrameDecoder
from arbitrage.domain.instrument import in_force, kst_date
from arbitrage.domain.order import Order, OrderReport, OrderRole, RefusalReason
from arbitrage.domain.order_kind import kind_fault
from arbitrage.domain.params import is_market
from arbitrage.domain.ports import (
    Answer,
    Lookup,
    MarketRules,
    OpenOrder,
    Refused,
    RequestBudget,
    Unknown,
)
from arbitrage.domain.units import Exchange, Ns, base_of
from arbitrage.domain.wire import ExchangeWire
from exchanges.doors import transport_door
from exchanges.drift import DriftLog
from exchanges.facts import Facts, GroupLimit
from exchanges.fields import Fields
from exchanges.ratelimit import Lane, Limiter
from exchanges.reads import Reads, wire_error
from exchanges.transport import AsyncTransport, Clock, HttpAnswer, Outcome, Request, Stopped, Unsent, Use, redacted
from exchanges.verdict import command_answer, lookup_answer, read_body
from exchanges.words import CLIENT_ORDER_ID, MAX_PAGES, PAGE, WIRE_ID, Signer, page_query

T = TypeVar("T")
A = TypeVar("A", Answer, Lookup)

ReadReport = Callable[[bytes], OrderReport]
SPENT = "own request budget is spent"
ORDER_TIMEOUT_NS = 3_000_000_000
"""After this the answer counts as lost and the order is asked for by our own id."""
READ_TIMEOUT_NS = 5_000_000_000
TURN_S = 0.1
"""How long a read that may wait for its turn waits before it looks again."""
_REMEMBERED = 10_000


class RestGateway:
    """The REST half of `ports.Gateway`; an exchange's own gateway adds its words and its stream."""

    def __init__(
        self,
        facts: Facts,
        order_body: Callable[[Order], tuple[bytes, str]],
        signer: Signer,
        transport: AsyncTransport,
        clock: Clock,
        last_check: Callable[[Exchange, Order], str | None] | None,
        limiter: Limiter | None = None,
    ) -> None:
        """`limiter` is the one all processes of this machine share; without it the gateway counts for itself."""
        self.exchange: Exchange = facts.exchange
        self.drift = DriftLog()
        self._facts = facts
        self._order_body = order_body
        self._signer = signer
        self._transport = transport
        self._clock = clock
        self._last_check = last_check
        self._limiter = limiter or Limiter(facts.limits, clock.mono_ns())
        self._budgeted = ((facts.groups.place, Lane.NEW), (facts.groups.private, Lane.QUERY))
        self.use_wire(ExchangeWire())
        self._placed: deque[str] = deque(maxlen=_REMEMBERED)
        self._placed_set: set[str] = set()

    key_mark = ""
    """The fingerprint of its key, set by the exchange's own gateway; without one no live order leaves."""

    @property
    def doors(self) -> tuple[OrderDoor, ...]:
        """Return the one way orders leave by."""
        return (transport_door(self.exchange, self._transport, self.key_mark),)

    def use_wire(self, wire: ExchangeWire) -> None:
        """Read every answer and private frame from now on by the field maps and book layouts of `wire`.

        ConfigError with every finding when they cannot be used; what is in use stays then.
        """
        fields, decoder = Fields(self.exchange, wire.fields), FrameDecoder(wire.spec(self._facts.rest_spec))
        self._use_fields(fields)
        self._decoder = decoder

    def _use_fields(self, fields: Fields) -> None:
        self._reads = Reads(fields)

    def remember(self, orders: Iterable[Order]) -> None:
        """Take over nothing: orders are asked for by our own ids."""

    async def open(self) -> None:
        """Open the connections orders will use, ahead of time."""
        await self._transport.open()

    async def close(self) -> None:
        """Close all connections; requests in flight end Unknown."""
        await self._transport.close()

    async def place(self, order: Order) -> Answer:
        """Send one order, once. InvariantError when this gateway was given the id before."""
        fault = self._fault(order) or kind_fault(order)
        if fault is not None:
            return Refused(RefusalReason.INVALID_REQUEST, fault)

        def build() -> Request:
            body, query = self._order_body(order)
            return Request("POST", self._facts.paths.place, "", body, self._token(query))

        return await self._once("place", (order,), self._facts.groups.place, build, self._read_accepted(order))

    async def _once(
        self,
        where: str,
        orders: Sequence[Order],
        group: str,
        build: Callable[[], Request],
        read: ReadReport,
    ) -> Answer:
        """Send a request that makes `orders`, once for each of their ids, past the last check of each."""
        for order in orders:
            if order.client_order_id in self._placed_set:
                raise InvariantError(f"{order.client_order_id} was placed before; an order is never sent twice")
        lane = Lane.HEDGE if all(order.role is OrderRole.HEDGE for order in orders) else Lane.NEW
        groups = self._groups(group, *(order.market for order in orders))
        if not self._limiter.take(groups, lane, self._clock.mono_ns()):
            return Refused(RefusalReason.RATE_LIMITED, SPENT)
        for order in orders:
            self._remember(order.client_order_id)

        def check() -> str | None:
            if self._last_check is not None:
                for order in orders:
                    reason = self._last_check(self.exchange, order)
                    if reason is not None:
                        return reason
            return None

        outcome = await self._transport.send(build, use=Use.ORDERS, timeout_ns=ORDER_TIMEOUT_NS, last_check=check)
        if isinstance(outcome, Unsent | Stopped):
            self._placed_set.difference_update(order.client_order_id for order in orders)
        self._learn(groups[0], outcome)
        return self._noted(where, outcome, self._judged(outcome, read))

    async def _ask(self, where: str, group: str, lane: Lane, build: Callable[[], Request], read: ReadReport) -> Answer:
        """Send a command that makes no order, once."""
        if not self._limiter.take((group,), lane, self._clock.mono_ns()):
            return Refused(RefusalReason.RATE_LIMITED, SPENT)
        outcome = await self._transport.send(build, use=Use.ORDERS, timeout_ns=ORDER_TIMEOUT_NS)
        self._learn(group, outcome)
        return self._noted(where, outcome, self._judged(outcome, read))

    async def cancel(self, order: Order) -> Answer:
        """Ask for a cancel. Accepted is an acknowledgement: the answer may still show the order open
        (upbit.md §1.7, bithumb.md §3.7)."""
        fault = self._fault(order)
        if fault is not None:
            return Refused(RefusalReason.INVALID_REQUEST, fault)
        ids = self._facts.ids
        if order.exchange_order_id is not None and WIRE_ID.fullmatch(order.exchange_order_id):
            query = f"{ids.exchange_cancel}={order.exchange_order_id}"
        else:
            query = f"{ids.client_cancel}={order.client_order_id}"
        groups = self._groups(self._facts.groups.cancel, order.market)
        if not self._limiter.take(groups, Lane.CANCEL, self._clock.mono_ns()):
            return Refused(RefusalReason.RATE_LIMITED, SPENT)
        outcome = await self._send("DELETE", self._facts.paths.cancel, query, groups[0], Use.ORDERS, ORDER_TIMEOUT_NS)
        return self._noted("cancel", outcome, self._judged(outcome, self._read_accepted(order)))

    async def query(self, order: Order) -> Lookup:
        """Ask for one order by its client order id. An answer about another order is Unknown."""
        fault = self._fault(order)
        if fault is not None:
            return Unknown(f"not asked: {fault}")
        group = self._facts.groups.private
        if not self._limiter.take((group,), Lane.QUERY, self._clock.mono_ns()):
            return Unknown(f"not asked: {SPENT}")
        query = f"{self._facts.ids.client_query}={order.client_order_id}"
        outcome = await self._send("GET", self._facts.paths.order, query, group, Use.READS, ORDER_TIMEOUT_NS)

        def read(body: bytes) -> OrderReport:
            return self._reads.order(body, order.client_order_id)

        return self._noted("query", outcome, lookup_answer(outcome, self._facts, read, self._reads.errors))

    async def open_orders(self) -> tuple[OpenOrder, ...]:
        """Return all resting orders. Pages of a moving list can repeat a row (upbit.md §1.7): ids count once."""
        found: dict[str, OpenOrder] = {}
        for page in range(1, MAX_PAGES + 1):
            body = await self._read(self._facts.paths.open_orders, page_query(page))
            rows = self._readable("open_orders", body, self._reads.open_orders)
            found.update({row.exchange_order_id: row for row in rows})
            if len(rows) < PAGE:
                return tuple(found.values())
        raise ReadFailed(f"open orders fill more than {MAX_PAGES} pages")

    async def balances(self) -> tuple[Holding, ...]:
        """Return every holding."""
        return self._readable("balances", await self._read(self._facts.paths.accounts, ""), self._reads.balances)

    async def market_rules(self, market: str) -> MarketRules:
        """Return fees and bounds of `orders/chance`."""
        if not is_market(market):
            raise ReadFailed(f"market was {market!r}, must look like KRW-BTC")
        body = await self._read(self._facts.paths.chance, f"market={market}")
        rules = self._readable("market_rules", body, self._reads.rules)
        table = in_force(self._facts.ticks, kst_date(Ns(self._clock.wall_ns())))
        return msgspec.structs.replace(rules, ticks=table)

    def budget(self) -> RequestBudget:
        """Return how many new orders and how many queries may leave right now."""
        orders, queries = self._limiter.spares(self._budgeted, self._clock.mono_ns())
        return RequestBudget(orders, queries)

    def _read_accepted(self, order: Order) -> ReadReport:
        def read(body: bytes) -> OrderReport:
            report = self._reads.accepted(body, order.client_order_id)
            if order.exchange_order_id not in (None, report.exchange_order_id):
                raise ValueError(f"asked for {order.exchange_order_id}, was told of {report.exchange_order_id}")
            return report

        return read

    def _fault(self, order: Order) -> str | None:
        if order.exchange is not self.exchange:
            raise InvariantError(f"{order.client_order_id} is of {order.exchange}, this gateway of {self.exchange}")
        if not CLIENT_ORDER_ID.fullmatch(order.client_order_id):
            return f"client_order_id was {order.client_order_id!r}, must be 1 to 36 of A-Z a-z 0-9 _ -"
        if not is_market(order.market):
            return f"market was {order.market!r}, must look like KRW-BTC"
        return None

    def _groups(self, group: str, *markets: str) -> tuple[str, ...]:
        per_second = self._facts.asset_calls_per_second
        if per_second is None:
            return (group,)
        assets = tuple(dict.fromkeys(f"asset:{base_of(market)}" for market in markets))
        for asset in assets:
            self._limiter.learn(GroupLimit(asset, per_second), self._clock.mono_ns())
        return (group, *assets)

    def _remember(self, client_order_id: str) -> None:
        if len(self._placed) == _REMEMBERED:
            self._placed_set.discard(self._placed[0])
        self._placed.append(client_order_id)
        self._placed_set.add(client_order_id)

    def _token(self, query: str) -> str:
        return self._signer.token(query, self._clock.wall_ns() // 1_000_000)

    async def _send(self, method: str, path: str, query: str, group: str, use: Use, timeout_ns: int) -> Outcome:
        outcome = await self._transport.send(
            lambda: Request(method, path, query, b"", self._token(query)), use=use, timeout_ns=timeout_ns
        )
        self._learn(group, outcome)
        return outcome

    async def _read_public(self, path: str, query: str, group: str) -> bytes:
        # Its groups are small (10/s at Upbit, upbit.md §4) and a look at many markets is long: wait for a turn.
        until = self._clock.mono_ns() + READ_TIMEOUT_NS
        while not self._limiter.take((group,), Lane.QUERY, self._clock.mono_ns()):
            if self._clock.mono_ns() >= until:
                raise NotSent(SPENT)
            await asyncio.sleep(TURN_S)
        request = Request("GET", path, query)
        outcome = await self._transport.send(lambda: request, use=Use.READS, timeout_ns=READ_TIMEOUT_NS)
        self._learn(group, outcome)
        return read_body(outcome, self._facts, self._reads.errors)

    async def _read(self, path: str, query: str) -> bytes:
        group = self._facts.groups.private
        if not self._limiter.take((group,), Lane.QUERY, self._clock.mono_ns()):
            raise NotSent(SPENT)
        outcome = await self._send("GET", path, query, group, Use.READS, READ_TIMEOUT_NS)
        return read_body(outcome, self._facts, self._reads.errors)

    def _readable(self, where: str, body: bytes, read: Callable[[bytes], T]) -> T:
        try:
            return read(body)
        except ValueError as problem:
            self.drift.note(where, str(problem), body, self._clock.wall_ns())
            raise ReadFailed(redacted(f"{where}: {problem}")) from None
        finally:
            self._note_gaps(where, body)

    def _judged(self, outcome: Outcome, read: ReadReport) -> Answer:
        return command_answer(outcome, self._facts, read, self._reads.errors)

    def _note_gaps(self, where: str, body: bytes) -> None:
        for gap in self._reads.take_gaps():
            self.drift.note(where, gap, body, self._clock.wall_ns(), kind=Drift.GAP)

    def _learn(self, group: str, outcome: Outcome) -> None:
        if isinstance(outcome, HttpAnswer):
            self._limiter.heed(group, outcome.status, outcome.headers, self._facts.remaining_in, self._clock.mono_ns())

    def _is_documented(self, answer: HttpAnswer) -> bool:
        """Return whether the answer is an error of a name we know: it proves nothing, but its shape is as ever."""
        error = wire_error(answer.body, answer.status, self._reads.errors)
        return error is not None and answer.status >= 400 and error.name in self._facts.known_names

    def _noted(self, where: str, outcome: Outcome, answer: A) -> A:
        # An answer that came whole and still proves nothing is a shape to look at.
        if isinstance(outcome, HttpAnswer):
            self._note_gaps(where, outcome.body)
            if isinstance(answer, Unknown) and not self._is_documented(outcome):
                kind = Drift.UNREADABLE if 200 <= outcome.status < 300 else Drift.ERROR
                self.drift.note(where, answer.cause, outcome.body, self._clock.wall_ns(), kind=kind)
        return answer
