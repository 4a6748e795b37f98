"""What a run earned or lost in KRW, by the exchanges' own balances: nobody's bookkeeping is believed."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from arbitrage.domain.units import EXCHANGES, QUOTE, Exchange, Side, base_of, exact_sum, to_decimal
from exchanges.simulator.cash import Kind, Progress
from exchanges.simulator.money import FINE_DECIMALS
from workers.virtual.world import World

CLOSING_COSTS = Decimal("0.0005")
"""What getting out of a lopsided stock costs on top of the spread: one fee."""


class Worth(msgspec.Struct, frozen=True):
    """What came of a run: `earned_krw` with all stock put back as it was at the book's prices, fee included."""

    earned_krw: Decimal
    uneven_krw: Decimal
    """What of it hangs on coins bought and not sold, or sold and not bought: a position nobody wanted."""


def worth_of(world: World, opening: Mapping[tuple[Exchange, str], int]) -> Worth:
    """Return what was earned since `opening`, what others did with the accounts taken out."""
    now = world.holdings()
    moved = {key: [_fine(now[key] - opening[key])] for key in opening}
    for exchange in EXCHANGES:
        for key, amount in moved_by_others(world, exchange):
            moved[exchange, key].append(-amount)
    change = {key: exact_sum(amounts) for key, amounts in moved.items()}
    earned = exact_sum(change[exchange, QUOTE] for exchange in EXCHANGES)
    uneven = Decimal(0)
    for market in world.env.markets:
        left = exact_sum(change[exchange, base_of(market)] for exchange in EXCHANGES)
        if not left:
            continue
        # Long is sold into the best bid, short is bought back from the best ask.
        price = to_decimal(world.best(EXCHANGES[0], market, Side.BID if left > 0 else Side.ASK))
        earned += left * price - abs(left) * price * CLOSING_COSTS
        uneven += abs(left) * price
    return Worth(earned, uneven)


def moved_by_others(world: World, exchange: Exchange) -> Iterable[tuple[str, Decimal]]:
    """Yield what moved without an order of the desk, each of a kind: own trades, money in and out, reversals."""
    for order in world.orders_of_others(exchange):
        sign = order.draft.side.sign
        yield base_of(order.draft.market), to_decimal(sign * order.executed_qty)
        yield QUOTE, _fine(-sign * order.executed_funds - order.paid_fee)
    for one in world.exchange(exchange).cash.of(world.account(exchange)):
        if one.kind is Kind.DEPOSIT and one.progress is Progress.DONE:
            yield one.asset, _fine(one.amount)
        elif one.kind is Kind.WITHDRAWAL and one.progress is Progress.DONE:
            yield one.asset, _fine(-one.amount - one.fee)
        elif one.kind is Kind.REVERSAL:
            yield one.asset, _fine(one.amount)
            yield QUOTE, _fine(one.krw)


def _fine(amount: int) -> Decimal:
    return Decimal(amount).scaleb(-FINE_DECIMALS)
