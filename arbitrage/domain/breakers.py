"""Breakers: figures of the desk's own conduct, each with a bound at which nothing new is opened any more.

A breaker that trips lowers the trading state and stays so until a person lets the desk trade again; hedges go on.
Every figure says what it counts: one that is no whole number, is negative where that means nothing, or counts
something else than its breaker (another currency, say) trips as surely as one that is too high.
"""

from enum import StrEnum

import msgspec

from arbitrage.domain.params import Params
from arbitrage.domain.risk import ORDERS_PER_ARB
from arbitrage.domain.units import QUOTE

COUNT = "count"
PPM_OF_ORDERS = "ppm"
MOST = 10**30
"""Beyond this a figure is nobody's money."""


class BreakerName(StrEnum):
    """The breakers, in the order in which they are asked."""

    DAY_LOSS = "day_loss"
    SESSION_LOSS = "session_loss"
    ARB_LOSS = "arb_loss"
    UNHEDGED = "unhedged"
    FAILURES = "failures_in_a_row"
    REFUSED = "refused_share"
    ORDER_STORM = "order_storm"


class Figure(msgspec.Struct, frozen=True, gc=False):
    """A number and what it counts: a currency in 10^-8, `COUNT` or `PPM_OF_ORDERS`."""

    value: int
    unit: str


class Trip(msgspec.Struct, frozen=True):
    """One breaker that tripped, and the figures that made it."""

    name: BreakerName
    detail: str


class _Breaker(msgspec.Struct, frozen=True):
    name: BreakerName
    unit: str
    bound: str  # the parameter
    sign: int = 1  # -1: a profit, of which the loss is bounded
    ahead: int = 0  # what the next arb adds by itself


BREAKERS: tuple[_Breaker, ...] = (
    _Breaker(BreakerName.DAY_LOSS, QUOTE, "max_daily_loss_krw", sign=-1),
    _Breaker(BreakerName.SESSION_LOSS, QUOTE, "max_session_loss_krw", sign=-1),
    _Breaker(BreakerName.ARB_LOSS, QUOTE, "max_arb_loss_krw"),
    _Breaker(BreakerName.UNHEDGED, QUOTE, "max_unhedged_krw"),
    _Breaker(BreakerName.FAILURES, COUNT, "max_failures_in_a_row"),
    _Breaker(BreakerName.REFUSED, PPM_OF_ORDERS, "max_refused_ppm"),
    _Breaker(BreakerName.ORDER_STORM, COUNT, "max_orders_per_minute", ahead=ORDERS_PER_ARB - 1),
)
"""The bound itself trips: what is allowed lies below it."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of all figures, in the order of `BREAKERS`."""

    day_pnl: Figure
    """Of the arbs closed on this Korean day."""
    session_pnl: Figure
    """Of the arbs closed since a person last let the desk trade."""
    worst_loss: Figure
    """The most one of those lost."""
    unhedged: Figure
    """What is bought and not sold, or sold and not bought, right now, at the dearest limit of its arb."""
    failures_in_a_row: Figure
    """Arbs in a row that had a lone leg, a refusal or an unknown outcome."""
    refused: Figure
    """Share of refusals and unknown outcomes among the last orders."""
    orders_last_minute: Figure


_ROWS = tuple(
    (breaker.name, field, breaker.unit, breaker.bound, breaker.sign, breaker.ahead)
    for breaker, field in zip(BREAKERS, Figures.__struct_fields__, strict=True)
)
"""Laid out once: they are asked at every tick."""


def tripped(figures: Figures, params: Params) -> tuple[Trip, ...]:
    """Return every breaker that trips on `figures`; empty = all is well. Never raises, whatever it is given."""
    found = []
    for name, field, unit, parameter, sign, ahead in _ROWS:
        figure, bound = getattr(figures, field), getattr(params, parameter)
        if type(figure) is Figure and type(figure.value) is int and type(bound) is int:
            value = figure.value
            is_sound = figure.unit == unit and -MOST < value < MOST and bound > 0
            if is_sound and (value >= 0 or sign < 0):
                if sign * value + ahead < bound:
                    continue
                found.append(Trip(name, f"{field} was {value} {figure.unit}, {parameter} is {bound}"))
                continue
        found.append(Trip(name, f"{field} was {figure!r:.100}, no sound {unit}"))
    return tuple(found)
