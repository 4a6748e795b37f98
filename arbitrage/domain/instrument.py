"""What may be ordered on one market of one exchange, as data.

Tick tables carry the date from which they hold (upbit.md §5.1, bithumb.md §5.1); rounding always
names its direction. Which table, minimum and fee an exchange has is said in its `profile.py`.
"""

from bisect import bisect_right
from decimal import Decimal

import msgspec

from arbitrage.domain.units import (
    PPM,
    SCALE,
    Exchange,
    Krw,
    Ppm,
    Price,
    Qty,
    base_of,
    fee_ceil,
    fee_cut,
    qty_floor,
)


class TickBand(msgspec.Struct, frozen=True):
    """Prices at or above `from_price` move in steps of `tick`, both in 10^-8 KRW."""

    from_price: Price
    tick: Price


class TickTable(msgspec.Struct, frozen=True):
    """Bands in rising order of price; `valid_from` is an ISO date (KST)."""

    valid_from: str
    bands: tuple[TickBand, ...]

    def tick_at(self, price: Price) -> Price:
        """Return the price step at `price`. ValueError when no band covers it: do not trade."""
        index = bisect_right(self.bands, price, key=lambda band: band.from_price) - 1
        if index < 0:
            raise ValueError(f"no tick band covers price {price}")
        return self.bands[index].tick


class Instrument(msgspec.Struct, frozen=True):
    """One market on one exchange: units in 10^-8, fee in ppm of the notional (taker)."""

    exchange: Exchange
    market: str
    ticks: TickTable
    lot_step: Qty
    min_notional: Krw
    max_notional: Krw
    fee_ppm: Ppm
    fee_step_dec: Decimal = Decimal(0)
    """The exchange cuts each order's fee down to this step in KRW; 0 = it does not round."""

    @property
    def base(self) -> str:
        """Return the base asset."""
        return base_of(self.market)

    def price_down(self, price: Price) -> Price:
        """Return the highest tick at or below `price`."""
        tick = self.ticks.tick_at(price)
        return Price(price - price % tick)

    def price_up(self, price: Price) -> Price:
        """Return the lowest tick at or above `price`."""
        down = self.price_down(price)
        return down if down == price else Price(down + self.ticks.tick_at(down))

    def qty_down(self, qty: Qty) -> Qty:
        """Return the largest orderable quantity at or below `qty`."""
        return Qty(qty - qty % self.lot_step)

    def funds_affordable(self, free: Krw) -> Krw:
        """Return the largest total a market buy may name with `free` KRW: the fee comes on top (upbit.md §1.6).

        Rounded down to whole won, because whether totals may carry decimals is not documented.
        """
        funds = max(free, 0) * PPM // (PPM + self.fee_ppm)
        return Krw(funds - funds % SCALE)

    def funds_locked(self, funds: Krw) -> Krw:
        """Return the most a market buy of `funds` can take: the total and the fee on it, rounded up."""
        return Krw(funds + fee_ceil(funds, self.fee_ppm))

    def qty_for(self, funds: Krw, price: Price) -> Qty:
        """Return what `funds` buy at `price`: floored to 8 decimals (upbit.md §1.6, bithumb.md §3.9)."""
        return self.qty_down(qty_floor(funds, price))

    def fee_on(self, executed_funds: Decimal) -> Decimal:
        """Return the fee of an order that executed for `executed_funds`, as this exchange charges it.

        Unrounded on Upbit (upbit.md §1.6), cut to 0.01 KRW per order on Bithumb (bithumb.md §3.9).
        """
        return fee_cut(executed_funds, self.fee_ppm, self.fee_step_dec)
