"""When to ask once more for an order that ended short of its quantity: an end can be told before its last fill.

The private stream tells of such a fill, as long as it loses nothing. Asking twice costs little: few orders end so.
"""

from collections import deque
from collections.abc import Iterator

from arbitrage.domain.params import SECOND
from arbitrage.domain.units import Ns

AFTER_NS = (6 * SECOND, 20 * SECOND)


class SecondLook:
    """Our ids of orders to ask for again, each at its times."""

    def __init__(self) -> None:
        self._due: tuple[deque[tuple[Ns, str]], ...] = tuple(deque() for _ in AFTER_NS)

    def ended(self, client_order_id: str, now_mono: Ns) -> None:
        """Note an order that ended short."""
        for after_ns, queue in zip(AFTER_NS, self._due, strict=True):
            queue.append((Ns(now_mono + after_ns), client_order_id))

    def due(self, now_mono: Ns) -> Iterator[str]:
        """Forget and yield those whose time has come."""
        for queue in self._due:
            while queue and queue[0][0] <= now_mono:
                yield queue.popleft()[1]
