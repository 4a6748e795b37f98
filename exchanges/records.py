"""What reads for jobs and commands return: closed orders, wallets, ticks, notices, transfers, keys, scopes."""

import hashlib
from decimal import Decimal
from enum import StrEnum

import msgspec

from arbitrage.domain.units import Exchange, Ns, Price, Qty


class NotOffered(msgspec.Struct, frozen=True):
    """The exchange has no such call; nothing was asked."""

    what: str


class MarketListing(msgspec.Struct, frozen=True):
    """One market the exchange lists, and whether it warns of it. `flags` are its own words for why."""

    market: str
    is_warned: bool
    flags: tuple[str, ...] = ()


class MarketWarning(msgspec.Struct, frozen=True):
    """One warning of one market, in the exchange's own words; `ends` is KST text (bithumb.md §3.3)."""

    market: str
    kind: str
    step: str
    ends: str


class TickTold(msgspec.Struct, frozen=True):
    """The price step the exchange itself names for a market at its present price (upbit.md §1.2)."""

    market: str
    tick: Price


class OrderRecord(msgspec.Struct, frozen=True):
    """One order of a list, open or ended. `qty` is None for orders given by funds (upbit.md §1.5)."""

    exchange: Exchange
    market: str
    exchange_order_id: str
    client_order_id: str | None
    side: str
    kind: str
    state: str
    qty: Qty | None
    executed_qty: Qty
    executed_funds: Decimal | None
    paid_fee: Decimal | None
    created_wall_ns: Ns
    """Whole seconds on both exchanges."""
    cancel_type: str = ""
    """Why it was cancelled, where the exchange says it (bithumb.md §3.9)."""


class WalletState(msgspec.Struct, frozen=True):
    """Deposits and withdrawals of one asset on one network; minutes behind the truth (upbit.md §1.9)."""

    asset: str
    network: str
    state: str
    block_state: str
    block_minutes: int | None

    @property
    def can_deposit(self) -> bool:
        """Return whether coins can come in. A word never seen means no."""
        return self.state in ("working", "deposit_only")

    @property
    def can_withdraw(self) -> bool:
        """Return whether coins can go out. A word never seen means no."""
        return self.state in ("working", "withdraw_only")


class Notice(msgspec.Struct, frozen=True):
    """One notice, newest first; `listed_at` as the exchange writes it: KST without a zone (bithumb.md §3.3)."""

    title: str
    categories: tuple[str, ...]
    url: str
    listed_at: str

    @property
    def is_maintenance(self) -> bool:
        """Return whether it is about maintenance: the category 점검 (bithumb.md §3.3)."""
        return "점검" in self.categories


class TransferRecord(msgspec.Struct, frozen=True):
    """One deposit or withdrawal, in the exchange's own words for kind and state."""

    transfer_id: str
    kind: str
    asset: str
    network: str
    state: str
    qty: Decimal
    fee: Decimal
    tx_id: str
    created_wall_ns: Ns | None
    done_wall_ns: Ns | None = None
    """None while it is under way, or where the exchange does not say."""


class KeyInfo(msgspec.Struct, frozen=True):
    """One API key of the account: never the key, only a fingerprint of it, and when it ends."""

    fingerprint: str
    expires_wall_ns: Ns


class Scope(StrEnum):
    """What a key may be allowed to do, as far as reads can find out."""

    VIEW_ASSETS = "view_assets"
    VIEW_ORDERS = "view_orders"
    VIEW_WITHDRAWALS = "view_withdrawals"
    """A key without it cannot ask what it may withdraw: the sign that it has no withdraw rights (R5.1)."""


class Grant(StrEnum):
    """What the exchange's answer proves of a scope."""

    GRANTED = "granted"
    DENIED = "denied"
    NOT_PROVEN = "not_proven"


class ScopeFinding(msgspec.Struct, frozen=True):
    """What was found about one scope, and the answer's own words."""

    scope: Scope
    grant: Grant
    detail: str


def fingerprint(access_key: str) -> str:
    """Return the first 16 hex digits of the key's SHA-256."""
    return hashlib.sha256(access_key.encode()).hexdigest()[:16]
