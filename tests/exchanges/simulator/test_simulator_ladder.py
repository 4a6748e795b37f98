"""A book keeps the levels it shows, and shows every change of them."""

from arbitrage.domain.units import Side
from exchanges.simulator.ladder import DEPTH, Ladder, LiveBook

ASKS: Ladder = [(100 + rank, 10) for rank in range(DEPTH + 3)]
BIDS: Ladder = [(99 - rank, 10) for rank in range(DEPTH + 3)]


def quoted() -> LiveBook:
    book = LiveBook()
    book.quote(BIDS, ASKS)
    return book


def test_a_book_nothing_was_taken_from_shows_its_first_levels():
    book = quoted()
    assert book.levels(Side.ASK, 0) == ASKS[:DEPTH]
    assert book.levels(Side.BID, 0) == BIDS[:DEPTH]


def test_what_is_taken_is_missing_at_once_and_back_at_its_refill():
    book = quoted()
    assert book.levels(Side.ASK, 0) == ASKS[:DEPTH]
    book.take(Side.ASK, 100, 10, refill_ns=50)
    book.take(Side.ASK, 102, 4, refill_ns=70)
    assert book.levels(Side.ASK, 49) == [(101, 10), (102, 6), *ASKS[3 : DEPTH + 1]]
    assert book.best(Side.ASK, 49) == (101, 10)
    assert book.levels(Side.ASK, 50) == [*ASKS[:2], (102, 6), *ASKS[3:DEPTH]]
    assert book.levels(Side.ASK, 70) == ASKS[:DEPTH]
    assert book.levels(Side.BID, 49) == BIDS[:DEPTH]


def test_bids_behind_what_was_taken_stay_and_levels_from_below_fill_the_gap():
    book = quoted()
    book.take(Side.BID, 97, 10, refill_ns=50)
    assert book.levels(Side.BID, 0) == [*BIDS[:2], *BIDS[3 : DEPTH + 1]]


def test_an_earlier_refill_added_later_comes_first():
    book = quoted()
    book.take(Side.ASK, 100, 3, refill_ns=90)
    book.take(Side.ASK, 100, 2, refill_ns=40)
    assert [book.best(Side.ASK, now) for now in (0, 40, 89, 90)] == [(100, 5), (100, 7), (100, 7), (100, 10)]


def test_a_new_quote_replaces_what_was_shown_and_keeps_what_was_taken():
    book = quoted()
    book.take(Side.ASK, 101, 4, refill_ns=50)
    assert book.levels(Side.ASK, 0)[:2] == [(100, 10), (101, 6)]
    book.quote(BIDS, [(101, 9), (103, 1)])
    assert book.levels(Side.ASK, 0) == [(101, 5), (103, 1)]
    book.quote(BIDS, [(102, 2)])
    assert book.levels(Side.ASK, 0) == [(102, 2)]
