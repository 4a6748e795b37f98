"""Balances of one key: free and locked, holds, settlement. Exact, and never below zero."""

from arbitrage.domain.errors import InvariantError
from exchanges.simulator.money import Fine


class Account:
    """One API key's holdings on one exchange, in 10^-22 of each asset."""

    def __init__(self, access_key: str, secret: bytes, opened_ns: int, expire_at: str) -> None:
        self.access_key = access_key
        self.secret = secret
        self.opened_ns = opened_ns
        self.expire_at = expire_at
        """ISO text with +09:00, as /v1/api_keys shows it."""
        self.free: dict[str, int] = {}
        self.locked: dict[str, int] = {}
        self.touched: set[str] = set()
        """Assets changed since the last commit."""
        self.assets_asked_ns: int | None = None
        """When its balances were first subscribed to; None = never (upbit.md §3.8)."""

    def __repr__(self) -> str:
        return f"Account({self.access_key!r})"

    def assets(self) -> list[str]:
        """Return the assets held, KRW first, then by name."""
        held = sorted({asset for book in (self.free, self.locked) for asset, amount in book.items() if amount})
        if "KRW" in held:
            held.remove("KRW")
            held.insert(0, "KRW")
        return held

    def total(self, asset: str) -> int:
        """Return free plus locked."""
        return self.free.get(asset, 0) + self.locked.get(asset, 0)

    def credit(self, asset: str, amount: int) -> None:
        """Add to the free balance."""
        self._move(self.free, asset, amount)

    def hold(self, asset: str, amount: int) -> bool:
        """Move free to locked. False, and nothing moved, when there is not enough."""
        if self.free.get(asset, 0) < amount:
            return False
        self._move(self.free, asset, -amount)
        self._move(self.locked, asset, amount)
        return True

    def release(self, asset: str, amount: int) -> None:
        """Move locked back to free."""
        self._move(self.locked, asset, -amount)
        self._move(self.free, asset, amount)

    def spend(self, asset: str, amount: int) -> None:
        """Take from what is locked."""
        self._move(self.locked, asset, -amount)

    def _move(self, book: dict[str, int], asset: str, amount: int) -> None:
        left = book.get(asset, 0) + amount
        if left < 0:
            raise InvariantError(f"{self.access_key} {asset} would be {left} in 10^-22, must be at least 0")
        book[asset] = left
        self.touched.add(asset)


class Counterparty:
    """Everyone else: what the accounts gave to and took from the market, and the fees they paid. May be negative."""

    def __init__(self) -> None:
        self.balance: dict[str, int] = {}
        self.fees = Fine(0)

    def settle(self, base: str, base_delta: int, krw_delta: int, fee: int) -> None:
        """Book one fill from the market's side."""
        self.balance[base] = self.balance.get(base, 0) + base_delta
        self.balance["KRW"] = self.balance.get("KRW", 0) + krw_delta
        self.fees = Fine(self.fees + fee)
