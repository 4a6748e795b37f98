"""Accounts and orders that outlive the process: one append-only file of JSON lines.

A line is written to the operating system before the answer or event it stands for leaves, so
whatever a client was told survives kill -9. A last line without its end was never announced: it is
dropped. Damage anywhere else refuses to start.
"""

import fcntl
import json
import os
from pathlib import Path
from typing import Any, Protocol

from arbitrage.domain.errors import ConfigError, KArbError
from arbitrage.domain.units import Exchange
from exchanges.simulator.account import Account
from exchanges.simulator.orders import SimOrder, order_from_plain, order_to_plain
from exchanges.simulator.steps import Moment

FILE_NAME = "simulator.jsonl"
OPERATIONS = frozenset({"key", "fee", "movement", "wallet", "closing"})
"""Lines that the rooms which wrote them read themselves."""


class StateLost(KArbError):
    """A line could not be kept. Not an OSError: event loops take those for a network fault and go on."""


class Sink(Protocol):
    """Where lines go. `append` returns only once the line would survive the process."""

    @property
    def keeps(self) -> bool:
        """Return whether lines are kept: nobody need write one otherwise."""

    def append(self, line: dict[str, Any]) -> None:
        """Keep one line."""


class Nowhere:
    """The sink of a simulator without a state directory."""

    keeps = False

    def append(self, line: dict[str, Any]) -> None:
        """Forget the line."""


class StateLog:
    """The file behind `--state DIR`. One process at a time."""

    keeps = True

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE_NAME
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise ConfigError([f"--state {directory}: {error.strerror}"]) from None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._fd)
            raise ConfigError([f"--state {directory} is in use by another simulator"]) from None

    def load(self) -> list[dict[str, Any]]:
        """Return all lines; a torn last one is cut off the file. ConfigError when an earlier one is damaged."""
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.ftruncate(self._fd, whole)
        lines = []
        for number, text in enumerate(data[:whole].splitlines(), 1):
            try:
                line = json.loads(text)
            except ValueError as error:
                raise ConfigError([f"{self.path}:{number}: {error}; move the file away to start anew"]) from None
            lines.append(line)
        return lines

    def append(self, line: dict[str, Any]) -> None:
        """Write one line to the operating system. StateLost when it cannot be kept: nothing may be announced then."""
        data = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        start = os.lseek(self._fd, 0, os.SEEK_END)
        try:
            written = os.write(self._fd, data)
        except OSError as error:
            raise StateLost(f"{self.path}: {error.strerror}") from None
        if written != len(data):
            os.ftruncate(self._fd, start)
            raise StateLost(f"{self.path}: wrote {written} of {len(data)} bytes")

    def close(self) -> None:
        """Close the file and give up the lock."""
        os.close(self._fd)


def account_line(exchange: Exchange, account: Account) -> dict[str, Any]:
    """Return the line for a new account with its first balances."""
    return {
        "line": "account",
        "exchange": exchange.value,
        "access_key": account.access_key,
        "opened_ns": account.opened_ns,
        "expire_at": account.expire_at,
        "free": account.free,
    }


def burned_line(exchange: Exchange, access_key: str, client_order_id: str) -> dict[str, Any]:
    """Return the line for a client order id that may never be used again, though no order came of it."""
    return {"line": "burned", "exchange": exchange.value, "access_key": access_key, "id": client_order_id}


def orders_line(exchange: Exchange, moment: Moment) -> dict[str, Any]:
    """Return the line for the new state of orders that changed together, with the balances they changed."""
    return {
        "line": "orders",
        "exchange": exchange.value,
        "orders": [order_to_plain(order) for order in moment.orders.values()],
        "balances": {key: balances_of(account) for key, account in moment.accounts.items()},
    }


def balances_of(account: Account) -> dict[str, list[int]]:
    """Return free and locked of the assets changed since the last line."""
    return {asset: [account.free.get(asset, 0), account.locked.get(asset, 0)] for asset in sorted(account.touched)}


class Kept:
    """What the lines of one exchange add up to."""

    def __init__(self) -> None:
        self.accounts: dict[str, dict[str, Any]] = {}
        self.free: dict[str, dict[str, int]] = {}
        self.locked: dict[str, dict[str, int]] = {}
        self.orders: dict[str, SimOrder] = {}
        self.burned: set[tuple[str, str]] = set()
        self.operations: list[dict[str, Any]] = []
        """What was done to accounts, keys, wallets and the exchange itself, in order."""


def fold(lines: list[dict[str, Any]]) -> dict[Exchange, Kept]:
    """Return the state of both exchanges: the newest image wins. ConfigError when a line is malformed."""
    kept = {exchange: Kept() for exchange in Exchange}
    for number, line in enumerate(lines, 1):
        try:
            _fold_line(kept[Exchange(line["exchange"])], line)
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError([f"{FILE_NAME}:{number}: {error!r}; move the file away to start anew"]) from None
    return kept


def _fold_line(into: Kept, line: dict[str, Any]) -> None:
    kind = line["line"]
    if kind == "account":
        key = line["access_key"]
        into.accounts[key] = line
        into.free[key] = dict(line["free"])
        into.locked[key] = {}
    elif kind == "burned":
        into.burned.add((line["access_key"], line["id"]))
    elif kind == "order":
        # As written before two orders could change at once.
        order = order_from_plain(line["order"])
        into.orders[order.order_id] = order
        _fold_balances(into, {order.access_key: line["balances"]})
    elif kind == "orders":
        for plain in line["orders"]:
            order = order_from_plain(plain)
            into.orders[order.order_id] = order
        _fold_balances(into, line["balances"])
    elif kind in OPERATIONS:
        into.operations.append(line)
        _fold_balances(into, line.get("balances", {}))
    else:
        raise ValueError(f"line was {kind!r}")


def _fold_balances(into: Kept, balances: dict[str, dict[str, list[int]]]) -> None:
    for key, assets in balances.items():
        for asset, (free, locked) in assets.items():
            into.free[key][asset] = free
            into.locked[key][asset] = locked
