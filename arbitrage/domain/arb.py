"""Two legs and their hedges: one arb from opening to its end (R3.1)."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from arbitrage.domain.order import Order
from arbitrage.domain.signal import Signal
from arbitrage.domain.units import Ns, Qty


class ArbState(StrEnum):
    """Where an arb stands."""

    OPENING = "opening"
    UNRESOLVED = "unresolved"
    LEGGED = "legged"
    HEDGING = "hedging"
    STUCK = "stuck"
    CLOSED = "closed"


class ArbOn(StrEnum):
    """What moves an arb."""

    OPENED = "opened"
    BALANCED = "balanced"
    NOTHING_FILLED = "nothing_filled"
    IMBALANCED = "imbalanced"
    LEG_UNKNOWN = "leg_unknown"
    LEG_WORKING = "leg_working"
    HEDGE_WORKING = "hedge_working"
    HEDGE_SENT = "hedge_sent"
    DUST = "dust"
    NO_HEDGE = "no_hedge"
    ATTEMPTS_SPENT = "attempts_spent"
    DEADLINE = "deadline"
    OPERATOR_RESOLVED = "operator_resolved"


class ArbLimits(msgspec.Struct, frozen=True):
    """The parameters an arb was opened with and keeps to its end (params.py has the meanings)."""

    query_after_ns: Ns
    cancel_after_ns: Ns
    not_found_grace_ns: Ns
    unresolved_deadline_ns: Ns
    hedge_limit_ns: Ns
    hedge_max_attempts: int
    hedge_slippage_ppm: int
    hedge_max_loss_krw: int


class Arb(msgspec.Struct, frozen=True):
    """One arb. `orders[0]` is the buy leg, `orders[1]` the sell leg, the rest are hedges in order."""

    arb_id: str
    params_epoch: int
    market: str
    state: ArbState
    signal: Signal
    limits: ArbLimits
    orders: tuple[Order, ...]
    opened_wall_ns: Ns
    opened_mono_ns: Ns
    changed_mono_ns: Ns
    """When the state last changed: deadlines count from here."""
    uneven_mono_ns: Ns | None = None
    """When the legs were first seen uneven; None while they never were."""
    closed_wall_ns: Ns | None = None
    why: str = ""
    """Why it ended or got stuck: an `ArbOn` word, or the operator's reason."""

    @property
    def imbalance(self) -> int:
        """Return base bought minus base sold, in 10^-8."""
        return sum(order.side.sign * order.executed_qty for order in self.orders)

    @property
    def is_closed(self) -> bool:
        """Return whether this arb is over."""
        return self.state is ArbState.CLOSED

    @property
    def matched_qty(self) -> Qty:
        """Return the quantity both bought and sold."""
        bought = sum(order.executed_qty for order in self.orders if order.side.sign > 0)
        sold = sum(order.executed_qty for order in self.orders if order.side.sign < 0)
        return Qty(min(bought, sold))

    @property
    def fees_krw(self) -> Decimal:
        """Return the fees charged on all orders, exactly."""
        return sum((order.paid_fee for order in self.orders), Decimal(0))

    @property
    def pnl_krw(self) -> Decimal:
        """Return KRW received minus KRW paid minus fees. Dust left over is not valued here."""
        flow = sum((-order.side.sign * order.executed_funds for order in self.orders), Decimal(0))
        return flow - self.fees_krw
