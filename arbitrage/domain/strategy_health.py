"""Whether the strategy still earns (R6.1), and what an operator might change: proposals, never acts."""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum

import msgspec

from arbitrage.domain.params import SECOND, Params
from arbitrage.domain.units import PPM, Ns, Ppm

WINDOW_NS = 7 * 86_400 * SECOND
LEAST_WIN_RATE: Ppm = Ppm(500_000)
MAX_SLIPPAGE: Ppm = Ppm(5_000)
"""Actual off expected by more than 0.5 % of the notional alerts (R3.2)."""
LEAST_ARBS = 20
"""Fewer than this are too few to propose a change on; alerts do not wait for them."""
MAX_LONE_LEGS: Ppm = Ppm(50_000)
_WIDE = Context(prec=60, rounding=ROUND_HALF_EVEN)


class ArbRow(msgspec.Struct, frozen=True):
    """One closed arb that traded. KRW as Decimal; `expected_krw` is what the signal promised."""

    closed_wall_ns: Ns
    pnl_krw: Decimal
    expected_krw: Decimal
    notional_krw: Decimal
    """Bought, without fees."""
    was_legged: bool


class AlertReason(StrEnum):
    """What R6.1 and R3.2 want a person to see."""

    WIN_RATE_LOW = "win_rate_low"
    AVERAGE_PROFIT_NEGATIVE = "average_profit_negative"
    SLIPPAGE_HIGH = "slippage_high"
    LONE_LEGS_MANY = "lone_legs_many"


class Proposal(msgspec.Struct, frozen=True):
    """A change a person may make: parameter, its value now, the value proposed, and the figures why."""

    field: str
    now: int
    proposed: int
    why: str


class Health(msgspec.Struct, frozen=True):
    """The window's figures. Rates in ppm; None where no arb closed."""

    arbs: int
    wins: int
    win_rate_ppm: int | None
    profit_krw: Decimal
    average_profit_krw: Decimal | None
    slippage_ppm: int | None
    """What was earned less than expected, of the bought notional; negative = better than expected."""
    lone_legs: int
    funnel: tuple[tuple[str, int], ...]
    """Stage -> count, in order: seen, each denial by falling count, opened, closed, won."""
    alerts: tuple[AlertReason, ...]
    proposals: tuple[Proposal, ...]


def health(
    rows: Iterable[ArbRow], *, signals: int, denials: Mapping[str, int], opened: int, params: Params, now_wall: Ns
) -> Health:
    """Return the health of the seven days before `now_wall`; older and future rows do not count.

    `signals`, `denials` and `opened` are counts over the same window. A win is a profit above zero.
    """
    window = [row for row in rows if now_wall - WINDOW_NS < row.closed_wall_ns <= now_wall]
    arbs = len(window)
    wins = sum(1 for row in window if row.pnl_krw > 0)
    legged = sum(1 for row in window if row.was_legged)
    profit = _sum(row.pnl_krw for row in window)
    notional = _sum(row.notional_krw for row in window)
    shortfall = _WIDE.subtract(_sum(row.expected_krw for row in window), profit)
    slippage_ppm = int(_WIDE.divide(_WIDE.multiply(shortfall, Decimal(PPM)), notional)) if notional > 0 else None
    win_rate_ppm = wins * PPM // arbs if arbs else None
    average = _WIDE.divide(profit, Decimal(arbs)) if arbs else None
    alerts = _alerts(arbs, win_rate_ppm, profit, slippage_ppm, legged)
    by_count = sorted(denials.items(), key=lambda item: (-item[1], item[0]))
    funnel = (
        ("seen", signals),
        *((f"denied.{reason}", count) for reason, count in by_count),
        ("opened", opened),
        ("closed", arbs),
        ("won", wins),
    )
    return Health(
        arbs=arbs,
        wins=wins,
        win_rate_ppm=win_rate_ppm,
        profit_krw=profit,
        average_profit_krw=average,
        slippage_ppm=slippage_ppm,
        lone_legs=legged,
        funnel=funnel,
        alerts=alerts,
        proposals=_proposals(alerts, params, win_rate_ppm, slippage_ppm, legged, arbs),
    )


def _alerts(
    arbs: int, win_rate_ppm: int | None, profit: Decimal, slippage_ppm: int | None, legged: int
) -> tuple[AlertReason, ...]:
    found = []
    if win_rate_ppm is not None and win_rate_ppm < LEAST_WIN_RATE:
        found.append(AlertReason.WIN_RATE_LOW)
    if profit < 0:
        found.append(AlertReason.AVERAGE_PROFIT_NEGATIVE)
    if slippage_ppm is not None and slippage_ppm > MAX_SLIPPAGE:
        found.append(AlertReason.SLIPPAGE_HIGH)
    if legged * PPM > arbs * MAX_LONE_LEGS:
        found.append(AlertReason.LONE_LEGS_MANY)
    return tuple(found)


def _proposals(
    alerts: tuple[AlertReason, ...],
    params: Params,
    win_rate_ppm: int | None,
    slippage_ppm: int | None,
    legged: int,
    arbs: int,
) -> tuple[Proposal, ...]:
    found: list[Proposal] = []
    if arbs < LEAST_ARBS:
        return ()
    if alerts:
        # Ask for what was lost on the way on top, and never for less than a tenth more.
        edge = params.min_edge_ppm
        proposed = edge + max(slippage_ppm or 0, edge // 10, 1)
        if proposed < params.max_edge_ppm:
            why = f"win_rate_ppm {win_rate_ppm}, slippage_ppm {slippage_ppm}, arbs {arbs}"
            found.append(Proposal("min_edge_ppm", edge, proposed, why))
    if AlertReason.SLIPPAGE_HIGH in alerts or AlertReason.LONE_LEGS_MANY in alerts:
        share = params.book_share_ppm
        if share // 2 >= 1_000:
            why = f"lone_legs {legged} of {arbs}, slippage_ppm {slippage_ppm}"
            found.append(Proposal("book_share_ppm", share, share // 2, why))
    return tuple(found)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = _WIDE.add(total, amount)
    return total
