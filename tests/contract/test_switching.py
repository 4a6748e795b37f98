"""Generations switched while everything runs: orders stay where they were placed, fills are named once (R1.1)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from contract_bench import ADAPTERS, MARKET, Bench, ended, listening, make_reader, total, until
from switch_bench import JWT, LEGACY, switching_gateway, wire

from arbitrage.domain import order as orders
from arbitrage.domain.errors import ReadFailed
from arbitrage.domain.order import Order, OrderOn, OrderReport, OrderState, RefusalReason, TimeInForce
from arbitrage.domain.ports import Accepted, Found, NotFound, OrderNews, Refused, StreamNews, StreamState, Unknown
from arbitrage.domain.units import Exchange, Ns, Qty
from arbitrage.domain.wire import Duty
from exchanges.bithumb.switching_gateway import SwitchingGateway

GTC = TimeInForce.GTC
BITHUMB = [adapter for adapter in ADAPTERS if adapter.exchange is Exchange.BITHUMB and adapter.generation is JWT]


pytestmark = pytest.mark.parametrize("bench", BITHUMB, ids=["bithumb"], indirect=True)


@pytest.fixture
async def gateway(bench: Bench, tmp_path: Path) -> AsyncIterator[SwitchingGateway]:
    made = switching_gateway(bench, log=tmp_path / "generations")
    await made.open()
    try:
        yield made
    finally:
        await made.close()


def now(bench: Bench) -> dict[str, Ns]:
    return {"planned_wall_ns": Ns(bench.clock.wall_ns())}


@contextlib.contextmanager
def counted(bench: Bench):
    """Count the simulator's requests by path."""
    sim = bench.simulator.exchange(bench.exchange)
    asked: dict[str, int] = {}
    handle = sim.handle

    def counting(request, *args):
        asked[request.path] = asked.get(request.path, 0) + 1
        return handle(request, *args)

    sim.handle = counting
    try:
        yield asked
    finally:
        del sim.handle


async def test_new_orders_go_the_new_way_and_resting_ones_stay_where_they_were_placed(
    bench: Bench, gateway: SwitchingGateway
) -> None:
    book = await bench.book()
    old = bench.resting(book, "old-1", tif=GTC, **now(bench))
    placed = await gateway.place(old)
    assert isinstance(placed, Accepted)
    await asyncio.sleep(0.2)
    with counted(bench) as asked:
        gateway.use_wire(wire(orders=LEGACY))
        new = bench.resting(book, "new-1", tif=GTC, **now(bench))
        assert isinstance(await gateway.place(new), Accepted)
        assert asked == {"/trade/place": 1}
        # An order is listed a moment after it was accepted (bithumb.md §3.6).
        await asyncio.sleep(0.3)
        assert isinstance(await gateway.query(old), Found)
        assert isinstance(await gateway.query(new), Found)
        assert asked["/v1/order"] == 1
        assert asked["/info/order_detail"] == 1
        listed = {row.client_order_id: row.exchange_order_id for row in await gateway.open_orders()}
        assert listed.keys() == {"old-1", "new-1"}
        assert listed["old-1"] == placed.report.exchange_order_id
        for order in (old, new):
            assert isinstance(await gateway.cancel(order), Accepted)
        assert asked["/v2/order"] == 1
        assert asked["/trade/cancel"] == 1
    for order in (old, new):
        assert (await ended(gateway, order)).on is OrderOn.CANCELED
    assert await gateway.open_orders() == ()


async def test_one_id_is_never_sent_through_both(bench: Bench, gateway: SwitchingGateway) -> None:
    order = bench.resting(await bench.book(), "once-1", tif=GTC, **now(bench))
    assert isinstance(await gateway.place(order), Accepted)
    gateway.use_wire(wire(orders=LEGACY))
    answer = await gateway.place(order)
    assert isinstance(answer, Refused)
    assert answer.reason is RefusalReason.INVALID_REQUEST
    await asyncio.sleep(0.2)
    assert len(await gateway.open_orders()) == 1


