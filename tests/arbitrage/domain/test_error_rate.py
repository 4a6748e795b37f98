"""An error rate over a sliding window: a share of enough, and only of what is recent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbitrage.domain.error_rate import LEAST_CALLS, MAX_ERRORS_PPM, WINDOW_NS, ErrorWindow, Rate

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("total", "errors", "too_high"),
    [
        (0, 0, False),
        (LEAST_CALLS - 1, LEAST_CALLS - 1, False),
        (LEAST_CALLS, 2, False),
        (LEAST_CALLS, 3, True),
        (100, 10, False),
        (100, 11, True),
        (1_000_000, 100_001, True),
    ],
)
def test_more_than_a_tenth_of_enough_is_too_high(total, errors, too_high):
    assert Rate(total, errors).is_too_high(LEAST_CALLS) == too_high


def test_the_share_is_whole_ppm_and_nothing_is_no_share():
    assert (Rate(3, 1).ppm, Rate(0, 0).ppm, MAX_ERRORS_PPM) == (333_333, 0, 100_000)


def test_what_is_older_than_the_window_is_forgotten():
    window = ErrorWindow()
    window.add(10, 10, 100 * SECOND)
    window.add(5, 0, 130 * SECOND)
    assert window.rate(159 * SECOND) == Rate(15, 10)
    assert window.rate(161 * SECOND) == Rate(5, 0)
    assert window.rate(300 * SECOND) == Rate(0, 0)


def test_a_cleared_window_begins_anew():
    window = ErrorWindow()
    window.add(10, 10, 100 * SECOND)
    window.clear()
    assert window.rate(100 * SECOND) == Rate(0, 0)


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 5), st.integers(0, 5)), max_size=60))
def test_it_holds_what_a_list_of_all_would_hold_give_or_take_a_slice(told):
    window, now, kept = ErrorWindow(), 1_000 * SECOND, []
    for after_s, good, bad in told:
        now += after_s * SECOND // 4
        window.add(good + bad, bad, now)
        kept.append((now, good + bad, bad))
        slice_ns = WINDOW_NS // 60
        inside = [each for each in kept if each[0] > now - WINDOW_NS + slice_ns]
        around = [each for each in kept if each[0] > now - WINDOW_NS - slice_ns]
        rate = window.rate(now)
        assert sum(each[1] for each in inside) <= rate.total <= sum(each[1] for each in around)
        assert sum(each[2] for each in inside) <= rate.errors <= sum(each[2] for each in around)
    assert len(window._slices) <= 61
