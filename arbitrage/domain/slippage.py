"""What an arb's prices were against those its signal was found at (R1.3, R3.2)."""

from decimal import ROUND_UP, Decimal

from arbitrage.domain.arb import Arb
from arbitrage.domain.units import DECIMALS, EXACT, PPM, Ppm, Side, exact_sum


def slippage_ppm(arb: Arb) -> Ppm | None:
    """Return how much dearer than expected it was, hedges included; below 0 = better. None when nothing filled.

    What all buys cost too much and all sales brought too little, against the expected notional of the larger
    side. Rounded away from zero. A lone leg counts at its own price: what evens it out is in its hedge.
    """
    qty = arb.signal.qty
    short_krw, notionals = Decimal(0), []
    for side, notional in ((Side.BID, arb.signal.buy_cost), (Side.ASK, arb.signal.sell_proceeds)):
        orders = [order for order in arb.orders if order.side is side]
        # 10^-8 KRW times the signal's qty, so that nothing is divided yet.
        expected = notional * sum(order.executed_qty for order in orders)
        got = exact_sum(order.executed_funds for order in orders).scaleb(DECIMALS, EXACT)
        short = EXACT.subtract(EXACT.multiply(got, Decimal(qty)), Decimal(expected))
        short_krw = EXACT.add(short_krw, short if side is Side.BID else short.copy_negate())
        notionals.append(expected)
    largest = max(notionals)
    if not largest:
        return None
    size = -(-abs(int(short_krw.to_integral_value(ROUND_UP))) * PPM // largest)
    return Ppm(size if short_krw > 0 else -size)
