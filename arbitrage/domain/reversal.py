"""Fills that an exchange took back: found by what their undoing must have moved, to the last digit.

No list of either exchange tells a reversal: the order keeps its fill, only the balances change. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import product

import msgspec

from arbitrage.domain.adjustment import signed
from arbitrage.domain.history import Trade
from arbitrage.domain.reconciliation import FillFigure
from arbitrage.domain.units import EXACT, PPM, QUOTE, base_of, exact_sum, fee_cut, to_decimal

MOST_FILLS = 300
"""How many of an asset's newest fills are looked at."""
MOST_CHOICES = 2_000
FEE_STEPS = (Decimal(0), Decimal("0.01"))
"""How exchanges cut an order's fee (upbit.md §1.6, bithumb.md §3.9)."""


class Undone(msgspec.Struct, frozen=True):
    """One fill taken back, and what that moved."""

    trade: Trade
    fill: FillFigure
    coins: Decimal
    krw: Decimal
    """Funds without the fee."""
    fee: Decimal
    """What came back of it."""

    @property
    def ref(self) -> str:
        """Return what this reversal is booked under."""
        return f"reversal:{self.trade.order_id}:{self.fill.trade_id}"


def find_reversed(
    left: Mapping[str, Decimal], trades: Sequence[Trade], known: frozenset[str]
) -> tuple[tuple[Undone, ...], bool]:
    """Return the fills whose undoing moved what is `left` of the balances, and whether nothing else fits as well.

    `left` is theirs minus ours per asset. A fill in `known` (refs) was taken back before. Coins must fit to the
    last digit, and KRW too. Nothing is returned when nothing fits.
    """
    candidates = {
        asset: list(_sets_for(asset, amount, trades, known))
        for asset, amount in left.items()
        if amount and asset != QUOTE
    }
    candidates = {asset: sets for asset, sets in candidates.items() if sets}
    krw = left.get(QUOTE, Decimal(0))
    found: list[tuple[Undone, ...]] = []
    for number, choice in enumerate(product(*candidates.values())):
        undone = tuple(one for part in choice for one in part)
        if number >= MOST_CHOICES or len(found) > 1:
            break
        if undone and exact_sum(EXACT.add(one.krw, one.fee) for one in undone) == krw:
            found.append(undone)
    # The newest come first.
    return (found[0], len(found) == 1) if found else ((), False)


def _sets_for(
    asset: str, amount: Decimal, trades: Sequence[Trade], known: frozenset[str]
) -> Iterator[tuple[Undone, ...]]:
    # Single fills first, then all that followed one another within some time.
    fills = [one for one in _undone(asset, trades) if one.ref not in known][:MOST_FILLS]
    for one in fills:
        if one.coins == amount:
            yield (one,)
    for start in range(len(fills)):
        total = fills[start].coins
        for end in range(start + 1, len(fills)):
            total = EXACT.add(total, fills[end].coins)
            if total == amount:
                yield tuple(fills[start : end + 1])


def _undone(asset: str, trades: Iterable[Trade]) -> Iterator[Undone]:
    for trade in sorted(trades, key=lambda trade: trade.at_wall_ns, reverse=True):
        if base_of(trade.market) != asset:
            continue
        sign = trade.side.sign
        fees = fees_of_fills(trade)
        for fill, fee in reversed(list(zip(trade.fills, fees, strict=True))):
            yield Undone(trade, fill, to_decimal(-sign * fill.qty), signed(fill.funds, sign), fee)


def fees_of_fills(trade: Trade) -> tuple[Decimal, ...]:
    """Return each fill's part of the order's fee: what the cut fee rose by, as exchanges charge it.

    Where no rate explains the fee, it is shared out by funds and the last fill bears the rest.
    """
    if len(trade.fills) == 1:
        return (trade.paid_fee,)
    total = exact_sum(fill.funds for fill in trade.fills)
    if not total:
        return tuple(Decimal(0) for _ in trade.fills)
    ppm = rate_ppm(trade.paid_fee, total)
    for step in FEE_STEPS:
        shares, before, paid = [], Decimal(0), Decimal(0)
        for fill in trade.fills:
            before = EXACT.add(before, fill.funds)
            shares.append(EXACT.subtract(fee_cut(before, ppm, step), paid))
            paid = fee_cut(before, ppm, step)
        if paid == trade.paid_fee:
            return tuple(shares)
    shares = [(trade.paid_fee * fill.funds / total).quantize(Decimal("1E-8")) for fill in trade.fills[:-1]]
    return (*shares, EXACT.subtract(trade.paid_fee, exact_sum(shares)))


def rate_ppm(fee: Decimal, funds: Decimal) -> int:
    """Return the fee rate in ppm, to the nearest; 0 for no funds."""
    return int((fee * PPM / funds).to_integral_value(ROUND_HALF_EVEN)) if funds else 0


def moved_krw(trade: Trade) -> Decimal:
    """Return what the order moved in KRW, fee included."""
    return EXACT.subtract(signed(trade.executed_funds, -trade.side.sign), trade.paid_fee)
