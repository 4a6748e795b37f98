"""Our figures beside the exchange's: every difference is a break, named, exact, and located to a row.

Pure comparison: the caller fetches both sides, and says when our figure may still be moving. What a difference
of balances comes from is found in `explaining.py`.
"""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

import msgspec

from arbitrage.domain.units import EXACT, Exchange, Ns, Qty, to_decimal


class BreakKind(StrEnum):
    """What does not agree."""

    MISSING_FILL = "missing_fill"
    """The exchange executed more than we know."""
    EXTRA_FILL = "extra_fill"
    """We know of more than the exchange executed."""
    DOUBLED_FILL = "doubled_fill"
    """We have one match twice, under two trade ids."""
    FUNDS_MISMATCH = "funds_mismatch"
    """The same quantity for different money."""
    FEE_MISMATCH = "fee_mismatch"
    UNKNOWN_ORDER = "unknown_order"
    """The exchange has an order that we do not."""
    MISSING_ORDER = "missing_order"
    """We have an order that the exchange does not."""
    BALANCE_DRIFT = "balance_drift"
    """Balances differ and nothing in the exchange's history says why."""
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    MANUAL_TRADE = "manual_trade"
    """The owner, or another program, traded on our account."""
    TRADE_REVERSED = "trade_reversed"
    """The exchange took a fill back."""
    AIRDROP = "airdrop"
    """Coins of an asset we never traded came from nowhere."""
    ROUNDING = "rounding"
    """The exchange rounded what it moved, not what it told."""
    DUST = "dust"
    """What an arb left over, too small to order, is gone or came back."""
    FEE_CHANGED = "fee_changed"
    """Another fee rate counts from one order on."""
    COUPON_EXPIRED = "coupon_expired"
    """The fee rate rose to the full one."""
    TIMING = "timing"
    """The same order on two days (KST), or at times too far apart."""


EVENTS = frozenset(
    {
        BreakKind.DEPOSIT,
        BreakKind.WITHDRAWAL,
        BreakKind.MANUAL_TRADE,
        BreakKind.TRADE_REVERSED,
        BreakKind.ROUNDING,
        BreakKind.DUST,
        BreakKind.FEE_CHANGED,
        BreakKind.COUPON_EXPIRED,
        BreakKind.TIMING,
    }
)
"""What happened once and is explained by its row: told once, closed at once. All others stay until they are gone."""
OURS_TO_ANSWER = frozenset(
    {
        BreakKind.MISSING_FILL,
        BreakKind.EXTRA_FILL,
        BreakKind.DOUBLED_FILL,
        BreakKind.FUNDS_MISMATCH,
        BreakKind.FEE_MISMATCH,
        BreakKind.UNKNOWN_ORDER,
        BreakKind.MISSING_ORDER,
        BreakKind.BALANCE_DRIFT,
        BreakKind.AIRDROP,
    }
)
"""A ledger with one of these is not equal, even where an entry makes the balances agree."""


class Severity(StrEnum):
    """The register's scale (requirements, head)."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class BalanceFigure(msgspec.Struct, frozen=True):
    """One asset on one exchange: free plus locked, exactly."""

    exchange: Exchange
    asset: str
    total_dec: Decimal


class FillFigure(msgspec.Struct, frozen=True):
    """One match as one side knows it."""

    trade_id: str
    qty: Qty
    funds: Decimal


class OrderFigure(msgspec.Struct, frozen=True):
    """One order as one side knows it. Funds and fee in KRW, exactly.

    `client_order_id` is None for an order not placed by us; `exchange_order_id` while we never heard it.
    """

    exchange: Exchange
    market: str
    client_order_id: str | None
    exchange_order_id: str | None
    is_open: bool
    executed_qty: Qty
    executed_funds: Decimal
    paid_fee: Decimal
    fills: tuple[FillFigure, ...] = ()
    """Empty where that side names none."""
    made_wall_ns: Ns | None = None
    """When it was planned by us, or made at the exchange (whole seconds there)."""


class Break(msgspec.Struct, frozen=True):
    """One difference. `difference` is theirs minus ours, in the subject's own unit."""

    kind: BreakKind
    severity: Severity
    exchange: Exchange
    subject: str
    """The asset, or the order's client id (the exchange's id for an order that is not ours)."""
    ours: Decimal
    theirs: Decimal
    difference: Decimal
    ref: str = ""
    """The row it is located at: trade, transfer, order or arb ids; empty when `subject` is all there is."""
    detail: str = ""
    """What is known of it, for people."""

    @property
    def key(self) -> str:
        """Return what makes it the same break in the next run."""
        return f"{self.kind}:{self.subject}:{self.ref}"[:200]


