"""What moved on an exchange without a fill of ours in the ledger: typed, located, and absolute.

A `Target` says all that one row of the exchange's history has moved so far. What is booked is the target less
what was booked for the same row before: however often and in whatever order runs come, the sum is the target.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from arbitrage.domain.units import EXACT, Exchange, Ns


class AdjustmentKind(StrEnum):
    """Why money or coins moved."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    MANUAL_TRADE = "manual_trade"
    """An order that no trader of ours placed: the owner's own, also one that settled a stuck arb."""
    MISSED_FILL = "missed_fill"
    DOUBLED_FILL = "doubled_fill"
    EXTRA_FILL = "extra_fill"
    ORDER_CHANGED = "order_changed"
    """The exchange tells other funds or another fee of an order than it did."""
    REVERSAL = "reversal"
    ROUNDING = "rounding"
    DUST = "dust"
    AIRDROP = "airdrop"
    CORRECTION = "correction"
    """A person says so: nothing in the exchange's history does."""


BY_PERSON = (
    AdjustmentKind.CORRECTION,
    AdjustmentKind.AIRDROP,
    AdjustmentKind.DEPOSIT,
    AdjustmentKind.WITHDRAWAL,
    AdjustmentKind.MANUAL_TRADE,
    AdjustmentKind.REVERSAL,
    AdjustmentKind.DUST,
    AdjustmentKind.ROUNDING,
)
"""What a person may book by hand."""


class Move(msgspec.Struct, frozen=True):
    """A change of our balance of one asset: plus is more of it."""

    asset: str
    amount: Decimal
    is_fee: bool = False


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """All that one row of history has moved. `ref` names the row: `deposit:<id>`, `order:<our id>`, and so on."""

    exchange: Exchange
    kind: AdjustmentKind
    ref: str
    moves: tuple[Move, ...]
    at_wall_ns: Ns
    market: str = ""
    is_final: bool = True
    """False while the row may still change: it is asked for again."""
    text: str = ""


Booked = Mapping[tuple[str, bool], Decimal]
"""(asset, is a fee) -> what is booked for a row so far."""


def missing_moves(target: Target, booked: Booked) -> tuple[Move, ...]:
    """Return what must still be booked so that the row's entries sum to `target`; empty when they do."""
    wanted = summed(target.moves)
    found = []
    for asset, is_fee in sorted(wanted.keys() | booked.keys()):
        key = (asset, is_fee)
        delta = EXACT.subtract(wanted.get(key, Decimal(0)), booked.get(key, Decimal(0)))
        if delta:
            found.append(Move(asset, delta, is_fee))
    return tuple(found)


def summed(moves: Iterable[Move]) -> dict[tuple[str, bool], Decimal]:
    """Return the exact sum per asset, fees apart."""
    totals: dict[tuple[str, bool], Decimal] = {}
    for move in moves:
        key = (move.asset, move.is_fee)
        totals[key] = EXACT.add(totals.get(key, Decimal(0)), move.amount)
    return totals


def signed(amount: Decimal, sign: int) -> Decimal:
    """Return `amount`, negated for a negative sign, with all its digits: a product would keep 28."""
    return amount if sign > 0 else amount.copy_negate()


def per_asset(moves: Iterable[Move]) -> dict[str, Decimal]:
    """Return the exact sum per asset, fees included."""
    totals: dict[str, Decimal] = {}
    for move in moves:
        totals[move.asset] = EXACT.add(totals.get(move.asset, Decimal(0)), move.amount)
    return totals
