"""Which coins can come in and go out on which network: the truth, and what the exchange shows of it minutes later.

Both exchanges warn that the shown state lags (upbit.md §1.9, §8 #18; bithumb.md §3.5).
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import Exchange
from exchanges.simulator.kst import SECOND
from exchanges.simulator.state import Sink


class WalletState(StrEnum):
    """What a wallet lets through."""

    WORKING = "working"
    WITHDRAW_ONLY = "withdraw_only"
    DEPOSIT_ONLY = "deposit_only"
    PAUSED = "paused"
    UNSUPPORTED = "unsupported"


class BlockState(StrEnum):
    """How the coin's chain does."""

    NORMAL = "normal"
    DELAYED = "delayed"
    INACTIVE = "inactive"


class Wallet(msgspec.Struct, frozen=True):
    """One coin on one network, from a moment on."""

    currency: str
    net_type: str
    state: WalletState = WalletState.WORKING
    block: BlockState = BlockState.NORMAL
    since_ns: int = 0

    @property
    def takes_deposits(self) -> bool:
        """Return whether coins can come in."""
        return self.state in (WalletState.WORKING, WalletState.DEPOSIT_ONLY)

    @property
    def takes_withdrawals(self) -> bool:
        """Return whether coins can go out."""
        return self.state in (WalletState.WORKING, WalletState.WITHDRAW_ONLY)


class Wallets:
    """All wallets of one exchange. A coin has one network of its own name unless more are added."""

    def __init__(self, exchange: Exchange, currencies: tuple[str, ...], sink: Sink) -> None:
        self.lag_ns = 180 * SECOND
        """How long the shown state stays behind; the sources say minutes, not how many."""
        self.on_change: Callable[[Wallet, int], None] = lambda wallet, at: None
        self._exchange = exchange
        self._sink = sink
        self._past: dict[tuple[str, str], list[Wallet]] = {(name, name): [Wallet(name, name)] for name in currencies}

    def add_network(self, currency: str, net_type: str) -> None:
        """Let a coin move on one more network."""
        self._past.setdefault((currency, net_type), [Wallet(currency, net_type)])

    def networks(self, currency: str) -> list[str]:
        """Return the networks of a coin; none for KRW, which has no wallet."""
        return [net for name, net in self._past if name == currency]

    def real(self, currency: str, net_type: str | None = None) -> Wallet:
        """Return how a wallet is at this moment; one that was never named works."""
        nets = self.networks(currency)
        net = net_type or (nets[0] if nets else currency)
        past = self._past.get((currency, net))
        return Wallet(currency, net) if past is None else past[-1]

    def all_real(self) -> list[Wallet]:
        """Return every wallet as it is at this moment."""
        return [past[-1] for past in self._past.values()]

    def shown(self, now: int) -> list[Wallet]:
        """Return what the exchange says of every wallet."""
        rows = []
        for past in self._past.values():
            known = [wallet for wallet in past if wallet.since_ns + self.lag_ns <= now]
            rows.append(known[-1] if known else past[0])
        return rows

    def change(
        self,
        currency: str,
        state: WalletState,
        now: int,
        *,
        net_type: str | None = None,
        block: BlockState = BlockState.NORMAL,
        is_told: bool = True,
    ) -> None:
        """Open or close a coin's wallet, on one network or on all, and tell who listens unless nobody is to be told.

        ConfigError when there is none.
        """
        nets = self.networks(currency) if net_type is None else [net_type]
        if not nets or any((currency, net) not in self._past for net in nets):
            raise ConfigError([f"{self._exchange} has no wallet {currency} {net_type or ''}".rstrip()])
        for net in nets:
            wallet = Wallet(currency, net, state, block, now)
            self._past[currency, net].append(wallet)
            line = {"line": "wallet", "exchange": self._exchange.value, "wallet": msgspec.to_builtins(wallet)}
            self._sink.append(line)
            if is_told:
                self.on_change(wallet, now)

    def change_all(self, state: WalletState, now: int) -> None:
        """Open or close every wallet, without a word on each."""
        for currency, net_type in list(self._past):
            self.change(currency, state, now, net_type=net_type, is_told=False)

    def restore(self, line: dict[str, Any]) -> None:
        """Take back one change from the state log."""
        wallet = msgspec.convert(line["wallet"], Wallet)
        self.add_network(wallet.currency, wallet.net_type)
        self._past[wallet.currency, wallet.net_type].append(wallet)
