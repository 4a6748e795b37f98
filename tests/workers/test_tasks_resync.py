"""When a book by REST and the one in shared memory are the same (R1.3)."""

import msgspec
import pytest
from desk_builders import book

from arbitrage.domain.errors import ReadFailed
from arbitrage.domain.frame_spec import DecodedBook
from arbitrage.domain.units import SCALE, Exchange, Ns
from exchanges.registry import frame_decoder
from fast_path.books import BookReader, BookWriter
from workers.tasks.resync import check_book, judge

MS = 1_000_000


def slot(at_ms, *, bid=1000, ask=1001):
    made = book(Exchange.UPBIT, [(bid, "1"), (bid - 1, "2")], [(ask, "1")])
    return msgspec.structs.replace(made, exchange_ns=Ns(at_ms * MS))


def rest(at_ms, *, bid=1000, ask=1001):
    made = slot(at_ms, bid=bid, ask=ask)
    return DecodedBook("KRW-ETH", made.exchange_ns, made.bids, made.asks)


def test_the_same_moment_with_the_same_best_levels_is_the_same():
    assert judge(rest(10_000), [slot(9_900), slot(10_000)]) == ("same", "same moment, same best levels")


@pytest.mark.parametrize(
    ("bid", "outcome"),
    [(1005, "same"), (1006, "different"), (996, "same"), (994, "different")],
)
def test_tops_of_other_moments_may_be_half_a_percent_apart(bid, outcome):
    assert judge(rest(10_000), [slot(10_050, bid=bid, ask=1001)])[0] == outcome


def test_the_nearest_of_the_watched_books_is_compared():
    watched = [slot(9_000, bid=900, ask=901), slot(9_990), slot(11_000, bid=1100, ask=1101)]
    assert judge(rest(10_000), watched) == ("same", "tops agree, -10 ms apart")


def test_a_slot_that_lags_behind_is_different_though_its_prices_agree():
    assert judge(rest(10_000), [slot(5_000)]) == ("same", "tops agree, -5000 ms apart")
    assert judge(rest(10_001), [slot(5_000)]) == ("different", "the slot is 5001 ms behind")


def test_no_book_in_the_slot_is_said_so():
    assert judge(rest(10_000), []) == ("no_book", "")


def test_an_empty_side_by_rest_is_different():
    empty = msgspec.structs.replace(rest(10_000), bids=())
    assert judge(empty, [slot(10_000)]) == ("different", "a side by REST is empty")


class Rest:
    """An exchange's REST book: what a test puts in, or no answer."""

    def __init__(self, answer):
        self.answer = answer

    def book(self, market):
        if self.answer is None:
            raise ReadFailed(f"{market}: no answer")
        return self.answer


def test_a_check_reads_the_real_slot(desk_env):
    writer = BookWriter(desk_env.shm_dir, Exchange.UPBIT, ("KRW-ETH",), frame_decoder(Exchange.UPBIT))
    slots = BookReader(desk_env.shm_dir, Exchange.UPBIT, ("KRW-ETH",))
    slept = []
    assert check_book(Rest(rest(10_000)), slots, 0, "KRW-ETH", slept.append) == ("no_book", "")
    assert writer.publish_book(rest(10_000), Ns(1), Ns(1)) is None
    assert check_book(Rest(rest(10_000)), slots, 0, "KRW-ETH", slept.append)[0] == "same"
    assert check_book(Rest(rest(10_100, bid=10 * SCALE)), slots, 0, "KRW-ETH", slept.append)[0] == "different"
    assert check_book(Rest(None), slots, 0, "KRW-ETH", slept.append) == ("no_answer", "KRW-ETH: no answer")
