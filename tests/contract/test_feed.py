"""The contract of `ports.Feed`, kept by both adapters against the simulator over real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from contract_bench import MARKET, Bench, make_feed, until

from arbitrage.domain.book import ladder_fault
from arbitrage.domain.errors import ExchangeError
from arbitrage.domain.frame_spec import DecodedBook, FrameDecoder
from arbitrage.domain.ports import Frame, StreamState
from exchanges.stream import StreamTiming

MARKETS = (MARKET, "KRW-ETH")
SECOND = 1_000_000_000
QUICK = StreamTiming(ping_every_ns=SECOND // 10, look_every_ns=SECOND // 20, backoff_ms=(50, 100))


@dataclass
class Heard:
    """What a feed handed on."""

    feed: Any
    frames: list[Frame] = field(default_factory=list)
    states: list[tuple[StreamState, str]] = field(default_factory=list)
    snapshots: list[DecodedBook] = field(default_factory=list)

    def books(self) -> list[DecodedBook]:
        decoder = FrameDecoder(self.feed.spec)
        return [decoder.decode(frame.data) for frame in self.frames]

    def ups(self) -> int:
        return [state for state, _ in self.states].count(StreamState.UP)


@contextlib.asynccontextmanager
async def running(bench: Bench, timing: StreamTiming = QUICK) -> AsyncIterator[Heard]:
    heard = Heard(make_feed(bench, timing))
    task = asyncio.create_task(
        heard.feed.run(
            MARKETS,
            heard.frames.append,
            lambda state, cause: heard.states.append((state, cause)),
            lambda book, wall_ns, mono_ns: heard.snapshots.append(book),
        )
    )
    try:
        yield heard
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_books_of_all_markets_arrive_by_one_subscription(bench: Bench) -> None:
    async with running(bench) as heard:
        await until(lambda: len(heard.frames) >= 10)
        books = heard.books()
        assert {book.market for book in books} == set(MARKETS)
        assert all(ladder_fault(book.bids, book.asks) is None for book in books)
        assert [state for state, _ in heard.states] == [StreamState.CONNECTING, StreamState.UP]
        for book, frame in zip(books, heard.frames, strict=True):
            assert abs(frame.recv_wall_ns - book.exchange_ns) < 10 * SECOND
        times = [frame.recv_mono_ns for frame in heard.frames]
        assert times == sorted(times)


async def test_status_frames_are_counted_and_not_handed_on(bench: Bench) -> None:
    async with running(bench) as heard:
        await until(lambda: heard.feed.counts["status_frames"] >= 1, within_s=15)
        heard.books()


async def test_cut_connection_comes_back_and_books_follow(bench: Bench) -> None:
    async with running(bench) as heard:
        await until(lambda: heard.ups() == 1)
        bench.simulator.cut(bench.exchange)
        await until(lambda: heard.ups() == 2)
        count = len(heard.frames)
        await until(lambda: len(heard.frames) > count + 3)
        assert heard.feed.counts["disconnects"] == 1


async def test_resync_subscribes_anew_on_the_same_connection(bench: Bench) -> None:
    async with running(bench) as heard:
        await until(lambda: heard.ups() == 1)
        await until(lambda: {book.market for book in heard.books()} == set(MARKETS))
        heard.frames.clear()
        heard.feed.request_resync()
        heard.feed.request_resync()
        await until(lambda: heard.feed.counts["resyncs"] == 1)
        await until(lambda: {book.market for book in heard.books()} == set(MARKETS))
        assert heard.feed.counts["connects"] == 1
        assert heard.ups() == 1


async def test_books_are_polled_by_rest_while_the_stream_is_down(bench: Bench) -> None:
    feed = make_feed(bench, StreamTiming(ping_every_ns=SECOND, backoff_ms=(50,)))
    # The feed behind a switched one is the one that connects.
    getattr(feed, "_feed", feed)._stream._connect = lambda: _refused()
    heard = Heard(feed)
    task = asyncio.create_task(
        feed.run(MARKETS, heard.frames.append, lambda *_: None, lambda book, *_: heard.snapshots.append(book))
    )
    await until(lambda: len(heard.snapshots) >= 4)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert {book.market for book in heard.snapshots} == set(MARKETS)
    assert heard.frames == []


async def _refused() -> Any:
    from arbitrage.domain.errors import Disconnected

    raise Disconnected("no stream today")


async def test_snapshot_by_rest_is_a_tradable_book(bench: Bench) -> None:
    feed = make_feed(bench)
    book = await feed.snapshot(MARKET)
    assert book.market == MARKET
    assert ladder_fault(book.bids, book.asks) is None
    with pytest.raises(ExchangeError):
        await feed.snapshot("KRW-NOPE")
    await bench.simulator.stop()
    with pytest.raises(ExchangeError):
        await feed.snapshot(MARKET)
    await feed.close()
