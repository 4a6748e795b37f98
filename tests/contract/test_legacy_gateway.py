"""What only the legacy generation must do: end IOC orders itself, find lost ones, poll, live through a restart."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from contract_bench import ADAPTERS, MARKET, MARKETS, SECRET, Bench, ended, listening, renamed, total, until

from arbitrage.domain import order as orders
from arbitrage.domain.errors import ConfigError, InvariantError
from arbitrage.domain.order import Order, OrderKind, OrderOn, OrderReport, OrderState, RefusalReason, TimeInForce
from arbitrage.domain.ports import Accepted, Found, NotFound, OrderNews, Refused, Unknown
from arbitrage.domain.units import SCALE, Krw, Ns, Price, Qty, Side, to_decimal
from arbitrage.domain.wire import ExchangeWire, Generation
from exchanges.bithumb.legacy_feed import LegacyDiffFeed
from exchanges.bithumb.legacy_gateway import LegacyGateway
from exchanges.bithumb.legacy_profile import LegacySettings
from exchanges.credentials import Credentials
from exchanges.simulator.trouble.fault import Scope
from exchanges.simulator.trouble.frames import FramesLost
from exchanges.stream import StreamTiming

LEGACY = [adapter for adapter in ADAPTERS if adapter.generation is Generation.LEGACY]
pytestmark = pytest.mark.parametrize("bench", LEGACY, ids=["legacy"], indirect=True)
MS = 1_000_000
GTC = TimeInForce.GTC


def make(bench: Bench, **changes: Any) -> LegacyGateway:
    settings = LegacySettings(
        unit_decimals=8,
        ioc_rest_ns=Ns(200 * MS),
        absent_after_ns=Ns(1_000 * MS),
        poll_orders_ns=Ns(100 * MS),
        poll_balances_ns=Ns(300 * MS),
    )
    keys = Credentials(bench.exchange, "bithumb-access", SECRET)
    return LegacyGateway(
        keys,
        f"http://{bench.host}",
        bench.clock,
        markets=MARKETS,
        settings=msgspec.structs.replace(settings, **changes),
    )


@pytest.fixture
async def legacy(bench: Bench) -> AsyncIterator[LegacyGateway]:
    made = make(bench)
    await made.open()
    try:
        yield made
    finally:
        await made.close()


def now(bench: Bench) -> dict[str, Any]:
    return {"planned_wall_ns": Ns(bench.clock.wall_ns())}


def folded(order: Order, *reports: OrderReport) -> Order:
    order = orders.advance(order, OrderReport(OrderOn.SENT), Ns(1))
    for report in reports:
        order = orders.advance(order, report, Ns(2))
    return order


async def test_order_that_should_match_at_once_rests_briefly_and_is_cancelled(bench: Bench, legacy: Any) -> None:
    order = bench.resting(await bench.book(), "ioc-1", **now(bench))
    async with listening(legacy) as news:
        assert isinstance(await legacy.place(order), Accepted)
        found = await legacy.query(order)
        assert isinstance(found, Found)
        assert found.report.on is OrderOn.ACKED
        await until(lambda: any(one.report.on is OrderOn.CANCELED for one in news.of("ioc-1")), within_s=3)
    assert await legacy.open_orders() == ()
    assert all(row.locked == 0 for row in await legacy.balances())


async def test_order_left_alone_rests_on(bench: Bench, legacy: Any) -> None:
    order = bench.resting(await bench.book(), "gtc-1", tif=GTC, **now(bench))
    await legacy.place(order)
    await asyncio.sleep(0.6)
    assert [row.client_order_id for row in await legacy.open_orders()] == ["gtc-1"]
    assert isinstance(await legacy.cancel(order), Accepted)


async def test_process_that_died_before_its_cancel_leaves_an_order_the_next_one_ends(bench: Bench) -> None:
    first = make(bench, ioc_rest_ns=Ns(60_000 * MS))
    await first.open()
    order = bench.resting(await bench.book(), "died-1", **now(bench))
    answer = await first.place(order)
    assert isinstance(answer, Accepted)
    for task in first._ending.values():
        task.cancel()
    await first.close()
    known = orders.advance(order, answer.report, Ns(1))
    second = make(bench)
    await second.open()
    second.remember([known])
    assert isinstance(await second.query(known), Found)
    assert (await ended(second, known)).on is OrderOn.CANCELED  # type: ignore[arg-type]
    await second.close()


async def test_lost_answer_of_a_resting_order_is_found_by_its_likeness_and_ended(bench: Bench, legacy: Any) -> None:
    order = bench.resting(await bench.book(), "lost-1", **now(bench))
    bench.faults.drop_reply_after_accept()
    assert isinstance(await legacy.place(order), Unknown)
    report = await ended(legacy, order)
    assert (report.on, report.executed_qty) == (OrderOn.CANCELED, 0)
    assert legacy.memory.lost == {}


async def test_lost_answer_of_a_filled_order_is_found_by_its_trades(bench: Bench, legacy: Any) -> None:
    before = await legacy.balances()
    other = bench.taking(await bench.book(), "known-1", **now(bench))
    assert isinstance(await legacy.place(other), Accepted)
    await ended(legacy, other)
    order = bench.taking(await bench.book(), "lost-2", **now(bench))
    bench.faults.drop_reply_after_accept()
    assert isinstance(await legacy.place(order), Unknown)
    done = folded(order, await ended(legacy, order))
    assert (done.state, done.executed_qty, done.is_proven) == (OrderState.FILLED, order.qty, True)
    first = folded(other, await ended(legacy, other))
    spent = first.executed_funds + first.paid_fee + done.executed_funds + done.paid_fee
    assert total(before, "KRW") - total(await legacy.balances(), "KRW") == spent


async def test_two_lost_orders_alike_are_never_guessed_apart(bench: Bench, legacy: Any) -> None:
    book = await bench.book()
    twins = [bench.resting(book, f"twin-{number}", tif=GTC, **now(bench)) for number in range(2)]
    bench.faults.drop_reply_after_accept(2)
    for order in twins:
        assert isinstance(await legacy.place(order), Unknown)
    await asyncio.sleep(1.2)
    for order in twins:
        assert isinstance(await legacy.query(order), Unknown)
    assert len(await legacy.open_orders()) == 2


async def test_orders_lost_by_an_earlier_run_are_not_guessed_apart_either(bench: Bench, legacy: Any) -> None:
    book = await bench.book()
    twins = [bench.resting(book, f"twin-{number}", tif=GTC, **now(bench)) for number in range(2)]
    bench.faults.drop_reply_after_accept()
    assert isinstance(await legacy.place(twins[0]), Unknown)
    bench.faults.drop_before_accept()
    assert isinstance(await legacy.place(twins[1]), Unknown)
    await asyncio.sleep(1.2)
    second = make(bench)
    await second.open()
    second.remember([folded(order) for order in twins])
    for order in twins:
        found = await second.query(order)
        assert isinstance(found, Unknown)
        assert "another order of ours" in found.cause
    assert len(await second.open_orders()) == 1
    await second.close()


async def test_absence_is_believed_only_after_its_time(bench: Bench, legacy: Any) -> None:
    order = bench.resting(await bench.book(), "never-1", **now(bench))
    bench.faults.drop_before_accept()
    lost, early = await legacy.place(order), await legacy.query(order)
    assert isinstance(lost, Unknown)
    assert isinstance(early, Unknown)
    # Only the lost answer is an error of the exchange's; that it is too soon to be sure is none.
    assert (lost.is_fault, early.is_fault) == (True, False)
    await asyncio.sleep(1.2)
    assert await legacy.query(order) == NotFound()


async def test_order_of_a_stranger_is_told_of_once_and_nobodys_news_is_mistaken(bench: Bench, legacy: Any) -> None:
    stranger = make(bench)
    await stranger.open()
    async with listening(legacy) as news:
        answer = await stranger.place(bench.resting(await bench.book(), "theirs-1", tif=GTC, **now(bench)))
        assert isinstance(answer, Accepted)
        strange = answer.report.exchange_order_id

        def told() -> list[OrderNews]:
            return [one for one in news.heard if isinstance(one, OrderNews) and one.exchange_order_id == strange]

        await until(lambda: bool(told()))
        await asyncio.sleep(0.8)
        assert [(one.client_order_id, one.report.on) for one in told()] == [(None, OrderOn.ACKED)]
    await stranger.close()


async def test_market_orders_are_given_by_quantity_and_never_spend_more_than_told(bench: Bench, legacy: Any) -> None:
    before = await legacy.balances()
    funds = Krw(1_000_000 * SCALE)
    given = {"price": Price(0), "kind": OrderKind.MARKET_BUY, "qty": Qty(0), "funds": funds}
    buy = bench.taking(await bench.book(), "buy-1", **given, **now(bench))
    assert isinstance(await legacy.place(buy), Accepted)
    bought = folded(buy, await ended(legacy, buy))
    assert to_decimal(funds) * 9 // 10 < bought.executed_funds <= to_decimal(funds)
    sale = {"price": Price(0), "kind": OrderKind.MARKET_SELL, "qty": bought.executed_qty}
    sell = bench.taking(await bench.book(), "sell-1", Side.ASK, **sale, **now(bench))
    assert isinstance(await legacy.place(sell), Accepted)
    sold = folded(sell, await ended(legacy, sell))
    assert sold.state is OrderState.FILLED
    after = await legacy.balances()
    assert total(after, "BTC") == total(before, "BTC")
    gain = sold.executed_funds - sold.paid_fee - bought.executed_funds - bought.paid_fee
    assert total(after, "KRW") - total(before, "KRW") == gain


async def test_market_order_given_again_while_its_quantity_is_worked_out_is_sent_once(
    bench: Bench, legacy: Any
) -> None:
    given = {"price": Price(0), "kind": OrderKind.MARKET_BUY, "qty": Qty(0), "funds": Krw(1_000_000 * SCALE)}
    buy = bench.taking(await bench.book(), "twice-1", **given, **now(bench))
    before = await legacy.balances()
    first, second = await asyncio.gather(legacy.place(buy), legacy.place(buy), return_exceptions=True)
    assert isinstance(first, Accepted)
    assert isinstance(second, InvariantError)
    bought = folded(buy, await ended(legacy, buy))
    after = await legacy.balances()
    assert total(before, "KRW") - total(after, "KRW") == bought.executed_funds + bought.paid_fee


async def test_renamed_member_is_unknown_until_the_map_follows_while_it_runs(bench: Bench, legacy: Any) -> None:
    order = bench.resting(await bench.book(), "renamed-1", tif=GTC, **now(bench))
    assert isinstance(await legacy.place(order), Accepted)
    with renamed(bench, "order_qty", "order_volume"):
        assert isinstance(await legacy.query(order), Unknown)
        assert legacy.drift.total() >= 1
        legacy.use_wire(ExchangeWire(fields={"legacy_order": {"qty": "order_volume"}}))
        found = await legacy.query(order)
        assert isinstance(found, Found)
        assert found.report.on is OrderOn.ACKED
        with pytest.raises(ConfigError):
            legacy.use_wire(ExchangeWire(fields={"legacy_order": {"qty": "contract"}}))
        assert isinstance(await legacy.query(order), Found)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tif": TimeInForce.FOK}, RefusalReason.INVALID_REQUEST),
        ({"tif": TimeInForce.POST_ONLY}, RefusalReason.INVALID_REQUEST),
        ({"kind": OrderKind.BEST, "price": Price(0)}, RefusalReason.INVALID_REQUEST),
        ({"qty": Qty(100_001)}, RefusalReason.QTY_INVALID),
    ],
)
async def test_what_this_generation_cannot_do_is_refused_and_nothing_is_sent(
    bench: Bench, changes: dict[str, Any], reason: RefusalReason
) -> None:
    gateway = make(bench, unit_decimals=4)
    sim = bench.simulator.exchange(bench.exchange)
    order = bench.taking(await bench.book(), "cannot-1", **changes, **now(bench))
    before = sim.counts["requests"]
    answer = await gateway.place(order)
    assert isinstance(answer, Refused)
    assert answer.reason is reason
    assert sim.counts["requests"] == before
    await gateway.close()


async def test_folded_books_stay_sound_when_half_the_diffs_are_lost(bench: Bench) -> None:
    timing = StreamTiming(ping_every_ns=0, backoff_ms=(50,))
    feed = LegacyDiffFeed(f"http://{bench.host}", f"ws://{bench.host}", bench.clock, timing, anchor_every_s=0.5)
    bench.faults.arm(FramesLost(), Scope(count=0, chance_ppm=500_000))
    books: list[Any] = []
    task = asyncio.create_task(
        feed.run((MARKET,), lambda frame: None, lambda *_: None, lambda book, *_: books.append(book))
    )
    try:
        await until(lambda: feed.counts["anchors_differed"] + feed.counts["books_crossed"] >= 1, within_s=30)
        assert all(book.bids[0].price < book.asks[0].price for book in books)
        bench.faults.clear()
        count = len(books)
        await until(lambda: len(books) > count + 5)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
