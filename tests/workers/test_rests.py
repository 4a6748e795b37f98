"""Rests after trouble: short at first, doubled in a row, over when an order is served."""

from arbitrage.domain.params import SECOND
from workers.rests import FIRST_NS, LONGEST_NS, Rests


def test_each_trouble_after_a_rest_doubles_it_up_to_the_longest():
    rests = Rests()
    lengths = [rests.trouble("upbit", rests.until("upbit")) for _ in range(12)]
    assert lengths[:4] == [FIRST_NS, 2 * FIRST_NS, 4 * FIRST_NS, 8 * FIRST_NS]
    assert lengths[-1] == LONGEST_NS
    assert rests.until("upbit") == sum(lengths)
    assert rests.until("bithumb") == 0


def test_trouble_during_a_rest_begins_it_anew_and_makes_it_no_longer():
    rests = Rests()
    assert [rests.trouble("upbit", now) for now in (0, 1, SECOND, 2 * SECOND)] == [FIRST_NS] * 4
    assert rests.until("upbit") == 2 * SECOND + FIRST_NS
    assert rests.trouble("upbit", rests.until("upbit")) == 2 * FIRST_NS


def test_order_served_ends_the_row_not_the_rest():
    rests = Rests()
    rests.trouble("upbit", 0)
    rests.trouble("upbit", FIRST_NS)
    rests.well("upbit")
    assert rests.until("upbit") == 3 * FIRST_NS
    assert rests.trouble("upbit", 100 * SECOND) == FIRST_NS


def test_short_rest_does_not_shorten_a_long_one():
    rests = Rests()
    rests.rest("KRW-ETH", 9 * SECOND)
    rests.rest("KRW-ETH", 3 * SECOND)
    assert rests.until("KRW-BTC", "KRW-ETH") == 9 * SECOND
