"""Two legs and their hedges: what an arb is, its states, what moves it, and what it asks for (R3.1).

The steps themselves are in `arb_step.py`.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.hedge import Quote
from arbitrage.domain.order import Order, OrderReport, OrderState
from arbitrage.domain.signal import Signal
from arbitrage.domain.units import EXACT, PPM, Exchange, Ns, Qty, Side, exact_sum, to_decimal


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
    hedge_patience_ns: Ns
    hedge_limit_ns: Ns
    hedge_max_attempts: int
    hedge_slippage_ppm: int
    hedge_max_loss_krw: int
    hedge_hold_ns: Ns = Ns(0)
    risk_kappa_ppm: int = PPM
    risk_sigma_ppm: int = 0


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
    """When the legs were first seen uneven; None while they never were, or while HALTED forbids to even them out.

    A late fill counts anew, and so does the end of HALTED."""
    closed_wall_ns: Ns | None = None
    dust_qty: int = 0
    """The imbalance it was closed with on purpose, in 10^-8: too small to order, or settled by hand."""
    why: str = ""
    """What moved it last: an `ArbOn` word, and after a space any detail."""
    dust_in_qty: int = 0
    """Dust of earlier arbs that this one takes over, in 10^-8: by so much its legs differ."""
    leader: str = ""
    """Client order id of the leg that goes first; empty = both go together."""
    held: str = ""
    """Client order id of the leg that waits for the leader's fill: PLANNED, and nothing of it has left."""
    uneven_wall_ns: Ns | None = None
    """The same moment as `uneven_mono_ns` on the clock that outlives a process; None in images of older versions."""
    uneven_restarts: int = 0
    """How many restarts it has been uneven over."""
    hedges_before: int = 0
    """How many hedges it had when it became uneven: they are no attempts of now."""
    changed_wall_ns: Ns | None = None
    """The same moment as `changed_mono_ns` on the clock that outlives a process; None in images of older versions."""
    respites: int = 0
    """How many restarts left its state more time than it had."""

    @property
    def filled_imbalance(self) -> int:
        """Return base bought minus base sold by this arb's own orders, in 10^-8."""
        return sum([order.side.sign * order.executed_qty for order in self.orders])

    @property
    def imbalance(self) -> int:
        """Return what is still to be evened out, in 10^-8: what was bought minus what was sold, and dust taken over."""
        return self.dust_in_qty + self.filled_imbalance

    @property
    def is_settled_by_hand(self) -> bool:
        """Return whether a person closed it: what it left uneven is theirs."""
        return self.is_closed and self.why.partition(" ")[0] == ArbOn.OPERATOR_RESOLVED

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
        return exact_sum(order.paid_fee for order in self.orders)

    @property
    def pnl_krw(self) -> Decimal:
        """Return KRW received minus KRW paid minus fees. Dust left over is not valued here."""
        total = Decimal(0)
        for order in self.orders:
            book = EXACT.add if order.side is Side.ASK else EXACT.subtract
            total = EXACT.subtract(book(total, order.executed_funds), order.paid_fee)
        return total

    @property
    def even_pnl_krw(self) -> Decimal:
        """Return the profit with what its orders left uneven valued at what it was bought or sold for on average."""
        uneven = self.filled_imbalance
        if not uneven:
            return self.pnl_krw
        return self.pnl_krw + self.average_krw(uneven) * to_decimal(uneven)

    def average_krw(self, uneven: int) -> Decimal:
        """Return the average price in KRW of the side that did too much, or its limit in the signal."""
        side = Side.BID if uneven > 0 else Side.ASK
        filled = [order for order in self.orders if order.side is side and order.executed_qty]
        qty = sum(order.executed_qty for order in filled)
        if not qty:
            return to_decimal(self.signal.buy_limit if side is Side.BID else self.signal.sell_limit)
        return exact_sum(order.executed_funds for order in filled) / to_decimal(qty)


