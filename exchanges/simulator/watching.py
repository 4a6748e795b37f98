"""Orders that wait for a price to be traded before they count: Bithumb's automatic orders (bithumb.md §1.5, §3.9).

From which side the price must come is not documented. Here it is the side the last trade lay on when the order
was taken: below the watched price it triggers at or above it, else at or below it.
"""

from exchanges.simulator.orders import SimOrder
from exchanges.simulator.rules import State


class Watching:
    """The waiting orders of one exchange, by market."""

    def __init__(self) -> None:
        self._orders: dict[str, dict[str, SimOrder]] = {}

    def add(self, order: SimOrder) -> None:
        """Let an order wait."""
        self._orders.setdefault(order.draft.market, {})[order.order_id] = order

    def triggered(self, market: str, price: int) -> list[SimOrder]:
        """Return the orders a trade at `price` sets free; they wait no longer. Ended ones are forgotten."""
        waiting = self._orders.get(market)
        if not waiting:
            return []
        for order_id in [order.order_id for order in waiting.values() if order.state is not State.WATCH]:
            del waiting[order_id]
        free = [order for order in waiting.values() if _has_come(order, price)]
        for order in free:
            del waiting[order.order_id]
        return free


def _has_come(order: SimOrder, price: int) -> bool:
    watched = order.draft.watch_price or 0
    return price >= watched if order.watched_from < watched else price <= watched
