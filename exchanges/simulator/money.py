"""The simulator's exact money: ints in 10^-22, wide enough for any fee an exchange leaves unrounded.

A price (10^-8) times a quantity (10^-8) has 16 decimals, and a fee rate in ppm adds six, so no
amount of either exchange is ever rounded here unless a rule says so (upbit.md §1.6, bithumb.md §3.9).
"""

import re
from typing import NewType

from arbitrage.domain.units import DECIMALS, PPM, SCALE
from exchanges.simulator.texts import kept

Fine = NewType("Fine", int)
"""An amount of any asset in 10^-22."""

FINE_DECIMALS = 22
FINE = 10**FINE_DECIMALS
_PER_UNIT: int = 10 ** (FINE_DECIMALS - DECIMALS)
_PER_FUNDS: int = 10 ** (FINE_DECIMALS - 2 * DECIMALS)
_LEAST_PLAIN: int = SCALE // 1_000
_LEAST_WITH_EXPONENT: int = 10_000_000 * SCALE
_PLAIN = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,22})?")


def fine_of_units(units: int) -> Fine:
    """Return an amount given in 10^-8."""
    return Fine(units * _PER_UNIT)


def funds_of(price: int, qty: int) -> Fine:
    """Return price x qty, both in 10^-8, without rounding."""
    return Fine(price * qty * _PER_FUNDS)


def fee_of(funds: Fine, fee_ppm: int, fee_step: Fine) -> Fine:
    """Return the fee on `funds`, cut down to `fee_step`; a step of 0 leaves it unrounded."""
    fee = funds * fee_ppm // PPM
    return Fine(fee - fee % fee_step if fee_step else fee)


def affordable(funds: Fine, price: int) -> int:
    """Return the quantity in 10^-8 that `funds` buy at `price`, rounded down (upbit.md §1.6)."""
    return funds // (price * _PER_FUNDS)


def fine_of_text(text: str) -> Fine:
    """Return the amount a plain decimal names; ValueError for anything else."""
    if not _PLAIN.fullmatch(text):
        raise ValueError(f"{text!r} is not a plain decimal number")
    whole, _, part = text.partition(".")
    return Fine(int(whole) * FINE + int(part.ljust(FINE_DECIMALS, "0")))


def units_of_text(text: str) -> int:
    """Return a plain decimal in 10^-8; ValueError when it is none or has more than 8 decimals."""
    units, rest = divmod(fine_of_text(text), _PER_UNIT)
    if rest:
        raise ValueError(f"{text!r} has more than {DECIMALS} decimals")
    return units


# Most balances, fees and funds are told again and again until an order changes them.
@kept
def fine_text(amount: int) -> str:
    """Return plain decimal text without exponent or trailing zeros."""
    return _text(amount, FINE, FINE_DECIMALS)


def plain_text(units: int) -> str:
    """Return an amount in 10^-8 as plain decimal text: `116606000`, `0.05`."""
    if units < 0:
        return _text(units, SCALE, DECIMALS)
    whole, part = divmod(units, SCALE)
    return f"{whole}.{part:08d}".rstrip("0") if part else str(whole)


def _text(amount: int, scale: int, decimals: int) -> str:
    sign = "-" if amount < 0 else ""
    whole, part = divmod(abs(amount), scale)
    if not part:
        return f"{sign}{whole}"
    return f"{sign}{whole}.{part:0{decimals}d}".rstrip("0")


def double_text(units: int) -> str:
    """Return an amount in 10^-8 the way Upbit's servers spell doubles: `4322000.0`, `1.16539E8`, `7.9276E-4`.

    Exponents from 10^7 up and below 10^-3, as in the frames measured in 2026 (tests/frames/README.md).
    """
    if _LEAST_PLAIN <= units < _LEAST_WITH_EXPONENT:
        whole, part = divmod(units, SCALE)
        return f"{whole}.{part:08d}".rstrip("0") if part else f"{whole}.0"
    if units == 0:
        return "0.0"
    digits = str(abs(units))
    sign = "-" if units < 0 else ""
    exponent = len(digits) - 1 - DECIMALS
    if -3 <= exponent < 7:
        text = plain_text(units)
        return text if "." in text else f"{text}.0"
    tail = digits[1:].rstrip("0") or "0"
    return f"{sign}{digits[0]}.{tail}E{exponent}"
