"""Today's figures for the gate: profit, bought notional and discounts of the arbs closed on a Korean day."""

from arbitrage.domain.arb import Arb
from arbitrage.domain.params import SECOND
from arbitrage.domain.units import Krw, exact_sum, units_floor

KST_NS = 9 * 3600 * SECOND
DAY_NS = 86_400 * SECOND
DAYS_KEPT = 4


class _Day:
    # Sums kept ready: the gate asks at every signal, at the end of a long day too.
    def __init__(self) -> None:
        self.arbs: dict[str, tuple[int, int, int]] = {}
        self.pnl = self.bought = self.discount = Krw(0)

    def put(self, arb_id: str, pnl: int, bought: int, discount: int) -> None:
        old_pnl, old_bought, old_discount = self.arbs.get(arb_id, (0, 0, 0))
        self.arbs[arb_id] = (pnl, bought, discount)
        self.pnl = Krw(self.pnl + pnl - old_pnl)
        self.bought = Krw(self.bought + bought - old_bought)
        self.discount = Krw(self.discount + discount - old_discount)


_QUIET = _Day()
"""A day of which nothing is known; nothing is ever put there."""


class Today:
    """Days apart from each other, so that a clock that jumps and comes back loses nothing. In 10^-8 KRW."""

    def __init__(self) -> None:
        self._days: dict[int, _Day] = {}

    def add(self, arb: Arb) -> None:
        """Count a closed arb on the day it closed; a reopened one counts once a day, with its newest figures.

        What it was closed with on purpose (dust, or settled by hand) counts as what it was bought or sold for:
        a lone sale is no profit, a lone purchase no loss.
        """
        number = ((arb.closed_wall_ns or 0) + KST_NS) // DAY_NS
        day = self._days.get(number)
        if day is None:
            day = self._days[number] = _Day()
            while len(self._days) > DAYS_KEPT:
                del self._days[next(iter(self._days))]
        bought = exact_sum(order.executed_funds for order in arb.orders if order.side.sign > 0)
        discount = arb.signal.discount if any(order.executed_qty for order in arb.orders) else 0
        day.put(arb.arb_id, units_floor(arb.even_pnl_krw), units_floor(bought), discount)

    def figures(self, wall_ns: int) -> tuple[Krw, Krw]:
        """Return (profit, bought) of the day `wall_ns` is in."""
        day = self._days.get((wall_ns + KST_NS) // DAY_NS, _QUIET)
        return day.pnl, day.bought

    def discount(self, wall_ns: int) -> Krw:
        """Return what bringing stock back was planned to cost that day: discounts of the arbs that traded."""
        return self._days.get((wall_ns + KST_NS) // DAY_NS, _QUIET).discount
