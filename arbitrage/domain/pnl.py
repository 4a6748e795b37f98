"""What an arb earned, taken apart by cause: edge, discount, fees, slippage, hedge, dust. Exact, and pure.

The parts sum to the arb's P&L in KRW to the last digit: whatever a quotient must round goes into slippage, which
is what is left. Coins never count in here: what an arb left uneven is a quantity, valued apart, at what it cost.

| part | what it is |
|---|---|
| edge | what the signal's books promised for the quantity that both legs did, before fees and discount |
| discount | what the signal gave away of it to bring lopsided stock back |
| fees | charged on both legs |
| slippage | what the legs' matches made better or worse than the books promised |
| hedge | evening out: the uneven quantity at its leg's price, the hedges, their fees |
| dust | KRW paid (or received) for coins left over (or lacking) in the end, also for dust of others taken over |
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from arbitrage.domain.adjustment import signed
from arbitrage.domain.arb import Arb
from arbitrage.domain.order import Order, OrderRole
from arbitrage.domain.units import EXACT, Side, exact_sum, to_decimal


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """Contributions in KRW: plus earned, minus cost."""

    edge: Decimal = Decimal(0)
    discount: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    slippage: Decimal = Decimal(0)
    hedge: Decimal = Decimal(0)
    dust: Decimal = Decimal(0)

    @property
    def pnl(self) -> Decimal:
        """Return their sum: KRW received minus KRW paid minus fees."""
        return exact_sum(getattr(self, name) for name in CAUSES)


CAUSES = Parts.__struct_fields__
"""The causes, in the order in which they are shown."""


def added(rows: Iterable[Parts]) -> Parts:
    """Return the exact sum of each cause."""
    found = list(rows)
    return Parts(**{name: exact_sum(getattr(row, name) for row in found) for name in CAUSES})


def parts_of(arb: Arb) -> Parts:
    """Return the parts of what `arb` moved so far; they sum to `arb.pnl_krw`."""
    buy, sell = arb.orders[0], arb.orders[1]
    hedges = [order for order in arb.orders if order.role is OrderRole.HEDGE]
    matched = min(buy.executed_qty, sell.executed_qty)
    signal = arb.signal
    promised = to_decimal(_share(signal.sell_proceeds - signal.buy_cost, matched, signal.qty))
    discount = to_decimal(-_share(signal.discount, matched, signal.qty))
    fees = exact_sum(order.paid_fee.copy_negate() for order in (buy, sell))
    dust = _dust(arb)
    uneven = exact_sum((_uneven_cash(buy, matched), _uneven_cash(sell, matched)))
    hedge = exact_sum((uneven, *(_cash(order) for order in hedges), dust.copy_negate()))
    hedge = exact_sum((hedge, *(order.paid_fee.copy_negate() for order in hedges)))
    rest = exact_sum(part.copy_negate() for part in (promised, fees, hedge, dust))
    return Parts(
        edge=EXACT.subtract(promised, discount),
        discount=discount,
        fees=fees,
        slippage=EXACT.add(arb.pnl_krw, rest),
        hedge=hedge,
        dust=dust,
    )


def _cash(order: Order) -> Decimal:
    # KRW that came in through the order, its fee apart.
    return signed(order.executed_funds, -order.side.sign)


def _uneven_cash(leg: Order, matched: int) -> Decimal:
    # The part of a leg's KRW that is of what the other leg did not do.
    return signed(_funds_share(leg.executed_funds, leg.executed_qty - matched, leg.executed_qty), -leg.side.sign)


def _dust(arb: Arb) -> Decimal:
    # What is left over was paid, what is lacking was received, at the average of the side that did too much.
    left = arb.filled_imbalance
    side = Side.BID if left > 0 else Side.ASK
    filled = [order for order in arb.orders if order.side is side]
    qty, funds = sum(order.executed_qty for order in filled), exact_sum(order.executed_funds for order in filled)
    return signed(_funds_share(funds, abs(left), qty), -side.sign)


def _share(amount: int, part: int, whole: int) -> int:
    return amount * part // whole if whole else 0


def _funds_share(funds: Decimal, part: int, whole: int) -> Decimal:
    # To 10^-8 KRW, downwards; all of it exactly.
    if not part:
        return Decimal(0)
    if part == whole:
        return funds
    scaled = int(funds.scaleb(8, EXACT))
    return to_decimal(scaled * part // whole)
