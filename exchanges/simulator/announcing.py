"""Tells the announcement board what operators do: maintenance, halts, stopped wallets (upbit.md §3.8, §6.2)."""

from exchanges.simulator.announcements import Board
from exchanges.simulator.closing import Closing
from exchanges.simulator.wallets import Wallet, Wallets, WalletState

_WALLET_WORDS = {
    WalletState.WORKING: "입출금 재개 안내",
    WalletState.WITHDRAW_ONLY: "입금 일시 중단 안내",
    WalletState.DEPOSIT_ONLY: "출금 일시 중단 안내",
    WalletState.PAUSED: "입출금 일시 중단 안내",
    WalletState.UNSUPPORTED: "입출금 지원 종료 안내",
}


class Announcer:
    """Listens to operations and posts. Wallets that reopen after maintenance do so without notice (upbit.md §6.2)."""

    def __init__(self, board: Board, closing: Closing, wallets: Wallets) -> None:
        self._board = board
        self._closing = closing
        closing.on_begin = self._begun
        closing.on_end = self._ended
        wallets.on_change = self._wallet_changed

    def _begun(self, markets: tuple[str, ...], now: int) -> None:
        if self._closing.is_whole:
            self._board.post("maintenance", "시스템 점검 안내", "거래와 입출금이 중단됩니다.", now)
        else:
            self._board.post("trade", f"{', '.join(markets)} 거래 일시 중단 안내", "주문이 접수되지 않습니다.", now)

    def _ended(self, markets: tuple[str, ...], now: int) -> None:
        category = "maintenance" if self._closing.is_whole else "trade"
        self._board.post(category, f"{', '.join(markets)} 거래 재개 안내", "거래가 재개되었습니다.", now)

    def _wallet_changed(self, wallet: Wallet, now: int) -> None:
        title = f"{wallet.currency}({wallet.net_type}) {_WALLET_WORDS[wallet.state]}"
        self._board.post("wallet", title, title, now)
