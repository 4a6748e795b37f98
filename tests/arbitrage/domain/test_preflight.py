"""How findings before going live are judged."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbitrage.domain.preflight import (
    ClockSample,
    FeeCharged,
    clock_check,
    clock_offset,
    expiry_check,
    fee_check,
    figure_check,
)
from arbitrage.domain.units import Ns, Ppm

S = 1_000_000_000
MS = 1_000_000
NOW = 1_795_000_000 * S


def sample(sent_ns: int, way_ns: int, offset_ns: int, share: int = 50) -> ClockSample:
    """Return an answer made `share` per cent of the way there and back after it was asked for."""
    made = sent_ns + way_ns * share // 100 + offset_ns
    return ClockSample(Ns(sent_ns), Ns(sent_ns + way_ns), Ns(made // S * S))


@given(
    st.integers(-200 * S, 200 * S),
    st.lists(st.tuples(st.integers(0, 5 * S), st.integers(0, 2 * S), st.integers(0, 100)), min_size=1, max_size=8),
)
def test_the_true_offset_is_always_among_those_allowed(offset: int, asked: list[tuple[int, int, int]]):
    found = clock_offset([sample(NOW + at, way, offset, share) for at, way, share in asked])
    assert found is not None
    assert found[0] <= offset <= found[1]


def test_samples_across_a_second_narrow_the_offset_down():
    found = clock_offset([sample(NOW + at * MS, 10 * MS, 700 * MS) for at in range(0, 1000, 100)])
    assert found is not None
    assert found[1] - found[0] <= 110 * MS


def test_a_clock_set_in_between_is_a_contradiction():
    samples = [sample(NOW, MS, 0), sample(NOW + S, MS, 5 * S)]
    assert clock_offset(samples) is None
    assert "run this again" in clock_check("clock", samples).problem


@pytest.mark.parametrize(
    ("offset_ms", "is_well"), [(0, True), (300, True), (-300, True), (900, False), (-60_000, False)]
)
def test_a_clock_is_judged_by_half_a_second(offset_ms: int, is_well: bool):
    samples = [sample(NOW + at * MS, 10 * MS, offset_ms * MS) for at in range(0, 1000, 100)]
    check = clock_check("clock", samples)
    assert (check.problem == "") is is_well
    assert "ms ahead of this machine" in check.found


@pytest.mark.parametrize(
    ("ends_in_days", "words"),
    [(30, ""), (6, "ends on D: make a new one before"), (0, "ended on D"), (-5, "ended on D"), (None, "does not list")],
)
def test_a_key_is_judged_by_when_it_ends(ends_in_days: int | None, words: str):
    ends = None if ends_in_days is None else Ns(NOW + ends_in_days * 86_400 * S)
    check = expiry_check("key", ends, Ns(NOW), "D")
    assert words in check.problem if words else check.problem == ""


def test_fees_that_agree_are_well_though_small_orders_are_cut():
    # 69,664.8389 KRW at 0.04 % are 27.86 after the cut to 0.01 KRW (bithumb.md §3.9): 399 ppm.
    charged = FeeCharged(1, Decimal("69664.8389"), Decimal("27.86"))
    check = fee_check("fee", Ppm(400), Ppm(400), charged)
    assert check.problem == ""
    assert check.found == "told 0.04 %, believed 0.04 %, charged 0.0399 % on 1 orders"


def test_a_coupon_that_ran_out_shows_in_what_is_told():
    check = fee_check("fee", Ppm(400), Ppm(2500), None)
    assert check.problem == "the exchange tells 0.25 %, the desk believes 0.04 %: a coupon may have run out"


def test_a_coupon_that_ran_out_shows_in_what_is_charged_though_the_old_rate_is_told():
    check = fee_check("fee", Ppm(400), Ppm(400), FeeCharged(3, Decimal(100_000), Decimal(250)))
    assert check.problem == "3 closed orders were charged 0.25 %: a coupon may have run out"


def test_a_figure_that_differs_forbids_trading():
    assert figure_check("tick", "tick of KRW-BTC", "1000", "1000").problem == ""
    assert figure_check("tick", "tick of KRW-BTC", "1000", "500").problem == (
        "tick of KRW-BTC is 500 there, 1000 here: the rule has changed, do not trade"
    )
