"""Money that moves without an order: deposits, withdrawals, and fills that the exchange takes back.

Every movement is kept in the state log with the balances it changed, so that a restart finds the same ledger.
Together with `outside` (what came from and went to the world) the sum of every asset never changes.
"""

from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec

from arbitrage.domain.units import Exchange, Side, base_of
from exchanges.simulator.account import Account, Counterparty
from exchanges.simulator.agenda import Agenda
from exchanges.simulator.kst import SECOND
from exchanges.simulator.money import Fine, fine_of_units
from exchanges.simulator.orders import SimOrder, Trade
from exchanges.simulator.register import Register
from exchanges.simulator.state import Sink, balances_of
from exchanges.simulator.wallets import Wallets

_AGAIN_NS = 60 * SECOND


class Kind(StrEnum):
    """What kind of movement."""

    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    REVERSAL = "reversal"


class Progress(StrEnum):
    """How far a movement is; each dialect has its own words for it (upbit.md §1.9, bithumb.md §3.8a)."""

    WAITING = "waiting"
    PROCESSING = "processing"
    DONE = "done"
    CANCELLED = "cancelled"


class CashFault(StrEnum):
    """Why money does not move."""

    WALLET_CLOSED = "wallet_closed"
    FUNDS_SHORT = "funds_short"
    NOT_FOUND = "not_found"


class Movement(msgspec.Struct):
    """One movement. Amounts in 10^-22 of `asset`; of a reversal `amount` and `krw` are what the account gains."""

    movement_id: str
    access_key: str
    kind: Kind
    asset: str
    amount: int
    fee: int
    created_ns: int
    progress: Progress
    net_type: str | None = None
    txid: str | None = None
    address: str | None = None
    done_ns: int | None = None
    due_ns: int = 0
    krw: int = 0
    trade_id: str | None = None


