"""Whether a request had left when it failed: against a server that does what it is told, over real sockets."""

import asyncio
import contextlib
import os
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import uvloop
from order_makers import RealClock

from arbitrage.domain.errors import Disconnected
from exchanges.http_async import Pool
from exchanges.transport import MAX_BODY, AsyncTransport, HttpAnswer, Lost, Request, Socket, Stopped, Unsent, Use

SECOND = 1_000_000_000
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
Answerer = Callable[["Server", asyncio.StreamReader, asyncio.StreamWriter, bytes], Awaitable[None]]


class Server:
    """Counts what came, and hands each request to `answer`."""

    def __init__(self, answer: Answerer) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0
        self.writers: list[asyncio.StreamWriter] = []
        self._answer = answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
                body = await reader.readexactly(int(length[0].split(b":")[1])) if length else b""
                self.requests.append(head + body)
                await self._answer(self, reader, writer, head)


async def say(data: bytes, writer: asyncio.StreamWriter, *, close: bool = False) -> None:
    writer.write(data)
    await writer.drain()
    if close:
        writer.close()


async def answer_ok(server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
    await say(OK, writer)


@contextlib.asynccontextmanager
async def running(answer: Answerer = answer_ok, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(answer)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for writer in server.writers:
            writer.close()


@contextlib.asynccontextmanager
async def client(server: Server, orders: int = 2) -> AsyncIterator[AsyncTransport]:
    transport = AsyncTransport(f"http://127.0.0.1:{server.port}", RealClock(), order_connections=orders)
    await transport.open()
    try:
        yield transport
    finally:
        await transport.close()


async def post(transport: AsyncTransport, timeout_ns: int = 2 * SECOND, **more: object) -> object:
    request = Request("POST", "/v1/orders", "", b'{"a":"1"}', "tok.en.sig")
    return await transport.send(lambda: request, use=Use.ORDERS, timeout_ns=timeout_ns, **more)  # type: ignore[arg-type]


async def test_connections_are_open_ahead_of_time_and_kept() -> None:
    async with running() as server, client(server) as transport:
        assert server.connections == 3
        for _ in range(5):
            assert isinstance(await post(transport), HttpAnswer)
        assert server.connections == 3
        assert len(server.requests) == 5


async def test_request_on_the_wire_is_exactly_this() -> None:
    async with running() as server, client(server) as transport:
        answer = await post(transport)
        assert server.requests == [
            b"POST /v1/orders HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: k-arb\r\nAccept: application/json\r\n"
            b"Content-Type: application/json; charset=utf-8\r\nContent-Length: 9\r\n"
            b'Authorization: Bearer tok.en.sig\r\n\r\n{"a":"1"}' % server.port
        ]
    assert isinstance(answer, HttpAnswer)
    assert answer.body == b"[]"
    assert 0 < answer.sent_mono_ns < answer.answered_mono_ns


async def test_two_orders_at_once_use_two_connections() -> None:
    gate = asyncio.Event()

    async def wait(server: Server, reader: object, writer: asyncio.StreamWriter, head: bytes) -> None:
        if len(server.requests) == 2:
            gate.set()
        await gate.wait()
        await say(OK, writer)

    async with running(wait) as server, client(server) as transport:
        answers = await asyncio.gather(post(transport), post(transport))
        assert all(isinstance(answer, HttpAnswer) for answer in answers)


async def test_third_order_while_two_wait_opens_a_connection_of_its_own() -> None:
    gate = asyncio.Event()

    async def wait(server: Server, reader: object, writer: asyncio.StreamWriter, head: bytes) -> None:
        if len(server.requests) == 3:
            gate.set()
        await gate.wait()
        await say(OK, writer)

    async with running(wait) as server, client(server) as transport:
        answers = await asyncio.gather(*(post(transport) for _ in range(3)))
        assert all(isinstance(answer, HttpAnswer) for answer in answers)
        assert server.connections == 4


async def test_nobody_listening_is_unsent() -> None:
    async with running() as server:
        port = server.port
    transport = AsyncTransport(f"http://127.0.0.1:{port}", RealClock())
    await transport.open()
    assert isinstance(await post(transport), Unsent)
    await transport.close()


async def test_name_that_no_server_knows_is_unsent_at_once() -> None:
    # .invalid resolves nowhere (RFC 2606): no name server, none that answers, or none that knows.
    transport = AsyncTransport("https://api.exchange.invalid", RealClock())
    await transport.open()
    assert isinstance(await post(transport), Unsent)
    with pytest.raises(Disconnected):
        await Socket.open("wss://api.exchange.invalid/websocket/v1", {})
    await transport.close()


async def test_connection_closed_while_idle_is_noticed_and_not_used() -> None:
    async with running() as server, client(server) as transport:
        for writer in server.writers:
            writer.close()
            await writer.wait_closed()
        assert isinstance(await post(transport), HttpAnswer)
        assert len(server.requests) == 1


async def test_close_that_the_event_loop_has_not_seen_yet_is_seen_in_the_kernel() -> None:
    async with running() as server, client(server) as transport:
        # Half-closed by the peer, no turn of the loop between: only the socket itself knows.
        for writer in server.writers:
            with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as handle:
                handle.shutdown(socket.SHUT_WR)
        outcome = await post(transport)
        assert isinstance(outcome, HttpAnswer)
        assert len(server.requests) == 1


async def test_closed_after_the_request_came_is_lost_and_never_sent_again() -> None:
    async def cut(server: Server, reader: object, writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.close()

    async with running(cut) as server, client(server) as transport:
        assert isinstance(await post(transport), Lost)
        await asyncio.sleep(0.3)
        assert len(server.requests) == 1


async def test_reset_after_the_request_came_is_lost() -> None:
    async def reset(server: Server, reader: object, writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.transport.abort()

    async with running(reset) as server, client(server) as transport:
        assert isinstance(await post(transport), Lost)


async def test_half_an_answer_is_lost() -> None:
    async def half(server: Server, reader: object, writer: asyncio.StreamWriter, head: bytes) -> None:
        await say(b"HTTP/1.1 201 Created\r\nContent-Length: 50\r\n\r\n{", writer, close=True)

    async with running(half) as server, client(server) as transport:
        assert isinstance(await post(transport), Lost)


async def test_silence_is_lost_and_the_connection_is_not_used_again() -> None:
    async def silent_once(server: Server, reader: object, writer: asyncio.StreamWriter, head: bytes) -> None:
        if len(server.requests) > 1:
            await say(OK, writer)

    async with running(silent_once) as server, client(server, orders=1) as transport:
        outcome = await post(transport, timeout_ns=SECOND // 20)
        assert outcome == Lost("no answer within 50 ms")
        assert isinstance(await post(transport), HttpAnswer)
        assert server.connections == 3


@pytest.mark.parametrize("nonsense", [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\0\0\0\0\0\0\0\0"])
async def test_nonsense_is_lost(nonsense: bytes) -> None:
    async def talk(server: Server, reader: object, writer: asyncio.StreamWriter, head: bytes) -> None:
        await say(nonsense, writer, close=True)

    async with running(talk) as server, client(server) as transport:
        assert isinstance(await post(transport), Lost)


async def test_body_beyond_the_bound_is_lost() -> None:
    async def flood(server: Server, reader: object, writer: asyncio.StreamWriter, head: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            await say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 * MAX_BODY), writer)
            for _ in range(2 * MAX_BODY // 65536):
                await say(b"x" * 65536, writer)

    async with running(flood) as server, client(server) as transport:
        assert isinstance(await post(transport, timeout_ns=10 * SECOND), Lost)


async def test_chunked_and_open_ended_bodies_are_whole() -> None:
    answers = [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n2\r\n,2\r\n1\r\n]\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n[3]",
    ]

    async def vary(server: Server, reader: object, writer: asyncio.StreamWriter, head: bytes) -> None:
        number = len(server.requests) - 1
        await say(answers[number], writer, close=number == 1)

    async with running(vary) as server, client(server) as transport:
        bodies = [(await post(transport)).body for _ in answers]  # type: ignore[attr-defined]
        assert bodies == [b"[1,2]", b"[3]"]


async def test_connection_close_header_ends_the_connection_after_its_answer() -> None:
    async def once(server: Server, reader: object, writer: asyncio.StreamWriter, head: bytes) -> None:
        await say(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n[]", writer)

    async with running(once) as server, client(server, orders=1) as transport:
        for _ in range(3):
            assert isinstance(await post(transport), HttpAnswer)
        assert server.connections >= 4


async def test_interim_answer_is_not_the_answer() -> None:
    async def early(server: Server, reader: object, writer: asyncio.StreamWriter, head: bytes) -> None:
        await say(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK, writer)

    async with running(early) as server, client(server) as transport:
        answer = await post(transport)
        assert isinstance(answer, HttpAnswer)
        assert answer.status == 200


async def test_answer_nobody_asked_for_ends_the_connection() -> None:
    async with running() as server, client(server, orders=1) as transport:
        server.writers[0].write(OK)
        await asyncio.sleep(0.05)
        assert isinstance(await post(transport), HttpAnswer)
        assert len(server.requests) == 1


async def test_last_check_stops_every_byte() -> None:
    async with running() as server, client(server) as transport:
        assert await post(transport, last_check=lambda: "halted") == Stopped("halted")
        await asyncio.sleep(0.05)
        assert server.requests == []
        assert isinstance(await post(transport, last_check=lambda: None), HttpAnswer)


async def test_caller_cancelled_while_waiting_closes_the_connection() -> None:
    async def silent(server: Server, reader: object, writer: asyncio.StreamWriter, head: bytes) -> None:
        await reader.read()  # type: ignore[attr-defined]

    async with running(silent) as server, client(server, orders=1) as transport:
        task = asyncio.create_task(post(transport))
        while not server.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert transport._pools[Use.ORDERS].take() is None


async def test_pool_comes_back_by_itself_after_the_exchange_was_away() -> None:
    async with running() as server, client(server) as transport:
        for writer in server.writers:
            writer.transport.abort()
        pool = transport._pools[Use.ORDERS]
        for _ in range(100):
            await asyncio.sleep(0.02)
            if len(pool._idle) == 2:
                break
        assert len(pool._idle) == 2
        assert isinstance(pool, Pool)


async def test_bug_while_building_sends_nothing_and_is_not_swallowed() -> None:
    def broken() -> Request:
        raise ZeroDivisionError

    async with running() as server, client(server) as transport:
        with pytest.raises(ZeroDivisionError):
            await transport.send(broken, use=Use.ORDERS, timeout_ns=SECOND)
        assert server.requests == []


async def test_tls_connection_is_kept_and_its_close_is_noticed(tmp_path: Path) -> None:
    certificate = tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", certificate, "-out",
         tmp_path / "only.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    certificate.write_bytes(certificate.read_bytes() + (tmp_path / "only.pem").read_bytes())
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.load_cert_chain(certificate)
    async with running(tls=ours) as server:
        transport = AsyncTransport(f"https://127.0.0.1:{server.port}", RealClock())
        await transport.open()
        # A certificate nobody vouches for: no byte of a request may leave.
        assert isinstance(await post(transport), Unsent)
        await transport.close()
        theirs = ssl.create_default_context(cafile=str(tmp_path / "only.pem"))
        for pool in transport._pools.values():
            pool._tls = theirs
        await transport.open()
        before = server.connections
        for _ in range(3):
            assert isinstance(await post(transport), HttpAnswer)
        assert server.connections == before
        for writer in server.writers:
            writer.close()
        await asyncio.sleep(0.1)
        assert isinstance(await post(transport), HttpAnswer)
        assert len(server.requests) == 4
        await transport.close()


@pytest.mark.parametrize(
    "story",
    [
        test_close_that_the_event_loop_has_not_seen_yet_is_seen_in_the_kernel,
        test_connections_are_open_ahead_of_time_and_kept,
        test_closed_after_the_request_came_is_lost_and_never_sent_again,
        test_silence_is_lost_and_the_connection_is_not_used_again,
        test_pool_comes_back_by_itself_after_the_exchange_was_away,
        test_last_check_stops_every_byte,
        test_name_that_no_server_knows_is_unsent_at_once,
    ],
)
def test_the_same_holds_on_uvloop(story: Callable[[], Awaitable[None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story())  # type: ignore[arg-type]
