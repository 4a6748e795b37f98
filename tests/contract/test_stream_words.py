"""Formats, depths and states of the streams: each way of saying it comes out the same."""

import asyncio
import time
from typing import Any

import pytest
from contract_bench import MARKET, Bench, Can, ended, listening, until

from arbitrage.domain import order as orders
from arbitrage.domain.book import ladder_fault
from arbitrage.domain.frame_spec import FrameDecoder
from arbitrage.domain.order import Order, OrderOn, OrderReport, OrderState, TimeInForce
from arbitrage.domain.ports import Accepted, AnnouncementNews, BalanceNews, Found, Frame, StreamNews
from arbitrage.domain.units import Ns, Price, Qty, Side
from exchanges import registry
from exchanges.rest_gateway import RestGateway
from exchanges.upbit.feed import UpbitFeed
from exchanges.upbit.gateway import UpbitGateway
from exchanges.upbit.profile import STREAMS, UNITS, Smp


@pytest.mark.needs(Can.CHOOSE_FRAMES)
@pytest.mark.parametrize("depth", UNITS)
@pytest.mark.parametrize("form", sorted(STREAMS))
async def test_books_of_each_form_and_depth_are_the_same_books(bench: Bench, form: str, depth: int) -> None:
    feed = UpbitFeed(f"http://{bench.host}", f"ws://{bench.host}", bench.clock, stream=STREAMS[form], depth=depth)
    frames: list[Frame] = []
    task = asyncio.create_task(feed.run((MARKET,), frames.append, lambda *_: None, lambda *_: None))
    try:
        await until(lambda: len(frames) >= 3)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert feed.spec is STREAMS[form].spec
    for frame in frames:
        book = FrameDecoder(feed.spec).decode(frame.data)
        assert book.market == MARKET
        assert ladder_fault(book.bids, book.asks) is None
        assert max(len(book.bids), len(book.asks)) == depth


@pytest.mark.needs(Can.CHOOSE_FRAMES)
@pytest.mark.parametrize("keys", ["DEFAULT", "SIMPLE"])
async def test_private_frames_of_either_form_say_the_same(bench: Bench, keys: str) -> None:
    gateway = bench.gateway(private_format=keys)
    await gateway.open()
    order = bench.taking(await bench.book(), f"form-{keys}")
    async with listening(gateway) as news:
        assert isinstance(await gateway.place(order), Accepted)
        await until(lambda: any(item.report.on is OrderOn.FULL_FILL for item in news.of(order.client_order_id)))
        await until(lambda: any(isinstance(item, BalanceNews) for item in news.heard))
        report = await ended(gateway, order)
    heard = news.of(order.client_order_id)
    fills = {fill.trade_id: fill for item in heard for fill in item.report.fills}
    assert {key: (fill.price, fill.qty, fill.funds) for key, fill in fills.items()} == {
        fill.trade_id: (fill.price, fill.qty, fill.funds) for fill in report.fills
    }
    assert {fill.is_maker for fill in fills.values()} == {False}
    assert not gateway.drift.counts
    await gateway.close()


async def crossed(bench: Bench, gateway: RestGateway, number: int) -> tuple[Order, Order]:
    """Return an own ask resting inside the spread, and an own bid sent to meet it."""
    book = await bench.book()
    rules = registry.instrument(bench.exchange, MARKET, None)
    inside = rules.price_down(Price(book.asks[0].price - 1))
    price = inside if inside > book.bids[0].price else book.asks[0].price
    ask = bench.taking(book, f"own-ask-{number}", Side.ASK, price=price, qty=Qty(200_000), tif=TimeInForce.GTC)
    assert isinstance(await gateway.place(ask), Accepted)
    for _ in range(100):
        if await gateway.open_orders():
            break
        await asyncio.sleep(0.02)
    bid = bench.taking(book, f"own-bid-{number}", price=price, qty=Qty(300_000))
    assert isinstance(await gateway.place(bid), Accepted)
    return ask, bid


