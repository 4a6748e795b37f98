"""The one door to an exchange: requests out, answers in, and *whether a request had left* when it failed.

Foreign exceptions (sockets, TLS, HTTP and WebSocket libraries) end here; what leaves is one of the
outcomes below or an error of the house. Nothing raised or logged carries a key, token or signature.
"""

import asyncio
import re
import ssl
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from typing import Protocol, cast
from urllib.parse import quote, urlsplit

import msgspec
import requests
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from arbitrage.domain.errors import Disconnected, ReadFailed
from exchanges.http_async import Connection, Cut, NotConnected, Pool, Waiter, keep_alive
from exchanges.whole_messages import MAX_MESSAGE, WholeMessages

MAX_BODY = 8 * 1024 * 1024
"""No answer we ask for comes near this; a longer one is cut."""
_CONNECT_S = 1.0
"""How long a request without a connection at hand may wait for one before it counts as not sent."""
_USER_AGENT = "k-arb"
JSON = "application/json; charset=utf-8"
_SAFE = "=&,[]:"
_SECRETS = re.compile(
    r"(?i)(Bearer\s+)[\w.\-]+"
    r"|(\"?(?:access_key|secret_key|token|nonce|signature|query_hash|api-key|api-sign|api-nonce)\"?\s*[:=]\s*\"?)[\w.\-=]+"
)


def redacted(text: str) -> str:
    """Return `text` without tokens and keys, at most 300 characters."""
    return _SECRETS.sub(lambda hit: (hit.group(1) or hit.group(2)) + "***", text[:2000])[:300]


class Clock(Protocol):
    """The two clocks I/O classes are handed."""

    def wall_ns(self) -> int:
        """Return UTC nanoseconds."""

    def mono_ns(self) -> int:
        """Return monotonic nanoseconds."""


class Request(msgspec.Struct, frozen=True):
    """One HTTP request. `query` is the raw text that was signed; `token` is empty for public calls.

    `headers` are further ones, of a signature that is no token (bithumb.md §1.2).
    """

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    token: str = ""
    kind: str = JSON
    """Content-Type of the body."""
    headers: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"Request({self.method} {self.path})"

    @property
    def target(self) -> str:
        """Return path and percent-encoded query; brackets stay bare (upbit.md §1.1)."""
        return f"{self.path}?{quote(self.query, safe=_SAFE)}" if self.query else self.path


class HttpAnswer(msgspec.Struct, frozen=True):
    """A whole answer came. Header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    sent_mono_ns: int
    answered_mono_ns: int


class Lost(msgspec.Struct, frozen=True):
    """Bytes left, no whole answer came: what came of the request is not known."""

    cause: str


class Unsent(msgspec.Struct, frozen=True):
    """No byte left."""

    cause: str


class Stopped(msgspec.Struct, frozen=True):
    """Our own last check said no; no byte left."""

    reason: str


Outcome = HttpAnswer | Lost | Unsent | Stopped


class Orders(StrEnum):
    """Whether orders may leave through a transport: KEPT_BACK is how real exchanges are only watched (R4.2)."""

    LEAVE = "leave"
    KEPT_BACK = "kept_back"


class Use(StrEnum):
    """Orders have connections of their own, so that no read can be in their way."""

    ORDERS = "orders"
    READS = "reads"


def address_of(url: str) -> str:
    """Return scheme and host of `url` as a transport made with it connects to them."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower()


def request_bytes(request: Request, host: str) -> bytes:
    """Return the request as it goes on the wire: one Content-Type at most (upbit.md §1.1)."""
    token = f"Authorization: Bearer {request.token}\r\n" if request.token else ""
    kind = f"Content-Type: {request.kind}\r\nContent-Length: {len(request.body)}\r\n" if request.body else ""
    more = "".join(f"{name}: {value}\r\n" for name, value in request.headers)
    head = (
        f"{request.method} {request.target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {_USER_AGENT}\r\n"
        f"Accept: application/json\r\n{kind}{token}{more}\r\n"
    )
    return head.encode("ascii") + request.body


@cache
def trusted() -> ssl.SSLContext:
    """Return how a server is believed to be who it says it is: the machine's certificates, read once (25 ms)."""
    return ssl.create_default_context()


