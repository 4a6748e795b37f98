"""One order: its states, its table, and the idempotent fold of what is heard about it (R3.1).

Truth is executed volume, never the exchange's word for the state: Bithumb calls a partly filled
IOC `done` (bithumb.md §3.9), Upbit calls a filled market buy `cancel` (upbit.md §1.6).
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from arbitrage.domain.errors import IllegalTransition, InvariantError
from arbitrage.domain.units import Exchange, Ns, Price, Qty, Side, exact_sum


class OrderState(StrEnum):
    """Where an order stands, as far as we can prove."""

    PLANNED = "planned"
    SENT = "sent"
    UNKNOWN = "unknown"
    WORKING = "working"
    CANCELING = "canceling"
    FILLED = "filled"
    CANCELED = "canceled"
    REFUSED = "refused"


class OrderOn(StrEnum):
    """What can be heard about an order."""

    SENT = "sent"
    ACKED = "acked"
    REFUSED = "refused"
    OUTCOME_LOST = "outcome_lost"
    PART_FILL = "part_fill"
    FULL_FILL = "full_fill"
    CANCELED = "canceled"
    NOT_FOUND = "not_found"
    CANCEL_SENT = "cancel_sent"
    CANCEL_REFUSED = "cancel_refused"


ENDED = frozenset({OrderState.FILLED, OrderState.CANCELED, OrderState.REFUSED})
"""No more is expected of these; a late fill on CANCELED is still taken."""

IN_DOUBT = frozenset({OrderState.SENT, OrderState.UNKNOWN})

S, E = OrderState, OrderOn
TABLE: dict[OrderState, dict[OrderOn, OrderState]] = {
    S.PLANNED: {
        E.SENT: S.SENT,
        E.NOT_FOUND: S.REFUSED,
        E.REFUSED: S.REFUSED,
        E.OUTCOME_LOST: S.UNKNOWN,
        E.ACKED: S.WORKING,
        E.PART_FILL: S.WORKING,
        E.FULL_FILL: S.FILLED,
        E.CANCELED: S.CANCELED,
    },
    S.SENT: {
        E.ACKED: S.WORKING,
        E.REFUSED: S.REFUSED,
        E.OUTCOME_LOST: S.UNKNOWN,
        E.PART_FILL: S.WORKING,
        E.FULL_FILL: S.FILLED,
        E.CANCELED: S.CANCELED,
    },
    S.UNKNOWN: {
        E.OUTCOME_LOST: S.UNKNOWN,
        E.ACKED: S.WORKING,
        E.PART_FILL: S.WORKING,
        E.FULL_FILL: S.FILLED,
        E.CANCELED: S.CANCELED,
        E.NOT_FOUND: S.REFUSED,
    },
    S.WORKING: {
        E.ACKED: S.WORKING,
        E.OUTCOME_LOST: S.WORKING,
        E.PART_FILL: S.WORKING,
        E.FULL_FILL: S.FILLED,
        E.CANCEL_SENT: S.CANCELING,
        E.CANCEL_REFUSED: S.WORKING,
        E.CANCELED: S.CANCELED,
    },
    S.CANCELING: {
        E.ACKED: S.CANCELING,
        E.PART_FILL: S.CANCELING,
        E.FULL_FILL: S.FILLED,
        E.CANCELED: S.CANCELED,
        E.CANCEL_REFUSED: S.WORKING,
        E.OUTCOME_LOST: S.CANCELING,
    },
    S.CANCELED: {
        E.ACKED: S.CANCELED,
        E.PART_FILL: S.CANCELED,
        E.FULL_FILL: S.FILLED,
        E.CANCELED: S.CANCELED,
        E.CANCEL_REFUSED: S.CANCELED,
        E.OUTCOME_LOST: S.CANCELED,
    },
    S.FILLED: {
        E.ACKED: S.FILLED,
        E.PART_FILL: S.FILLED,
        E.FULL_FILL: S.FILLED,
        E.CANCELED: S.FILLED,
        E.CANCEL_REFUSED: S.FILLED,
        E.OUTCOME_LOST: S.FILLED,
    },
    S.REFUSED: {E.NOT_FOUND: S.REFUSED, E.REFUSED: S.REFUSED, E.OUTCOME_LOST: S.REFUSED},
}
"""A fill on REFUSED is missing on purpose: it is a contradiction and halts the desk."""


class OrderRole(StrEnum):
    """Why the order exists."""

    BUY_LEG = "buy_leg"
    SELL_LEG = "sell_leg"
    HEDGE = "hedge"


class TimeInForce(StrEnum):
    """IOC: what does not match at once is cancelled. GTC rests."""

    IOC = "ioc"
    GTC = "gtc"


class RefusalReason(StrEnum):
    """Why an exchange said no, in our words; the wire's own name is kept beside it."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    UNDER_MINIMUM = "under_minimum"
    OVER_MAXIMUM = "over_maximum"
    PRICE_INVALID = "price_invalid"
    QTY_INVALID = "qty_invalid"
    MARKET_UNKNOWN = "market_unknown"
    MARKET_OFFLINE = "market_offline"
    RATE_LIMITED = "rate_limited"
    AUTH = "auth"
    NOT_SENT = "not_sent"
    STOPPED = "stopped"
    INVALID_REQUEST = "invalid_request"
    ORDER_NOT_FOUND = "order_not_found"
    OTHER = "other"


