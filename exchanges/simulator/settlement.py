"""What a fill or a prevented match does to an order and its account: exact, and nothing is created or lost."""

from arbitrage.domain.errors import InvariantError
from arbitrage.domain.units import Side, base_of
from exchanges.simulator.account import Account, Counterparty
from exchanges.simulator.money import Fine, affordable, fee_of, fine_of_units, funds_of
from exchanges.simulator.orders import Draft, SimOrder, Trade
from exchanges.simulator.rules import Rules


def holds_of(rules: Rules, draft: Draft) -> tuple[Fine, Fine]:
    """Return what an order locks and how much of that is for fees: bids KRW with the fee on top, asks coins."""
    if draft.side is Side.ASK:
        return fine_of_units(draft.volume or 0), Fine(0)
    funds = fine_of_units(draft.price or 0) if draft.by_funds else funds_of(draft.price or 0, draft.volume or 0)
    reserved = fee_of(funds, rules.bid_fee_ppm, rules.fee_step)
    return Fine(funds + reserved), reserved


def wanted_at(order: SimOrder, price: int) -> int:
    """Return how much an order still takes at `price`, in 10^-8; what KRW buy is floored (upbit.md §1.6)."""
    if order.draft.by_funds:
        return affordable(Fine(order.remaining_funds), price)
    return order.remaining_qty


def is_spent(order: SimOrder) -> bool:
    """Return whether an order has nothing left to take."""
    return order.remaining_funds == 0 if order.draft.by_funds else order.remaining_qty == 0


def settle(
    order: SimOrder, account: Account, market: Counterparty, fee_step: Fine, price: int, qty: int
) -> tuple[Fine, Fine]:
    """Book one fill on the order, its account and the other side; return its funds and fee.

    Fees are cut per order, not per fill: what an order has paid is the cut fee on all it executed (bithumb.md §3.9).
    """
    draft = order.draft
    base = base_of(draft.market)
    funds, coins = funds_of(price, qty), fine_of_units(qty)
    paid = fee_of(Fine(order.executed_funds + funds), order.fee_ppm or 0, fee_step)
    fee = Fine(paid - order.paid_fee)
    order.executed_qty += qty
    order.executed_funds += funds
    order.paid_fee = paid
    if draft.side is Side.BID:
        account.spend("KRW", funds + fee)
        account.credit(base, coins)
        order.locked -= funds + fee
        if not draft.by_funds:
            _give_back(account, order)
    else:
        account.spend(base, coins)
        account.credit("KRW", funds - fee)
        order.locked -= coins
    sign = draft.side.sign
    market.settle(base, -sign * coins, sign * funds, fee)
    return funds, fee


# A bid filled below its limit holds more than it still needs.
def _give_back(account: Account, order: SimOrder) -> None:
    needed = funds_of(order.draft.price or 0, order.remaining_qty) + order.remaining_fee
    if order.locked < needed:
        raise InvariantError(f"{order.order_id} holds {order.locked}, must hold {needed}")
    account.release("KRW", order.locked - needed)
    order.locked = needed


def prevent(order: SimOrder, account: Account, fee_step: Fine, price: int, qty: int) -> None:
    """Take `qty` out of an order that would have met its own account at `price` (upbit.md §6.1).

    Its hold moves to `prevented_locked` and back to the account, for bids with the fee on it.
    """
    draft = order.draft
    if draft.side is Side.ASK:
        freed, fee = fine_of_units(qty), Fine(0)
    else:
        funds = funds_of(price if draft.by_funds else draft.price or 0, qty)
        fee = min(fee_of(funds, order.fee_ppm or 0, fee_step), Fine(order.remaining_fee))
        freed = Fine(funds + fee)
    _free(order, account, qty, freed, fee)


def prevent_rest(order: SimOrder, account: Account, fee_step: Fine) -> None:
    """Take all that is left out of an order."""
    if order.draft.by_funds:
        _free(order, account, 0, Fine(order.locked), Fine(order.remaining_fee))
    else:
        prevent(order, account, fee_step, order.draft.price or 0, order.remaining_qty)


def _free(order: SimOrder, account: Account, qty: int, freed: Fine, fee: Fine) -> None:
    account.release(order.lock_asset, freed)
    order.locked -= freed
    order.prevented_qty += qty
    order.prevented_locked += freed
    order.prevented_fee += fee


def restored(order: SimOrder, market: Counterparty) -> None:
    """Book an order's fills on the other side again, after a restart."""
    base, sign = base_of(order.draft.market), order.draft.side.sign
    for trade in order.trades:
        market.settle(base, -sign * fine_of_units(trade.qty), sign * trade.funds, trade.fee)


def trade_of(trade_id: str, price: int, qty: int, paid: tuple[Fine, Fine], now: int, *, is_maker: bool) -> Trade:
    """Return the record of one fill; `paid` is funds and fee."""
    return Trade(trade_id, price, qty, paid[0], paid[1], now, is_maker)
