"""How much of an imbalance is cheapest where, taken from all order books together (R3.1).

One order on one exchange eats into levels that cost more than the first ones of the other. `cheapest` walks all
ladders by price and fee; which part is sent, and whether at all, is `hedge.py`'s. Integers throughout.
"""

from collections.abc import Mapping

import msgspec

from arbitrage.domain.book import Level
from arbitrage.domain.units import PPM, Exchange, Ppm, Price, Qty, Side


class Reach(msgspec.Struct, frozen=True):
    """What one order could take on one exchange: `levels` best first, up to its limit price and at most `most`."""

    levels: tuple[Level, ...]
    limit: Price
    most: Qty
    fee_ppm: Ppm
    better_by: Price = Price(0)
    """Reckon with every price better by this than it is now."""


class Parts(msgspec.Struct, frozen=True):
    """What is taken where, and the money it moves with its fees, in 10^-22 KRW: what is paid, or less what comes in."""

    qty: Mapping[Exchange, Qty]
    paid: int


def cheapest(side: Side, amount: Qty, reaches: Mapping[Exchange, Reach]) -> Parts | None:
    """Return how an order on `side` for `amount` is cheapest, taken from all exchanges; None where they do not reach.

    Of two equal offers the one of the exchange listed first is taken.
    """
    offers = []
    for rank, (exchange, reach) in enumerate(reaches.items()):
        fee = PPM + side.sign * reach.fee_ppm
        for level in reach.levels:
            if (level.price - reach.limit) * side.sign > 0:
                break
            offers.append(((side.sign * level.price - reach.better_by) * fee, rank, level.qty, exchange))
    qty = dict.fromkeys(reaches, 0)
    left, paid = int(amount), 0
    for price, _, offered, exchange in sorted(offers):
        part = min(left, offered, reaches[exchange].most - qty[exchange])
        qty[exchange] += part
        paid += price * part
        left -= part
    return None if left else Parts({exchange: Qty(part) for exchange, part in qty.items()}, paid)
