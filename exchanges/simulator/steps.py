"""What is said about an order: why it was not taken, what happened to it, and the steps of one moment together."""

import copy
from enum import StrEnum

import msgspec

from exchanges.simulator.account import Account
from exchanges.simulator.orders import SimOrder, Trade


class Fault(StrEnum):
    """Why an order is not taken; each dialect has its own wire name for it."""

    MARKET_UNKNOWN = "market_unknown"
    MARKET_OFFLINE = "market_offline"
    MARKET_BUSY = "market_busy"
    PRICE_OFF_TICK = "price_off_tick"
    PRICE_UNDER_LIMIT = "price_under_limit"
    CLIENT_ID_INVALID = "client_id_invalid"
    CLIENT_ID_BURNED = "client_id_burned"
    UNDER_MINIMUM = "under_minimum"
    OVER_MAXIMUM = "over_maximum"
    FUNDS_SHORT = "funds_short"
    BEYOND_DEPTH = "beyond_depth"
    POST_ONLY_TAKES = "post_only_takes"
    FOK_SHORT = "fok_short"
    SELF_TRADE = "self_trade"
    NOT_CANCELABLE = "not_cancelable"


class Step(StrEnum):
    """What happened to an order, in the private streams' words (upbit.md §3.7; Bithumb has no `prevented`)."""

    WAIT = "wait"
    TRADE = "trade"
    PREVENTED = "prevented"
    DONE = "done"
    CANCEL = "cancel"


class OrderStep(msgspec.Struct, frozen=True):
    """One thing that happened: the order as it was right then, and the fill if it was one."""

    order: SimOrder
    step: Step
    trade: Trade | None
    at_ns: int


class Moment:
    """All that one event did to orders and accounts: kept in one line, told only then.

    Two accounts that trade with each other are in one moment, so that no restart finds half of a fill.
    """

    def __init__(self, now: int) -> None:
        self.now = now
        self.orders: dict[str, SimOrder] = {}
        self.accounts: dict[str, Account] = {}
        self.steps: list[tuple[Account, OrderStep]] = []

    def touch(self, account: Account, order: SimOrder) -> None:
        """Keep the order and its account's balances with this moment."""
        self.orders[order.order_id] = order
        self.accounts[account.access_key] = account

    def add(self, account: Account, order: SimOrder, step: Step, trade: Trade | None = None) -> None:
        """Note a step of the order as it is now."""
        self.touch(account, order)
        self.steps.append((account, OrderStep(copy.copy(order), step, trade, self.now)))
