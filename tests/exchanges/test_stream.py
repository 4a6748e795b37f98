"""A stream's manners, against a WebSocket server that does what it is told."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
from order_makers import RealClock
from websockets.asyncio.server import ServerConnection, serve

from arbitrage.domain.errors import Disconnected
from arbitrage.domain.ports import BalanceNews, OrderNews, StreamNews, StreamState
from arbitrage.domain.units import Exchange
from exchanges.drift import DriftLog
from exchanges.fields import Fields
from exchanges.private_stream import private_news
from exchanges.stream import BACKOFF_MS, Ready, Stream, StreamTiming, backoff_s
from exchanges.transport import Socket
from exchanges.upbit.codec import NewsReader
from exchanges.words import private_subscription

MS = 1_000_000
QUICK = StreamTiming(ping_every_ns=50 * MS, silence_ns=300 * MS, look_every_ns=30 * MS, backoff_ms=(20, 40))
Talk = Callable[[ServerConnection, list[str]], Awaitable[None]]


class Story:
    """A server's story and what the client made of it."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.url = ""
        self.texts: list[str] = []
        self.headers: list[str | None] = []
        self.origins: list[str | None] = []
        self.states: list[tuple[StreamState, str]] = []
        self.data: list[bytes] = []

    async def serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.headers.append(connection.request.headers.get("Authorization"))
        self.origins.append(connection.request.headers.get("Origin"))

        async def listen() -> None:
            async for text in connection:
                self.texts.append(str(text))

        listening = asyncio.create_task(listen())
        try:
            await self.talk(connection, self.texts)
        finally:
            listening.cancel()

    def causes(self) -> list[str]:
        return [cause for state, cause in self.states if state is StreamState.DOWN]

    def ups(self) -> int:
        return [state for state, _ in self.states].count(StreamState.UP)


@contextlib.asynccontextmanager
async def told(talk: Talk) -> AsyncIterator[Story]:
    story = Story(talk)
    async with serve(story.serve, "127.0.0.1", 0, compression=None) as server:
        story.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield story


@contextlib.asynccontextmanager
async def streaming(
    story: Story, timing: StreamTiming = QUICK, ready: Ready = Ready.FIRST_CONTENT
) -> AsyncIterator[Stream]:
    stream = Stream(lambda: Socket.open(story.url), lambda: "subscribe", RealClock(), timing, ready)
    task = asyncio.create_task(
        stream.run(
            lambda data, wall_ns, mono_ns: story.data.append(data),
            lambda state, cause: story.states.append((state, cause)),
        )
    )
    try:
        yield stream
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(500):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came")


async def chatty(connection: ServerConnection, texts: list[str]) -> None:
    while True:
        await connection.send(b'{"type":"orderbook","n":1}')
        await asyncio.sleep(0.02)


async def test_subscribes_first_pings_as_text_and_hands_on_content() -> None:
    async with told(chatty) as story, streaming(story):
        await until(lambda: len(story.data) > 10 and story.texts.count("PING") >= 2)
        assert story.texts[0] == "subscribe"
        assert story.data[0] == b'{"type":"orderbook","n":1}'
        assert story.states == [(StreamState.CONNECTING, ""), (StreamState.UP, "")]
        assert story.origins == [None]


async def test_silence_reconnects_even_when_status_frames_keep_coming() -> None:
    async def zombie(connection: ServerConnection, texts: list[str]) -> None:
        while True:
            await connection.send(b'{"status":"UP"}')
            await asyncio.sleep(0.02)

    async with told(zombie) as story, streaming(story) as stream:
        await until(lambda: len(story.causes()) >= 2)
        assert story.causes()[0].startswith("no content for 3")
        assert story.ups() == 0
        assert stream.counts["status_frames"] > 5
        assert story.data == []


