"""A network inside one event loop: connections are pairs of transports, bytes arrive after a delay.

It can do to a connection what networks do: refuse it, delay it, cut it with or without a word, swallow
what is sent. Order within one direction is kept, always.
"""

import asyncio
import contextvars
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from workers.virtual.owners import OWNER

if TYPE_CHECKING:
    from workers.virtual.virtual_loop import VirtualLoop

_NS = 1_000_000_000
DELAY_S = 0.000_5
"""One way, unless a link says otherwise: two machines in one city."""


class Link:
    """What lies between clients and one listener; faults set these figures while it is in use."""

    def __init__(self) -> None:
        self.delay_s: Callable[[], float] = lambda: DELAY_S
        self.refuses = False
        """New connections are refused."""
        self.swallows = False
        """Nothing arrives any more, in either direction, and nobody is told: a cable is out."""
        self.pairs: list[tuple[MemoryTransport, MemoryTransport]] = []
        """Open connections: the client's end, the server's end."""

    def cut(self) -> None:
        """End every open connection at once; both ends see a reset."""
        for client, server in list(self.pairs):
            client.break_off()
            server.break_off()

    def open_pairs(self) -> Iterator["tuple[MemoryTransport, MemoryTransport]"]:
        """Yield the connections that neither end has closed."""
        self.pairs = [pair for pair in self.pairs if not (pair[0].is_lost and pair[1].is_lost)]
        yield from self.pairs


class MemoryTransport(asyncio.Transport):
    """One end of a connection."""

    def __init__(
        self, loop: "VirtualLoop", link: Link, protocol: asyncio.BaseProtocol, peername: tuple[str, int]
    ) -> None:
        super().__init__({"peername": peername})
        self._space = contextvars.copy_context()
        self._is_deaf = False
        self.peer: MemoryTransport | None = None
        self.is_lost = False
        """`connection_lost` was called, or is about to be."""
        self._loop = loop
        self._link = link
        self._protocol = protocol
        self._is_closing = False
        self._is_paused = False
        self._waiting: list[bytes | None] = []
        self._last_due_ns = 0

    @property
    def owner(self) -> str:
        """Return whose end this is: what happens to it happens in that process."""
        return self._space.get(OWNER, "")

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return who listens here."""
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another listen from now on."""
        self._protocol = protocol

    def is_closing(self) -> bool:
        """Return whether nothing more can be written."""
        return self._is_closing

    def is_reading(self) -> bool:
        """Return whether bytes that arrive are handed on."""
        return not self._is_paused and not self._is_closing

    def pause_reading(self) -> None:
        """Keep what arrives."""
        self._is_paused = True

    def resume_reading(self) -> None:
        """Hand on what was kept."""
        self._is_paused = False
        waiting, self._waiting = self._waiting, []
        for data in waiting:
            self._arrived(data)

    def get_write_buffer_size(self) -> int:
        """Return 0: the network takes everything at once."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Ignore the limits: nothing waits here."""

    def can_write_eof(self) -> bool:
        """Return that one direction can be ended alone."""
        return True

    def write(self, data: Any) -> None:
        """Send bytes; they arrive in order after the link's delay."""
        if not self._is_closing and data:
            self._send(bytes(data))

    def write_eof(self) -> None:
        """Say that nothing more comes."""
        if not self._is_closing:
            self._send(None)

    def close(self) -> None:
        """End the connection once what was written is on its way."""
        if not self._is_closing:
            self._is_closing = True
            self._send(None)
            self._loop.call_soon(self._lose, None, context=self._space)

    def abort(self) -> None:
        """End the connection at once; the other end learns of it after the delay."""
        if not self.is_lost:
            self._is_closing = True
            if self.peer is not None and not self._link.swallows:
                self._loop.call_later(self._link.delay_s(), self.peer.break_off)
            self._loop.call_soon(self._lose, None, context=self._space)

    def break_off(self) -> None:
        """See the connection reset by the other end or by the network."""
        if not self.is_lost:
            self._is_closing = True
            reset = ConnectionResetError("made-up connection was reset")
            self._loop.call_soon(self._lose, reset, context=self._space)

    def forsake(self) -> None:
        """Be the end of a process that was killed: it hears nothing more, the other end sees a reset."""
        self._is_deaf = True
        self.abort()

    def _send(self, data: bytes | None) -> None:
        link, peer, now_ns = self._link, self.peer, self._loop.now_ns
        if link.swallows or peer is None:
            return
        delay_s = link.delay_s()
        due_ns = now_ns + round(delay_s * _NS)
        # Never earlier than what was sent before.
        if due_ns < self._last_due_ns:
            delay_s = (self._last_due_ns - now_ns) / _NS
        else:
            self._last_due_ns = due_ns
        self._loop.call_later(delay_s, peer._arrived, data, context=peer._space)

    def _arrived(self, data: bytes | None) -> None:
        # As a real one: what was closed reads no more.
        if self.is_lost or self._is_closing or self._is_deaf or self._link.swallows:
            return
        if self._is_paused:
            self._waiting.append(data)
            return
        protocol: Any = self._protocol
        if data is not None:
            protocol.data_received(data)
        elif not protocol.eof_received():
            self.close()

    def _lose(self, error: Exception | None) -> None:
        if not self.is_lost:
            self.is_lost = True
            self._protocol.connection_lost(error)


