"""Double entry: what moved, from where to where, summing to zero in every asset.

Amounts are the exchange's own Decimals, never rounded here (9 to 20 decimals were seen, upbit.md §1.6).
"""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

import msgspec

from arbitrage.domain.errors import UnbalancedPostings
from arbitrage.domain.events import Holding
from arbitrage.domain.order import Fill, Order
from arbitrage.domain.units import EXACT, QUOTE, Exchange, Side, base_of, to_decimal


class AccountKind(StrEnum):
    """What an account stands for."""

    WALLET = "wallet"
    """What the exchange should say we have."""
    TRADING = "trading"
    """The other side of every fill."""
    FEES = "fees"
    EQUITY = "equity"
    """Where opening balances come from."""
    ADJUSTMENT = "adjustment"
    """Deposits, withdrawals, airdrops and corrections, each with its reason."""


class Account(msgspec.Struct, frozen=True, order=True):
    """One asset's account on one exchange."""

    kind: AccountKind
    exchange: Exchange
    asset: str


class Posting(msgspec.Struct, frozen=True):
    """A change of one account: plus is more of the asset there. KRW in won, coins in coins."""

    account: Account
    amount: Decimal


def postings_for_fill(order: Order, fill: Fill) -> tuple[Posting, ...]:
    """Return the postings of one fill: base and KRW change hands, the fee apart."""
    qty = to_decimal(order.side.sign * fill.qty)
    funds = fill.funds.copy_negate() if order.side is Side.BID else fill.funds
    return _moved(order.exchange, base_of(order.market), qty, AccountKind.TRADING) + _moved(
        order.exchange, QUOTE, funds, AccountKind.TRADING
    )


def postings_for_fee(order: Order, fee_delta: Decimal) -> tuple[Posting, ...]:
    """Return the postings of a fee newly charged on `order`, in KRW; negative gives some back."""
    return _moved(order.exchange, QUOTE, fee_delta.copy_negate(), AccountKind.FEES)


def postings_for_opening(exchange: Exchange, holding: Holding) -> tuple[Posting, ...]:
    """Return the postings that bring a first balance, free and locked, into the ledger."""
    return _moved(exchange, holding.asset, holding.total, AccountKind.EQUITY)


def postings_for_adjustment(exchange: Exchange, asset: str, delta: Decimal) -> tuple[Posting, ...]:
    """Return the postings of a change that no order of ours made: deposit, withdrawal, correction."""
    return _moved(exchange, asset, delta, AccountKind.ADJUSTMENT)


def sums(postings: Iterable[Posting]) -> dict[str, Decimal]:
    """Return the exact sum per asset; all zero when the postings balance."""
    totals: dict[str, Decimal] = {}
    for posting in postings:
        asset = posting.account.asset
        totals[asset] = EXACT.add(totals.get(asset, Decimal(0)), posting.amount)
    return totals


def balances(postings: Iterable[Posting]) -> dict[Account, Decimal]:
    """Return the exact balance of every account touched."""
    totals: dict[Account, Decimal] = {}
    for posting in postings:
        totals[posting.account] = EXACT.add(totals.get(posting.account, Decimal(0)), posting.amount)
    return totals


def check_balanced(postings: Iterable[Posting]) -> None:
    """Raise UnbalancedPostings unless each asset sums to exactly zero."""
    wrong = {asset: total for asset, total in sums(postings).items() if total}
    if wrong:
        raise UnbalancedPostings(f"postings sum to {wrong}, must be 0 in each asset")


def _moved(exchange: Exchange, asset: str, amount: Decimal, against: AccountKind) -> tuple[Posting, ...]:
    # `amount` into the wallet, out of `against`; nothing moved makes no posting.
    if not amount.is_finite():
        raise UnbalancedPostings(f"{exchange} {asset}: amount was {amount}, must be finite")
    if not amount:
        return ()
    pair = (
        Posting(Account(AccountKind.WALLET, exchange, asset), amount),
        Posting(Account(against, exchange, asset), amount.copy_negate()),
    )
    check_balanced(pair)
    return pair
