"""API keys: whose they are, what they may do, from where and until when; changed while running, kept in the state log.

An account has one key of its own name and may have more. Secrets come from the keys file only and are never
written (upbit.md §1.9, §2; bithumb.md §3.2).
"""

from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import Exchange
from exchanges.simulator.account import Account
from exchanges.simulator.auth import AuthFault
from exchanges.simulator.kst import kst_text, parse_time
from exchanges.simulator.state import Sink


class Scope(StrEnum):
    """What a key may be allowed to do."""

    VIEW_ASSETS = "view_assets"
    VIEW_ORDERS = "view_orders"
    MAKE_ORDERS = "make_orders"
    VIEW_DEPOSITS = "view_deposits"
    DEPOSIT = "deposit"
    VIEW_WITHDRAWALS = "view_withdrawals"
    WITHDRAW = "withdraw"


ALL_SCOPES = frozenset(Scope)
ANY_ADDRESS = ()
"""The allow-list of a key that nobody has limited; the real exchanges demand one (bithumb.md §3.2)."""

_ROOTS = (
    ("/v1/deposits", Scope.VIEW_DEPOSITS, Scope.DEPOSIT),
    ("/v1/deposit", Scope.VIEW_DEPOSITS, Scope.DEPOSIT),
    ("/v1/withdraws", Scope.VIEW_WITHDRAWALS, Scope.WITHDRAW),
    ("/v1/withdraw", Scope.VIEW_WITHDRAWALS, Scope.WITHDRAW),
    ("/v1/accounts", Scope.VIEW_ASSETS, Scope.VIEW_ASSETS),
    ("/v1/order", Scope.VIEW_ORDERS, Scope.MAKE_ORDERS),
    ("/v2/orders/search", Scope.VIEW_ORDERS, Scope.VIEW_ORDERS),
    ("/v2/order", Scope.VIEW_ORDERS, Scope.MAKE_ORDERS),
    ("/v1/twap", Scope.VIEW_ORDERS, Scope.MAKE_ORDERS),
    ("/info/orders", Scope.VIEW_ORDERS, Scope.VIEW_ORDERS),
    ("/info/order_detail", Scope.VIEW_ORDERS, Scope.VIEW_ORDERS),
    ("/info/user_transactions", Scope.VIEW_ORDERS, Scope.VIEW_ORDERS),
    ("/info/ticker", None, None),
    ("/info/", Scope.VIEW_ASSETS, Scope.VIEW_ASSETS),
    ("/trade/btc_withdrawal", Scope.WITHDRAW, Scope.WITHDRAW),
    ("/trade/krw_withdrawal", Scope.WITHDRAW, Scope.WITHDRAW),
    ("/trade/", Scope.MAKE_ORDERS, Scope.MAKE_ORDERS),
)
"""Beginning of a path -> what reading and what changing needs; the first that fits (upbit.md §1.3, bithumb.md §3.1)."""


@lru_cache(maxsize=256)
def scope_of(method: str, path: str) -> Scope | None:
    """Return what a request needs, or None when any key will do."""
    for root, reading, changing in _ROOTS:
        if path.startswith(root):
            return reading if method == "GET" else changing
    return None


_STREAM_RIGHTS = {"myOrder": Scope.VIEW_ORDERS, "myAsset": Scope.VIEW_ASSETS}
"""Which right each private stream type needs: not documented, the same as the REST calls of its content."""


class Key(msgspec.Struct):
    """One key. `ips` empty = from anywhere; `withdraw_locked`: new keys are, until it is lifted (upbit.md §1.9)."""

    access_key: str
    secret: bytes
    account: Account
    expires_ns: int
    scopes: frozenset[Scope] = ALL_SCOPES
    ips: tuple[str, ...] = ANY_ADDRESS
    is_revoked: bool = False
    withdraw_locked: bool = False

    def __repr__(self) -> str:
        return f"Key({self.access_key!r})"

    @property
    def barred_types(self) -> frozenset[str]:
        """Return the private stream types this key has no right to."""
        return frozenset(kind for kind, scope in _STREAM_RIGHTS.items() if scope not in self.scopes)

    @property
    def expire_at(self) -> str:
        """Return the end as /v1/api_keys shows it."""
        return kst_text(self.expires_ns)


