"""What may be ordered on one market of one exchange, as data.

Tick tables carry the date from which they hold (upbit.md §5.1, bithumb.md §5.1); rounding always
names its direction. Which table, minimum and fee an exchange has is said in its `profile.py`.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import attrgetter

import msgspec

from arbitrage.domain.units import (
    PPM,
    SCALE,
    Exchange,
    Krw,
    Ns,
    Ppm,
    Price,
    Qty,
    base_of,
    fee_ceil,
    fee_cut,
    qty_floor,
    units_text,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KST_S = 9 * 3600


class TickBand(msgspec.Struct, frozen=True):
    """Prices at or above `from_price` move in steps of `tick`, both in 10^-8 KRW."""

    from_price: Price
    tick: Price


from_price_of = attrgetter("from_price")
"""Where a band begins, for a search among bands."""


class TickTable(msgspec.Struct, frozen=True):
    """Bands in rising order of price; `valid_from` is an ISO date (KST)."""

    valid_from: str
    bands: tuple[TickBand, ...]

    def tick_at(self, price: Price) -> Price:
        """Return the price step at `price`. ValueError when no band covers it: do not trade."""
        index = bisect_right(self.bands, price, key=from_price_of) - 1
        if index < 0:
            raise ValueError(f"no tick band covers price {price}")
        return self.bands[index].tick


def in_force(tables: Sequence[TickTable], date: str) -> TickTable:
    """Return the newest table valid on `date` (ISO, KST); the oldest when all are of a later date.

    Tables come oldest first; one with a date to come is kept beside the present one until its day.
    """
    return next((table for table in reversed(tables) if table.valid_from <= date), tables[0])


def kst_date(wall_ns: Ns) -> str:
    """Return the ISO date in Korea at a moment of the wall clock."""
    return (_EPOCH + timedelta(seconds=wall_ns // 1_000_000_000 + _KST_S)).date().isoformat()


def tick_fault(table: TickTable, told: Price | None, near: Sequence[Price]) -> str:
    """Return why the price step is not known, or an empty text: then prices may be made from `table`.

    `told` is what the exchange itself names for its present price, `near` prices of its book right then:
    at the edge of a band either of their steps is right (upbit.md §1.2, §5.1).
    """
    if told is None:
        return "the exchange names no price step"
    try:
        steps = {table.tick_at(price) for price in near}
    except ValueError as error:
        return str(error)
    if told not in steps:
        ours = " or ".join(units_text(step) for step in sorted(steps)) or "nothing to compare with"
        return f"price step was {units_text(told)}, the table of {table.valid_from} says {ours}"
    return ""


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