@pytest.mark.parametrize("reads", [JWT, LEGACY], ids=["news by stream", "news polled"])
@pytest.mark.parametrize("placing", [JWT, LEGACY], ids=["placed by jwt", "placed by legacy"])
async def test_fills_count_once_whoever_tells_of_them(bench: Bench, gateway: SwitchingGateway, placing, reads) -> None:
    gateway.use_wire(wire(orders=placing, reads=reads))
    order = bench.taking(await bench.book(), "count-1", **now(bench))
    before = await gateway.balances()
    async with listening(gateway) as news:  # type: ignore[arg-type]
        assert isinstance(await gateway.place(order), Accepted)
        report = await ended(gateway, order)  # type: ignore[arg-type]
        await asyncio.sleep(0.5)
        told = [one.report for one in news.heard if isinstance(one, OrderNews)]
    state = orders.advance(order, OrderReport(OrderOn.SENT), Ns(1))
    for each in (*told, report, *told, report):
        state = orders.advance(state, each, Ns(2))
    assert (state.state, state.executed_qty, state.is_proven) == (OrderState.FILLED, order.qty, True)
    after = await gateway.balances()
    assert total(before, "KRW") - total(after, "KRW") == state.executed_funds + state.paid_fee


async def restarted(bench: Bench, log: Path, gateway: SwitchingGateway, order: Order, **generations) -> object:
    """Close, start another gateway on the same log, and ask for `order` once enough time has passed."""
    await gateway.close()
    fresh = switching_gateway(bench, wire(**generations), log)
    await fresh.open()
    try:
        fresh.remember([order])
        await asyncio.sleep(1.2)
        return await fresh.query(order)
    finally:
        await fresh.close()


async def test_order_lost_by_legacy_is_found_after_a_restart_under_the_other_settings(
    bench: Bench, tmp_path: Path
) -> None:
    log = tmp_path / "generations"
    gateway = switching_gateway(bench, wire(orders=LEGACY), log)
    await gateway.open()
    # Planned long enough after the switch to be sure of it.
    gateway._log.note(LEGACY, Ns(bench.clock.wall_ns() - 60_000_000_000))
    order = bench.resting(await bench.book(), "lost-1", tif=GTC, **now(bench))
    bench.faults.drop_reply_after_accept()
    assert isinstance(await gateway.place(order), Unknown)
    found = await restarted(bench, log, gateway, order, orders=JWT)
    assert isinstance(found, Found), found
    assert found.report.on is OrderOn.ACKED
    assert found.report.exchange_order_id


async def test_lost_order_near_a_switch_is_absent_only_when_both_generations_say_so(
    bench: Bench, tmp_path: Path
) -> None:
    log = tmp_path / "generations"
    gateway = switching_gateway(bench, wire(orders=LEGACY), log)
    await gateway.open()
    order = bench.resting(await bench.book(), "lost-2", tif=GTC, **now(bench))
    bench.faults.drop_before_accept()
    assert isinstance(await gateway.place(order), Unknown)
    with counted(bench) as asked:
        assert await restarted(bench, log, gateway, order, orders=JWT) == NotFound()
    assert asked["/v1/order"] == 1
    assert asked["/info/user_transactions"] == 1


async def test_switch_that_cannot_be_kept_sends_nothing(bench: Bench, tmp_path: Path) -> None:
    log = tmp_path / "folder"
    gateway = switching_gateway(bench, wire(orders=LEGACY), log)
    log.mkdir()
    await gateway.open()
    answer = await gateway.place(bench.resting(await bench.book(), "kept-1", tif=GTC, **now(bench)))
    assert isinstance(answer, Refused)
    assert answer.reason is RefusalReason.NOT_SENT
    assert await gateway.open_orders() == ()
    await gateway.close()


async def test_reads_switch_shows_as_down_and_up_and_reads_agree(bench: Bench, gateway: SwitchingGateway) -> None:
    before = {row for row in await gateway.balances() if row.total}
    async with listening(gateway) as news:  # type: ignore[arg-type]
        gateway.use_wire(wire(reads=LEGACY))
        await until(lambda: news.states().count(StreamState.UP) == 2)
        assert StreamState.DOWN in news.states()
        with counted(bench) as asked:
            assert {row for row in await gateway.balances() if row.total} == before
            assert "/info/balance" in asked
            assert "/v1/accounts" not in asked
        order = bench.taking(await bench.book(), "after-1", **now(bench))
        await gateway.place(order)
        await until(lambda: any(one.report.on is OrderOn.FULL_FILL for one in news.of("after-1")))


@pytest.mark.parametrize("reads", [JWT, LEGACY])
async def test_news_that_are_closed_leave_nothing_running(bench: Bench, gateway: SwitchingGateway, reads) -> None:
    gateway.use_wire(wire(reads=reads))
    before = asyncio.all_tasks()
    news = gateway.private_news()
    async for one in news:
        if one == StreamNews(StreamState.UP):
            break
    await news.aclose()  # type: ignore[attr-defined]
    left = {task.get_coro().__qualname__ for task in asyncio.all_tasks() - before}
    assert left & {"Stream.run", "PolledNews.run", "Event.wait"} == set()


