"""Where Bithumb differs from Upbit and it would bite (bithumb.md §7, §3.4, §3.9): each trap, and what the desk does."""

import asyncio

import msgspec
import pytest
from contract_bench import ended, make_reader, until
from drift_bench import Drifting

from arbitrage.domain.drift import Drift
from arbitrage.domain.errors import ReadFailed
from arbitrage.domain.order import OrderOn
from arbitrage.domain.ports import Accepted, Found, NotFound, Unknown
from arbitrage.domain.units import Exchange, Qty
from exchanges.simulator.publication import BookShape
from exchanges.simulator.trouble.fault import Lane, Scope
from exchanges.simulator.trouble.orders import LookupLags, PartLabelled
from exchanges.simulator.trouble.transport import StatusAnswered, Text

BOTH_LABELS = ["done", "cancel"]


@pytest.fixture
def bithumb(world: Drifting) -> Drifting:
    if world.exchange is not Exchange.BITHUMB:
        pytest.skip("a trap of Bithumb's")
    return world


async def test_an_acceptance_of_twenty_characters_is_an_id_and_the_end_is_asked_for(bithumb: Drifting) -> None:
    order = bithumb.bench.taking(await bithumb.bench.book(), "trap-1")
    answer = await bithumb.gateway.place(order)
    assert isinstance(answer, Accepted)
    # §7 #3, #9: no UUID, and an acknowledgement alone: it claims neither fill nor end.
    assert str(answer.report.exchange_order_id).startswith("C")
    assert (answer.report.on, answer.report.executed_qty) == (OrderOn.ACKED, None)
    assert (await ended(bithumb.raw, order)).on is OrderOn.FULL_FILL


async def test_a_public_error_with_http_200_and_a_number_for_a_name_is_no_data(bithumb: Drifting) -> None:
    # §3.4, §7 #17.
    reader = make_reader(bithumb.bench)
    try:
        with pytest.raises(ReadFailed):
            await asyncio.to_thread(reader.book, "KRW-NOSUCH")
    finally:
        reader.close()


async def test_an_order_not_ready_is_unknown_and_found_a_little_later(bithumb: Drifting) -> None:
    # §3.7: 422 order_not_ready right after the acceptance.
    bithumb.arm(LookupLags(lag_ns=400_000_000, status=422))
    order = bithumb.bench.taking(await bithumb.bench.book(), "trap-2")
    assert isinstance(await bithumb.gateway.place(order), Accepted)
    assert isinstance(await bithumb.gateway.query(order), Unknown)
    await asyncio.sleep(0.6)
    assert isinstance(await bithumb.gateway.query(order), Found)
    assert bithumb.drift(Drift.UNREADABLE) == []
    assert bithumb.is_traded


async def test_a_lagging_404_is_not_found_and_proves_absence_only_after_the_grace(world: Drifting) -> None:
    world.arm(LookupLags(lag_ns=400_000_000, status=404))
    order = world.bench.taking(await world.bench.book(), "trap-3")
    assert isinstance(await world.gateway.place(order), Accepted)
    assert await world.gateway.query(order) == NotFound()
    await asyncio.sleep(0.6)
    assert isinstance(await world.gateway.query(order), Found)


@pytest.mark.parametrize("label", BOTH_LABELS)
async def test_a_part_filled_ioc_is_a_part_whatever_its_last_word_is(world: Drifting, label: str) -> None:
    # §7 #7, §3.9: on Bithumb it ends `done`, on Upbit `cancel`. Truth is the executed volume.
    world.arm(PartLabelled(state=label))
    book = await world.bench.book()
    limit = book.asks[0].price
    order = world.bench.taking(book, f"part-{label}", price=limit, qty=Qty(book.asks[0].qty * 50))
    assert isinstance(await world.gateway.place(order), Accepted)
    report = await ended(world.raw, order)
    assert report.on is OrderOn.CANCELED
    assert report.executed_qty is not None
    assert 0 <= report.executed_qty < order.qty


async def test_sizes_of_zero_are_no_depth(world: Drifting) -> None:
    # §6.1, §7 #12: sizes are rounded to four decimals, dust becomes zero.
    async with world.feeding():
        publication = world.bench.simulator.exchange(world.exchange).publication
        publication.use_shape(BookShape(zero_size_every=3))
        await world.frames(20)
        view = world.books.read(0)
        assert view is not None
        assert all(level.qty > 0 for level in (*view.book.bids, *view.book.asks))
        assert world.count("frames_invalid") == 0
        publication.reset()


async def test_book_times_are_microseconds_and_the_same_clock_as_ours(bithumb: Drifting) -> None:
    # §7 #10.
    async with bithumb.feeding():
        view = bithumb.books.read(0)
        assert view is not None
        apart_ns = abs(view.book.recv_wall_ns - view.book.exchange_ns)
        assert apart_ns < 5_000_000_000


async def test_the_same_book_again_wakes_nobody_and_stays_fresh(bithumb: Drifting) -> None:
    # §6.1: about half of the frames repeat.
    async with bithumb.feeding():
        await until(lambda: bithumb.count("duplicates") > 3)
        first = bithumb.books.read(0)
        assert first is not None
        await until(lambda: (view := bithumb.books.read(0)) is not None and view.recv_mono_ns > first.recv_mono_ns)


@pytest.mark.parametrize("body", list(Text))
async def test_maintenance_of_unknown_shape_is_unknown_for_orders_and_no_balance(world: Drifting, body: Text) -> None:
    # §9: what HTTP says during maintenance is not documented.
    held = await world.gateway.balances()
    book = await world.bench.book()
    world.arm(StatusAnswered(status=503, body=body), Scope(count=0))
    assert isinstance(await world.gateway.place(world.bench.taking(book, f"down-{body}")), Unknown)
    with pytest.raises(ReadFailed):
        await world.gateway.balances()
    world.heal()
    assert await world.gateway.balances() == held
    assert world.drift(Drift.UNREADABLE) == []
    assert world.is_traded


async def test_orders_cancelled_after_their_end_are_refused_and_nothing_breaks(world: Drifting) -> None:
    order, report = await world.filled("late-1")
    done = msgspec.structs.replace(order, exchange_order_id=report.exchange_order_id)
    answer = await world.gateway.cancel(done)
    assert not isinstance(answer, Accepted) or answer.report.on is not OrderOn.CANCELED
    assert isinstance(await world.gateway.query(order), Found)
    assert world.is_traded


async def test_a_lane_that_loses_its_answers_stops_trading_there(world: Drifting) -> None:
    held = await world.gateway.balances()
    assert held
    order = await world.resting("lost-1")
    for _ in range(16):
        await world.gateway.query(order)
    world.arm(StatusAnswered(status=500), Scope(lane=Lane.ACCOUNT, count=3))
    for _ in range(3):
        with pytest.raises(ReadFailed):
            await world.gateway.balances()
    assert not world.is_traded
