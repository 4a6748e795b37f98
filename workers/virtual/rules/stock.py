"""Rules for where stock lies: nothing opens that empties a side further, and bringing it back keeps to its budget.

Worked out here once more, from the trader's own figures at the moment an arb is journalled for the first time.
"""

from arbitrage.domain.arb import Arb
from arbitrage.domain.balances import Wallets
from arbitrage.domain.params import MS, SECOND
from arbitrage.domain.units import PPM, QUOTE, Exchange, base_of
from workers.virtual.rules.findings import Findings

KST_NS = 9 * 3600 * SECOND
DAY_NS = 86_400 * SECOND
SLACK_NS = 20 * MS
"""A decision and its arb may lie this far apart."""


class Stock:
    """Looks at each arb when it opens."""

    def __init__(self, found: Findings) -> None:
        self._found = found
        self._known: set[str] = set()

    def journalled(self, arb: Arb) -> None:
        """Look at a new image of an arb; only the first one says where stock lay when it opened."""
        if arb.arb_id in self._known:
            return
        self._known.add(arb.arb_id)
        life = self._found.world.life
        if life is not None and life.trader is not None:
            self._opened(arb, life.trader.wallets)
        self._spent(arb)

    def _opened(self, arb: Arb, wallets: Wallets) -> None:
        params = self._found.world.params
        for exchange in (arb.signal.buy_exchange, arb.signal.sell_exchange):
            age = arb.opened_mono_ns - wallets.read_mono_ns(exchange)
            if age > params.max_balance_age_ns + SLACK_NS:
                self._found.broken("stale_balance", f"{arb.arb_id} on balances of {exchange} {age // MS} ms old")
        buy, sell, base = arb.signal.buy_exchange, arb.signal.sell_exchange, base_of(arb.market)
        coins = _lean(_before(wallets, buy, base, arb), _before(wallets, sell, base, arb))
        krw = _lean(_before(wallets, sell, QUOTE, arb), _before(wallets, buy, QUOTE, arb))
        strain = max(coins, krw, 0) + min(coins, krw, 0)
        hard = self._found.world.operator.params_of(arb.params_epoch).hard_band_ppm
        if strain >= hard:
            self._found.broken("emptied_further", f"{arb.arb_id} buys on {buy} at {strain} ppm, hard is {hard}")

    def _spent(self, arb: Arb) -> None:
        # What an arb is expected to earn below the least edge is at least what its discount cost.
        operator, day = self._found.world.operator, _day_of(arb.opened_wall_ns)
        params = operator.params_of(arb.params_epoch)
        spent = 0
        for one in self._found.images.values():
            is_void = one.is_closed and not any(order.executed_qty for order in one.orders)
            if _day_of(one.closed_wall_ns or one.opened_wall_ns) == day and not is_void:
                signal, least_ppm = one.signal, operator.params_of(one.params_epoch).min_edge_ppm
                spent += max(0, -(-signal.buy_cost * least_ppm // PPM) - signal.expected_krw)
        if spent > params.discount_budget_krw:
            self._found.broken("discount_overspent", f"{spent} by {arb.arb_id}, {params.discount_budget_krw} a day")


def _before(wallets: Wallets, exchange: Exchange, asset: str, arb: Arb) -> int:
    """Return the stock as it was before `arb` reserved what it needs."""
    own = sum(
        one.amount
        for one in wallets.reservations()
        if one.arb_id == arb.arb_id and (one.exchange, one.asset) == (exchange, asset)
    )
    return wallets.stock(exchange, asset) + own


def _lean(here: int, there: int) -> int:
    return (here - there) * PPM // (here + there) if here + there else 0


def _day_of(wall_ns: int) -> int:
    return (wall_ns + KST_NS) // DAY_NS
