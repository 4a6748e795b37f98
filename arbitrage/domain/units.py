"""Exchanges, sides, and the one scale of money: integers in 10^-8.

Prices and quantities must be exact in 10^-8. Funds, fees and balances can carry more decimals on
the wire (9 to 20 were seen, upbit.md §1.6 and §3.3) and stay `Decimal` until the hot path needs a
bound, which is then taken against us. No float enters.
"""

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, Inexact, InvalidOperation
from enum import StrEnum
from typing import NewType

Price = NewType("Price", int)
"""KRW per one unit of the base asset, in 10^-8 KRW."""
Qty = NewType("Qty", int)
"""Base asset, in 10^-8."""
Krw = NewType("Krw", int)
"""Korean won, in 10^-8 KRW."""
Ns = NewType("Ns", int)
"""Nanoseconds; the name of the field says which clock."""
Ppm = NewType("Ppm", int)
"""Parts per million of one."""

DECIMALS = 8
SCALE = 10**DECIMALS
PPM = 1_000_000
INT64_MAX = 2**63 - 1
QUOTE = "KRW"

EXACT = Context(prec=60, traps=[Inexact, InvalidOperation])
"""Refuses to round: 60 digits hold any balance, and the sum of all of them, to the last decimal."""
_HIGHEST_EXPONENT = 30
"""Numbers from 10^31 are nobody's amount; turning `1E+900000` into an int would take half a minute."""


class Exchange(StrEnum):
    """The exchanges, in the order in which shared memory lays them out."""

    UPBIT = "upbit"
    BITHUMB = "bithumb"


EXCHANGES: tuple[Exchange, ...] = (Exchange.UPBIT, Exchange.BITHUMB)


def other_exchange(exchange: Exchange) -> Exchange:
    """Return the one `exchange` is traded against."""
    return Exchange.BITHUMB if exchange is Exchange.UPBIT else Exchange.UPBIT


class Side(StrEnum):
    """BID buys, ASK sells: the word both exchanges use."""

    BID = "bid"
    ASK = "ask"

    @property
    def opposite(self) -> "Side":
        """Return the other side."""
        return Side.ASK if self is Side.BID else Side.BID

    @property
    def sign(self) -> int:
        """Return +1 for BID (base grows), -1 for ASK."""
        return 1 if self is Side.BID else -1


def base_of(market: str) -> str:
    """Return the base asset of a market code: `KRW-BTC` -> `BTC`."""
    return market.partition("-")[2]


def units_exact(value: Decimal) -> int:
    """Return `value` in 10^-8; ValueError when it has more decimals, is not finite or not in int64."""
    scaled = _scaled(value)
    number = int(scaled)
    if scaled != number:
        raise ValueError(f"{value} has more than {DECIMALS} decimals")
    if not -INT64_MAX <= number <= INT64_MAX:
        raise ValueError(f"{value} is beyond int64 in 10^-{DECIMALS}")
    return number


def units_floor(value: Decimal) -> int:
    """Return `value` in 10^-8, towards minus infinity; ValueError beyond 60 digits or 10^31, or not finite."""
    return int(_scaled(value).to_integral_value(ROUND_FLOOR))


def units_ceil(value: Decimal) -> int:
    """Return `value` in 10^-8, towards plus infinity; ValueError beyond 60 digits or 10^31, or not finite."""
    return int(_scaled(value).to_integral_value(ROUND_CEILING))


def _scaled(value: Decimal) -> Decimal:
    if not value.is_finite() or value.adjusted() > _HIGHEST_EXPONENT:
        raise ValueError(f"{value} is not an amount")
    try:
        return value.scaleb(DECIMALS, EXACT)
    except ArithmeticError:
        raise ValueError(f"{value} has more than 60 digits") from None


def to_decimal(units: int) -> Decimal:
    """Return the exact Decimal of an amount in 10^-8."""
    return Decimal(units).scaleb(-DECIMALS, EXACT)


def units_text(units: int) -> str:
    """Return plain decimal text for the wire, without exponent or trailing zeros: 432100000000 -> "4321"."""
    sign = "-" if units < 0 else ""
    whole, part = divmod(abs(units), SCALE)
    if not part:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{part:08d}".rstrip("0")


def percent_text(ppm: int) -> str:
    """Return a share as people read it: 1500 ppm are `0.15 %`."""
    return f"{Decimal(ppm) / 10_000:f} %"


def notional_floor(price: Price, qty: Qty) -> Krw:
    """Return price x qty, rounded down: what a sale yields at least."""
    return Krw(price * qty // SCALE)


def notional_ceil(price: Price, qty: Qty) -> Krw:
    """Return price x qty, rounded up: what a purchase costs at most."""
    return Krw(-(-price * qty // SCALE))


def fee_ceil(notional: int, fee_ppm: int) -> Krw:
    """Return the fee on a notional, rounded up (against us)."""
    return Krw(-(-notional * fee_ppm // PPM))


def fee_cut(funds: Decimal, fee_ppm: int, step: Decimal) -> Decimal:
    """Return the fee on `funds`, rounded down to `step`; a step of 0 leaves it exact."""
    fee = EXACT.multiply(funds, Decimal(fee_ppm).scaleb(-6, EXACT))
    return EXACT.multiply(EXACT.divide_int(fee, step), step) if step else fee


def qty_floor(funds: Krw, price: Price) -> Qty:
    """Return how much `funds` buy at `price`, rounded down to 10^-8. ZeroDivisionError for price 0."""
    return Qty(funds * SCALE // price)


def exact_product(price: Price, qty: Qty) -> Decimal:
    """Return price x qty without rounding: the funds of one fill."""
    return Decimal(price * qty).scaleb(-2 * DECIMALS, EXACT)


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Return the sum with all its digits; the default context would keep 28. decimal.Inexact past 60 digits."""
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total
