"""What the legacy gateway knows of its orders: no client id travels on that wire (bithumb.md §1.5). Pure.

After a restart it knows what the journal kept: every order whose exchange id was heard, and its fills. An
order whose answer was lost has no id yet: it is looked for (`legacy_search.py`).
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from arbitrage.domain.order import Fill, Order, OrderOn, OrderReport
from arbitrage.domain.units import Ns, Price, Qty, Side

K = TypeVar("K")
V = TypeVar("V")

KEPT = 10_000


class Followed(msgspec.Struct):
    """One order that may still change."""

    client_order_id: str | None
    market: str
    executed_qty: int = -1


class Claim(msgspec.Struct, frozen=True):
    """A fill that belongs to an order we know."""

    market: str
    side: Side
    price: Price
    qty: Qty
    at_wall_ns: Ns


class IdMemory:
    """Ids, listings seen, fills claimed. Nothing grows without bound."""

    def __init__(self) -> None:
        self.lost: dict[str, Order] = {}
        """Orders that were sent and of which no id is known."""
        self.in_flight: dict[str, Order] = {}
        """Orders whose answer is still awaited."""
        self.followed: dict[str, Followed] = {}
        """By exchange id: orders not ended."""
        self._ids: OrderedDict[str, str] = OrderedDict()
        self._owners: OrderedDict[str, str] = OrderedDict()
        self._seen: OrderedDict[str, int] = OrderedDict()
        self._claims: OrderedDict[tuple[str, str], Claim] = OrderedDict()

    def id_of(self, order: Order) -> str | None:
        """Return the exchange's id of an order, None when it was never heard."""
        return order.exchange_order_id or self._ids.get(order.client_order_id)

    def owner_of(self, exchange_order_id: str) -> str | None:
        """Return our id of an exchange's order, None when it is not known to be ours."""
        return self._owners.get(exchange_order_id)

    def know(self, client_order_id: str, exchange_order_id: str) -> None:
        """Know whose an exchange's order is from now on."""
        self.lost.pop(client_order_id, None)
        _put(self._ids, client_order_id, exchange_order_id)
        _put(self._owners, exchange_order_id, client_order_id)

    def learn(self, order: Order, exchange_order_id: str) -> None:
        """Know an order's id from now on, and follow it unless it ended."""
        self.know(order.client_order_id, exchange_order_id)
        if not order.is_ended:
            known = self.followed.get(exchange_order_id)
            if known is None:
                self.followed[exchange_order_id] = Followed(order.client_order_id, order.market)
            else:
                known.client_order_id = order.client_order_id

    def remember(self, orders: Iterable[Order]) -> None:
        """Take over what the journal kept of orders of an earlier run; one without an id may have left all the same."""
        for order in orders:
            if order.exchange_order_id is not None:
                self.learn(order, order.exchange_order_id)
                self.claim(order.market, order.side, order.exchange_order_id, order.fills)
            elif not order.is_ended:
                self.lost[order.client_order_id] = order

    def heard(self, market: str, side: Side, report: OrderReport) -> None:
        """Take note of what a look-up by id said."""
        if report.exchange_order_id is None:
            return
        self.claim(market, side, report.exchange_order_id, report.fills)
        if report.on in (OrderOn.FULL_FILL, OrderOn.CANCELED):
            self.followed.pop(report.exchange_order_id, None)

    def claim(self, market: str, side: Side, owner: str, fills: Iterable[Fill]) -> None:
        """Know these fills as those of one order."""
        for fill in fills:
            claim = Claim(market, side, fill.price, fill.qty, fill.at_wall_ns)
            _put(self._claims, (owner, fill.trade_id), claim)

    def claims(self, market: str, side: Side) -> list[Claim]:
        """Return the fills of known orders on one side of a market."""
        return [one for one in self._claims.values() if one.market == market and one.side is side]

    def saw(self, exchange_order_ids: Iterable[str], now_wall_ns: int) -> None:
        """Know that these orders were listed at this time."""
        for exchange_order_id in exchange_order_ids:
            if exchange_order_id not in self._seen:
                _put(self._seen, exchange_order_id, now_wall_ns)

    def is_free(self, exchange_order_id: str, order: Order) -> bool:
        """Return whether a listed order could be `order`: owned by none, and not listed before it was planned."""
        if self._owners.get(exchange_order_id, order.client_order_id) != order.client_order_id:
            return False
        return self._seen.get(exchange_order_id, order.planned_wall_ns) >= order.planned_wall_ns


def _put(kept: "OrderedDict[K, V]", key: K, value: V) -> None:
    kept[key] = value
    if len(kept) > KEPT:
        kept.popitem(last=False)