class Keyring:
    """All keys of one exchange."""

    def __init__(self, exchange: Exchange, sink: Sink) -> None:
        self._exchange = exchange
        self._sink = sink
        self._keys: dict[str, Key] = {}

    def open(self, account: Account) -> Key:
        """Give an account the key of its own name."""
        return self.add(account.access_key, account.secret, account)

    def add(self, access_key: str, secret: bytes, account: Account) -> Key:
        """Give an account one more key: a second program, or another pocket of rights."""
        key = Key(access_key, secret, account, parse_time(account.expire_at))
        self._keys[access_key] = key
        return key

    def find(self, access_key: str) -> Key | None:
        """Return a key that exists; one that was revoked does not any more."""
        key = self._keys.get(access_key)
        return None if key is None or key.is_revoked else key

    def of(self, account: Account) -> list[Key]:
        """Return an account's keys that exist."""
        return [key for key in self._keys.values() if key.account is account and not key.is_revoked]

    def fault(self, key: Key, method: str, path: str, peer: str, now: int) -> AuthFault | None:
        """Return why a key with a good signature still does not open this path to this address, or None."""
        if key.ips and peer not in key.ips:
            return AuthFault.IP_NOT_ALLOWED
        if now >= key.expires_ns:
            return AuthFault.KEY_EXPIRED
        scope = scope_of(method, path)
        if scope is not None and scope not in key.scopes:
            return AuthFault.OUT_OF_SCOPE
        return AuthFault.WITHDRAW_LOCKED if scope is Scope.WITHDRAW and key.withdraw_locked else None

    def limit(
        self,
        access_key: str,
        *,
        scopes: Iterable[Scope] | None = None,
        ips: Iterable[str] | None = None,
        expires_ns: int | None = None,
        withdraw_locked: bool | None = None,
    ) -> None:
        """Change what a key may do; what is not named stays. ConfigError when there is no such key."""
        key = self._named(access_key)
        key.scopes = key.scopes if scopes is None else frozenset(scopes)
        key.ips = key.ips if ips is None else tuple(ips)
        key.expires_ns = key.expires_ns if expires_ns is None else expires_ns
        key.withdraw_locked = key.withdraw_locked if withdraw_locked is None else withdraw_locked
        self._keep(key)

    def revoke(self, access_key: str) -> None:
        """Delete a key for good: from now on it is unknown. ConfigError when there is no such key."""
        key = self._named(access_key)
        key.is_revoked = True
        self._keep(key)

    def restore(self, line: dict[str, Any]) -> None:
        """Take back what a line of the state log says of a key that the keys file still names."""
        key = self._keys.get(line["access_key"])
        if key is not None:
            key.scopes = frozenset(Scope(name) for name in line["scopes"])
            key.ips = tuple(line["ips"])
            key.expires_ns, key.is_revoked = line["expires_ns"], line["revoked"]
            key.withdraw_locked = line["withdraw_locked"]

    def _named(self, access_key: str) -> Key:
        key = self._keys.get(access_key)
        if key is None:
            raise ConfigError([f"{self._exchange} has no key {access_key!r}"])
        return key

    def _keep(self, key: Key) -> None:
        self._sink.append(
            {
                "line": "key",
                "exchange": self._exchange.value,
                "access_key": key.access_key,
                "scopes": sorted(key.scopes),
                "ips": list(key.ips),
                "expires_ns": key.expires_ns,
                "revoked": key.is_revoked,
                "withdraw_locked": key.withdraw_locked,
            }
        )
