"""Tick to two orders over loopback: a peer sends one frame and waits for both requests that come of it.

The time is taken by the peer alone: from before the frame's send to after the last byte of the second
request. The floor and the desk's processes meet the same peer, in turn, within one run.
"""

import base64
import hashlib
import json
import re
import selectors
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from arbitrage.domain.errors import InvariantError
from arbitrage.domain.units import EXCHANGES, Exchange

_KEY = re.compile(rb"(?i)\r\nSec-WebSocket-Key: *([^\r]+)\r\n")
_LENGTH = re.compile(rb"(?i)\r\nContent-Length: *(\d+)\r\n")
_ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_ANSWER_BODY = (
    b'{"uuid":"b","order_id":"b","market":"KRW-BTC","state":"wait","volume":"1","executed_volume":"0","paid_fee":"0"}'
)
_ANSWER = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(_ANSWER_BODY),
    _ANSWER_BODY,
)
WAIT_S = 2.0
PAUSE_S = 0.003


class _Link:
    # One accepted connection: a stream once it asked for an upgrade, else requests.
    def __init__(self, exchange: Exchange, connection: socket.socket) -> None:
        self.exchange = exchange
        self.connection = connection
        self.data = b""
        self.is_stream = False


class Peer:
    """Both exchanges for one system under test."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._listeners = {}
        for exchange in EXCHANGES:
            listener = socket.create_server(("127.0.0.1", 0))
            self._listeners[exchange] = listener
            self._selector.register(listener, selectors.EVENT_READ, exchange)
        self.ports = {exchange.value: listener.getsockname()[1] for exchange, listener in self._listeners.items()}
        self.streams: dict[Exchange, socket.socket] = {}
        self._links: list[_Link] = []
        self.arrived: list[int] = []

    def serve(self, timeout_s: float) -> None:
        """Deal with whatever comes within `timeout_s`, once."""
        for key, _ in self._selector.select(timeout_s):
            if isinstance(key.data, _Link):
                self._read(key.data)
            else:
                connection, _ = self._listeners[key.data].accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                link = _Link(key.data, connection)
                self._links.append(link)
                self._selector.register(connection, selectors.EVENT_READ, link)

    def _read(self, link: _Link) -> None:
        data = link.connection.recv(65536)
        now = time.monotonic_ns()
        if not data:
            self._selector.unregister(link.connection)
            return
        link.data += data
        if link.is_stream:
            self._answer_pings(link)
            return
        while (head := link.data.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(link.data, 0, head + 2)
            end = head + 4 + (int(length[1]) if length else 0)
            if len(link.data) < end:
                return
            key = _KEY.search(link.data, 0, head + 2)
            link.data = link.data[end:]
            if key is not None:
                self._upgrade(link, key[1].strip())
                return
            self.arrived.append(now)
            link.connection.send(_ANSWER)

    def _upgrade(self, link: _Link, key: bytes) -> None:
        accept = base64.b64encode(hashlib.sha1(key + _ACCEPT).digest())  # noqa: S324  # nosec B324: RFC 6455 asks for it
        link.connection.send(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %s\r\n\r\n" % accept
        )
        link.is_stream = True
        self.streams[link.exchange] = link.connection

    def _answer_pings(self, link: _Link) -> None:
        # The client's control frames: masked, under 126 bytes.
        while len(link.data) >= 6 and len(link.data) >= (end := 6 + (link.data[1] & 0x7F)):
            opcode, mask, body = link.data[0] & 0x0F, link.data[2:6], link.data[6:end]
            link.data = link.data[end:]
            if opcode == 9:
                plain = bytes(byte ^ mask[place % 4] for place, byte in enumerate(body))
                link.connection.send(bytes((0x8A, len(plain))) + plain)

    def tick(self, exchange: Exchange, wire_frame: bytes) -> int | None:
        """Send one frame; return ns until the second request was whole, None when it never came."""
        self.arrived.clear()
        begin = time.monotonic_ns()
        self.streams[exchange].send(wire_frame)
        deadline = begin + int(WAIT_S * 1e9)
        while len(self.arrived) < 2 and time.monotonic_ns() < deadline:
            self.serve(WAIT_S)
        return self.arrived[1] - begin if len(self.arrived) > 1 else None

    def close(self) -> None:
        """Hang up."""
        for link in self._links:
            link.connection.close()
        for listener in self._listeners.values():
            listener.close()
        self._selector.close()


def wire(data: bytes) -> bytes:
    """Return a server's unmasked binary WebSocket frame, as both exchanges send (upbit.md §3.3)."""
    return bytes((0x82, 126)) + len(data).to_bytes(2, "big") + data


