"""Bytes of HTTP answers, and what a parsed request head says."""

from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import unquote

from exchanges.simulator.wire import Request, Response

_PHRASES = {int(status): status.phrase for status in HTTPStatus}
_JOINED = frozenset({"connection", "upgrade"})


class Head:
    """Collects one request while httptools parses it."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.repeated: str | None = None
        """A header sent twice; Upbit may refuse that (upbit.md §1.1)."""

    def add(self, name: bytes, value: bytes) -> None:
        """Take one header."""
        key, headers = _lower(name), self.headers
        if key in headers and key not in _JOINED:
            self.repeated = key
        headers[key] = value.decode("latin-1").strip()

    @property
    def wants_websocket(self) -> bool:
        """Return whether this is a WebSocket handshake."""
        return self.headers.get("upgrade", "").lower() == "websocket"

    def request(self, method: bytes, peer: str) -> Request:
        """Return the finished request."""
        path, _, query = self.url.decode("latin-1").partition("?")
        return Request(method.decode("latin-1"), unquote(path), query, self.headers, bytes(self.body), peer)


# Clients spell few names, a request has half a dozen of them.
@lru_cache(maxsize=64)
def _lower(name: bytes) -> str:
    return name.decode("latin-1").lower()


@lru_cache(maxsize=4)
def _date(wall_s: int) -> str:
    return formatdate(wall_s, usegmt=True)


def response_bytes(response: Response, wall_ns: int, *, keep_alive: bool) -> bytes:
    """Return the whole answer as it goes on the wire."""
    status, body = response.status, response.body
    headers = "".join([f"{name}: {value}\r\n" for name, value in response.headers])
    head = (
        f"HTTP/1.1 {status} {_PHRASES.get(status, 'Unknown')}\r\n{headers}Date: {_date(wall_ns // 1_000_000_000)}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: {'keep-alive' if keep_alive else 'close'}\r\n\r\n"
    )
    return head.encode("latin-1") + body