def trades(report: OrderReport) -> set[str]:
    return {fill.trade_id for fill in report.fills}


def folded(order: Order, reports: list[OrderReport]) -> Order:
    state = orders.advance(order, OrderReport(OrderOn.SENT), Ns(1))
    for report in reports:
        state = orders.advance(state, report, Ns(2))
    return state


@pytest.mark.needs(Can.PRIVATE_STREAM)
async def test_an_order_that_meets_an_own_one_gives_way_and_the_resting_one_stays(
    bench: Bench, gateway: RestGateway
) -> None:
    async with listening(gateway) as news:
        # The simulated market moves: a stranger may offer first. A fill of one's own never happens.
        for number in range(10):
            ask, bid = await crossed(bench, gateway, number)
            report = await ended(gateway, bid)
            found = await gateway.query(ask)
            assert isinstance(found, Found)
            assert not trades(report) & trades(found.report)
            if (report.on, found.report.on) == (OrderOn.CANCELED, OrderOn.ACKED):
                break
            await gateway.cancel(ask)
            await ended(gateway, ask)
        else:
            raise AssertionError("ten times a stranger was there first")
        await until(lambda: any(item.report.on is OrderOn.CANCELED for item in news.of(bid.client_order_id)))
    heard = [item.report for item in news.of(bid.client_order_id)]
    assert folded(bid, [*heard, report, *heard]).state is OrderState.CANCELED
    assert not gateway.drift.counts


@pytest.mark.needs(Can.CHOOSE_SELF_TRADE)
@pytest.mark.parametrize("smp", [Smp.CANCEL_MAKER, Smp.REDUCE])
async def test_the_rule_named_on_the_order_decides_which_own_order_gives_way(bench: Bench, smp: Smp) -> None:
    gateway = bench.gateway(smp=smp)
    await gateway.open()
    async with listening(gateway) as news:
        for number in range(10):
            ask, bid = await crossed(bench, gateway, number)
            reports = {order.client_order_id: await ended(gateway, order) for order in (bid,)}
            await asyncio.sleep(0.1)
            if any("prevented" in item.report.detail for one in (ask, bid) for item in news.of(one.client_order_id)):
                reports[ask.client_order_id] = await ended(gateway, ask)
                break
            await gateway.cancel(ask)
            await ended(gateway, ask)
        else:
            raise AssertionError("ten times a stranger was there first")
    for order in (ask, bid):
        heard = [item.report for item in news.of(order.client_order_id)]
        after = folded(order, [*heard, reports[order.client_order_id]])
        assert (after.state, after.executed_qty < order.qty) == (OrderState.CANCELED, True)
    assert not trades(reports[ask.client_order_id]) & trades(reports[bid.client_order_id])
    assert not gateway.drift.counts
    await gateway.close()


@pytest.mark.needs(Can.ANNOUNCE)
async def test_announcements_come_over_a_connection_of_their_own(bench: Bench, gateway: RestGateway) -> None:
    assert isinstance(gateway, UpbitGateway)
    heard: list[AnnouncementNews | StreamNews] = []

    async def listen() -> None:
        async for item in gateway.announcements():
            heard.append(item)

    sim: Any = bench.simulator.exchange(bench.exchange)
    task = asyncio.create_task(listen())
    try:
        await until(lambda: bool(sim.sessions))
        await asyncio.sleep(0.2)
        sim.board.post("maintenance", "Works on Saturday", "All trading stops.", time.time_ns())
        bench.simulator.tick()
        await until(lambda: any(isinstance(item, AnnouncementNews) for item in heard))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    (notice,) = [item for item in heard if isinstance(item, AnnouncementNews)]
    assert (notice.event, notice.category, notice.title, notice.body) == (
        "CREATED",
        "maintenance",
        "Works on Saturday",
        "",
    )
    assert notice.announcement_id
    assert notice.listed_at
