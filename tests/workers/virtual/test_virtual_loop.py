"""Made-up time and network: nothing waits, order is kept, a killed process leaves no trace."""

import asyncio
import contextvars
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from workers.virtual.owners import OWNER
from workers.virtual.virtual_loop import START_WALL_NS, Stalled, VirtualClock, VirtualLoop


def lived(main: Coroutine[Any, Any, Any], loop: VirtualLoop | None = None) -> Any:
    loop = VirtualLoop() if loop is None else loop
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()


class Ear(asyncio.Protocol):
    """Keeps what it hears, and when."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.heard: list[tuple[int, bytes]] = []
        self.lost: list[Exception | None] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard.append((self.loop.now_ns, data))

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.append(exc)


async def joined(loop: VirtualLoop) -> tuple[Any, Ear, Ear]:
    server = Ear(loop)
    await loop.create_server(lambda: server, "127.0.0.1", 7001)
    transport, client = await loop.create_connection(lambda: Ear(loop), "127.0.0.1", 7001)
    return transport, client, server


def test_an_hour_passes_at_once_and_timers_fire_in_order_at_their_time() -> None:
    loop, fired = VirtualLoop(), []

    async def main() -> None:
        for seconds in (3600, 0.000_000_001, 5, 5):
            loop.call_later(seconds, lambda: fired.append(loop.now_ns))
        await asyncio.sleep(3601)

    begun = time.monotonic()
    lived(main(), loop)
    assert fired == [1, 5 * 10**9, 5 * 10**9, 3600 * 10**9]
    assert time.monotonic() - begun < 3600


def test_a_loop_with_nothing_left_says_so_instead_of_waiting_for_ever() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stalled):
        lived(main())


def test_clocks_agree_and_only_the_wall_clock_can_be_set() -> None:
    loop = VirtualLoop()
    clock = VirtualClock(loop)

    async def main() -> None:
        mono = clock.mono_ns()
        await asyncio.sleep(2)
        clock.step(-5_000_000_000)
        assert clock.mono_ns() - mono == 2 * 10**9
        assert clock.wall_ns() == START_WALL_NS - 3 * 10**9

    lived(main(), loop)


def test_bytes_arrive_in_order_though_the_network_gets_faster() -> None:
    loop = VirtualLoop()

    async def main() -> list[bytes]:
        transport, _, server = await joined(loop)
        link = loop.net.link(("127.0.0.1", 7001))
        link.delay_s = lambda: 0.5
        transport.write(b"first")
        link.delay_s = lambda: 0.001
        transport.write(b"second")
        await asyncio.sleep(1)
        return [data for _, data in server.heard]

    assert lived(main(), loop) == [b"first", b"second"]


def test_a_cable_that_is_out_swallows_everything_and_tells_nobody() -> None:
    loop = VirtualLoop()

    async def main() -> None:
        transport, client, server = await joined(loop)
        link = loop.net.link(("127.0.0.1", 7001))
        link.swallows = True
        transport.write(b"lost")
        await asyncio.sleep(60)
        assert (server.heard, server.lost, client.lost) == ([], [], [])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await loop.create_connection(lambda: Ear(loop), "127.0.0.1", 7001)
        link.cut()
        await asyncio.sleep(0)
        assert [type(one) for one in client.lost] == [ConnectionResetError]

    lived(main(), loop)


def test_nobody_listening_and_a_refusing_link_are_refused() -> None:
    loop = VirtualLoop()

    async def main() -> None:
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(lambda: Ear(loop), "127.0.0.1", 7009)
        await joined(loop)
        loop.net.link(("127.0.0.1", 7001)).refuses = True
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(lambda: Ear(loop), "127.0.0.1", 7001)

    lived(main(), loop)


def test_a_killed_process_hears_nothing_more_and_the_others_see_its_connections_reset() -> None:
    loop = VirtualLoop()

    async def main() -> None:
        server = Ear(loop)
        await loop.create_server(lambda: server, "127.0.0.1", 7001)
        held: list[Any] = []

        async def process() -> None:
            held.append(await loop.create_connection(lambda: Ear(loop), "127.0.0.1", 7001))
            await asyncio.sleep(60)

        space = contextvars.copy_context()
        space.run(OWNER.set, "doomed")
        task = loop.create_task(process(), context=space)
        await asyncio.sleep(1)
        assert loop.owners.tasks_of("doomed") == [task]
        server.transport.write(b"too late")  # type: ignore[attr-defined]
        loop.kill("doomed")
        await asyncio.sleep(1)
        assert held[0][1].heard == []
        assert len(server.lost) == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    lived(main(), loop)
