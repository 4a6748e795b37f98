"""The last look before an order's bytes leave: everything that can forbid it at the last moment (R4.1).

A leg whose sibling has left goes even when the event loop is late: a lone leg is worse than one that is late by less
than a second. An older one is kept back like any other, and what the sibling met is evened out on today's books.
"""

from collections import deque
from collections.abc import Callable

from arbitrage.domain.order import Order, OrderRole
from arbitrage.domain.params import MS, SECOND
from arbitrage.domain.units import Exchange
from workers.lease import Lease
from workers.process import Context

HEDGE_WITHIN_NS = 2 * SECOND
"""A hedge decided longer ago is not sent: the process slept, and the arb decides anew on today's books."""
ARBS_KEPT = 256

Look = Callable[[Exchange, Order], str | None]


class LastLook:
    """Asks in turn: not cut off, still the trader, with a lease, awake, and let by kill switch and executor."""

    def __init__(
        self, context: Context, *, fence: int, max_lag_ns: Callable[[], int], lease: Lease, executor: Look
    ) -> None:
        self._context = context
        self._fence = fence
        self._max_lag_ns = max_lag_ns
        self._lease = lease
        self._executor = executor
        self._left: deque[str] = deque(maxlen=ARBS_KEPT)
        """Arbs of which a leg has left lately."""

    def __call__(self, exchange: Exchange, order: Order) -> str | None:
        """Return why `order` must not leave now, None when it may."""
        reason = self._not_ours() or self._lease.why_not() or self._asleep(order) or self._executor(exchange, order)
        if reason is None and order.role is not OrderRole.HEDGE:
            self._left.append(order.arb_id)
        return reason

    def _not_ours(self) -> str | None:
        if self._context.control.is_cut():
            return "orders are cut off"
        newest = self._context.control.fence()
        return None if newest == self._fence else f"fenced: this trader is {self._fence}, the newest is {newest}"

    def _asleep(self, order: Order) -> str | None:
        if order.role is OrderRole.HEDGE:
            age = self._context.clock.mono_ns() - order.planned_mono_ns
            return f"hedge decided {age // MS} ms ago" if age > HEDGE_WITHIN_NS else None
        if order.arb_id in self._left:
            return None
        lag = self._context.loop_lag_ns
        return f"event loop late by {lag // MS} ms" if lag > self._max_lag_ns() else None
