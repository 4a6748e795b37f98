"""The drift ideas of upbit.md §6 that touch books: what is read over, what is turned away, what stops trading."""

import pytest
from contract_bench import MARKET, until
from drift_bench import Drifting

from arbitrage.domain.errors import ReadFailed
from arbitrage.domain.units import Exchange
from exchanges.simulator.trouble.shapes import (
    ArrayReversed,
    ExtraField,
    FieldRenamed,
    KeyMissing,
    KeyNull,
    LadderLength,
    NumberRespelled,
    PricesOffTick,
    Spelling,
    TimestampShifted,
)

SECOND = 1_000_000_000


async def test_idea_1_extra_members_in_every_frame_and_answer_are_ignored(world: Drifting) -> None:
    async with world.feeding():
        world.arm(ExtraField())
        await world.frames()
        assert (world.count("frames_invalid"), world.count("book_faults")) == (0, 0)
        assert world.books.read(0) is not None
    assert (await world.bench.book()).market == MARKET
    assert world.is_traded


@pytest.mark.parametrize(("levels", "shown"), [(1, 1), (15, 15), (30, 30), (31, 30)])
async def test_idea_3_ladders_of_any_length_are_read_up_to_thirty(world: Drifting, levels: int, shown: int) -> None:
    async with world.feeding():
        world.arm(LadderLength(levels=levels))
        await world.frames(20)
        view = world.books.read(0)
        assert view is not None
        # Rows of price and size zero are padding: they are no levels.
        assert 1 <= len(view.book.bids) <= min(shown, 30)
        assert world.count("frames_invalid") == world.count("book_faults") == 0
    assert world.is_traded


async def test_idea_3_an_empty_ladder_kills_the_book_and_too_many_stop_trading_there(world: Drifting) -> None:
    async with world.feeding():
        await world.frames(60)
        assert world.is_traded
        world.arm(LadderLength(levels=0))
        await until(lambda: world.books.read(0) is None)
        assert world.count("frames_invalid") == 0
        await until(lambda: not world.is_traded, 20)
        world.heal()
        await until(lambda: world.books.read(0) is not None)
    assert not world.is_traded


async def test_idea_4_and_14_a_member_that_is_missing_or_renamed_turns_the_frame_away(world: Drifting) -> None:
    async with world.feeding():
        await world.frames(60)
        seen = world.books.read(0)
        name = "obu" if world.exchange is Exchange.UPBIT else "orderbook_units"
        for fault in (KeyMissing(field=name), FieldRenamed(from_=name, to="levels")):
            before = world.count("frames_invalid")
            world.arm(fault)
            await until(lambda before=before: world.count("frames_invalid") >= before + 5)
            world.heal()
        assert seen is not None
        await until(lambda: (view := world.books.read(0)) is not None and view.recv_mono_ns > seen.recv_mono_ns)


async def test_idea_5_an_optional_member_that_is_null_is_ignored(world: Drifting) -> None:
    async with world.feeding():
        world.arm(KeyNull(field="level"))
        world.arm(KeyNull(field="lv"))
        await world.frames()
        assert world.count("frames_invalid") == 0
        assert world.books.read(0) is not None


@pytest.mark.parametrize("spelling", list(Spelling))
async def test_idea_6_the_same_number_in_any_spelling_is_the_same_book(world: Drifting, spelling: Spelling) -> None:
    async with world.feeding():
        plain = await world.bench.book()
        world.arm(NumberRespelled(spelling=spelling))
        await world.frames()
        read = world.books.read(0)
        assert read is not None
        book = await world.bench.book()
        # Prices stand on the same ticks: a misread one would be off by powers of ten.
        assert abs(book.bids[0].price - plain.bids[0].price) * 20 < plain.bids[0].price
        assert abs(read.best_bid - plain.bids[0].price) * 20 < plain.bids[0].price
    assert world.count("frames_invalid") == world.count("book_faults") == 0


async def test_idea_9_prices_between_two_ticks_are_read_as_they_are_and_ours_stay_on_the_tick(world: Drifting) -> None:
    async with world.feeding():
        world.arm(PricesOffTick())
        await world.frames()
        view = world.books.read(0)
        assert view is not None
        assert view.best_bid % 10**8 == 12_345_678
        assert world.count("frames_invalid") == world.count("book_faults") == 0
        order, report = await world.filled("off-tick-1")
        assert report.executed_qty == order.qty


@pytest.mark.parametrize("by_ns", [-3_600 * SECOND, 3_600 * SECOND])
async def test_idea_11_a_clock_that_jumps_back_turns_frames_away_and_one_ahead_is_read(
    world: Drifting, by_ns: int
) -> None:
    async with world.feeding():
        world.arm(TimestampShifted(by_ns=by_ns))
        await world.frames(20)
        if by_ns > 0:
            assert world.count("book_faults") == 0
            assert world.books.read(0) is not None
        else:
            assert world.count("book_faults") > 0


async def test_idea_13_books_in_another_order_than_asked_are_told_apart_by_their_market(world: Drifting) -> None:
    feed_books = await world.bench.book()
    world.arm(ArrayReversed(object="orderbook"))
    again = await world.bench.book()
    assert (again.market, feed_books.market) == (MARKET, MARKET)
    assert abs(again.bids[0].price - feed_books.bids[0].price) * 20 < feed_books.bids[0].price


async def test_books_as_an_object_are_no_books(world: Drifting) -> None:
    world.arm(FieldRenamed(from_="orderbook_units", to="levels", object="orderbook"))
    with pytest.raises(ReadFailed):
        await world.bench.book()
