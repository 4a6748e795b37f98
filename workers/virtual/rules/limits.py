"""Rules for the desk's own conduct: nothing opens past what a breaker allows.

Worked out here once more, from the arbs alone, at the moment one is journalled for the first time.
"""

from arbitrage.domain.arb import Arb
from arbitrage.domain.order import RefusalReason
from arbitrage.domain.units import to_decimal
from workers.virtual.rules.findings import Findings


class Limits:
    """Looks at each arb when it opens, and counts how the ones before it ended."""

    def __init__(self, found: Findings) -> None:
        self._found = found
        self._known: set[str] = set()
        self._ended: set[str] = set()
        self._failures = 0
        self._let_trade = 0

    def journalled(self, arb: Arb) -> None:
        """Look at a new image of an arb."""
        operator = self._found.world.operator
        if operator.times_let_trade != self._let_trade:
            self._let_trade = operator.times_let_trade
            self._failures = 0
        if arb.arb_id not in self._known:
            self._known.add(arb.arb_id)
            self._opened(arb)
        if arb.is_closed and arb.arb_id not in self._ended:
            self._ended.add(arb.arb_id)
            self._closed(arb)

    def _opened(self, arb: Arb) -> None:
        world = self._found.world
        params = world.operator.params_of(arb.params_epoch)
        if self._failures >= params.max_failures_in_a_row:
            self._found.broken("opened_past_a_breaker", f"{arb.arb_id} after {self._failures} failures in a row")
        worst = max((-self._found.earned(image) for image in self._found.images.values() if image.is_closed), default=0)
        if not self._let_trade and worst >= to_decimal(params.max_arb_loss_krw):
            self._found.broken("opened_past_a_breaker", f"{arb.arb_id} after a loss of {worst:f} KRW")

    # Fewer than the desk counts: an outcome that was unknown for a while is no failure here.
    def _closed(self, arb: Arb) -> None:
        refused = any(order.refusal not in (None, RefusalReason.STOPPED) for order in arb.orders)
        if len(arb.orders) > 2 or refused:
            self._failures += 1
        elif arb.matched_qty:
            self._failures = 0
