"""The processes under the bench's clock: the bare-socket floor, the feed, the trader, and both in one.

Each is told by JSON on its command line where to connect, says `ready` on stdout, and ends when its peer hangs up.
"""

import asyncio
import json
import select
import socket
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from arbitrage.domain.arb import Moment
from arbitrage.domain.arb_step import open_arb
from arbitrage.domain.errors import Disconnected
from arbitrage.domain.events import ArbStepped
from arbitrage.domain.order import Order
from arbitrage.domain.ports import Frame
from arbitrage.domain.units import EXCHANGES, Exchange
from exchanges import registry
from exchanges.bithumb import codec as bithumb_codec
from exchanges.bithumb import profile as bithumb_profile
from exchanges.bithumb.auth import BithumbSigner
from exchanges.facts import GroupLimit
from exchanges.rest_gateway import RestGateway
from exchanges.transport import AsyncTransport, Socket
from exchanges.upbit import codec as upbit_codec
from exchanges.upbit import profile as upbit_profile
from exchanges.upbit.auth import UpbitSigner
from fast_path.books import BookWriter
from fast_path.journal import Journal
from fast_path.wakeup import WakeupReceiver, WakeupSender
from workers.bench_corpus import MARKET, beat, open_control, open_engine
from workers.process import Clock

UPGRADE = b"GET /websocket/v1 HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAA\r\n\r\n"


class Orders(msgspec.Struct, frozen=True):
    """What a child is told. `ports`: exchange -> port of the peer; `journal` empty = none."""

    role: str
    directory: str
    ports: dict[str, int]
    frame_bytes: int = 0
    requests: tuple[str, str] = ("", "")
    journal: str = ""


def _ready() -> None:
    print("ready", flush=True)


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(None)
    return connection


def sink(port: int) -> None:
    """Answer each request on two connections until they end."""
    connections = [_connect(port) for _ in range(2)]
    while connections:
        for connection in select.select(connections, [], [])[0]:
            if not connection.recv(65536):
                connections.remove(connection)
                continue
            connection.send(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}")


def floor(told: Orders) -> None:
    """The least a Python process can do: a frame of known length in, two prebuilt requests out."""
    stream, first, second = (_connect(told.ports[name]) for name in ("upbit", "upbit", "bithumb"))
    stream.sendall(UPGRADE)
    while b"\r\n\r\n" not in stream.recv(4096):
        pass
    requests = [text.encode() for text in told.requests]
    _ready()
    wanted = told.frame_bytes
    while True:
        left = wanted
        while left:
            data = stream.recv(left)
            if not data:
                return
            left -= len(data)
        first.send(requests[0])
        second.send(requests[1])
        first.recv(65536)
        second.recv(65536)


class Feeds:
    """Both public streams of the desk: real WebSocket client, decoder, checks and publication."""

    def __init__(self, told: Orders, on_book: Callable[[int], None]) -> None:
        self._told = told
        self._clock = Clock()
        self._on_book = on_book
        directory = Path(told.directory)
        self._writers = [
            BookWriter(directory, exchange, (MARKET,), registry.frame_decoder(exchange)) for exchange in EXCHANGES
        ]

    async def run(self, started: Callable[[], None]) -> None:
        """Publish until the peer hangs up."""
        urls = [f"ws://127.0.0.1:{self._told.ports[exchange]}/websocket/v1" for exchange in EXCHANGES]
        sockets = [await Socket.open(url) for url in urls]
        started()
        await asyncio.gather(*(self._follow(index, socket) for index, socket in enumerate(sockets)))

    async def _follow(self, index: int, stream: Socket) -> None:
        writer, clock = self._writers[index], self._clock
        while True:
            try:
                data = await stream.recv()
            except Disconnected:
                return
            frame = Frame(data, clock.wall_ns(), clock.mono_ns())
            if writer.publish_frame(frame) is None:
                self._on_book(index)


class Trader:
    """Decides and sends: real engine, signing and HTTP client; no reports are followed up."""

    def __init__(self, told: Orders) -> None:
        directory = Path(told.directory)
        self._clock = Clock()
        self._control = open_control(directory)
        self._engine = open_engine(directory, self._control)
        self._journal = Journal(Path(told.journal), "bench", "intent") if told.journal else None
        self._gateways = {exchange: _gateway(exchange, told.ports[exchange], self._clock) for exchange in EXCHANGES}
        self._tasks: set[asyncio.Task[object]] = set()
        self._count = 0

    async def open(self) -> None:
        """Open the connections orders use, and keep the gate's view of the bridge young."""
        for gateway in self._gateways.values():
            await gateway.open()
        self._keep(self._beats())

    async def _beats(self) -> None:
        while True:
            beat(self._control, self._clock.mono_ns(), self._clock.wall_ns())
            await asyncio.sleep(0.5)

    def on_book(self) -> None:
        """Decide; on a signal journal the arb and send both legs."""
        now = self._clock.mono_ns()
        decision = self._engine.step(0, now)
        if decision.approved is None or decision.signal is None:
            return
        self._count += 1
        arb, _ = open_arb(
            decision.signal,
            arb_id=f"bench-{self._count}",
            params=self._engine.params,
            params_epoch=decision.params_epoch,
            now=Moment(now, self._clock.wall_ns()),
        )
        if self._journal is not None:
            self._journal.append(ArbStepped(arb, None, arb.opened_wall_ns), durable=True)
        for order in arb.orders:
            self._keep(self._place(order))

    async def _place(self, order: Order) -> None:
        await self._gateways[order.exchange].place(order)

    def _keep(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _gateway(exchange: Exchange, port: int, clock: Clock) -> RestGateway:
    # The bench ticks faster than an exchange lets us order: everything is real but the limits.
    is_upbit = exchange is Exchange.UPBIT
    facts = upbit_profile.FACTS if is_upbit else bithumb_profile.FACTS
    wide = tuple(GroupLimit(limit.name, 1_000_000) for limit in facts.limits)
    signer = (UpbitSigner if is_upbit else BithumbSigner)("a" * 40, "s" * 40)
    return RestGateway(
        msgspec.structs.replace(facts, limits=wide, asset_calls_per_second=None),
        upbit_codec.order_body if is_upbit else bithumb_codec.order_body,
        signer,
        AsyncTransport(f"http://127.0.0.1:{port}", clock),
        clock,
        None,
    )


async def one_process(told: Orders) -> None:
    """Feeds and trader in one process: no hop."""
    trader = Trader(told)
    await trader.open()
    await Feeds(told, lambda _: trader.on_book()).run(_ready)


async def feed(told: Orders) -> None:
    """Both feeds; each book wakes the trader."""
    sender = WakeupSender(Path(told.directory) / "wakeup.sock")
    await Feeds(told, lambda exchange_index: sender.notify(exchange_index, 0)).run(_ready)


async def trader(told: Orders) -> None:
    """The trader; woken through the socket, as on the desk. Ends with its stdin."""
    part = Trader(told)
    receiver = WakeupReceiver(Path(told.directory) / "wakeup.sock")
    await part.open()
    loop = asyncio.get_running_loop()

    def woken() -> None:
        for _ in receiver.drain():
            part.on_book()

    loop.add_reader(receiver.fileno(), woken)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    _ready()
    await ended.wait()


def main(argv: list[str]) -> int:
    """Run one role."""
    told = msgspec.convert(json.loads(argv[0]), Orders)
    roles = {"one_process": one_process, "feed": feed, "trader": trader}
    try:
        if told.role == "floor":
            floor(told)
            return 0
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(roles[told.role](told))
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