class AsyncTransport:
    """Keep-alive connections of one exchange, opened ahead of time, one request on each at a time."""

    def __init__(
        self,
        base_url: str,
        clock: Clock,
        *,
        order_connections: int = 2,
        read_connections: int = 1,
        orders: Orders = Orders.LEAVE,
    ) -> None:
        self.orders = orders
        parts = urlsplit(base_url)
        tls = trusted() if parts.scheme == "https" else None
        host = parts.hostname or ""
        port = parts.port or (443 if tls else 80)
        self._host_header = parts.netloc.rpartition("@")[2]
        self.address = address_of(base_url)
        """Where every byte goes: scheme and host."""
        self._clock = clock
        sizes = {Use.ORDERS: order_connections, Use.READS: read_connections}
        self._pools = {
            use: Pool(host, port, tls=tls, size=size, max_size=16, max_body=MAX_BODY) for use, size in sizes.items()
        }

    async def open(self) -> None:
        """Open connections; an exchange that is away is tried again in the background."""
        await asyncio.gather(*(pool.open() for pool in self._pools.values()))

    async def close(self) -> None:
        """Close all connections."""
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))

    async def send(
        self,
        build: Callable[[], Request],
        *,
        use: Use,
        timeout_ns: int,
        last_check: Callable[[], str | None] | None = None,
    ) -> Outcome:
        """Send one request once and return what is known of it. Never sends again by itself.

        `build` signs when the connection is at hand; `last_check` is asked with nothing between
        it and the write, and marks what makes an order: where orders are kept back nothing with one leaves.
        Cancelled while waiting: the connection is closed and the outcome is lost.
        """
        if last_check is not None and self.orders is not Orders.LEAVE:
            return Stopped("this transport lets no order leave")
        pool = self._pools[use]
        connection = pool.take()
        if connection is None:
            try:
                connection = await pool.connect(min(timeout_ns / 1e9, _CONNECT_S))
            except NotConnected as error:
                return Unsent(str(error))
        try:
            data = request_bytes(build(), self._host_header)
            reason = None if last_check is None else last_check()
            if reason is not None:
                pool.give_back(connection)
                return Stopped(reason)
            sent_mono_ns = self._clock.mono_ns()
            waiter = connection.begin(data)
        except NotConnected as error:
            connection.abort()
            return Unsent(str(error))
        except BaseException:
            connection.abort()
            raise
        return await self._answer(pool, connection, waiter, sent_mono_ns, timeout_ns)

    async def _answer(
        self, pool: Pool, connection: Connection, waiter: Waiter, sent_mono_ns: int, timeout_ns: int
    ) -> Outcome:
        timer = asyncio.get_running_loop().call_later(timeout_ns / 1e9, _give_up, waiter)
        try:
            parsed = await waiter
        except Cut as error:
            return Lost(str(error))
        except BaseException:
            connection.abort()
            raise
        finally:
            timer.cancel()
        if parsed is None:
            connection.abort()
            return Lost(f"no answer within {timeout_ns // 1_000_000} ms")
        answered = self._clock.mono_ns()
        pool.give_back(connection)
        return HttpAnswer(parsed.status, parsed.headers, parsed.body, sent_mono_ns, answered)


def _give_up(waiter: Waiter) -> None:
    if not waiter.done():
        waiter.set_result(None)


class SyncTransport:
    """The same requests over `requests`, for jobs and commands: reads only, no pool, no orders."""

    def __init__(self, base_url: str, clock: Clock, *, timeout_s: float = 5.0) -> None:
        self._base_url = base_url.rstrip("/")
        self._clock = clock
        self._timeout_s = timeout_s
        self._session = requests.Session()
        self._session.trust_env = False

    def send(self, request: Request) -> HttpAnswer:
        """Return the answer. ReadFailed when none came or it was too long."""
        headers = {"Accept": "application/json", "User-Agent": _USER_AGENT}
        if request.token:
            headers["Authorization"] = f"Bearer {request.token}"
        if request.body:
            headers["Content-Type"] = request.kind
        headers.update(request.headers)
        sent = self._clock.mono_ns()
        try:
            with self._session.request(
                request.method,
                self._base_url + request.target,
                headers=headers,
                data=request.body or None,
                timeout=self._timeout_s,
                allow_redirects=False,
                stream=True,
            ) as answer:
                body = b""
                for piece in answer.iter_content(65536):
                    body += piece
                    if len(body) > MAX_BODY:
                        raise ReadFailed(f"{request!r}: answer body passed {MAX_BODY} bytes")
                lower = {name.lower(): value for name, value in answer.headers.items()}
                return HttpAnswer(answer.status_code, lower, body, sent, self._clock.mono_ns())
        except requests.RequestException as error:
            raise ReadFailed(f"{request!r}: {type(error).__name__}") from None

    def close(self) -> None:
        """Close the session."""
        self._session.close()


class Socket:
    """One WebSocket. Everything that ends it is `Disconnected`.

    Compression off (11 us a frame), no proxy from the environment, no Origin header (upbit.md §3.1),
    frames as bytes whether text or binary (upbit.md §3.3, bithumb.md §6.1).
    """

    def __init__(self, connection: WholeMessages) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, url: str, headers: dict[str, str] | None = None) -> "Socket":
        """Connect within 10 s. Disconnected when that fails, with the HTTP status if there was one."""
        try:
            connection = await connect(
                url,
                additional_headers=headers,
                compression=None,
                proxy=None,
                create_connection=WholeMessages,
                max_size=MAX_MESSAGE,
                open_timeout=10,
                close_timeout=2,
                ping_interval=20,
                ping_timeout=20,
            )
        except (OSError, WebSocketException) as error:
            raise Disconnected(redacted(f"connect: {type(error).__name__}: {error}")) from None
        keep_alive(connection.transport.get_extra_info("socket"))
        return cls(cast(WholeMessages, connection))

    async def recv(self) -> bytes:
        """Return the next frame."""
        try:
            return await self._connection.next_message()
        except ConnectionClosed as error:
            code = error.rcvd.code if error.rcvd is not None else 1006
            raise Disconnected(f"closed with code {code}") from None

    async def send(self, text: str) -> None:
        """Send one text frame."""
        try:
            await self._connection.send(text)
        except ConnectionClosed:
            raise Disconnected("closed while sending") from None

    async def confirm(self) -> None:
        """Return when the server has read everything sent so far (a ping came back), within 10 s."""
        try:
            async with asyncio.timeout(10):
                await (await self._connection.ping())
        except (TimeoutError, ConnectionClosed):
            raise Disconnected("no pong") from None

    async def close(self) -> None:
        """Close; bounded by two seconds."""
        await self._connection.close()