class Fill(msgspec.Struct, frozen=True):
    """One match, as the exchange tells it. `funds` = price x qty in KRW, exactly as written."""

    trade_id: str
    price: Price
    qty: Qty
    funds: Decimal
    at_wall_ns: Ns
    is_maker: bool | None = None
    """Only a private stream says it, and only Upbit's (upbit.md §1.6); None = not told."""


class OrderReport(msgspec.Struct, frozen=True):
    """One thing heard about an order, from an answer, a query or the private stream.

    `executed_qty`, `executed_funds` and `paid_fee` are cumulative; None where the source does not
    say. `fills` are those the source names, which may be only the newest one or none.
    """

    on: OrderOn
    exchange_order_id: str | None = None
    executed_qty: Qty | None = None
    executed_funds: Decimal | None = None
    paid_fee: Decimal | None = None
    fills: tuple[Fill, ...] = ()
    refusal: RefusalReason | None = None
    detail: str = ""
    """The wire's own words, kept for people; never matched on."""


class Order(msgspec.Struct, frozen=True):
    """An order and all we know of it. Prices and quantities in 10^-8, money in Decimal KRW."""

    client_order_id: str
    arb_id: str
    role: OrderRole
    exchange: Exchange
    market: str
    side: Side
    price: Price
    qty: Qty
    tif: TimeInForce
    state: OrderState
    planned_wall_ns: Ns
    planned_mono_ns: Ns
    """The monotonic clock does not survive a reboot: recovery sets it anew."""
    heard_mono_ns: Ns
    """When anything was last heard or asked."""
    exchange_order_id: str | None = None
    executed_qty: Qty = Qty(0)
    executed_funds: Decimal = Decimal(0)
    paid_fee: Decimal = Decimal(0)
    fills: tuple[Fill, ...] = ()
    refusal: RefusalReason | None = None
    detail: str = ""

    @property
    def is_ended(self) -> bool:
        """Return whether nothing more is expected of this order."""
        return self.state in ENDED

    @property
    def is_proven(self) -> bool:
        """Return whether the fills add up to the executed quantity, money included."""
        return sum(fill.qty for fill in self.fills) == self.executed_qty


def advance(order: Order, report: OrderReport, now_mono: Ns) -> Order:
    """Return `order` after `report`. Quantities and fees only grow; duplicate fills drop by trade id.

    IllegalTransition when the table does not know the event in this state (a fill on a refused
    order, say); InvariantError when more executed than was ordered. Either changes nothing.
    """
    state = TABLE[order.state].get(report.on)
    if state is None:
        raise IllegalTransition(f"{order.client_order_id}: {report.on} in state {order.state}")
    known = {fill.trade_id for fill in order.fills}
    fills = order.fills + tuple(fill for fill in report.fills if fill.trade_id not in known)
    seen_qty = sum(fill.qty for fill in fills)
    executed_qty = max(order.executed_qty, report.executed_qty or 0, seen_qty)
    if executed_qty > order.qty:
        raise InvariantError(f"{order.client_order_id}: executed_qty was {executed_qty}, must be at most {order.qty}")
    if seen_qty == executed_qty:
        executed_funds = exact_sum(fill.funds for fill in fills)
    else:
        executed_funds = max(order.executed_funds, report.executed_funds or Decimal(0))
    if executed_qty == order.qty and state is not OrderState.REFUSED:
        state = OrderState.FILLED
    elif state is OrderState.FILLED:
        # `done` with a remainder: the exchange cancelled it (bithumb.md §3.9).
        state = OrderState.CANCELED
    return msgspec.structs.replace(
        order,
        state=state,
        exchange_order_id=report.exchange_order_id or order.exchange_order_id,
        executed_qty=Qty(executed_qty),
        executed_funds=executed_funds,
        paid_fee=max(order.paid_fee, report.paid_fee or Decimal(0)),
        fills=fills,
        refusal=report.refusal or order.refusal,
        detail=report.detail or order.detail,
        heard_mono_ns=now_mono,
    )