class Cash:
    """The ledger of one exchange's movements."""

    def __init__(
        self,
        exchange: Exchange,
        register: Register,
        counterparty: Counterparty,
        wallets: Wallets,
        agenda: Agenda,
        sink: Sink,
    ) -> None:
        self.movements: dict[str, Movement] = {}
        self.outside: dict[str, int] = {}
        self.withdraw_fees: dict[str, Fine] = {}
        """What a withdrawal costs on top, by asset; no source gives figures, so none is charged unless set."""
        self.addresses: dict[str, list[tuple[str, str, str]]] = {}
        """Account -> (asset, network, address) it may withdraw to; made in the web page, not by the API."""
        self.on_assets: Callable[[Account, tuple[str, ...], int], None] = lambda account, assets, at: None
        self._exchange = exchange
        self._register = register
        self._counterparty = counterparty
        self._wallets = wallets
        self._agenda = agenda
        self._sink = sink

    def of(self, account: Account, kind: Kind | None = None) -> list[Movement]:
        """Return an account's movements, oldest first."""
        return [
            one for one in self.movements.values() if one.access_key == account.access_key and kind in (None, one.kind)
        ]

    def held(self, account: Account, asset: str) -> int:
        """Return what open withdrawals hold of an asset."""
        opened = (one for one in self.of(account, Kind.WITHDRAWAL) if one.progress is Progress.WAITING)
        return sum(one.amount + one.fee for one in opened if one.asset == asset)

    def deposit(
        self,
        account: Account,
        asset: str,
        amount: Fine,
        now: int,
        *,
        delay_ns: int = 0,
        net_type: str | None = None,
        txid: str | None = None,
    ) -> Movement:
        """Let an amount come in: seen at once, credited after the delay, and not while the wallet is closed."""
        one = self._new(account, Kind.DEPOSIT, asset, amount, now)
        one.net_type, one.txid, one.due_ns = net_type, txid, now + delay_ns
        self._keep(one, account, now)
        self._agenda.at(one.due_ns, lambda at: self._arrive(one, at))
        return one

    def withdraw(
        self,
        account: Account,
        asset: str,
        amount: Fine,
        now: int,
        *,
        delay_ns: int = 30 * SECOND,
        net_type: str | None = None,
        address: str | None = None,
    ) -> Movement | CashFault:
        """Hold an amount with its fee, and let it leave after the delay; until then it can be cancelled."""
        if not self._wallets.real(asset, net_type).takes_withdrawals:
            return CashFault.WALLET_CLOSED
        fee = self.withdraw_fees.get(asset, Fine(0))
        if not account.hold(asset, amount + fee):
            return CashFault.FUNDS_SHORT
        one = self._new(account, Kind.WITHDRAWAL, asset, amount, now)
        one.progress, one.fee = Progress.WAITING, fee
        one.net_type, one.address, one.due_ns = net_type, address, now + delay_ns
        self._keep(one, account, now)
        self._agenda.at(one.due_ns, lambda at: self._leave(one, at))
        return one

    def cancel(self, account: Account, movement_id: str, now: int) -> Movement | CashFault:
        """Give a withdrawal back that has not left yet."""
        one = self.movements.get(movement_id)
        if one is None or one.access_key != account.access_key or one.progress is not Progress.WAITING:
            return CashFault.NOT_FOUND
        account.release(one.asset, one.amount + one.fee)
        one.progress, one.done_ns = Progress.CANCELLED, now
        self._keep(one, account, now)
        return one

    def reverse(self, trade_id: str, now: int) -> list[Movement] | CashFault:
        """Undo a fill on every account that was in it: coins, KRW and fee go back; the order still shows it.

        FUNDS_SHORT, and nothing moves, when an account no longer has what it would give back.
        """
        if any(one.trade_id == trade_id for one in self.movements.values()):
            return CashFault.NOT_FOUND
        parts = [(order, trade) for order in self._register.orders.values() for trade in order.trades]
        parts = [(order, trade) for order, trade in parts if trade.trade_id == trade_id]
        if not parts:
            return CashFault.NOT_FOUND
        gains = [_gains(order, trade) for order, trade in parts]
        for (order, _), (coins, krw) in zip(parts, gains, strict=True):
            free = self._register.account_of(order).free
            if free.get(base_of(order.draft.market), 0) + coins < 0 or free.get("KRW", 0) + krw < 0:
                return CashFault.FUNDS_SHORT
        done = []
        for (order, trade), (coins, krw) in zip(parts, gains, strict=True):
            account = self._register.account_of(order)
            one = self._new(account, Kind.REVERSAL, base_of(order.draft.market), coins, now)
            one.krw, one.fee, one.trade_id = krw, trade.fee, trade_id
            one.progress, one.done_ns = Progress.DONE, now
            account.credit(one.asset, coins)
            account.credit("KRW", krw)
            self._book(one)
            self._keep(one, account, now)
            done.append(one)
        return done

    def restore(self, line: dict[str, Any]) -> None:
        """Take back one movement from the state log; the balances are in the same line."""
        one = msgspec.convert(line["movement"], Movement)
        self.movements[one.movement_id] = one
        if one.progress is Progress.DONE:
            self._book(one)

    def resume(self, now: int) -> None:
        """Go on with what was under way when the process ended."""
        for one in self.movements.values():
            if one.access_key not in self._register.accounts:
                continue
            act = {Progress.WAITING: self._leave, Progress.PROCESSING: self._arrive}.get(one.progress)
            if act is not None:
                self._agenda.at(max(one.due_ns, now), lambda at, act=act, one=one: act(one, at))  # type: ignore[misc]

    def _arrive(self, one: Movement, now: int) -> None:
        if not self._wallets.real(one.asset, one.net_type).takes_deposits:
            self._agenda.at(now + _AGAIN_NS, lambda at: self._arrive(one, at))
            return
        account = self._register.accounts[one.access_key]
        account.credit(one.asset, one.amount)
        self._finish(one, account, now)

    def _leave(self, one: Movement, now: int) -> None:
        if one.progress is not Progress.WAITING:
            return
        if not self._wallets.real(one.asset, one.net_type).takes_withdrawals:
            self._agenda.at(now + _AGAIN_NS, lambda at: self._leave(one, at))
            return
        account = self._register.accounts[one.access_key]
        account.spend(one.asset, one.amount + one.fee)
        self._finish(one, account, now)

    def _finish(self, one: Movement, account: Account, now: int) -> None:
        one.progress, one.done_ns = Progress.DONE, now
        self._book(one)
        self._keep(one, account, now)

    # The other side of what is done.
    def _book(self, one: Movement) -> None:
        if one.kind is Kind.REVERSAL:
            self._counterparty.settle(one.asset, -one.amount, -one.krw + one.fee, -one.fee)
        else:
            moved = -one.amount if one.kind is Kind.DEPOSIT else one.amount + one.fee
            self.outside[one.asset] = self.outside.get(one.asset, 0) + moved

    def _new(self, account: Account, kind: Kind, asset: str, amount: int, now: int) -> Movement:
        mark = sha256(f"{self._exchange}/{account.access_key}/{now}/{len(self.movements)}".encode()).digest()
        movement_id = str(UUID(bytes=mark[:16], version=4))
        one = Movement(movement_id, account.access_key, kind, asset, amount, 0, now, Progress.PROCESSING)
        self.movements[movement_id] = one
        return one

    # Kept first, told after.
    def _keep(self, one: Movement, account: Account, now: int) -> None:
        line = {"line": "movement", "exchange": self._exchange.value, "movement": plain(one)}
        self._sink.append(line | {"balances": {account.access_key: balances_of(account)}})
        changed = tuple(sorted(account.touched, key=lambda asset: (asset != "KRW", asset)))
        account.touched.clear()
        if changed:
            self.on_assets(account, changed, now)


def plain(one: Movement) -> dict[str, Any]:
    """Return a movement in JSON types; amounts may pass 64 bits."""
    return {name: getattr(one, name) for name in one.__struct_fields__}


def _gains(order: SimOrder, trade: Trade) -> tuple[int, int]:
    coins = fine_of_units(trade.qty)
    return (-coins, trade.funds + trade.fee) if order.draft.side is Side.BID else (coins, trade.fee - trade.funds)
