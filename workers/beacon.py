"""Both ends of the heartbeats between machines: the trader's beacon, and the ear of a watchdog elsewhere."""

import asyncio
from collections.abc import Callable
from typing import Any

from arbitrage.domain.deadman import Sign
from karb_project.env import split_address
from workers.process import Context
from workers.signed_beats import Listener, Sender

BEAT_S = 0.25
GOODBYES = 3
Address = tuple[str | Any, int]


class _Ear(asyncio.DatagramProtocol):
    def __init__(self, heard: Callable[[bytes, Any], None]) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._heard(data, addr)

    def error_received(self, _exc: Exception) -> None:
        """Hear of a port nobody listens on: the next heartbeat tries again."""


class Beacon:
    """Sends the trader's heartbeats to `KARB_WATCHDOG_ADDRESS`; nothing that happens there disturbs the trader."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._sender = Sender(context.env.watchdog_secret)
        self._transport: asyncio.DatagramTransport | None = None

    async def run(self) -> None:
        """Beat until cancelled."""
        said = False
        while True:
            try:
                if self._transport is None or self._transport.is_closing():
                    await self._open()
                self._beat(says_goodbye=False)
            except OSError as error:
                self._context.counters.add("beacon_failed")
                self._transport = None
                if not said:
                    self._context.log.warning("beacon_failed", error=str(error))
                said = True
            self._context.counters.set("watchdog_elsewhere_tripped", int(self._sender.has_tripped))
            await asyncio.sleep(BEAT_S)

    async def say_goodbye(self) -> None:
        """Tell the watchdog that this stop is planned; a few times, for datagrams get lost."""
        for _ in range(GOODBYES):
            if self._transport is not None:
                self._beat(says_goodbye=True)
            await asyncio.sleep(0.05)

    def close(self) -> None:
        """Let go of the socket."""
        if self._transport is not None:
            self._transport.close()

    async def _open(self) -> None:
        address = split_address(self._context.env.watchdog_address)
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Ear(lambda data, addr: self._sender.hear(data)), remote_addr=address
        )

    def _beat(self, *, says_goodbye: bool) -> None:
        count = self._context.counters.get
        data = self._sender.next(
            fence=self._context.control.fence(),
            rounds=count("rounds"),
            is_working=count("ready") == 1,
            says_goodbye=says_goodbye,
        )
        if self._transport is not None:
            self._transport.sendto(data)


class TraderElsewhere:
    """`Watched` of a trader on another machine: it is heard and not touched; only its orders can be taken away."""

    def __init__(self, context: Context, listen: tuple[str, int]) -> None:
        self._context = context
        self._listen = listen
        self._listener = Listener(context.env.watchdog_secret)
        self._transport: asyncio.DatagramTransport | None = None
        self._has_tripped = False
        self._heard_ns = 0

    async def open(self) -> None:
        """Listen; OSError when the address cannot be had."""
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Ear(self._heard), local_addr=self._listen
        )

    def close(self) -> None:
        """Listen no more."""
        if self._transport is not None:
            self._transport.close()

    def sign(self) -> Sign | None:
        """Return what it last said of itself."""
        self._context.counters.set("beats_refused", self._listener.refused)
        self._context.counters.set("fence_heard", self._listener.fence)
        return self._listener.sign

    def is_gone(self) -> bool:
        """Return False: from here nobody knows."""
        return False

    def stop(self, _reason: str) -> bool:
        """Return False: its right to send is not in this hand."""
        return False

    def tell(self, *, has_tripped: bool) -> None:
        """Let the trader hear, with the next answer, whether the watchdog has tripped."""
        self._has_tripped = has_tripped

    def _heard(self, data: bytes, addr: Any) -> None:
        now = self._context.clock.mono_ns()
        is_silent = now - self._heard_ns > self._context.env.watchdog_after_ms * 1_000_000
        before = self._listener.sign
        answer = self._listener.hear(data, has_tripped=self._has_tripped, is_silent=is_silent)
        if self._listener.sign is not before:
            self._heard_ns = now
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)
