"""A feed whose one market dies while its socket lives: seen by REST, polled meanwhile, alive again (R1.2)."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import pytest
from order_makers import RealClock
from websockets.asyncio.server import ServerConnection, serve

from arbitrage.domain.book import Level
from arbitrage.domain.errors import ReadFailed
from arbitrage.domain.frame_spec import DecodedBook
from arbitrage.domain.ports import Frame, StreamState
from arbitrage.domain.units import SCALE, Exchange, Ns, Price, Qty
from arbitrage.domain.wire import ExchangeWire
from exchanges.bithumb.profile import STREAM_SPEC
from exchanges.book_feed import BookFeed
from exchanges.drift import DriftLog
from exchanges.stream import StreamTiming

MS = 1_000_000
TIMING = StreamTiming(
    ping_every_ns=50 * MS,
    look_every_ns=20 * MS,
    backoff_ms=(20,),
    market_silence_ns=150 * MS,
    market_look_ns=30 * MS,
)
DEAD, ALIVE = "KRW-BTC", "KRW-ETH"


class Rest:
    """REST books told by the test; a port, not an adapter."""

    def __init__(self) -> None:
        self.drift = DriftLog()
        self.prices: dict[str, int] = {DEAD: 100, ALIVE: 200}
        self.asked: list[tuple[str, ...]] = []
        self.is_away = False

    def use_wire(self, wire: ExchangeWire) -> None: ...

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def fetch(self, markets: tuple[str, ...]) -> tuple[DecodedBook, ...]:
        self.asked.append(markets)
        if self.is_away:
            raise ReadFailed("away")
        return tuple(book(market, self.prices[market]) for market in markets)


def book(market: str, price: int) -> DecodedBook:
    bids = (Level(Price(price * SCALE), Qty(SCALE)),)
    return DecodedBook(market, Ns(1), bids, (Level(Price((price + 1) * SCALE), Qty(SCALE)),))


class Exchanging:
    """A server that sends frames of the markets it is told to, and what the feed made of them."""

    def __init__(self) -> None:
        self.rest = Rest()
        self.speaks = {DEAD, ALIVE}
        self.clock_us = 1_790_000_000_000_000
        self.step_us = 1_000
        self.subscriptions = 0
        self.frames: list[str] = []
        self.states: list[StreamState] = []
        self.polled: list[DecodedBook] = []
        self.dead: list[tuple[str, str]] = []
        self.feed: BookFeed
        self.running: asyncio.Task[None]

    async def serve(self, connection: ServerConnection) -> None:
        async def listen() -> None:
            async for text in connection:
                self.subscriptions += text == "subscribe"

        listening = asyncio.create_task(listen())
        try:
            while True:
                for market in self.speaks:
                    await connection.send(self.frame(market))
                await asyncio.sleep(0.01)
        finally:
            listening.cancel()

    def frame(self, market: str) -> bytes:
        self.clock_us += self.step_us
        price = self.rest.prices[market]
        row = {"ask_price": price + 1, "bid_price": price, "ask_size": self.clock_us, "bid_size": 1}
        body = {"type": "orderbook", "code": market, "timestamp": self.clock_us, "orderbook_units": [row]}
        return json.dumps(body).encode()

    def frame_came(self, frame: Frame) -> None:
        self.frames.append(json.loads(frame.data)["code"])


@contextlib.asynccontextmanager
async def feeding(timing: StreamTiming = TIMING) -> AsyncIterator[Exchanging]:
    here = Exchanging()
    async with serve(here.serve, "127.0.0.1", 0, compression=None) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        here.feed = BookFeed(
            Exchange.BITHUMB, STREAM_SPEC, here.rest, lambda ticket, markets: "subscribe", url, RealClock(), timing
        )
        task = here.running = asyncio.create_task(
            here.feed.run(
                (DEAD, ALIVE),
                here.frame_came,
                lambda state, cause: here.states.append(state),
                lambda found, wall_ns, mono_ns: here.polled.append(found),
                lambda market, cause: here.dead.append((market, cause)),
            )
        )
        try:
            yield here
            assert not task.done() or task.exception() is not None
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(is_so: object, within_s: float = 8.0) -> None:
    for _ in range(int(within_s / 0.01)):
        if is_so():  # type: ignore[operator]
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came")


async def test_dead_market_on_a_lively_socket_is_seen_polled_and_taken_back_when_it_speaks() -> None:
    async with feeding() as here:
        await until(lambda: here.frames.count(DEAD) > 3)
        here.speaks = {ALIVE}
        here.rest.prices[DEAD] = 105
        await until(lambda: here.dead == [(DEAD, "behind_rest")])
        await until(lambda: any(found.bids[0].price == 105 * SCALE for found in here.polled))
        assert {found.market for found in here.polled} == {DEAD}
        await until(lambda: here.subscriptions == 2)
        assert here.feed.counts["dead.behind_rest"] == 1
        assert here.states == [StreamState.CONNECTING, StreamState.UP]
        here.speaks = {DEAD, ALIVE}
        await until(lambda: here.dead[1:] == [(DEAD, "stream_speaks_again")])
        polled = len(here.polled)
        await asyncio.sleep(1.2)
        assert len(here.polled) == polled


async def test_market_that_is_merely_quiet_is_left_alone() -> None:
    async with feeding() as here:
        await until(lambda: here.frames.count(DEAD) > 3)
        here.speaks = {ALIVE}
        await until(lambda: here.rest.asked.count((DEAD,)) >= 3)
        assert here.dead == []
        assert here.subscriptions == 1
        assert here.polled == []


async def test_rest_that_does_not_answer_proves_nothing_against_a_market() -> None:
    async with feeding() as here:
        await until(lambda: here.frames.count(DEAD) > 3)
        here.speaks = {ALIVE}
        here.rest.is_away = True
        here.rest.prices[DEAD] = 105
        await until(lambda: here.rest.asked.count((DEAD,)) >= 3)
        assert here.dead == []


async def test_clock_that_goes_back_makes_the_market_dead_and_subscribes_anew() -> None:
    async with feeding() as here:
        await until(lambda: here.frames.count(DEAD) > 3)
        here.clock_us -= 10_000_000
        await until(lambda: {market for market, _ in here.dead} == {DEAD, ALIVE})
        assert {cause for _, cause in here.dead} == {"time_went_back"}
        await until(lambda: here.subscriptions == 2)
        assert here.feed.counts["dead.time_went_back"] == 2


async def test_bug_in_the_rest_look_ends_the_feed_and_does_not_go_unseen() -> None:
    async with feeding() as here:
        await until(lambda: here.frames.count(DEAD) > 3)
        del here.rest.prices[DEAD]
        here.speaks = {ALIVE}
        with pytest.raises(KeyError):
            await asyncio.wait_for(here.running, 5)
