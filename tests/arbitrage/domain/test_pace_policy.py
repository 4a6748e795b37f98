"""Pace: a step slower for each window that was too slow, a step back after three good ones, never past its bounds."""

import math

import msgspec
import pytest
from desk_builders import MS

from arbitrage.domain.pace_policy import UNHURRIED, Load, Pace, edge_raise_ppm, judged, markets_out, paced
from arbitrage.domain.params import DEFAULT_PARAMS

PARAMS = msgspec.structs.replace(
    DEFAULT_PARAMS,
    min_edge_ppm=300,
    max_frame_to_order_ns=50 * MS,
    max_loop_lag_ns=200 * MS,
    pace_max_steps=3,
    pace_edge_step_ppm=150,
)
SLOW, WELL, BETWEEN = Load(50 * MS + 1, 0), Load(35 * MS, 140 * MS), Load(35 * MS + 1, 0)
MARKETS = ("KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-SOL")
EARNED = {"KRW-BTC": 900, "KRW-ETH": -5, "KRW-XRP": 40}


def after(*loads: Load, pace: Pace = UNHURRIED) -> int:
    for load in loads:
        pace = judged(pace, load, PARAMS)
    return pace.step


def test_each_slow_window_is_a_step_and_there_are_no_more_than_allowed():
    assert [after(*[SLOW] * count) for count in range(6)] == [0, 1, 2, 3, 3, 3]


@pytest.mark.parametrize("load", [Load(50 * MS, 200 * MS), Load(None, 200 * MS), WELL, Load(None, 0)])
def test_at_the_bounds_nothing_slows_down(load):
    assert after(load, load, load) == 0


@pytest.mark.parametrize("load", [Load(None, 200 * MS + 1), Load(0, 200 * MS + 1), Load(50 * MS + 1, 0)])
def test_lag_and_latency_each_slow_it_down_alone(load):
    assert after(load) == 1


def test_a_step_is_undone_after_three_good_windows_in_a_row():
    assert after(SLOW, SLOW, WELL, WELL) == 2
    assert after(SLOW, SLOW, WELL, WELL, WELL) == 1
    assert after(SLOW, SLOW, *[WELL] * 6) == 0
    assert after(SLOW, SLOW, *[WELL] * 60) == 0


def test_a_window_neither_slow_nor_well_begins_the_count_anew():
    assert after(SLOW, WELL, WELL, BETWEEN, WELL, WELL) == 1
    assert after(SLOW, WELL, WELL, SLOW, WELL, WELL) == 2


@pytest.mark.parametrize("value", [math.nan, math.inf, -1, "1", True, 1.0])
def test_a_figure_that_is_no_whole_number_counts_as_too_slow(value):
    assert after(Load(value, 0)) == after(Load(0, value)) == 1


def test_steps_that_are_switched_off_are_never_taken():
    off = msgspec.structs.replace(PARAMS, pace_max_steps=0)
    assert judged(UNHURRIED, SLOW, off) == UNHURRIED
    assert judged(Pace(3), SLOW, off).step == 0
    assert judged(Pace(3, 2), WELL, off).step == 0


def test_the_edge_rises_by_steps_and_never_reaches_the_largest_believed():
    assert [edge_raise_ppm(Pace(step), PARAMS) for step in range(4)] == [0, 150, 300, 450]
    tight = msgspec.structs.replace(PARAMS, max_edge_ppm=500)
    assert paced(tight, Pace(3)).min_edge_ppm == 499


def test_a_pace_changes_nothing_but_the_least_edge():
    assert paced(PARAMS, UNHURRIED) is PARAMS
    assert paced(PARAMS, Pace(2)) == msgspec.structs.replace(PARAMS, min_edge_ppm=600)


def test_markets_that_earned_least_are_left_out_first_and_one_stays():
    assert markets_out(UNHURRIED, MARKETS, EARNED, PARAMS) == frozenset()
    assert markets_out(Pace(1), MARKETS, EARNED, PARAMS) == {"KRW-ETH"}
    assert markets_out(Pace(2), MARKETS, EARNED, PARAMS) == {"KRW-ETH", "KRW-SOL"}
    assert markets_out(Pace(3), MARKETS, EARNED, PARAMS) == {"KRW-ETH", "KRW-SOL", "KRW-XRP"}
    assert markets_out(Pace(3), MARKETS[:1], {}, PARAMS) == frozenset()
    assert markets_out(Pace(1), MARKETS[:2], {}, PARAMS) == {"KRW-ETH"}
