"""Which arbs there are: open and lately closed, found by any id an exchange may name.

What the gate asks at every signal is kept ready, so that a long day costs it nothing.
"""

from collections import Counter
from collections.abc import Iterator

from arbitrage.domain.arb import Arb, is_moving
from arbitrage.domain.params import SECOND
from arbitrage.domain.units import Exchange, Ns

LATE_FILL_NS = 600 * SECOND
"""A closed arb is kept this long, so that a fill after a cancel still finds it."""


class Register:
    """All arbs of one trader. No clock, no I/O."""

    def __init__(self) -> None:
        self._arbs: dict[str, Arb] = {}
        self._open: dict[str, Arb] = {}
        self._lingering: dict[str, Arb] = {}
        self._closed: dict[str, Ns] = {}
        self._arb_of: dict[str, str] = {}
        self._by_exchange_id: dict[tuple[Exchange, str], str] = {}
        self._alive: dict[str, Exchange] = {}
        self._changes: Counter[Exchange] = Counter()

    def find(self, arb_id: str) -> Arb | None:
        """Return an arb, None when it is not kept (any more)."""
        return self._arbs.get(arb_id)

    def open_arbs(self) -> tuple[Arb, ...]:
        """Return every arb that is not closed, oldest first."""
        return tuple(self._open.values())

    def watched_arbs(self) -> tuple[Arb, ...]:
        """Return open arbs, and closed ones with an order a person left alive."""
        return (*self._open.values(), *self._lingering.values())

    def kept_arbs(self) -> Iterator[Arb]:
        """Yield every arb that is kept: open ones, and those closed so lately that a fill may still come."""
        return iter(tuple(self._arbs.values()))

    def is_known(self, client_order_id: str) -> bool:
        """Return whether this is an order of an arb that is kept."""
        return client_order_id in self._arb_of

    @property
    def open_count(self) -> int:
        """Return how many arbs are not closed."""
        return len(self._open)

    @property
    def moving_count(self) -> int:
        """Return how many arbs may still change a balance."""
        return sum(is_moving(arb) for arb in self._open.values())

    def order_of(self, exchange: Exchange, client_order_id: str | None, exchange_order_id: str | None) -> str | None:
        """Return our id of the order that either id names, None when it is none of ours."""
        if client_order_id is not None and client_order_id in self._arb_of:
            return client_order_id
        return self._by_exchange_id.get((exchange, exchange_order_id or ""))

    def arb_of(self, client_order_id: str) -> Arb:
        """Return the arb of one of our orders. KeyError when it is none of ours."""
        return self._arbs[self._arb_of[client_order_id]]

    def has_live_orders(self, exchange: Exchange) -> bool:
        """Return whether any order of ours may be alive on `exchange`, that of a closed arb included."""
        return exchange in self._alive.values()

    def changes(self, exchange: Exchange) -> int:
        """Return a number that moves whenever an order on `exchange` is planned or changed."""
        return self._changes[exchange]

    def keep(self, arb: Arb, now_mono: Ns) -> None:
        """Take over the newest image of an arb."""
        arb_id, is_closed = arb.arb_id, arb.is_closed
        before = self._arbs.get(arb_id)
        self._arbs[arb_id] = arb
        if not is_closed:
            self._open[arb_id] = arb
            self._closed.pop(arb_id, None)
        elif before is None or not before.is_closed:
            self._open.pop(arb_id, None)
            self._closed[arb_id] = now_mono
        if is_closed and any(not order.is_ended for order in arb.orders):
            self._lingering[arb_id] = arb
        else:
            self._lingering.pop(arb_id, None)
        # Orders keep their places and new ones come last.
        known = before.orders if before is not None else ()
        for index, order in enumerate(arb.orders):
            if index < len(known) and known[index] is order:
                continue
            self._arb_of[order.client_order_id] = arb_id
            self._changes[order.exchange] += 1
            if order.exchange_order_id is not None:
                self._by_exchange_id[order.exchange, order.exchange_order_id] = order.client_order_id
            if order.is_ended:
                self._alive.pop(order.client_order_id, None)
            else:
                self._alive[order.client_order_id] = order.exchange

    def expired(self, now_mono: Ns) -> Iterator[Arb]:
        """Forget and yield arbs that closed longer ago than a late fill may take."""
        while self._closed:
            arb_id, closed_ns = next(iter(self._closed.items()))
            if now_mono - closed_ns <= LATE_FILL_NS:
                return
            arb = self._arbs[arb_id]
            self._forget(arb)
            yield arb

    def _forget(self, arb: Arb) -> None:
        del self._arbs[arb.arb_id]
        del self._closed[arb.arb_id]
        self._lingering.pop(arb.arb_id, None)
        for order in arb.orders:
            self._arb_of.pop(order.client_order_id, None)
            self._by_exchange_id.pop((order.exchange, order.exchange_order_id or ""), None)
            self._alive.pop(order.client_order_id, None)
