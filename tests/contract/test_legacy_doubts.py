"""Every doubt about the legacy generation, answered the other way: the adapters live with either (bithumb.md [?])."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from contract_bench import ADAPTERS, BALANCES, MARKET, SECRET, Bench, ended, make_feed, total, until
from order_makers import RealClock

from arbitrage.domain.book import ladder_fault
from arbitrage.domain.errors import AuthRefused, NotSent, ReadFailed
from arbitrage.domain.order import OrderOn, RefusalReason
from arbitrage.domain.ports import Accepted, Refused, Unknown
from arbitrage.domain.units import PPM, Exchange, Ns, exact_sum
from arbitrage.domain.wire import Generation
from exchanges.bithumb.legacy_feed import LegacyDiffFeed
from exchanges.simulator import server
from exchanges.simulator.config import AccountSpec, SimConfig
from exchanges.simulator.dialects.bithumb_quirks import (
    BithumbQuirks,
    DepthEdge,
    DetailShape,
    Grouping,
    NonceReuse,
    TimeKind,
)
from exchanges.simulator.money import fine_of_text
from exchanges.stream import StreamTiming

(LEGACY,) = [adapter for adapter in ADAPTERS if adapter.generation is Generation.LEGACY]
OTHERWISE = BithumbQuirks(
    legacy_bad_request_status=200,
    legacy_limit_status=200,
    legacy_nonce_reuse=NonceReuse.REFUSED,
    legacy_detail_shape=DetailShape.ARRAY,
    legacy_ledger_grouping=Grouping.COMMAS,
    legacy_depth_edge=DepthEdge.KEPT,
    legacy_depth_time=TimeKind.NUMBER,
)


@pytest.fixture
async def bench() -> Any:
    """Return the legacy adapter's bench on a simulator whose doubts are answered the other way."""
    balances = {asset: fine_of_text(text) for asset, text in BALANCES.items()}
    accounts = (AccountSpec(Exchange.BITHUMB, "bithumb-access", SECRET, balances),)
    running = await server.start(SimConfig(markets=(MARKET,), accounts=accounts, bithumb_quirks=OTHERWISE))
    try:
        yield Bench(LEGACY, running, RealClock())
    finally:
        await running.stop()


async def test_orders_fills_and_money_are_read_in_the_other_spelling(bench: Bench) -> None:
    gateway: Any = bench.gateway()
    await gateway.open()
    before = await gateway.balances()
    placed = {"planned_wall_ns": Ns(bench.clock.wall_ns())}
    order = bench.taking(await bench.book(), "known-1", **placed)
    assert isinstance(await gateway.place(order), Accepted)
    known = await ended(gateway, order)
    bench.faults.drop_reply_after_accept()
    lost = bench.taking(await bench.book(), "lost-1", **placed)
    assert isinstance(await gateway.place(lost), Unknown)
    found = await ended(gateway, lost)
    assert (known.on, found.on) == (OrderOn.FULL_FILL, OrderOn.FULL_FILL)
    spent = exact_sum(part for report in (known, found) for part in (report.executed_funds, report.paid_fee))
    assert total(before, "KRW") - total(await gateway.balances(), "KRW") == spent
    await gateway.close()


async def test_many_requests_of_one_moment_have_nonces_of_their_own(bench: Bench) -> None:
    gateway: Any = bench.gateway()
    await gateway.open()
    answers = await asyncio.gather(*(gateway.balances() for _ in range(8)))
    assert all(answer == answers[0] for answer in answers)
    await gateway.close()


async def test_bad_signature_with_http_200_is_refused_all_the_same(bench: Bench) -> None:
    gateway: Any = bench.gateway(secret="another-secret-of-decent-length-0123456789-0123456789-0123456789-0")
    await gateway.open()
    answer = await gateway.place(bench.taking(await bench.book(), "auth-1"))
    assert isinstance(answer, Refused)
    assert answer.reason is RefusalReason.AUTH
    with pytest.raises(AuthRefused):
        await gateway.balances()
    await gateway.close()


async def told_twice_then_held_back(ask: Callable[[], Awaitable[Any]]) -> None:
    """Ask until the exchange said twice that it is too much; then we rest, though HTTP said 200 each time."""
    told = 0
    async with asyncio.timeout(10):
        while told < 2:
            try:
                await ask()
            except NotSent:
                await asyncio.sleep(0.02)
            except ReadFailed as error:
                told += "5600: Please try again" in str(error)
    # Bucket and header alone would let the next one out after 0.2 s.
    await asyncio.sleep(0.5)
    with pytest.raises(NotSent):
        await ask()


async def test_too_many_requests_told_with_http_200_hold_the_next_ones_back(bench: Bench) -> None:
    gateway: Any = bench.gateway()
    await gateway.open()
    bench.simulator.exchange(Exchange.BITHUMB).gate.scale(PPM // 140)
    await told_twice_then_held_back(gateway.balances)
    await gateway.close()


async def test_books_asked_for_too_often_are_not_asked_for_on_and_on(bench: Bench) -> None:
    feed = make_feed(bench)
    bench.simulator.exchange(Exchange.BITHUMB).gate.scale(PPM // 150)
    await told_twice_then_held_back(lambda: feed.snapshot(MARKET))
    await feed.close()


async def test_books_fold_from_diffs_with_times_as_numbers_and_levels_nobody_took_back(bench: Bench) -> None:
    timing = StreamTiming(ping_every_ns=0, backoff_ms=(50,))
    feed = LegacyDiffFeed(f"http://{bench.host}", f"ws://{bench.host}", bench.clock, timing, anchor_every_s=1.0)
    books: list[Any] = []
    task = asyncio.create_task(
        feed.run((MARKET,), lambda frame: None, lambda *_: None, lambda book, *_: books.append(book))
    )
    try:
        await until(lambda: feed.counts["books_folded"] > 20)
        assert feed.counts["diffs_invalid"] == 0
        assert all(ladder_fault(book.bids, book.asks) is None for book in books)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
