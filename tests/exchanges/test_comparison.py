"""What counts as a difference between two generations, and what does not."""

import asyncio
from decimal import Decimal

import msgspec

from arbitrage.domain.book import Level
from arbitrage.domain.drift import Drift
from arbitrage.domain.events import Holding
from arbitrage.domain.frame_spec import DecodedBook
from arbitrage.domain.order import OrderOn, OrderReport
from arbitrage.domain.ports import OpenOrder
from arbitrage.domain.units import SCALE, Exchange, Ns, Price, Qty
from arbitrage.domain.wire import Duty
from exchanges.comparison import (
    KEPT,
    LOOKS,
    NEAR_NS,
    Comparison,
    Difference,
    Doubts,
    Found,
    balance_differences,
    book_differences,
    is_one_moment,
    open_order_differences,
    order_differences,
)
from exchanges.drift import DriftLog

MARKET = "KRW-BTC"


def book(bid: int, ask: int) -> DecodedBook:
    return DecodedBook(
        MARKET, Ns(1), (Level(Price(bid * SCALE), Qty(1)),), (Level(Price(ask * SCALE), Qty(1)),)
    )  # fmt: skip


def test_best_prices_within_the_tolerance_are_alike_beyond_it_they_differ() -> None:
    assert book_differences(MARKET, book(100_000, 100_100), book(100_100, 100_000)) == ()
    assert book_differences(MARKET, book(100_000, 100_100), book(100_101, 100_100)) == (
        Found(MARKET, "best_bid", "100000", "100101"),
    )


def test_book_that_only_one_side_has_is_a_difference() -> None:
    assert book_differences(MARKET, None, None) == ()
    assert book_differences(MARKET, book(1, 2), None) == (Found(MARKET, "book", "a book", "no book"),)


def at(ns: int) -> DecodedBook:
    return msgspec.structs.replace(book(1, 2), exchange_ns=Ns(ns))


def test_books_are_of_one_moment_by_the_times_the_exchange_gives_them() -> None:
    assert is_one_moment(at(5), at(5 + NEAR_NS))
    assert not is_one_moment(at(5 + NEAR_NS + 1), at(5))
    assert not is_one_moment(at(5), None)


def bid(used: str, other: str) -> Found:
    return Found(MARKET, "best_bid", used, other)


def test_a_difference_of_one_moment_counts_at_the_second_look_in_a_row() -> None:
    doubts = Doubts()
    assert doubts.lasting([(bid("1", "2"), True)]) == []
    assert doubts.lasting([(bid("3", "4"), True)]) == [bid("3", "4")]
    assert doubts.lasting([]) == []
    assert doubts.lasting([(bid("3", "4"), True)]) == []


def test_a_difference_between_books_that_move_counts_once_it_stays_or_nothing_moves() -> None:
    doubts = Doubts()
    looks = [doubts.lasting([(bid(str(number), "9"), False)]) for number in range(LOOKS)]
    assert looks == [[]] * (LOOKS - 1) + [[bid(str(LOOKS - 1), "9")]]
    still = Doubts()
    assert [still.lasting([(bid("1", "9"), False)]) for _ in range(2)] == [[], [bid("1", "9")]]


def held(asset: str, free: str, locked: str = "0") -> Holding:
    return Holding(asset, Decimal(free), Decimal(locked))


def test_balances_are_compared_to_the_last_digit_and_what_is_not_told_is_zero() -> None:
    assert balance_differences([held("KRW", "1.50"), held("ETH", "0")], [held("KRW", "1.5")]) == ()
    long = "1.00000000000000000000000000000000001"
    assert balance_differences([held("KRW", long)], [held("KRW", "1")]) == (
        Found("KRW", "free, locked", f"{long}, 0", "1, 0"),
    )
    assert balance_differences([], [held("BTC", "1", "2")]) == (Found("BTC", "free, locked", "0, 0", "1, 2"),)


def report(on: OrderOn = OrderOn.CANCELED, fee: str | None = "0.5", executed: int = 5) -> OrderReport:
    paid = None if fee is None else Decimal(fee)
    return OrderReport(on, executed_qty=Qty(executed), executed_funds=Decimal(7), paid_fee=paid)


def test_orders_differ_in_what_was_executed_paid_or_ended_and_not_in_what_one_does_not_tell() -> None:
    assert order_differences("C1", report(), report(OrderOn.FULL_FILL)) == ()
    assert order_differences("C1", report(), report(fee=None)) == ()
    assert order_differences("C1", report(), report(fee="0.51")) == (Found("C1", "paid_fee", "0.5", "0.51"),)
    assert order_differences("C1", report(), report(OrderOn.PART_FILL, executed=6)) == (
        Found("C1", "executed_qty", "5", "6"),
        Found("C1", "has_ended", "True", "False"),
    )


def test_resting_orders_of_markets_nobody_watches_are_left_out() -> None:
    def rest(exchange_order_id: str, market: str = MARKET) -> OpenOrder:
        return OpenOrder(Exchange.BITHUMB, market, exchange_order_id, None)

    found = open_order_differences([rest("C1"), rest("C2")], [rest("C2"), rest("C3", "KRW-X")], (MARKET,))
    assert found == (Found("C1", "open", "resting", "not listed"),)


def test_differences_are_counted_and_only_the_newest_are_kept() -> None:
    made = Comparison()
    made.checked(Duty.READS, [], Ns(1))
    for number in range(KEPT + 5):
        made.checked(Duty.READS, [Found("KRW", "free", str(number), "0")], Ns(number))
    made.missed(Duty.READS)
    assert dict(made.counts) == {"compared.reads": KEPT + 6, "differed.reads": KEPT + 5, "not_compared.reads": 1}
    assert len(made.kept) == KEPT
    assert made.kept[-1] == Difference(Duty.READS, "KRW", "free", str(KEPT + 4), "0", Ns(KEPT + 4))


def test_differences_are_told_as_drift_that_stops_nothing():
    drift = DriftLog()
    made = Comparison(drift)
    made.checked(Duty.READS, (Found("KRW", "free", "100", "99.5"), Found("BTC", "free", "1", "0")), Ns(7))
    rows = drift.seen(Exchange.BITHUMB)
    assert [(row.where, row.finding, row.kind, row.count) for row in rows] == [
        ("compare_reads", "free differs between the generations", Drift.DIFFERENT, 2)
    ]
    assert rows[0].sample == "BTC: free is 1 in use, 0 in the other generation"
    assert not rows[0].is_grave


async def test_comparison_that_a_bug_ends_is_told_and_one_that_is_cancelled_is_not() -> None:
    async def comparing() -> None:
        await asyncio.sleep(0)
        raise KeyError("BTC")

    drift = DriftLog()
    made = Comparison(drift)
    over, bug = asyncio.create_task(asyncio.sleep(60)), asyncio.create_task(comparing())
    for task in (over, bug):
        made.watch(task, Duty.READS, lambda: 7)
    over.cancel()
    await asyncio.gather(over, bug, return_exceptions=True)
    assert dict(made.counts) == {"comparisons_ended": 1}
    (row,) = drift.seen(Exchange.BITHUMB)
    assert (row.where, row.finding, row.kind) == ("compare_reads", "comparing ended with KeyError", Drift.GAP)
    assert not row.is_grave
