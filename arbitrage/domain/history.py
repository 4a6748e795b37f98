"""What an exchange's own history says of our account, in our words, and what of it the ledger must have (R3.3).

Every row of it becomes one absolute `Target` and the break that tells of it. Pure.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from arbitrage.domain.adjustment import AdjustmentKind, Move, Target, signed
from arbitrage.domain.reconciliation import Break, BreakKind, FillFigure, OrderFigure, Severity
from arbitrage.domain.units import EXACT, QUOTE, Exchange, Ns, Qty, Side, base_of, to_decimal


class Progress(StrEnum):
    """How far a transfer is: OPEN may still come to nothing, GONE did."""

    OPEN = "open"
    DONE = "done"
    GONE = "gone"


_WORDS = {
    Progress.DONE: ("ACCEPTED", "DONE"),
    Progress.GONE: ("CANCELLED", "CANCELED", "REJECTED", "FAILED", "REFUNDED"),
}


def progress_of(state: str) -> Progress:
    """Return what an exchange's word for a transfer means; words with a prefix count by their end, unknown as OPEN.

    upbit.md §1.9, bithumb.md §3.8a: `DEPOSIT_ACCEPTED`, `REQUESTED_…`, `REFUNDING_…`.
    """
    last = state.upper().rpartition("_")[2]
    return next((progress for progress, words in _WORDS.items() if last in words), Progress.OPEN)


class Transfer(msgspec.Struct, frozen=True):
    """One deposit or withdrawal. `fee` is in the same asset; a withdrawal's comes on top of `qty`."""

    transfer_id: str
    is_deposit: bool
    asset: str
    progress: Progress
    qty: Decimal
    fee: Decimal
    at_wall_ns: Ns


class ForeignOrder(msgspec.Struct, frozen=True):
    """An order on our account that no journal of ours knows."""

    exchange_order_id: str
    market: str
    side: Side
    executed_qty: Qty
    executed_funds: Decimal
    paid_fee: Decimal
    is_open: bool
    at_wall_ns: Ns
    client_order_id: str | None = None


class Trade(msgspec.Struct, frozen=True):
    """One order that executed on the exchange, ours or not, with its matches oldest first as far as they are known."""

    order_id: str
    """Our own id, or the exchange's for an order that is not ours."""
    market: str
    side: Side
    executed_funds: Decimal
    paid_fee: Decimal
    fills: tuple[FillFigure, ...]
    at_wall_ns: Ns


Told = tuple[Target, Break]
"""What must be booked, and the break that tells of it once something was."""


def transfer_told(exchange: Exchange, transfer: Transfer) -> Told:
    """Return a transfer's target: nothing has moved until it is done."""
    is_done = transfer.progress is Progress.DONE
    sign = 1 if transfer.is_deposit else -1
    moved = signed(transfer.qty, sign)
    moves: tuple[Move, ...] = (Move(transfer.asset, moved),)
    if transfer.fee:
        moves += (Move(transfer.asset, transfer.fee.copy_negate(), is_fee=True),)
    kind = BreakKind.DEPOSIT if transfer.is_deposit else BreakKind.WITHDRAWAL
    text = f"{kind} of {transfer.qty:f} {transfer.asset}" + (f", fee {transfer.fee:f}" if transfer.fee else "")
    target = Target(
        exchange=exchange,
        kind=AdjustmentKind(kind.value),
        ref=f"{kind}:{transfer.transfer_id}",
        moves=moves if is_done else (),
        at_wall_ns=transfer.at_wall_ns,
        is_final=transfer.progress is not Progress.OPEN,
        text=text,
    )
    # Keys of ours have no right to withdraw: whoever did should be known (R5.1).
    severity = Severity.LOW if transfer.is_deposit else Severity.HIGH
    return target, event(kind, severity, exchange, transfer.asset, moved, transfer.transfer_id, text)


def foreign_told(exchange: Exchange, order: ForeignOrder) -> Told:
    """Return the target of an order that is not ours: all it executed so far."""
    sign = order.side.sign
    coins = to_decimal(sign * order.executed_qty)
    moves: tuple[Move, ...] = (Move(base_of(order.market), coins), Move(QUOTE, signed(order.executed_funds, -sign)))
    if order.paid_fee:
        moves += (Move(QUOTE, order.paid_fee.copy_negate(), is_fee=True),)
    text = f"{order.side} {to_decimal(order.executed_qty):f} on {order.market} for {order.executed_funds:f} KRW"
    target = Target(
        exchange=exchange,
        kind=AdjustmentKind.MANUAL_TRADE,
        ref=f"foreign:{order.exchange_order_id}",
        moves=moves if order.executed_qty else (),
        at_wall_ns=order.at_wall_ns,
        market=order.market,
        is_final=not order.is_open,
        text=text,
    )
    return target, event(
        BreakKind.MANUAL_TRADE, Severity.HIGH, exchange, base_of(order.market), coins, order.exchange_order_id, text
    )


def order_target(our: OrderFigure, their: OrderFigure, side: Side, kind: AdjustmentKind) -> Target:
    """Return what the ledger lacks of one of our own orders: theirs minus what our rows say."""
    sign, assets = side.sign, (base_of(our.market), QUOTE)
    coins = to_decimal(sign * (their.executed_qty - our.executed_qty))
    krw = signed(EXACT.subtract(their.executed_funds, our.executed_funds), -sign)
    fee = EXACT.subtract(our.paid_fee, their.paid_fee)
    moves = (Move(assets[0], coins), Move(assets[1], krw), Move(assets[1], fee, is_fee=True))
    return Target(
        exchange=our.exchange,
        kind=kind,
        ref=f"order:{our.client_order_id}",
        moves=tuple(move for move in moves if move.amount),
        at_wall_ns=their.made_wall_ns or our.made_wall_ns or Ns(0),
        market=our.market,
        text=(
            f"the exchange says {to_decimal(their.executed_qty):f} for {their.executed_funds:f} KRW,"
            f" fee {their.paid_fee:f}"
        ),
    )


def event(
    kind: BreakKind, severity: Severity, exchange: Exchange, subject: str, moved: Decimal, ref: str, text: str
) -> Break:
    """Return the break that tells what happened: ours knew nothing of it."""
    return Break(kind, severity, exchange, subject, Decimal(0), moved, moved, ref, text)