async def test_private_stream_may_be_silent_as_long_as_status_frames_come() -> None:
    async def quiet(connection: ServerConnection, texts: list[str]) -> None:
        while True:
            await connection.send('{"status":"UP"}')
            await asyncio.sleep(0.02)

    async with told(quiet) as story, streaming(story, ready=Ready.CONFIRMED) as stream:
        await until(lambda: stream.counts["status_frames"] > 30)
        assert story.states == [(StreamState.CONNECTING, ""), (StreamState.UP, "")]


async def test_error_frame_before_content_means_the_subscription_was_turned_down() -> None:
    async def angry(connection: ServerConnection, texts: list[str]) -> None:
        await connection.send('{"error":{"name":"NO_CODES","message":"m"}}')
        await connection.wait_closed()

    async with told(angry) as story, streaming(story):
        await until(lambda: len(story.causes()) >= 2)
        assert story.causes()[0] == "error frame NO_CODES"


async def test_error_frame_amid_content_is_counted_and_survived() -> None:
    async def once(connection: ServerConnection, texts: list[str]) -> None:
        await connection.send(b'{"type":"orderbook"}')
        await connection.send('{"error":{"name":"Too Many Requests"}}')
        await chatty(connection, texts)

    async with told(once) as story, streaming(story) as stream:
        await until(lambda: len(story.data) > 5)
        assert stream.counts["error_frames"] == 1
        assert story.causes() == []


async def test_close_in_order_and_cut_without_a_word_both_reconnect() -> None:
    count = 0

    async def close(connection: ServerConnection, texts: list[str]) -> None:
        nonlocal count
        count += 1
        await connection.send(b'{"type":"orderbook"}')
        await asyncio.sleep(0.02)
        if count % 2:
            await connection.close(1000)
        else:
            connection.transport.abort()

    async with told(close) as story, streaming(story) as stream:
        await until(lambda: story.ups() >= 3)
        assert story.causes()[:2] == ["closed with code 1000", "closed with code 1006"]
        assert stream.counts["disconnects"] >= 2


async def test_resyncs_close_together_become_one_subscription() -> None:
    async with told(chatty) as story, streaming(story) as stream:
        await until(lambda: bool(story.data))
        for _ in range(5):
            stream.request_resync()
        await until(lambda: story.texts.count("subscribe") == 2)
        await asyncio.sleep(0.1)
        assert story.texts.count("subscribe") == 2
        assert story.ups() == 1


async def test_server_that_is_away_is_tried_again_for_ever() -> None:
    story = Story(chatty)
    story.url = "ws://127.0.0.1:1"
    async with streaming(story) as stream:
        await until(lambda: len(story.causes()) >= 3)
        assert all(cause.startswith("connect: ") for cause in story.causes())
        assert stream.counts["connects"] == 0


async def test_ten_failed_attempts_are_degraded_said_once_until_content_comes_again() -> None:
    timing = msgspec.structs.replace(QUICK, backoff_ms=(5,))
    async with told(chatty) as story:
        url, story.url = story.url, "ws://127.0.0.1:1"
        async with streaming(story, timing) as stream:
            await until(lambda: stream.counts["attempts"] >= 14)
            states = [state for state, _ in story.states]
            assert states.count(StreamState.DOWN) == 9
            assert states.count(StreamState.DEGRADED) == 1
            assert states[-1] is StreamState.DEGRADED
            assert stream.counts["degraded"] == 1
            story.url = url
            await until(lambda: story.ups() == 1)
            assert stream.counts["degraded"] == 0
            assert stream.counts["reconnects"] == 0
            assert stream.disconnects_last_hour() == 0


async def test_lost_and_won_back_connections_are_counted() -> None:
    async def brief(connection: ServerConnection, texts: list[str]) -> None:
        await connection.send(b'{"type":"orderbook"}')
        await asyncio.sleep(0.02)
        connection.transport.abort()

    async with told(brief) as story, streaming(story) as stream:
        await until(lambda: story.ups() >= 3)
        assert stream.counts["reconnects"] == story.ups() - 1
        assert stream.disconnects_last_hour() in (story.ups() - 1, story.ups())


