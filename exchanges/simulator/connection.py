"""One TCP connection to a simulated exchange: HTTP with keep-alive, or a WebSocket after the upgrade.

Bytes only: what is asked and answered is decided by the `SimExchange`.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterable
from typing import cast

import httptools
from websockets.exceptions import InvalidState
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Request as Handshake
from websockets.protocol import State as WsState
from websockets.server import ServerProtocol

from exchanges.simulator.conversation import ABNORMAL, Conversation, Out
from exchanges.simulator.framing import plain_frames
from exchanges.simulator.http import Head, response_bytes
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wire import Delivery, Request, Response

MAX_REQUEST = 1 << 20
MAX_WAITING = 1_000
"""Requests a client may send ahead of their answers."""
MAX_BACKLOG = 8 << 20
"""A client this many bytes behind is cut off: the exchange does not wait (upbit.md §7)."""


class Connection(asyncio.Protocol):
    """The server's end of one connection. `after` is called whenever the exchange may have events for others."""

    def __init__(self, sim: SimExchange, wall_ns: Callable[[], int], after: Callable[[], None]) -> None:
        self.session: Conversation | None = None
        self.is_unwelcome = False
        """A fault: the connection is reset as soon as it is made."""
        self._exchange = sim
        self._wall_ns = wall_ns
        self._after = after
        self._transport: asyncio.Transport | None = None
        self._peer = ""
        self._parser = httptools.HttpRequestParser(self)
        self._head = Head()
        self._raw = bytearray()
        self._whole: deque[tuple[Head, bytes, bool]] = deque()
        """Requests not answered yet, in order: answers never overtake each other."""
        self._is_busy = False
        self._waits: asyncio.TimerHandle | None = None
        self._ws: ServerProtocol | None = None
        self._message = bytearray()
        self._has_ended = False

    @property
    def is_gone(self) -> bool:
        """Return whether this connection has ended."""
        return self._has_ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)
        if self.is_unwelcome:
            self._reset()
        peername = transport.get_extra_info("peername")
        self._peer = peername[0] if isinstance(peername, tuple) else "127.0.0.1"

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._transport = None
        self._has_ended = True
        self._whole.clear()
        if self._waits is not None:
            self._waits.cancel()
        if self.session is not None:
            self._exchange.disconnect(self.session)
            self.session = None
        self._after()

    def data_received(self, data: bytes) -> None:
        """Take bytes in."""
        if self._ws is not None and self.session is not None:
            self._websocket(self._ws, self.session, data)
            return
        if self._transport is None or self._transport.is_closing():
            return
        self._raw += data
        wants_upgrade, is_broken = False, False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            wants_upgrade = True
        except httptools.HttpParserError:
            is_broken = True
        self._serve_next()
        if wants_upgrade:
            self._upgrade()
        elif is_broken:
            self._answer(Response(400, b"Bad Request"), keep_alive=False)
        if len(self._raw) > MAX_REQUEST or len(self._whole) > MAX_WAITING:
            self._answer(Response(413, b"Payload Too Large"), keep_alive=False)
        self._after()

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._head = Head()

    def on_url(self, url: bytes) -> None:
        """Take (a part of) the target."""
        self._head.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header."""
        self._head.add(name, value)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._head.body += body

    def on_message_complete(self) -> None:
        """Keep the request that is now whole; it is answered once the parser has returned."""
        if not self._head.wants_websocket:
            self._raw.clear()
            self._whole.append((self._head, self._parser.get_method(), self._parser.should_keep_alive()))

    def flush(self) -> None:
        """Send what the session has for the client; end the connection if the exchange wants that."""
        session, ws = self.session, self._ws
        if session is None or ws is None or self._transport is None:
            return
        if session.outbox:
            if ws.state is WsState.OPEN:
                self._say(ws, self._transport, session.outbox)
            session.outbox.clear()
        if session.close_code == ABNORMAL:
            self._transport.abort()
        elif session.close_code is not None and ws.state is WsState.OPEN:
            ws.send_close(session.close_code)
            self._write()

    def abort(self) -> None:
        """Cut the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    # A reset on the wire, not an end.
    def _reset(self) -> None:
        if self._transport is not None:
            socket_ = self._transport.get_extra_info("socket")
            if socket_ is not None:  # a made-up connection has none
                socket_.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()

    def _serve_next(self) -> None:
        while self._whole and not self._is_busy and self._transport is not None and not self._transport.is_closing():
            head, method, keep_alive = self._whole.popleft()
            request = head.request(method, self._peer)
            hold_ns = self._exchange.answers.hold_ns(request)
            if hold_ns:
                self._later(hold_ns, lambda: self._serve(head, request, keep_alive=keep_alive))  # noqa: B023
            else:
                self._serve(head, request, keep_alive=keep_alive)

    def _serve(self, head: Head, request: Request, *, keep_alive: bool) -> None:
        now = self._wall_ns()
        response = self._exchange.repeated_header(now) if head.repeated is not None else None
        response = response or self._exchange.handle(request, now)
        if response.delay_ns:
            self._after()
            self._later(response.delay_ns, lambda: self._answer(response, keep_alive=keep_alive))
        else:
            self._answer(response, keep_alive=keep_alive)

    # What comes after must wait: answers leave in the order of their requests.
    def _later(self, delay_ns: int, act: Callable[[], None]) -> None:
        def go_on() -> None:
            self._is_busy = False
            act()
            self._serve_next()
            self._after()

        self._is_busy = True
        self._waits = asyncio.get_running_loop().call_later(delay_ns / 1e9, go_on)

    def _answer(self, response: Response, *, keep_alive: bool) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if response.delivery is Delivery.DROP:
            transport.abort()
            return
        if response.delivery is Delivery.HANG:
            self._is_busy = True
            return
        data = response_bytes(response, self._wall_ns(), keep_alive=keep_alive) * response.copies
        if response.delivery is Delivery.DRIP:
            self._drip(data, response, keep_alive=keep_alive)
            return
        if response.delivery in (Delivery.TRUNCATE, Delivery.RESET):
            transport.write(data[: len(data) - max(len(response.body) - response.part, 0)])
            # A reset right away would throw away what is not sent yet.
            if response.delivery is Delivery.RESET:
                self._later(20_000_000, self._reset)
            else:
                transport.close()
            return
        transport.write(data)
        if not keep_alive:
            transport.close()

    def _drip(self, data: bytes, response: Response, *, keep_alive: bool) -> None:
        if self._transport is None:
            return
        self._transport.write(data[: response.part])
        rest = data[response.part :]
        if rest:
            self._later(response.pace_ns, lambda: self._drip(rest, response, keep_alive=keep_alive))
        elif not keep_alive:
            self._transport.close()

    # The handshake again, this time for the WebSocket library: it checks it and answers it.
    def _upgrade(self) -> None:
        request = self._head.request(b"GET", self._peer)
        extensions = [ServerPerMessageDeflateFactory()] if self._exchange.offers_deflate else []
        ws = self._ws = ServerProtocol(max_size=MAX_REQUEST, extensions=extensions)
        raw, self._raw = bytes(self._raw), bytearray()
        opened = self._exchange.connect(request, self._wall_ns())
        if isinstance(opened, Response):
            self._answer(opened, keep_alive=False)
            return
        self.session = opened
        self._websocket(ws, opened, raw)
        if ws.state is WsState.CONNECTING:
            self.abort()

    def _websocket(self, ws: ServerProtocol, session: Conversation, data: bytes) -> None:
        ws.receive_data(data)
        for event in ws.events_received():
            if isinstance(event, Handshake):
                ws.send_response(ws.accept(event))
            elif isinstance(event, Frame):
                self._frame(session, event)
        self._write()
        self._after()
        if ws.close_expected() and self._transport is not None:
            self._transport.close()

    def _frame(self, session: Conversation, frame: Frame) -> None:
        now = self._wall_ns()
        session.touch(now)
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._message += frame.data
            if frame.fin:
                message = bytes(self._message)
                self._message.clear()
                session.receive(message, now)

    # What the library itself had to say left when it said it.
    def _say(self, ws: ServerProtocol, transport: asyncio.Transport, outs: Iterable[Out]) -> None:
        if not ws.extensions:
            transport.write(plain_frames(outs))
            if transport.get_write_buffer_size() > MAX_BACKLOG:
                transport.abort()
            return
        for out in outs:
            (ws.send_binary if out.is_binary else ws.send_text)(out.data)
        self._write()

    def _write(self) -> None:
        if self._transport is None or self._ws is None:
            return
        try:
            parts = self._ws.data_to_send()
        except InvalidState:
            return
        for part in parts:
            if part:
                self._transport.write(part)
            else:
                self._transport.close()
        if self._transport.get_write_buffer_size() > MAX_BACKLOG:
            self._transport.abort()
