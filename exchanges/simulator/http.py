"""Bytes of HTTP answers, and what a parsed request head says."""

from email.utils import formatdate
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
        key = name.decode("latin-1").lower()
        if key in self.headers and key not in _JOINED:
            self.repeated = key
        self.headers[key] = value.decode("latin-1").strip()

    @property
    def wants_websocket(self) -> bool:
        """Return whether this is a WebSocket handshake."""
        return self.headers.get("upgrade", "").lower() == "websocket"

    def request(self, method: bytes, peer: str) -> Request:
        """Return the finished request."""
        path, _, query = self.url.decode("latin-1").partition("?")
        return Request(method.decode("latin-1"), unquote(path), query, self.headers, bytes(self.body), peer)


def response_bytes(response: Response, wall_ns: int, *, keep_alive: bool) -> bytes:
    """Return the whole answer as it goes on the wire."""
    lines = [f"HTTP/1.1 {response.status} {_PHRASES.get(response.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    lines.append(f"Date: {formatdate(wall_ns / 1e9, usegmt=True)}")
    lines.append(f"Content-Length: {len(response.body)}")
    lines.append(f"Connection: {'keep-alive' if keep_alive else 'close'}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + response.body
