"""Breakers: each trips at its own bound alone, and on whatever is no sound figure of its own unit."""

import math
from decimal import Decimal

import msgspec
import pytest
from desk_builders import e8

from arbitrage.domain.breakers import BREAKERS, COUNT, PPM_OF_ORDERS, BreakerName, Figure, Figures, Trip, tripped
from arbitrage.domain.params import DEFAULT_PARAMS, Params
from arbitrage.domain.units import QUOTE

B = BreakerName
PARAMS = msgspec.structs.replace(
    DEFAULT_PARAMS,
    max_daily_loss_krw=e8(500_000),
    max_session_loss_krw=e8(400_000),
    max_arb_loss_krw=e8(90_000),
    max_unhedged_krw=e8(3_000_000),
    max_failures_in_a_row=5,
    max_refused_ppm=300_000,
    max_orders_per_minute=100,
)
CALM = Figures(
    day_pnl=Figure(1 - e8(500_000), QUOTE),
    session_pnl=Figure(1 - e8(400_000), QUOTE),
    worst_loss=Figure(e8(90_000) - 1, QUOTE),
    unhedged=Figure(e8(3_000_000) - 1, QUOTE),
    failures_in_a_row=Figure(4, COUNT),
    refused=Figure(299_999, PPM_OF_ORDERS),
    orders_last_minute=Figure(98, COUNT),
)
AT_BOUND = {
    B.DAY_LOSS: ("day_pnl", -e8(500_000)),
    B.SESSION_LOSS: ("session_pnl", -e8(400_000)),
    B.ARB_LOSS: ("worst_loss", e8(90_000)),
    B.UNHEDGED: ("unhedged", e8(3_000_000)),
    B.FAILURES: ("failures_in_a_row", 5),
    B.REFUSED: ("refused", 300_000),
    B.ORDER_STORM: ("orders_last_minute", 99),
}


def with_figure(field: str, figure: object) -> Figures:
    return msgspec.structs.replace(CALM, **{field: figure})


def names(figures: Figures, params: Params = PARAMS) -> list[BreakerName]:
    return [trip.name for trip in tripped(figures, params)]


def test_just_below_every_bound_nothing_trips():
    assert tripped(CALM, PARAMS) == ()


def test_any_profit_is_no_loss():
    rich = msgspec.structs.replace(CALM, day_pnl=Figure(e8(10**9), QUOTE), session_pnl=Figure(e8(10**9), QUOTE))
    assert tripped(rich, PARAMS) == ()


@pytest.mark.parametrize("breaker", BreakerName)
def test_each_breaker_trips_at_its_bound_alone_and_says_why(breaker):
    field, value = AT_BOUND[breaker]
    unit = getattr(CALM, field).unit
    (trip,) = tripped(with_figure(field, Figure(value, unit)), PARAMS)
    bound = next(row.bound for row in BREAKERS if row.name is breaker)
    assert trip == Trip(breaker, f"{field} was {value} {unit}, {bound} is {getattr(PARAMS, bound)}")


def test_every_breaker_has_a_figure_and_a_row_in_the_same_order():
    assert [row.name for row in BREAKERS] == list(BreakerName) == list(AT_BOUND)
    assert [field for field, _ in AT_BOUND.values()] == list(Figures.__struct_fields__)


NO_NUMBERS = [
    *(math.nan, math.inf, -math.inf, 0.0, 1.5, Decimal(1), Decimal("NaN"), Decimal("Infinity")),
    *(None, "", "1", "NaN", b"1", True, False, (), [1], {"value": 1}, 10**30, -(10**30), 10**400),
]
PROFITS = {B.DAY_LOSS, B.SESSION_LOSS}


@pytest.mark.parametrize("breaker", BreakerName)
def test_whatever_is_no_sound_number_trips_the_breaker_it_was_meant_for(breaker):
    field, _ = AT_BOUND[breaker]
    unit = getattr(CALM, field).unit
    absurd = [Figure(value, unit) for value in NO_NUMBERS]
    absurd += [*NO_NUMBERS, *(Figure(0, other) for other in ("USDT", "BTC", "krw", "", None, 1, True) if other != unit)]
    if breaker not in PROFITS:
        absurd += [Figure(-1, unit), Figure(-(10**9), unit)]
    for figure in absurd:
        assert names(with_figure(field, figure)) == [breaker], figure


@pytest.mark.parametrize("breaker", BreakerName)
@pytest.mark.parametrize("bound", [math.nan, math.inf, None, "1", True, 0, -1, 1.0])
def test_a_bound_that_is_no_sound_number_trips(breaker, bound):
    name = next(row.bound for row in BREAKERS if row.name is breaker)
    assert names(CALM, msgspec.structs.replace(PARAMS, **{name: bound})) == [breaker]


def test_figures_of_one_kind_do_not_pass_for_another():
    for field in Figures.__struct_fields__:
        for other in Figures.__struct_fields__:
            figure = getattr(CALM, other)
            if figure.unit != getattr(CALM, field).unit:
                assert tripped(with_figure(field, figure), PARAMS) != ()
