"""The accounts' own book: price before time, and only as much of it looked at as is needed."""

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from arbitrage.domain.units import Side
from exchanges.simulator.orders import Draft, OrdType, SimOrder
from exchanges.simulator.resting import RestingSide, joined, merged
from exchanges.simulator.rules import State


def order(number, side, price, qty=1):
    """Return an open limit order."""
    draft = Draft("KRW-BTC", side, OrdType.LIMIT, price, qty, None, None)
    return SimOrder(f"o{number}", "one", draft, number, State.WAIT, 0, 0)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(Side),
    st.lists(st.tuples(st.integers(1, 12), st.integers(1, 9)), max_size=30),
    st.sets(st.integers(0, 29)),
    st.integers(0, 13),
)
def test_it_is_what_sorting_all_of_it_gives(side, rows, gone, bound):
    book = RestingSide(side)
    orders = [order(number, side, price, qty) for number, (price, qty) in enumerate(rows)]
    for one in orders:
        book.add(one)
    for number in gone:
        book.remove(f"o{number}")
    left = [one for number, one in enumerate(orders) if number not in gone]
    expected = sorted(left, key=lambda one: (-side.sign * one.draft.limit, one.created_ns))
    assert list(book) == expected
    assert book.best() is (expected[0] if expected else None)
    assert list(book.within(bound)) == [one for one in expected if (one.draft.limit - bound) * side.sign >= 0]
    sums = {}
    for one in expected:
        sums[one.draft.limit] = sums.get(one.draft.limit, 0) + one.remaining_qty
    assert book.levels(30) == list(sums.items())
    assert book.levels(3) == list(sums.items())[:3]
    assert ("o0" in book) is (bool(rows) and 0 not in gone)


def test_ten_thousand_orders_cost_a_book_update_no_more_than_thirty():
    book = RestingSide(Side.BID)
    for number in range(10_000):
        book.add(order(number, Side.BID, 1_000_000 - number))
    began = time.perf_counter()
    for _ in range(1_000):
        assert len(book.levels(30)) == 30
    assert time.perf_counter() - began < 1.0
    began = time.perf_counter()
    for number in range(10_000):
        book.remove(f"o{number}")
    assert time.perf_counter() - began < 1.0
    assert book.best() is None


def test_equal_prices_add_up_and_what_was_traded_through_is_gone():
    bids, asks = [(99, 5), (98, 5)], [(100, 5), (101, 5)]
    assert merged((bids, asks), [], [], 30) == (bids, asks)
    assert merged((bids, asks), [(99, 2), (97, 1)], [], 30)[0] == [(99, 7), (98, 5), (97, 1)]
    assert merged((bids, asks), [(100, 2)], [], 30) == ([(100, 2), (99, 5), (98, 5)], [(101, 5)])
    assert merged((bids, asks), [], [(98, 1)], 30) == ([], [(98, 1), (100, 5), (101, 5)])
    assert joined(asks, [(99, 1)], Side.ASK, 2) == [(99, 1), (100, 5)]
