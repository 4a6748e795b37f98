"""One order: its states, its table, and the idempotent fold of what is heard about it (R3.1).

Truth is executed volume, never the exchange's word for the state: Bithumb calls a partly filled
IOC `done` (bithumb.md §3.9), Upbit calls a filled market buy `cancel` (upbit.md §1.6).
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from arbitrage.domain.errors import IllegalTransition, InvariantError
from arbitrage.domain.units import Exchange, Krw, Ns, Price, Qty, Side, exact_product, exact_sum, to_decimal


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
    """IOC: what does not match at once is cancelled. FOK: all at once or nothing. GTC and POST_ONLY rest."""

    IOC = "ioc"
    GTC = "gtc"
    FOK = "fok"
    POST_ONLY = "post_only"


class OrderKind(StrEnum):
    """What an order is given by (upbit.md §1.4, bithumb.md §3.6).

    LIMIT: price and quantity. MARKET_BUY: a total in KRW, MARKET_SELL: a quantity. BEST: the opposite
    best price at arrival, a total in KRW to buy, a quantity to sell.
    """

    LIMIT = "limit"
    MARKET_BUY = "market_buy"
    MARKET_SELL = "market_sell"
    BEST = "best"


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
    UNSUPPORTED = "unsupported"
    """The exchange has no such call: nothing was sent."""
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
    kind: OrderKind = OrderKind.LIMIT
    funds: Krw = Krw(0)
    """The total to spend, fee on top; only where `is_by_funds`, and then `price` and `qty` are 0."""

    @property
    def is_by_funds(self) -> bool:
        """Return whether the order is given by a total in KRW and has no quantity of its own."""
        return self.kind is OrderKind.MARKET_BUY or (self.kind is OrderKind.BEST and self.side is Side.BID)

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

    An order given by funds has no quantity to compare with: the executed one is truth, and once the
    exchange calls it ended it is FILLED when what is left buys nothing more, else CANCELED.
    IllegalTransition when the table does not know the event in this state (a fill on a refused
    order, say); InvariantError when more executed than was ordered. Either changes nothing.
    """
    state = TABLE[order.state].get(report.on)
    if state is None:
        raise IllegalTransition(f"{order.client_order_id}: {report.on} in state {order.state}")
    fills = order.fills
    if report.fills:
        known = {fill.trade_id for fill in fills}
        fills += tuple(fill for fill in report.fills if fill.trade_id not in known)
    seen_qty = sum(fill.qty for fill in fills)
    executed_qty = max(order.executed_qty, report.executed_qty or 0, seen_qty)
    if not order.is_by_funds and executed_qty > order.qty:
        raise InvariantError(f"{order.client_order_id}: executed_qty was {executed_qty}, must be at most {order.qty}")
    if seen_qty == executed_qty:
        executed_funds = exact_sum(fill.funds for fill in fills)
    else:
        executed_funds = max(order.executed_funds, report.executed_funds or Decimal(0))
    # Only what fills prove: cumulative figures of a stream are doubles (upbit.md §3.3).
    if order.is_by_funds and seen_qty == executed_qty and executed_funds > to_decimal(order.funds):
        raise InvariantError(
            f"{order.client_order_id}: executed_funds was {executed_funds}, must be at most {to_decimal(order.funds)}"
        )
    state = _proven(order, state, fills, executed_qty, executed_funds)
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


def _proven(
    order: Order, state: OrderState, fills: tuple[Fill, ...], executed_qty: int, executed_funds: Decimal
) -> OrderState:
    """Return the state that the executed quantity proves; `state` is what the table makes of the exchange's word."""
    if order.is_by_funds:
        if state not in (OrderState.FILLED, OrderState.CANCELED):
            return state
        is_whole = sum(fill.qty for fill in fills) == executed_qty
        is_spent = is_whole and bool(fills) and to_decimal(order.funds) - executed_funds < _indivisible(fills)
        return OrderState.FILLED if is_spent else OrderState.CANCELED
    if executed_qty == order.qty and state is not OrderState.REFUSED:
        return OrderState.FILLED
    # `done` with a remainder: the exchange cancelled it (bithumb.md §3.9).
    return OrderState.CANCELED if state is OrderState.FILLED else state


def _indivisible(fills: tuple[Fill, ...]) -> Decimal:
    # Each level's volume is floored to 10^-8 (upbit.md §1.6): at most the price of one such step stays
    # over at each; how several levels are floored together is not established.
    return exact_sum(exact_product(fill.price, Qty(1)) for fill in fills)