async def test_quantity_steps_follow_the_generation_of_orders(bench: Bench, gateway: SwitchingGateway) -> None:
    assert (await gateway.market_rules(MARKET)).lot_step is None
    gateway.use_wire(wire(orders=LEGACY))
    assert (await gateway.market_rules(MARKET)).lot_step == Qty(1)
    gateway._legacy._settings = msgspec.structs.replace(gateway._legacy._settings, unit_decimals=4)
    assert (await gateway.market_rules(MARKET)).lot_step == Qty(10_000)


async def test_comparison_finds_both_generations_of_one_exchange_alike_and_disturbs_nothing(
    bench: Bench, gateway: SwitchingGateway
) -> None:
    gateway.use_wire(wire(Duty.READS, Duty.ORDERS))
    book = await bench.book()
    assert isinstance(await gateway.place(bench.resting(book, "both-1", tif=GTC, **now(bench))), Accepted)
    order = bench.taking(book, "both-2", **now(bench))
    assert isinstance(await gateway.place(order), Accepted)
    counts = gateway.comparison.counts
    await until(lambda: counts["compared.reads"] >= 2 and counts["compared.orders"] >= 3)
    assert list(gateway.comparison.kept) == []
    assert (await ended(gateway, order)).on is OrderOn.FULL_FILL  # type: ignore[arg-type]


async def test_comparison_tells_what_one_generation_hides(bench: Bench, gateway: SwitchingGateway) -> None:
    gateway.use_wire(wire(Duty.READS))
    sim = bench.simulator.exchange(bench.exchange)
    handle = sim.handle

    def short(request, *args):
        response = handle(request, *args)
        if request.path != "/info/balance":
            return response
        body = response.body.replace(b'"available_btc":"10"', b'"available_btc":"9"')
        return msgspec.structs.replace(response, body=body)

    sim.handle = short
    await until(lambda: gateway.comparison.counts["differed.reads"] >= 1)
    found = gateway.comparison.kept[0]
    assert (found.subject, found.used, found.other) == ("BTC", "10, 0", "9, 0")
    assert total(await gateway.balances(), "BTC") == 10


async def test_what_only_a_comparison_cannot_read_stops_nothing(bench: Bench, gateway: SwitchingGateway) -> None:
    sim = bench.simulator.exchange(bench.exchange)
    handle = sim.handle

    def renamed(request, *args):
        response = handle(request, *args)
        if not request.path.startswith("/info/"):
            return response
        return msgspec.structs.replace(response, body=response.body.replace(b"available_", b"free_"))

    sim.handle = renamed
    gateway.use_wire(wire(Duty.READS))
    await until(lambda: gateway.comparison.counts["not_compared.reads"] >= 2)
    rows = gateway.drift.seen(bench.exchange)
    assert {(row.where, row.is_grave) for row in rows} == {("compare_balances", False)}
    gateway.use_wire(wire(reads=LEGACY))
    with pytest.raises(ReadFailed):
        await gateway.balances()
    assert {row.where for row in gateway.drift.seen(bench.exchange) if row.is_grave} == {"balances"}


async def test_jobs_find_an_order_of_either_generation(bench: Bench, gateway: SwitchingGateway) -> None:
    gateway.use_wire(wire(orders=LEGACY))
    order = bench.taking(await bench.book(), "job-1", **now(bench))
    answer = await gateway.place(order)
    assert isinstance(answer, Accepted)
    report = await ended(gateway, order)  # type: ignore[arg-type]
    reader = make_reader(bench)
    assert await asyncio.to_thread(reader.order, "job-1") == NotFound()
    found = await asyncio.to_thread(reader.order, "job-1", answer.report.exchange_order_id)
    assert isinstance(found, Found)
    told = found.report
    assert (told.on, told.executed_qty, told.paid_fee) == (OrderOn.FULL_FILL, order.qty, report.paid_fee)
    assert await asyncio.to_thread(reader.order, "job-1", "C0000000000000000000") == NotFound()
    reader.close()


async def test_connections_of_the_legacy_generation_open_only_once_it_is_needed(
    bench: Bench, gateway: SwitchingGateway
) -> None:
    pools = gateway._legacy._calls._transport._pools.values()
    assert all(pool.take() is None for pool in pools)
    gateway.use_wire(wire(Duty.READS))
    await until(lambda: all(pool.take() is not None for pool in pools))