S, E = ArbState, ArbOn
TABLE: dict[ArbState, dict[ArbOn, ArbState]] = {
    S.OPENING: {
        E.BALANCED: S.CLOSED,
        E.NOTHING_FILLED: S.CLOSED,
        E.IMBALANCED: S.LEGGED,
        E.LEG_UNKNOWN: S.UNRESOLVED,
        E.DEADLINE: S.STUCK,
    },
    S.UNRESOLVED: {
        E.BALANCED: S.CLOSED,
        E.NOTHING_FILLED: S.CLOSED,
        E.IMBALANCED: S.LEGGED,
        E.LEG_WORKING: S.OPENING,
        E.HEDGE_WORKING: S.HEDGING,
        E.ATTEMPTS_SPENT: S.STUCK,
        E.DEADLINE: S.STUCK,
    },
    S.LEGGED: {E.HEDGE_SENT: S.HEDGING, E.DUST: S.CLOSED, E.NO_HEDGE: S.STUCK, E.BALANCED: S.CLOSED},
    S.HEDGING: {
        E.BALANCED: S.CLOSED,
        E.IMBALANCED: S.LEGGED,
        E.LEG_UNKNOWN: S.UNRESOLVED,
        E.ATTEMPTS_SPENT: S.STUCK,
        E.DEADLINE: S.STUCK,
    },
    S.STUCK: {E.OPERATOR_RESOLVED: S.CLOSED},
    S.CLOSED: {E.IMBALANCED: S.LEGGED, E.NO_HEDGE: S.STUCK},
}
"""CLOSED knows ways back: a fill that came after its order's cancel leaves a position to even out, or, where
a person had settled the arb, to look at again."""


class Moment(msgspec.Struct, frozen=True):
    """One reading of both our clocks."""

    mono_ns: Ns
    wall_ns: Ns


class OrderHeard(msgspec.Struct, frozen=True):
    """Something was heard of one of the arb's orders."""

    client_order_id: str
    report: OrderReport
    asked_mono_ns: Ns | None = None
    """When the question left that this answers; None for what was not asked for."""


class Tick(msgspec.Struct, frozen=True):
    """Time passed. `quotes` are both exchanges as they are now; `level` is the kill switch's position."""

    quotes: Mapping[Exchange, Quote]
    level: TradingLevel


class OperatorResolved(msgspec.Struct, frozen=True):
    """A person settled a STUCK arb by hand and says how."""

    reason: str


ArbEvent = OrderHeard | Tick | OperatorResolved


class Place(msgspec.Struct, frozen=True):
    """Send this order, once."""

    order: Order


class Cancel(msgspec.Struct, frozen=True):
    """Ask the exchange to cancel this order."""

    order: Order


class Query(msgspec.Struct, frozen=True):
    """Ask the exchange for this order by its client order id."""

    order: Order


class Halt(msgspec.Struct, frozen=True):
    """Lower the trading state to at least `level`, and wake a person."""

    level: TradingLevel
    reason: str


Action = Place | Cancel | Query | Halt


def can_follow(arb: Arb) -> bool:
    """Return whether the leader ended with a fill and the leg held back may go: the next tick decides."""
    if not arb.held or arb.state is not ArbState.OPENING:
        return False
    leader = next(order for order in arb.orders if order.client_order_id == arb.leader)
    return leader.is_ended and leader.is_proven and leader.executed_qty > 0


def is_moving(arb: Arb) -> bool:
    """Return whether balances may still change through this arb: it is neither closed nor stuck at rest."""
    if arb.state is ArbState.STUCK:
        return any(not order.is_ended for order in arb.orders)
    return not arb.is_closed


def is_news(before: Arb, after: Arb) -> bool:
    """Return whether a journal reader learns anything from `after`.

    Clocks are no news, but for those that go on over restarts: a state's and a lone leg's. Neither is PLANNED
    becoming SENT: a restart treats both alike, and the bytes must not wait for another record.
    """
    if before.state is not after.state or len(before.orders) != len(after.orders) or before.held != after.held:
        return True
    if before.uneven_wall_ns != after.uneven_wall_ns or before.uneven_restarts != after.uneven_restarts:
        return True
    if before.changed_wall_ns != after.changed_wall_ns or before.respites != after.respites:
        return True
    return any(
        old is not new and _news_of(old) != _news_of(new) for old, new in zip(before.orders, after.orders, strict=True)
    )


def _news_of(order: Order) -> tuple[object, ...]:
    state = OrderState.PLANNED if order.state is OrderState.SENT else order.state
    return state, order.executed_qty, order.paid_fee, len(order.fills), order.exchange_order_id