async def test_stream_without_an_application_ping_sends_none() -> None:
    timing = msgspec.structs.replace(QUICK, ping_every_ns=0)
    async with told(chatty) as story, streaming(story, timing):
        await until(lambda: len(story.data) > 10)
        assert story.texts == ["subscribe"]


async def test_legacy_filter_is_acknowledged_or_turned_down_by_a_code() -> None:
    async def answer(connection: ServerConnection, texts: list[str]) -> None:
        await connection.send('{"status":"0000","resmsg":"Connected Successfully"}')
        await until(lambda: bool(texts))
        await connection.send('{"status":"5100","resmsg":"Invalid Filter Syntax"}')
        await connection.wait_closed()

    async with told(answer) as story, streaming(story) as stream:
        await until(lambda: len(story.causes()) >= 1)
        assert story.causes()[0] == "error frame 5100 Invalid Filter Syntax"
        assert stream.counts["status_frames"] >= 1


async def test_kernel_looks_after_the_connection() -> None:
    async with told(chatty) as story:
        opened = await Socket.open(story.url)
        sock = opened._connection.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 15
        await opened.close()


async def test_http_refusal_of_the_upgrade_is_disconnected_and_names_its_status() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(Disconnected, match="401"):
        await Socket.open(f"ws://127.0.0.1:{port}", {"Authorization": "Bearer secret.token.here"})
    server.close()


async def test_private_news_uses_a_fresh_token_each_time_and_keeps_what_it_cannot_read() -> None:
    async def speak(connection: ServerConnection, texts: list[str]) -> None:
        await until(lambda: bool(texts))
        await connection.send(b'{"type":"myOrder","code":"KRW-BTC"}')
        await connection.send(b"\xff\xfe")
        await connection.send(json.dumps({"type": "myOrder", "uuid": "u", "state": "wait", "identifier": "i"}).encode())
        await connection.send(b'{"type":"myAsset","assets":[]}')
        await asyncio.sleep(0.1)
        connection.transport.abort()

    tokens = iter(f"token-{number}" for number in range(100))
    drift = DriftLog()
    async with told(speak) as story:
        heard: list[Any] = []
        news = private_news(
            url=story.url,
            token=lambda: next(tokens),
            subscription=private_subscription,
            read=NewsReader(Fields(Exchange.UPBIT)).read,
            clock=RealClock(),
            drift=drift,
            timing=QUICK,
        )
        async for item in news:
            heard.append(item)
            if len(story.headers) == 2 and isinstance(item, BalanceNews):
                break
        await news.aclose()  # type: ignore[attr-defined]
    assert story.headers[:2] == ["Bearer token-0", "Bearer token-1"]
    first = heard[: heard.index(StreamNews(StreamState.DOWN))]
    assert first[:2] == [StreamNews(StreamState.CONNECTING), StreamNews(StreamState.UP)]
    assert [type(item) for item in first[2:]] == [OrderNews, BalanceNews]
    assert sum(drift.counts.values()) >= 2
    assert len(drift.samples) >= 2


def test_backoff_grows_to_a_minute_and_is_cut_by_a_fifth_at_most() -> None:
    for attempt, step in enumerate([*BACKOFF_MS, BACKOFF_MS[-1]]):
        waits = [backoff_s(attempt, BACKOFF_MS, 3_600_000_000_000 + after_ns) for after_ns in range(50)]
        assert step * 0.8 / 1000 <= min(waits) < step * 0.85 / 1000
        assert step * 0.95 / 1000 < max(waits) <= step / 1000
        # Two processes that lost the same exchange a nanosecond apart come back at different times.
        assert len(set(waits)) > 40
        assert backoff_s(attempt, BACKOFF_MS, 7) == backoff_s(attempt, BACKOFF_MS, 7)
