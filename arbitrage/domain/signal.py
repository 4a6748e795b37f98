"""A chance to buy on one exchange and sell on the other, sized and priced (stub: types first)."""

import msgspec

from arbitrage.domain.units import Exchange, Krw, Ns, Price, Qty


class Signal(msgspec.Struct, frozen=True):
    """What to buy where, at which limits, and what it should earn net of both fees.

    Units: prices, qty and KRW in 10^-8, edge in ppm of the bought notional. `buy_cost` and
    `sell_proceeds` are the walked notionals without fees.
    """

    market: str
    buy_exchange: Exchange
    sell_exchange: Exchange
    qty: Qty
    buy_limit: Price
    sell_limit: Price
    buy_cost: Krw
    sell_proceeds: Krw
    fees: Krw
    net_edge_ppm: int
    buy_book_mono_ns: Ns
    sell_book_mono_ns: Ns

    @property
    def expected_krw(self) -> Krw:
        """Return what the arb earns if both legs fill at the walked prices."""
        return Krw(self.sell_proceeds - self.buy_cost - self.fees)
