"""What every feed does when its stream misbehaves: dead markets, silence, stopped clocks, refused handshakes (R1.2)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from contract_bench import MARKET, MARKETS, Bench, make_feed, until

from arbitrage.domain.book import ladder_fault
from arbitrage.domain.frame_spec import DecodedBook, FrameDecoder
from arbitrage.domain.ports import Frame, StreamState
from exchanges.simulator.trouble.fault import Scope
from exchanges.simulator.trouble.frames import (
    FramesLost,
    HandshakeRefused,
    PongOnly,
    StreamEnds,
    StreamFrozen,
    TimestampFrozen,
)
from exchanges.stream import StreamTiming

MS = 1_000_000
OTHER = next(market for market in MARKETS if market != MARKET)
QUICK = StreamTiming(
    ping_every_ns=100 * MS,
    look_every_ns=50 * MS,
    silence_ns=60_000 * MS,
    backoff_ms=(20,),
    market_silence_ns=1_500 * MS,
    market_look_ns=100 * MS,
)


class Told:
    """Everything a feed told."""

    def __init__(self, feed: Any) -> None:
        self.feed = feed
        self.frames: list[Frame] = []
        self.polled: list[DecodedBook] = []
        self.states: list[StreamState] = []
        self.causes: list[str] = []
        self.dead: list[tuple[str, str]] = []

    def state_changed(self, state: StreamState, cause: str) -> None:
        self.states.append(state)
        self.causes.append(cause)

    def newest(self, count: int) -> set[str]:
        decoder = FrameDecoder(self.feed.spec)
        return {decoder.decode(frame.data).market for frame in self.frames[-count:]}

    def polled_markets(self) -> set[str]:
        return {book.market for book in self.polled if ladder_fault(book.bids, book.asks) is None}


@contextlib.asynccontextmanager
async def telling(bench: Bench, timing: StreamTiming = QUICK) -> AsyncIterator[Told]:
    told = Told(make_feed(bench, timing))
    task = asyncio.create_task(
        told.feed.run(
            MARKETS,
            told.frames.append,
            told.state_changed,
            lambda book, wall_ns, mono_ns: told.polled.append(book),
            lambda market, cause: told.dead.append((market, cause)),
        )
    )
    try:
        await until(lambda: StreamState.UP in told.states)
        yield told
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_one_dead_market_on_a_lively_socket_is_seen_and_polled_until_it_speaks(bench: Bench) -> None:
    async with telling(bench) as told:
        await until(lambda: told.newest(20) == set(MARKETS))
        armed = bench.faults.arm(FramesLost(), Scope(market=MARKET))
        await until(lambda: (MARKET, "behind_rest") in told.dead, within_s=20)
        await until(lambda: told.polled_markets() == {MARKET})
        assert all(market == MARKET for market, _ in told.dead)
        assert told.feed.counts["connects"] == 1
        assert told.feed.counts["resyncs"] >= 1
        bench.faults.disarm(armed.number)
        await until(lambda: (MARKET, "stream_speaks_again") in told.dead)
        assert told.states.count(StreamState.UP) == 1


@pytest.mark.parametrize("fault", [StreamFrozen(), PongOnly()], ids=["nothing comes", "only pongs come"])
async def test_silence_ends_the_connection_even_when_pongs_come(bench: Bench, fault: Any) -> None:
    timing = msgspec.structs.replace(QUICK, silence_ns=500 * MS)
    async with telling(bench, timing) as told:
        armed = bench.faults.arm(fault)
        await until(lambda: any(cause.startswith("no content for ") for cause in told.causes))
        await until(lambda: bool(told.polled))
        bench.faults.disarm(armed.number)
        await until(lambda: told.states[-1] is StreamState.UP)
        assert told.feed.counts["reconnects"] >= 1


async def test_clock_that_stands_still_under_moving_books_is_noticed(bench: Bench) -> None:
    async with telling(bench) as told:
        armed = bench.faults.arm(TimestampFrozen(), Scope(market=MARKET))
        await until(lambda: (MARKET, "time_frozen") in told.dead, within_s=20)
        assert OTHER not in {market for market, _ in told.dead}
        assert told.feed.counts["dead.time_frozen"] >= 1
        bench.faults.disarm(armed.number)


async def test_ten_refused_handshakes_are_degraded_polled_and_survived(bench: Bench) -> None:
    async with telling(bench) as told:
        armed = bench.faults.arm(HandshakeRefused(status=503), Scope(count=0))
        bench.simulator.cut(bench.exchange)
        await until(lambda: StreamState.DEGRADED in told.states)
        assert "503" in told.causes[told.states.index(StreamState.DEGRADED)]
        told.polled.clear()
        await until(lambda: told.polled_markets() == set(MARKETS))
        bench.faults.disarm(armed.number)
        await until(lambda: told.states[-1] is StreamState.UP)
        assert told.states.count(StreamState.DEGRADED) == 1
        assert told.feed.counts["degraded"] == 0


async def test_connections_that_end_again_and_again_are_counted(bench: Bench) -> None:
    bench.faults.arm(StreamEnds(after_ns=300 * MS, close_code=1006), Scope(count=3))
    async with telling(bench) as told:
        await until(lambda: told.feed.counts["reconnects"] >= 3)
        assert told.feed.counts["disconnects_last_hour"] == 3
        assert "closed with code 1006" in told.causes
        await asyncio.sleep(0.6)
        assert told.states[-1] is StreamState.UP
