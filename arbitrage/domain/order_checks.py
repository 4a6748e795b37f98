"""What can be off about an order although its money is right: the fee rate it was charged, and its day. Pure."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from arbitrage.domain.history import Trade, event
from arbitrage.domain.instrument import kst_date
from arbitrage.domain.reconciliation import Break, BreakKind, OrderFigure, Severity
from arbitrage.domain.reversal import FEE_STEPS, rate_ppm
from arbitrage.domain.units import EXACT, Exchange, Ns, Ppm, fee_cut

FULL_FEE_PPM = {Exchange.BITHUMB: Ppm(2_500)}
"""What an exchange charges without its coupon (bithumb.md §5.4)."""
CLOCKS_APART_NS = 5_000_000_000
"""Exchange and desk may date an order this far apart: its way, its whole seconds, and some more."""
ROUND_PPM = 10
"""Fee rates come in steps of 0.001 %."""


def fee_changes(exchange: Exchange, trades: Iterable[Trade], in_force: int | None) -> tuple[list[Break], int | None]:
    """Return a break for each order from which on another rate counts, and the rate at the end.

    `trades` come oldest first. A fee that the rate in force explains, cut as exchanges cut it, is no change.
    """
    found: list[Break] = []
    for trade in trades:
        if not trade.executed_funds or _is_charged(trade, in_force):
            continue
        ppm = _rate_of(trade)
        if in_force is not None:
            found.append(_fee_break(exchange, trade, in_force, ppm))
        in_force = ppm
    return found, in_force


def _is_charged(trade: Trade, ppm: int | None) -> bool:
    return ppm is not None and any(fee_cut(trade.executed_funds, ppm, step) == trade.paid_fee for step in FEE_STEPS)


def _rate_of(trade: Trade) -> int:
    ppm = rate_ppm(trade.paid_fee, trade.executed_funds)
    near = (ppm + ROUND_PPM // 2) // ROUND_PPM * ROUND_PPM
    return near if _is_charged(trade, near) else ppm


def _fee_break(exchange: Exchange, trade: Trade, before: int, ppm: int) -> Break:
    is_full = ppm > before and ppm == FULL_FEE_PPM.get(exchange)
    kind = BreakKind.COUPON_EXPIRED if is_full else BreakKind.FEE_CHANGED
    severity = Severity.HIGH if ppm > before else Severity.LOW
    text = f"from order {trade.order_id} on the fee is {ppm} ppm, it was {before} ppm"
    old, new = Decimal(before), Decimal(ppm)
    return Break(kind, severity, exchange, "fee", old, new, EXACT.subtract(new, old), trade.order_id, text)


def timing_breaks(pairs: Sequence[tuple[OrderFigure, OrderFigure]]) -> list[Break]:
    """Return a break for each order that the two sides date on different days (KST), or too far apart.

    `pairs` are ours and theirs of the same order. The exchange's time has whole seconds, cut down.
    """
    found = []
    for our, their in pairs:
        if our.made_wall_ns is None or their.made_wall_ns is None:
            continue
        apart = their.made_wall_ns - our.made_wall_ns
        days = kst_date(our.made_wall_ns), kst_date(their.made_wall_ns)
        is_far = abs(apart) > CLOCKS_APART_NS
        if days[0] == days[1] and not is_far:
            continue
        order_id = our.client_order_id or our.exchange_order_id or ""
        seconds = Decimal(apart).scaleb(-9)
        text = f"ours on {days[0]}, theirs on {days[1]} (KST), {seconds:f} s apart"
        severity = Severity.HIGH if is_far else Severity.LOW
        found.append(event(BreakKind.TIMING, severity, our.exchange, "clock", seconds, order_id, text))
    return found


def in_order(trades: Iterable[Trade]) -> list[Trade]:
    """Return trades oldest first."""
    return sorted(trades, key=lambda trade: (trade.at_wall_ns, trade.order_id))


def since(trades: Iterable[Trade], wall_ns: Ns) -> list[Trade]:
    """Return the trades made at or after a moment, oldest first."""
    return [trade for trade in in_order(trades) if trade.at_wall_ns >= wall_ns]
