"""What makes a ladder untradable, and how much an order could take from a sound one."""

import msgspec
import pytest
from desk_builders import MS, book, e8

from arbitrage.domain.book import Book, Level, book_fault, fillable, ladder_fault
from arbitrage.domain.errors import InvariantError
from arbitrage.domain.units import Exchange, Ns, Side

BOOK = book(Exchange.UPBIT, [(999, "1"), (998, "2")], [(1_000, "0.5"), (1_001, "3"), (1_005, "4")])


def fault(bids: list[tuple[int, str]], asks: list[tuple[int, str]]) -> str | None:
    made = book(Exchange.UPBIT, bids, asks)
    return ladder_fault(made.bids, made.asks)


@pytest.mark.parametrize(
    ("bids", "asks", "word"),
    [
        ([(999, "1")], [(1_000, "1")], None),
        ([], [(1_000, "1")], "side_empty"),
        ([(999, "1")], [], "side_empty"),
        ([(999, "0")], [(1_000, "1")], "level_not_positive"),
        ([(999, "1")], [(1_000, "1"), (1_001, "-1")], "level_not_positive"),
        ([(999, "1"), (0, "1")], [(1_000, "1")], "level_not_positive"),
        ([(998, "1"), (999, "1")], [(1_000, "1")], "ladder_out_of_order"),
        ([(999, "1"), (999, "1")], [(1_000, "1")], "ladder_out_of_order"),
        ([(999, "1")], [(1_001, "1"), (1_000, "1")], "ladder_out_of_order"),
        ([(999, "1")], [(1_000, "1"), (1_000, "1")], "ladder_out_of_order"),
        ([(1_000, "1")], [(1_000, "1")], "book_crossed"),
        ([(1_001, "1")], [(1_000, "1")], "book_crossed"),
        ([(1_000, "1")], [(1_100, "1")], "spread_too_wide"),
        ([(1_000, "1")], [(1_099, "1")], None),
    ],
)
def test_each_fault_of_a_ladder_has_its_word(bids, asks, word):
    assert fault(bids, asks) == word


@pytest.mark.parametrize(("age", "word"), [(0, None), (700 * MS, None), (700 * MS + 1, "book_stale")])
def test_a_book_is_stale_past_its_age(age, word):
    assert book_fault(BOOK, Ns(BOOK.recv_mono_ns + age), Ns(700 * MS)) == word


def test_a_fresh_book_still_needs_sound_ladders():
    crossed = msgspec.structs.replace(BOOK, asks=BOOK.bids)
    assert book_fault(crossed, BOOK.recv_mono_ns, Ns(1)) == "ladder_out_of_order"


@pytest.mark.parametrize(
    ("side", "limit", "qty"),
    [
        (Side.BID, 999, "0"),
        (Side.BID, 1_000, "0.5"),
        (Side.BID, 1_004, "3.5"),
        (Side.BID, 10**6, "7.5"),
        (Side.ASK, 1_000, "0"),
        (Side.ASK, 999, "1"),
        (Side.ASK, 1, "3"),
    ],
)
def test_fillable_counts_up_to_the_limit(side, limit, qty):
    assert fillable(BOOK, side, e8(limit)) == e8(qty)


def test_fillable_of_an_empty_side_is_zero_and_of_a_wild_ladder_an_error():
    empty = Book(Exchange.UPBIT, "KRW-ETH", (), (), Ns(1))
    assert fillable(empty, Side.BID, e8(1)) == fillable(empty, Side.ASK, e8(1)) == 0
    wild = msgspec.structs.replace(BOOK, asks=BOOK.asks[::-1])
    with pytest.raises(InvariantError, match="upbit KRW-ETH: levels out of order"):
        fillable(wild, Side.BID, e8(10**6))


def test_the_resting_side_is_named_by_its_own_orders():
    assert BOOK.side(Side.BID)[0] == Level(e8(999), e8(1))
    assert BOOK.side(Side.ASK)[0] == Level(e8(1_000), e8("0.5"))
