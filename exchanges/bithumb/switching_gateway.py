"""Bithumb's two generations as one gateway, switched by duty while it runs (R1.1).

New orders go through the generation ORDERS says; an order stays with the one it was placed through, for its
cancel, its look-up and its fills: the two name fills differently, and one fill under two names would count
twice. Balances, lists, rules and the private news come from the generation READS says.
"""

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence

import msgspec

from arbitrage.domain.arming import OrderDoor
from arbitrage.domain.errors import ExchangeError
from arbitrage.domain.events import Holding
from arbitrage.domain.order import Order, RefusalReason
from arbitrage.domain.ports import (
    Accepted,
    Answer,
    CancelScope,
    Found,
    Gateway,
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
    StreamNews,
    StreamState,
    Swept,
    Unknown,
)
from arbitrage.domain.units import Exchange, Ns
from arbitrage.domain.wire import SHIPPED_WIRE, Duty, ExchangeWire, Generation
from exchanges.bithumb.gateway import BithumbGateway
from exchanges.bithumb.legacy_gateway import LegacyGateway
from exchanges.bithumb.side_by_side import SideBySide
from exchanges.drift import DriftLog
from exchanges.generation_log import GenerationLog
from exchanges.transport import Clock

_KEPT = 10_000
_LEGACY_FILL = re.compile(r"\d{16}-\d+-\d+-\d+")
"""How the legacy codec names fills; the JWT generation's own names look otherwise (bithumb.md §3.5)."""


async def _next_of(source: AsyncIterator[PrivateNews]) -> PrivateNews:
    return await anext(source)


