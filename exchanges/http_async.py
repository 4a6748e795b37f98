"""Keep-alive HTTP/1.1 on raw asyncio protocols: connections open ahead of time, one write each.

This file raises only its own `Cut` and `NotConnected`; `transport.py` turns them into outcomes.
After `Connection.begin` returned, bytes must be taken as gone; before it, none has left.
"""

import asyncio
import contextlib
import os
import socket
import ssl
from typing import TypeAlias

import httptools
import msgspec

_BACKOFF_S = (0.05, 0.2, 1.0, 2.0, 5.0)
_KEEP_ALIVE = (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
"""Seconds of quiet before the kernel probes, between probes, and how many may go unanswered (R1.2)."""


class NotConnected(Exception):
    """No connection could be had: no byte left."""


class Cut(Exception):
    """The connection ended or spoke nonsense after the request was written."""


def keep_alive(sock: "socket.socket | None") -> None:
    """Let the kernel find out that the other side is gone; a system that lacks a knob keeps its own."""
    if sock is None:
        return
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEP_ALIVE:
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class Parsed(msgspec.Struct, frozen=True):
    """One answer: header names in lower case, the last of a name wins."""

    status: int
    headers: dict[str, str]
    body: bytes


Waiter: TypeAlias = "asyncio.Future[Parsed | None]"
"""Who waits for an answer; None when he is told that he waited long enough."""


class Connection(asyncio.Protocol):
    """One socket, at most one request in flight."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._peek: socket.socket | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: Waiter | None = None
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._body_len = 0
        self._headers_done = False
        self.is_reusable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep a second handle on the socket, to look at it without reading from it."""
        self._transport = transport  # type: ignore[assignment]
        sock = transport.get_extra_info("socket")
        if sock is not None:
            keep_alive(sock)
            self._peek = socket.socket(fileno=os.dup(sock.fileno()))
            self._peek.setblocking(False)

    def is_alive(self) -> bool:
        """Return whether the socket is open and silent, asking the kernel, not the event loop.

        Bytes nobody asked for (an idle time-out answer, a TLS close) also make it unfit.
        """
        if self._transport is None or self._transport.is_closing() or not self.is_reusable:
            return False
        if self._peek is None:
            return True
        try:
            self._peek.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def begin(self, data: bytes) -> Waiter:
        """Write one whole request; from here on its bytes count as gone. NotConnected if none went."""
        if self._transport is None or self._transport.is_closing() or self._waiter is not None:
            raise NotConnected("connection is not free")
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        return self._waiter

    def abort(self) -> None:
        """Close at once; a request still in flight is cut."""
        self.is_reusable = False
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; bytes without a request end the connection."""
        if self._waiter is None:
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"answer is not HTTP: {type(error).__name__}")
        except httptools.HttpParserUpgrade:
            self._fail("answer is an upgrade")

    def eof_received(self) -> None:
        """An answer without a length ends with the stream."""
        self.is_reusable = False
        open_ended = "content-length" not in self._headers and "transfer-encoding" not in self._headers
        if self._waiter is not None and self._headers_done and open_ended:
            self.on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what is in flight and tell the pool."""
        self.is_reusable = False
        if self._peek is not None:
            self._peek.close()
            self._peek = None
        self._fail("connection closed without an answer" if exc is None else type(exc).__name__)
        self._pool.forget(self)

    def on_message_begin(self) -> None:
        """Parser: a new answer; one that nobody asked for ends the connection after this one."""
        if self._waiter is None:
            self.is_reusable = False
        self._headers = {}
        self._body = []
        self._body_len = 0
        self._headers_done = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Parser: one header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Parser: the headers are whole."""
        self._headers_done = True

    def on_body(self, data: bytes) -> None:
        """Parser: a piece of the body, bounded."""
        self._body_len += len(data)
        if self._body_len > self._pool.max_body:
            self._fail(f"answer body passed {self._pool.max_body} bytes")
        else:
            self._body.append(data)

    def on_message_complete(self) -> None:
        """Parser: the answer is whole; a 1xx is not one."""
        status = self._parser.get_status_code()
        waiter = self._waiter
        if status < 200 or waiter is None:
            return
        self._waiter = None
        self.is_reusable = self.is_reusable and bool(self._parser.should_keep_alive())
        if not waiter.done():
            waiter.set_result(Parsed(status, self._headers, b"".join(self._body)))

    def _fail(self, cause: str) -> None:
        self.is_reusable = False
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(Cut(cause))
        if self._transport is not None:
            self._transport.abort()


class Pool:
    """Connections to one host, `size` of them kept open ahead of time, never more than `max_size`."""

    def __init__(
        self, host: str, port: int, *, tls: ssl.SSLContext | None, size: int, max_size: int, max_body: int
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._size = size
        self._max_size = max_size
        self.max_body = max_body
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._opening = 0
        self._keeper: asyncio.Task[None] | None = None
        self._is_open = False

    async def open(self) -> None:
        """Start keeping `size` connections open; returns when they are, or could not be, opened once."""
        self._is_open = True
        for result in await asyncio.gather(*(self.connect(5.0) for _ in range(self._size)), return_exceptions=True):
            if isinstance(result, Connection):
                self.give_back(result)
        self._keep()

    async def close(self) -> None:
        """Close everything; requests in flight are cut."""
        self._is_open = False
        if self._keeper is not None:
            self._keeper.cancel()
        for connection in list(self._all):
            connection.abort()
        await asyncio.sleep(0)

    def take(self) -> Connection | None:
        """Return a connection that the kernel says is alive, newest used first, or None."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_alive():
                return connection
            connection.abort()
        return None

    async def connect(self, timeout_s: float) -> Connection:
        """Open one more connection. NotConnected when that fails or there are too many."""
        if len(self._all) + self._opening >= self._max_size:
            raise NotConnected(f"all {self._max_size} connections are busy")
        self._opening += 1
        try:
            async with asyncio.timeout(timeout_s):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(self), self._host, self._port, ssl=self._tls
                )
        except TimeoutError:
            raise NotConnected(f"connect took longer than {timeout_s} s") from None
        except (OSError, ssl.SSLError) as error:
            raise NotConnected(f"connect failed: {type(error).__name__}") from None
        finally:
            self._opening -= 1
        self._all.add(connection)
        return connection

    def give_back(self, connection: Connection) -> None:
        """Return a connection whose answer is complete, or that was not used."""
        if self._is_open and connection.is_reusable:
            self._idle.append(connection)
        else:
            connection.abort()

    def forget(self, connection: Connection) -> None:
        """Drop a closed connection, and see to a new one."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._keep()

    def _keep(self) -> None:
        if self._is_open and len(self._all) < self._size and (self._keeper is None or self._keeper.done()):
            self._keeper = asyncio.get_running_loop().create_task(self._refill())

    async def _refill(self) -> None:
        attempt = 0
        while self._is_open and len(self._all) < self._size:
            await asyncio.sleep(_BACKOFF_S[min(attempt, len(_BACKOFF_S) - 1)])
            attempt += 1
            try:
                self.give_back(await self.connect(5.0))
            except NotConnected:
                continue