def compare_balances(ours: Iterable[BalanceFigure], theirs: Iterable[BalanceFigure]) -> list[Break]:
    """Return a break for each asset whose totals differ by any amount; absent counts as zero.

    Call it with figures taken while no order was open there (`BalancesRead.settled`).
    """
    mine = {(figure.exchange, figure.asset): figure.total_dec for figure in ours}
    other = {(figure.exchange, figure.asset): figure.total_dec for figure in theirs}
    zero = Decimal(0)
    found = []
    for exchange, asset in sorted(mine.keys() | other.keys()):
        our, their = mine.get((exchange, asset), zero), other.get((exchange, asset), zero)
        if our != their:
            # Money that is gone is worse than money too much.
            severity = Severity.CRITICAL if their < our else Severity.HIGH
            found.append(_break(BreakKind.BALANCE_DRIFT, severity, exchange, asset, our, their))
    return found


def compare_orders(ours: Iterable[OrderFigure], theirs: Iterable[OrderFigure]) -> list[Break]:
    """Return every difference between our orders and the exchange's.

    Orders meet by client order id, or by the exchange's id where that is all there is. `theirs` must
    cover every order of ours that is handed in; more is fine, and is an unknown order when ours lack it.
    """
    remaining = list(theirs)
    by_client: dict[tuple[Exchange, str | None], OrderFigure] = {}
    by_exchange: dict[tuple[Exchange, str | None], OrderFigure] = {}
    for each in remaining:
        if each.client_order_id is not None:
            by_client[each.exchange, each.client_order_id] = each
        if each.exchange_order_id is not None:
            by_exchange[each.exchange, each.exchange_order_id] = each
    met: set[int] = set()
    found = []
    for our in ours:
        their = by_client.get((our.exchange, our.client_order_id)) or by_exchange.get(
            (our.exchange, our.exchange_order_id)
        )
        if their is None:
            found += _missing(our)
            continue
        met.add(id(their))
        found += _differences(our, their)
    found += [_unknown(their) for their in remaining if id(their) not in met]
    return sorted(found, key=lambda each: (each.exchange, each.subject, each.kind))


def _differences(our: OrderFigure, their: OrderFigure) -> list[Break]:
    subject = _subject(our)
    if our.executed_qty != their.executed_qty:
        kind, ref = _fill_break(our, their)
        qty = to_decimal(our.executed_qty), to_decimal(their.executed_qty)
        # Funds and fee follow from the fills: one cause, one break.
        return [_break(kind, Severity.CRITICAL, our.exchange, subject, *qty, ref=ref)]
    found = []
    if our.executed_funds != their.executed_funds:
        funds = our.executed_funds, their.executed_funds
        found.append(_break(BreakKind.FUNDS_MISMATCH, Severity.HIGH, our.exchange, subject, *funds))
    if our.paid_fee != their.paid_fee:
        fees = our.paid_fee, their.paid_fee
        found.append(_break(BreakKind.FEE_MISMATCH, Severity.MEDIUM, our.exchange, subject, *fees))
    return found


def _fill_break(our: OrderFigure, their: OrderFigure) -> tuple[BreakKind, str]:
    # Which rows, where both sides name their matches.
    ours, theirs = ({fill.trade_id: fill for fill in side.fills} for side in (our, their))
    if their.executed_qty > our.executed_qty:
        return BreakKind.MISSING_FILL, " ".join(sorted(theirs.keys() - ours.keys()))
    extra = [ours[trade_id] for trade_id in sorted(ours.keys() - theirs.keys())] if theirs else []
    rows = " ".join(fill.trade_id for fill in extra)
    doubled = extra and all(
        any(other.trade_id != fill.trade_id and _same_match(other, fill) for other in our.fills) for fill in extra
    )
    return (BreakKind.DOUBLED_FILL if doubled else BreakKind.EXTRA_FILL), rows


def _same_match(one: FillFigure, other: FillFigure) -> bool:
    return (one.qty, one.funds) == (other.qty, other.funds)


def _missing(our: OrderFigure) -> list[Break]:
    # An order with no fill and no id of theirs may never have arrived; anything else must be there.
    proven = our.executed_qty > 0 or our.exchange_order_id is not None
    severity = Severity.CRITICAL if our.executed_qty else Severity.HIGH if proven else Severity.MEDIUM
    if not proven and not our.is_open:
        return []
    executed = to_decimal(our.executed_qty)
    return [_break(BreakKind.MISSING_ORDER, severity, our.exchange, _subject(our), executed, Decimal(0))]


def _unknown(their: OrderFigure) -> Break:
    serious = their.is_open or their.executed_qty > 0
    severity = Severity.CRITICAL if serious else Severity.LOW
    executed = to_decimal(their.executed_qty)
    return _break(BreakKind.UNKNOWN_ORDER, severity, their.exchange, _subject(their), Decimal(0), executed)


def _subject(order: OrderFigure) -> str:
    return order.client_order_id or order.exchange_order_id or ""


def _break(
    kind: BreakKind,
    severity: Severity,
    exchange: Exchange,
    subject: str,
    ours: Decimal,
    theirs: Decimal,
    *,
    ref: str = "",
) -> Break:
    return Break(kind, severity, exchange, subject, ours, theirs, EXACT.subtract(theirs, ours), ref)
