"""What the executor needs from the trader that owns it, said from the inside."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from arbitrage.domain.arb import Arb, Moment
from arbitrage.domain.balances import Shortage
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.hedge import Quote
from arbitrage.domain.order import Order, OrderRole
from arbitrage.domain.ports import Answer
from arbitrage.domain.signal import Signal
from arbitrage.domain.units import Exchange


class Desk(Protocol):
    """Clocks, quotes, levels and balances, and an ear for what happened."""

    def now(self) -> Moment:
        """Return both clocks."""

    def quotes(self, market: str) -> Mapping[Exchange, Quote]:
        """Return what both exchanges offer on `market` now; `book` None where it is not to be trusted."""

    def level(self, market: str) -> TradingLevel:
        """Return the kill switch's position for `market`."""

    def dust_for(self, signal: Signal) -> int:
        """Return the dust of earlier arbs that a new arb of `signal` takes over, in 10^-8; 0 for none."""

    def leader_for(self, signal: Signal) -> OrderRole | None:
        """Return the leg of `signal` that goes first, because its exchange cannot be relied on; None: both together."""

    def reserve(self, legs: Sequence[Order]) -> Shortage | None:
        """Reserve balances for both legs at once, or for none and say what is short."""

    def release(self, arb_id: str) -> None:
        """Give back whatever is reserved for an arb of which nothing was sent."""

    def hold(self, order: Order) -> None:
        """Reserve for an order that goes regardless: a hedge, or one found alive at a restart."""

    def settle(self, order: Order) -> None:
        """Give back what an ended order did not take."""

    def answered(self, order: Order, answer: Answer) -> None:
        """Learn what came of sending an order: where orders are refused or lost, no new ones go for a while."""

    def closed(self, arb: Arb) -> None:
        """Learn that an arb ended (again, after a late fill)."""

    def halt(self, level: TradingLevel, reason: str) -> None:
        """Lower the trading state and wake a person."""

    def log(self, event: str, **fields: object) -> None:
        """Write one log line."""