class System(msgspec.Struct, frozen=True):
    """What is timed: which processes make it up."""

    name: str
    roles: tuple[str, ...]
    has_journal: bool = False


FLOOR = System("floor: bare sockets, prebuilt bytes", ("floor",))
SYSTEMS = (
    FLOOR,
    System("one process", ("one_process",)),
    System("feed and trader", ("trader", "feed")),
    System("feed and trader, journal on disk", ("trader", "feed"), has_journal=True),
)


class Run:
    """One system, its peer and its processes, kept open over all rounds."""

    def __init__(
        self,
        system: System,
        directory: Path,
        journal_dir: Path,
        streams: dict[Exchange, list[bytes]],
        requests: tuple[bytes, bytes],
    ) -> None:
        self.system = system
        self.peer = Peer()
        self.samples: list[int] = []
        self.lost = 0
        self.extra = 0
        self._frames = {exchange: [wire(data) for data in made] for exchange, made in streams.items()}
        self._next = 0
        told = {
            "directory": str(directory),
            "ports": self.peer.ports,
            "frame_bytes": len(self._frames[Exchange.UPBIT][0]),
            "requests": [data.decode() for data in requests],
            "journal": str(journal_dir / f"{directory.name}.journal") if system.has_journal else "",
        }
        self._parts = [self._start(role, told) for role in system.roles]
        if system is not FLOOR:
            # The first Bithumb book: nothing to compare it with yet.
            self.peer.streams[Exchange.BITHUMB].send(self._frames[Exchange.BITHUMB][0])
            self._settle(0.2)

    def _start(self, role: str, told: dict[str, object]) -> subprocess.Popen[str]:
        part = subprocess.Popen(
            [sys.executable, "-m", "workers.bench_child", json.dumps(told | {"role": role})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if part.stdout is None:
            raise InvariantError("a child was started without stdout")
        ready = selectors.DefaultSelector()
        ready.register(part.stdout, selectors.EVENT_READ)
        deadline = time.monotonic() + 30
        while not ready.select(0):
            self.peer.serve(0.02)
            if time.monotonic() > deadline:
                part.kill()
                raise InvariantError(f"the bench's {role} did not start within 30 s")
        ready.close()
        if part.stdout.readline() != "ready\n":
            raise InvariantError(f"the bench's {role} ended with {part.wait(10)} before it was ready")
        return part

    def _settle(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.peer.serve(left)

    def keep_awake(self) -> None:
        """Answer the pings that came while others were timed; a feed gives up on a peer that answers none."""
        self._settle(PAUSE_S)

    def ticks(self, count: int) -> None:
        """Time `count` ticks, some milliseconds apart."""
        if self.system is not FLOOR:
            # Makes the other book young again; may itself be a signal, which is not timed.
            self.peer.arrived.clear()
            self.peer.streams[Exchange.BITHUMB].send(self._frames[Exchange.BITHUMB][0])
            self._settle(0.05)
        upbit = self._frames[Exchange.UPBIT]
        for _ in range(count):
            took = self.peer.tick(Exchange.UPBIT, upbit[self._next % len(upbit)])
            self._next += 1
            self._settle(PAUSE_S)
            if took is None:
                self.lost += 1
            else:
                self.samples.append(took)
                self.extra += len(self.peer.arrived) - 2

    def close(self) -> None:
        """End the processes: hang up, then wait."""
        self.peer.close()
        for part in self._parts:
            if part.stdin is not None:
                part.stdin.close()
            try:
                part.wait(10)
            except subprocess.TimeoutExpired:
                part.kill()
                part.wait(10)
