"""One story per fault of the simulator's catalogue: what a client sees on the wire when it strikes."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from arbitrage.domain.units import Exchange
from exchanges.simulator.config import AccountSpec, SimConfig
from exchanges.simulator.server import RunningSimulator, start
from exchanges.simulator.trouble.fault import EVERYONE, Fault, Scope
from exchanges.simulator.wire import Request

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
SECRET = "S" * 64
MARKET_LIST = b"GET /v1/market/all HTTP/1.1\r\nHost: x\r\n\r\n"
STORIES: dict[str, Callable[..., Any]] = {}


def story(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a fault's story; each name has one."""

    def register(tell: Callable[..., Any]) -> Callable[..., Any]:
        assert name not in STORIES, name
        STORIES[name] = tell
        return tell

    return register


@dataclass
class Bench:
    """What a story needs: worlds in memory on virtual time, and a simulator on sockets."""

    make_world: Callable[..., Any]
    frame: Callable[..., str]
    sign: Callable[..., str]
    running: RunningSimulator | None = None

    async def serve(self) -> RunningSimulator:
        """Start a simulator on loopback."""
        accounts = tuple(AccountSpec(exchange, "AK", SECRET, {"KRW": 10**30}) for exchange in Exchange)
        self.running = await start(SimConfig(markets=("KRW-BTC", "KRW-ETH"), accounts=accounts))
        return self.running

    async def armed(self, fault: Fault, scope: Scope = EVERYONE) -> str:
        """Start a simulator with a fault armed on Upbit; return Upbit's address."""
        running = await self.serve()
        running.faults(UPBIT).arm(fault, scope)
        running.tick()
        return running.upbit_address

    def book(self, exchange: Exchange = UPBIT, qty: str = "1") -> Any:
        """Return a world with one still book: asks 100,000,000 and up, bids 99,000,000 and down."""
        asks = [("100000000", qty), ("100001000", qty)]
        return self.make_world([self.frame(exchange, "KRW-BTC", asks, [("99000000", qty), ("98999000", qty)])])


@dataclass
class Heard:
    """What came on a raw connection, and how it stands."""

    data: bytes
    end: str

    @property
    def statuses(self) -> list[int]:
        return [int(part[:3]) for part in self.data.split(b"HTTP/1.1 ")[1:]]

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]


async def talk(address: str, data: bytes = MARKET_LIST, quiet_s: float = 0.25) -> Heard:
    """Send bytes over a new connection and hear what comes until it ends or falls silent."""
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    heard = b""
    try:
        writer.write(data)
        while True:
            part = await asyncio.wait_for(reader.read(65536), quiet_s)
            if not part:
                return Heard(heard, "closed")
            heard += part
    except TimeoutError:
        return Heard(heard, "open")
    except ConnectionResetError:
        return Heard(heard, "reset")
    finally:
        writer.close()


def asked(world: Any, path: str, query: str = "", exchange: Exchange = UPBIT) -> Any:
    """Return the decoded answer to a public GET in memory, whatever its status."""
    response = world.send(exchange, Request("GET", path, query))
    return json.loads(response.body, parse_float=Decimal)


def open_stream(world: Any, exchange: Exchange = UPBIT, *codes: str, **words: Any) -> Any:
    """Subscribe to books over a new connection in memory and return its session."""
    session = world.simulator.exchange(exchange).connect(Request("GET", "/websocket/v1"), world.now)
    parts = [{"ticket": "t"}, {"type": "orderbook", "codes": list(codes) or ["KRW-BTC"], **words}]
    session.receive(json.dumps(parts).encode(), world.now)
    return session


def heard(session: Any) -> list[Any]:
    """Return the frames of a session since the last look."""
    frames = [json.loads(out.data, parse_float=Decimal) for out in session.outbox]
    session.outbox.clear()
    return frames


async def socket_at(address: str, **options: Any) -> ClientConnection:
    """Open a WebSocket with books of KRW-BTC."""
    socket = await connect(f"ws://{address}/websocket/v1", proxy=None, **options)
    await socket.send(json.dumps([{"ticket": "t"}, {"type": "orderbook", "codes": ["KRW-BTC"]}]))
    return socket
