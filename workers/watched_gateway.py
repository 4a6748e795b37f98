"""A gateway whose every answer is told to the `ExchangeWatch`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from arbitrage.domain.arming import OrderDoor
from arbitrage.domain.errors import AuthRefused, NotSent, ReadFailed
from arbitrage.domain.events import Holding
from arbitrage.domain.order import Order, RefusalReason
from arbitrage.domain.ports import (
    Answer,
    CancelScope,
    Gateway,
    Lookup,
    MarketRules,
    NewSize,
    OpenOrder,
    PrivateNews,
    Refused,
    Replaced,
    RequestBudget,
    SeenDrift,
    Swept,
    Unknown,
)
from arbitrage.domain.units import Exchange
from arbitrage.domain.wire import ExchangeWire
from workers.exchange_watch import ExchangeWatch

T = TypeVar("T", bound=Answer | Swept | Replaced)
_NOT_COUNTED = frozenset(
    {RefusalReason.NOT_SENT, RefusalReason.STOPPED, RefusalReason.RATE_LIMITED, RefusalReason.UNSUPPORTED}
)
"""What never left, or was refused for too many requests, says nothing of the exchange."""


class WatchedGateway:
    """`ports.Gateway` that tells an `ExchangeWatch` how each call ended; changes nothing else."""

    def __init__(
        self, inner: Gateway, watch: ExchangeWatch, until_safe: Callable[[], Awaitable[str | None]] | None = None
    ) -> None:
        """`until_safe` is awaited before an order is handed on: a reason keeps it back."""
        self.exchange = inner.exchange
        self._inner = inner
        self._watch = watch
        self._until_safe = until_safe

    @property
    def drift(self) -> SeenDrift:
        """Return what could not be read."""
        return self._inner.drift

    @property
    def doors(self) -> tuple[OrderDoor, ...]:
        """Return every way by which an order can leave."""
        return self._inner.doors

    def use_wire(self, wire: ExchangeWire) -> None:
        """Use these settings from now on."""
        self._inner.use_wire(wire)

    def remember(self, orders: Iterable[Order]) -> None:
        """Take over what the journal kept."""
        self._inner.remember(orders)

    async def open(self) -> None:
        """Open the connections."""
        await self._inner.open()

    async def close(self) -> None:
        """Close the connections."""
        await self._inner.close()

    async def place(self, order: Order) -> Answer:
        """Send one order."""
        reason = None if self._until_safe is None else await self._until_safe()
        if reason is not None:
            return Refused(RefusalReason.STOPPED, reason)
        return self._told(await self._inner.place(order))

    async def cancel(self, order: Order) -> Answer:
        """Ask for a cancel."""
        return self._told(await self._inner.cancel(order))

    async def cancel_many(self, orders: Sequence[Order]) -> tuple[Answer, ...]:
        """Ask for several cancels."""
        return tuple(self._told(answer) for answer in await self._inner.cancel_many(orders))

    async def cancel_all(self, scope: CancelScope) -> Swept | Refused | Unknown:
        """Ask for the cancel of all that rests in a scope."""
        return self._told(await self._inner.cancel_all(scope))

    async def replace(self, order: Order, new: Order, size: NewSize = NewSize.GIVEN) -> Replaced | Refused | Unknown:
        """Cancel one order and place another."""
        return self._told(await self._inner.replace(order, new, size))

    async def test(self, order: Order) -> Answer:
        """Ask whether an order would be taken."""
        return self._told(await self._inner.test(order))

    async def query(self, order: Order) -> Lookup:
        """Ask for one order."""
        could_ask = self._inner.budget().queries > 0
        found = await self._inner.query(order)
        if not isinstance(found, Unknown):
            self._watch.went_well(self.exchange)
        elif could_ask and found.is_fault:
            self._watch.went_wrong(self.exchange)
        return found

    async def open_orders(self) -> tuple[OpenOrder, ...]:
        """Return all resting orders."""
        with Reading(self._watch, self.exchange):
            return await self._inner.open_orders()

    async def balances(self) -> tuple[Holding, ...]:
        """Return every holding."""
        with Reading(self._watch, self.exchange):
            return await self._inner.balances()

    async def market_rules(self, market: str) -> MarketRules:
        """Return fees and bounds."""
        with Reading(self._watch, self.exchange):
            return await self._inner.market_rules(market)

    def private_news(self) -> AsyncIterator[PrivateNews]:
        """Yield what the private stream says."""
        return self._inner.private_news()

    def budget(self) -> RequestBudget:
        """Return the request budget left right now."""
        return self._inner.budget()

    def _told(self, answer: T) -> T:
        match answer:
            case Refused(reason) if reason in _NOT_COUNTED:
                pass
            case Unknown() | Refused(RefusalReason.AUTH):
                self._watch.went_wrong(self.exchange)
            case _:
                self._watch.went_well(self.exchange)
        return answer


class Reading:
    """Tells how a read ended: its error goes on."""

    def __init__(self, watch: ExchangeWatch, exchange: Exchange) -> None:
        self._watch = watch
        self._exchange = exchange

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Count it, unless it never left or was given up."""
        if kind is None:
            self._watch.went_well(self._exchange)
        elif issubclass(kind, ReadFailed | AuthRefused) and not issubclass(kind, NotSent):
            self._watch.went_wrong(self._exchange)