class SwitchingGateway:
    """`ports.Gateway` over both generations."""

    def __init__(
        self,
        jwt: BithumbGateway,
        legacy: LegacyGateway,
        log: GenerationLog,
        clock: Clock,
        *,
        markets: Sequence[str],
        wire: ExchangeWire = SHIPPED_WIRE,
    ) -> None:
        """`log` keeps which generation orders went through, for the next start."""
        self.exchange = Exchange.BITHUMB
        self.drift: DriftLog = jwt.drift
        self._jwt = jwt
        self._legacy = legacy
        legacy.use_drift(self.drift)
        self._by: dict[Generation, Gateway] = {Generation.JWT: jwt, Generation.LEGACY: legacy}
        self._log = log
        self._clock = clock
        self._wire = SHIPPED_WIRE
        self._placed_by: dict[str, Generation] = {}
        self._reads_turned = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_open = False
        self._has_legacy_open = False
        self._side_by_side = SideBySide(jwt, legacy, clock, markets)
        self.comparison = self._side_by_side.comparison
        self.use_wire(wire)

    @property
    def counts(self) -> Counter[str]:
        """Return how often the generations were compared, and how often they differed."""
        return self.comparison.counts

    @property
    def doors(self) -> tuple[OrderDoor, ...]:
        """Return the ways of both generations."""
        return (*self._jwt.doors, *self._legacy.doors)

    def use_wire(self, wire: ExchangeWire) -> None:
        """Use these settings from the next request on. ConfigError when they cannot be used: nothing changed."""
        self._jwt.use_wire(wire)
        self._legacy.use_wire(wire)
        reads = self._serving(Duty.READS)
        self._wire = wire
        if self._serving(Duty.READS) is not reads:
            self._reads_turned.set()
        self._side_by_side.use(wire)
        if self._is_open and self._uses_legacy():
            self._open_legacy()

    def remember(self, orders: Iterable[Order]) -> None:
        """Take over what the journal kept of orders of an earlier run."""
        for order in orders:
            if order.exchange is not self.exchange:
                continue
            generation = self._generation_of(order)
            if generation is Generation.LEGACY:
                self._legacy.remember((order,))
            elif order.exchange_order_id is not None:
                self._legacy.memory.know(order.client_order_id, order.exchange_order_id)
            if generation is not None:
                self._keep(order.client_order_id, generation)

    async def open(self) -> None:
        """Open the connections of what is in use, ahead of time; the legacy ones once a duty needs them."""
        self._is_open = True
        await self._jwt.open()
        if self._uses_legacy():
            self._open_legacy()
            await asyncio.gather(*self._tasks)
        comparing = asyncio.create_task(self._side_by_side.run())
        self.comparison.watch(comparing, Duty.READS, self._clock.wall_ns)
        self._tasks.add(comparing)

    async def close(self) -> None:
        """Close all connections."""
        self._is_open = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await asyncio.gather(self._jwt.close(), self._legacy.close())

    # Orders

    async def place(self, order: Order) -> Answer:
        """Send one order, once, through the generation orders go through now."""
        generation = self._serving(Duty.ORDERS)
        kept_back = self._noted(generation)
        if kept_back is not None:
            return kept_back
        if order.client_order_id in self._placed_by and self._placed_by[order.client_order_id] is not generation:
            return Refused(RefusalReason.INVALID_REQUEST, "placed before, through the other generation")
        self._keep(order.client_order_id, generation)
        answer = await self._by[generation].place(order)
        if isinstance(answer, Accepted) and answer.report.exchange_order_id is not None:
            self._side_by_side.follow(order, generation, answer.report.exchange_order_id)
            if generation is Generation.JWT:
                self._known_to_legacy(order, answer.report.exchange_order_id)
        return answer

    def _noted(self, generation: Generation) -> Refused | None:
        """Keep on disk which generation orders go through, before the first of it leaves."""
        if self._log.newest is generation:
            return None
        try:
            self._log.note(generation, Ns(self._clock.wall_ns()))
        except OSError as error:
            return Refused(RefusalReason.NOT_SENT, f"the switch could not be kept: {error.strerror}")
        return None

    def _known_to_legacy(self, order: Order, exchange_order_id: str) -> None:
        if self._serving(Duty.READS) is Generation.LEGACY:
            self._legacy.memory.learn(order, exchange_order_id)
        else:
            self._legacy.memory.know(order.client_order_id, exchange_order_id)

    async def cancel(self, order: Order) -> Answer:
        """Ask for a cancel through the generation the order was placed through."""
        return await self._by[self._generation_of(order) or Generation.JWT].cancel(order)

    async def cancel_many(self, orders: Sequence[Order]) -> tuple[Answer, ...]:
        """Ask for the cancel of each order; one answer each, in their order."""
        if all(self._generation_of(order) is Generation.JWT for order in orders):
            return await self._jwt.cancel_many(orders)
        return tuple(await asyncio.gather(*(self.cancel(order) for order in orders)))

    async def cancel_all(self, scope: CancelScope) -> Swept | Refused | Unknown:
        """Ask for the cancel of all in `scope` of the generation in use."""
        return await self._by[self._serving(Duty.ORDERS)].cancel_all(scope)

    async def replace(self, order: Order, new: Order, size: NewSize = NewSize.GIVEN) -> Replaced | Refused | Unknown:
        """Ask for cancel-and-new of the generation in use."""
        return await self._by[self._serving(Duty.ORDERS)].replace(order, new, size)

    async def test(self, order: Order) -> Answer:
        """Ask whether the generation in use would take `order`."""
        return await self._by[self._serving(Duty.ORDERS)].test(order)

    async def query(self, order: Order) -> Lookup:
        """Ask for one order where it was placed; where that is not known, it is absent only if both say so."""
        generation = self._generation_of(order)
        if generation is not None:
            return await self._by[generation].query(order)
        first = await self._jwt.query(order)
        if isinstance(first, Found):
            self._keep(order.client_order_id, Generation.JWT)
            return first
        second = await self._legacy.query(order)
        if isinstance(second, Found):
            self._keep(order.client_order_id, Generation.LEGACY)
            return second
        both = isinstance(first, NotFound) and isinstance(second, NotFound)
        if both:
            return NotFound()
        is_fault = any(isinstance(one, Unknown) and one.is_fault for one in (first, second))
        return Unknown("which generation it was placed through is not known", is_fault=is_fault)

    # Reads

    async def open_orders(self) -> tuple[OpenOrder, ...]:
        """Return the resting orders; our own id where it is known, though the wire may not carry it."""
        rows = await self._by[self._serving(Duty.READS)].open_orders()
        return tuple(
            row
            if row.client_order_id is not None
            else msgspec.structs.replace(row, client_order_id=self._legacy.memory.owner_of(row.exchange_order_id))
            for row in rows
        )

    async def balances(self) -> tuple[Holding, ...]:
        """Return every holding."""
        return await self._by[self._serving(Duty.READS)].balances()

    async def market_rules(self, market: str) -> MarketRules:
        """Return fees and bounds; the step of a quantity is that of the generation orders go through."""
        rules = await self._by[self._serving(Duty.READS)].market_rules(market)
        is_legacy = self._serving(Duty.ORDERS) is Generation.LEGACY
        return msgspec.structs.replace(rules, lot_step=self._legacy.lot_step if is_legacy else None)

    def budget(self) -> RequestBudget:
        """Return the budget of the generation orders go through."""
        return self._by[self._serving(Duty.ORDERS)].budget()

    async def private_news(self) -> AsyncIterator[PrivateNews]:
        """Yield news of the generation that serves reads; a switch shows as DOWN, and UP once the other stands."""
        while True:
            self._reads_turned.clear()
            generation = self._serving(Duty.READS)
            async with contextlib.aclosing(self._until_turned(self._by[generation].private_news())) as coming:
                async for news in coming:
                    owned = self._owned(news, generation)
                    if owned is not None:
                        yield owned
            yield StreamNews(StreamState.DOWN)

    async def _until_turned(self, source: AsyncIterator[PrivateNews]) -> AsyncGenerator[PrivateNews, None]:
        # Not `asyncio.wait`: it takes its callbacks back from `turned` at each news.
        loop = asyncio.get_running_loop()
        either = loop.create_future()

        def wake(_: object) -> None:
            if not either.done():
                either.set_result(None)

        turned = loop.create_task(self._reads_turned.wait())
        turned.add_done_callback(wake)
        coming: asyncio.Task[PrivateNews] | None = None
        try:
            while not self._reads_turned.is_set():
                coming, either = loop.create_task(_next_of(source)), loop.create_future()
                coming.add_done_callback(wake)
                await either
                if coming.done():
                    yield coming.result()
        finally:
            for task in (turned, coming):
                if task is not None:
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration, ExchangeError):
                        await task
            await source.aclose()  # type: ignore[attr-defined]

    def _owned(self, news: PrivateNews, told_by: Generation) -> PrivateNews | None:
        """Return news with our own id where it is known, and without fills that another generation will name."""
        if not isinstance(news, OrderNews):
            return news
        own = news.client_order_id or self._legacy.memory.owner_of(news.exchange_order_id or "")
        # Only the JWT generation carries our ids: an order it names by one was placed through it.
        placed = (
            Generation.JWT if news.client_order_id and told_by is Generation.JWT else self._placed_by.get(own or "")
        )
        report = news.report
        if placed is not told_by and report.fills:
            report = msgspec.structs.replace(report, fills=())
        return OrderNews(own, news.exchange_order_id, report)

    # Which generation

    def _uses_legacy(self) -> bool:
        return bool(self._wire.compare) or any(self._serving(duty) is Generation.LEGACY for duty in Duty)

    def _open_legacy(self) -> None:
        if not self._has_legacy_open:
            self._has_legacy_open = True
            task = asyncio.create_task(self._legacy.open())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _serving(self, duty: Duty) -> Generation:
        return self._wire.generation(duty)

    def _keep(self, client_order_id: str, generation: Generation) -> None:
        self._placed_by[client_order_id] = generation
        if len(self._placed_by) > _KEPT:
            del self._placed_by[next(iter(self._placed_by))]

    def _generation_of(self, order: Order) -> Generation | None:
        placed = self._placed_by.get(order.client_order_id)
        if placed is not None:
            return placed
        if order.fills:
            is_legacy = _LEGACY_FILL.fullmatch(order.fills[0].trade_id) is not None
            return Generation.LEGACY if is_legacy else Generation.JWT
        return self._log.at(order.planned_wall_ns)
