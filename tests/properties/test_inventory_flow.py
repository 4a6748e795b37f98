"""Capability 18: a flow that leans 80 to 20, with and without bands; thirty days of it by `tests/inventory_flow.py`."""

import msgspec
import pytest
from inventory_flow import BANDS, NO_BANDS, Flow

DAYS = 6


@pytest.mark.parametrize("mean_edge_ppm", [300, 500])
def test_bands_keep_both_ways_open_and_earn_more_within_their_budget(mean_edge_ppm: int) -> None:
    without = Flow(NO_BANDS, 7, mean_edge_ppm).live(DAYS)
    with_bands = Flow(BANDS, 7, mean_edge_ppm).live(DAYS)
    assert without.closed_ppm > 200_000
    assert with_bands.closed_ppm * 10 <= without.closed_ppm * 4
    assert with_bands.empty_ppm == 0
    assert with_bands.earned_krw * 100 >= without.earned_krw * 105
    assert 0 < with_bands.most_discount_a_day_krw <= 50_000


def test_a_small_budget_is_never_passed_and_used_nearly_up() -> None:
    small = msgspec.structs.replace(BANDS, discount_budget_krw=2_000 * 10**8)
    came = Flow(small, 7).live(DAYS)
    assert 1_800 < came.most_discount_a_day_krw <= 2_000
    assert came.empty_ppm == 0