class MemoryServer:
    """A listener, as far as asyncio's servers are used here."""

    def __init__(self, net: "MemoryNet", address: tuple[str, int]) -> None:
        self._net = net
        self._address = address
        self.sockets = [self]

    def getsockname(self) -> tuple[str, int]:
        """Return host and port."""
        return self._address

    def close(self) -> None:
        """Stop listening; open connections stay."""
        self._net.forget(self._address)

    async def wait_closed(self) -> None:
        """Return at once."""

    def is_serving(self) -> bool:
        """Return whether connections are taken."""
        return self._net.has(self._address)


class MemoryNet:
    """All listeners of one loop by address, each with its link."""

    def __init__(self) -> None:
        self.links: dict[tuple[str, int], Link] = {}
        self.gone: set[str] = set()
        """Processes that were killed: they connect nowhere."""
        self._factories: dict[tuple[str, int], tuple[Callable[[], Any], contextvars.Context]] = {}
        self._next_port = 20_000

    def link(self, address: tuple[str, int]) -> Link:
        """Return what lies between clients and `address`, listening or not."""
        return self.links.setdefault(address, Link())

    def listen(self, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int) -> MemoryServer:
        """Take connections to an address. OSError when it is taken."""
        if port == 0:
            self._next_port += 1
            port = self._next_port
        address = (host, port)
        if address in self._factories:
            raise OSError(98, "made-up address is in use")
        self._factories[address] = (factory, contextvars.copy_context())
        return MemoryServer(self, address)

    def forget(self, address: tuple[str, int]) -> None:
        """Take no more connections to an address."""
        self._factories.pop(address, None)

    def has(self, address: tuple[str, int]) -> bool:
        """Return whether someone listens."""
        return address in self._factories

    def drop(self, owner: str) -> None:
        """Let a killed process's connections end; it gets no new ones."""
        self.gone.add(owner)
        for link in self.links.values():
            for client, _ in list(link.open_pairs()):
                if client.owner == owner:
                    client.forsake()

    async def connect(
        self, loop: "VirtualLoop", make: Callable[[], asyncio.BaseProtocol], host: str, port: int
    ) -> tuple[MemoryTransport, asyncio.BaseProtocol]:
        """Return a new connection's client end. ConnectionRefusedError when nobody listens or the link refuses."""
        address = (host, port)
        link = self.link(address)
        if link.swallows:
            await loop.create_future()  # for ever: the caller's time-out ends it
        await asyncio.sleep(2 * link.delay_s())
        if address not in self._factories or link.refuses or OWNER.get() in self.gone:
            raise ConnectionRefusedError(111, f"nobody listens at {host}:{port}")
        factory, space = self._factories[address]
        client, server = make(), space.run(factory)
        ours = MemoryTransport(loop, link, client, address)
        theirs = space.run(MemoryTransport, loop, link, server, ("127.0.0.1", 0))
        ours.peer, theirs.peer = theirs, ours
        link.pairs = [*link.open_pairs(), (ours, theirs)]
        space.run(server.connection_made, theirs)
        client.connection_made(ours)
        return ours, client
