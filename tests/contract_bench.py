"""Both simulated exchanges on loopback, and the real adapters talking to them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec
from order_makers import RealClock, make_order

from arbitrage.domain.book import Book
from arbitrage.domain.order import Order, OrderOn, OrderReport
from arbitrage.domain.ports import Found, OrderNews, PrivateNews, StreamNews, StreamState
from arbitrage.domain.units import Exchange, Ns, Price, Qty, Side
from arbitrage.domain.wire import Duty, ExchangeWire, Generation
from exchanges import registry
from exchanges.bithumb.auth import BithumbSigner
from exchanges.bithumb.feed import BithumbFeed
from exchanges.bithumb.gateway import BithumbGateway
from exchanges.bithumb.legacy_feed import LegacyFeed
from exchanges.bithumb.legacy_gateway import LegacyGateway
from exchanges.bithumb.legacy_profile import LegacySettings
from exchanges.bithumb.profile import FACTS as BITHUMB
from exchanges.bithumb.switching_gateway import SwitchingGateway
from exchanges.credentials import Credentials
from exchanges.generation_log import GenerationLog
from exchanges.reader import SyncReader
from exchanges.rest_gateway import RestGateway
from exchanges.simulator import server
from exchanges.simulator.trouble.fault import EVERYONE, Fault, Scope
from exchanges.simulator.trouble.shapes import FieldRenamed
from exchanges.switching_feed import SwitchingFeed
from exchanges.upbit.auth import UpbitSigner
from exchanges.upbit.feed import UpbitFeed
from exchanges.upbit.gateway import UpbitGateway
from exchanges.upbit.profile import FACTS as UPBIT

MARKET = "KRW-BTC"
MARKETS = (MARKET, "KRW-ETH")
SECRET = "a-secret-of-decent-length-for-tests-0123456789-0123456789-01234567"
BALANCES = {"KRW": "1000000000", "BTC": "10"}


class Can(StrEnum):
    """What an adapter can do beyond what every one must; `@pytest.mark.needs(Can.X)` asks for it."""

    NAME_ORDERS = "name_orders"
    """Orders carry our own id."""
    TIMES_IN_FORCE = "times_in_force"
    ORDER_BY_FUNDS = "order_by_funds"
    BEST = "best"
    CANCEL_MANY = "cancel_many"
    CANCEL_ALL = "cancel_all"
    REPLACE = "replace"
    TEST = "test"
    BATCH = "batch"
    TELL_TICKS = "tell_ticks"
    PRIVATE_STREAM = "private_stream"
    HS512 = "hs512"
    CHOOSE_FRAMES = "choose_frames"
    """Formats and depths of streams can be chosen."""
    CHOOSE_SELF_TRADE = "choose_self_trade"
    ANNOUNCE = "announce"
    MAP_FIELDS = "map_fields"
    """Answers are read through field maps that can be overridden."""


_BOTH = frozenset(
    {
        Can.NAME_ORDERS,
        Can.TIMES_IN_FORCE,
        Can.ORDER_BY_FUNDS,
        Can.BEST,
        Can.CANCEL_MANY,
        Can.PRIVATE_STREAM,
        Can.MAP_FIELDS,
    }
)


@dataclass(frozen=True)
class Adapter:
    """One generation of one exchange's API, and what can be asked of it."""

    exchange: Exchange
    generation: Generation
    can: frozenset[Can]
    is_switched: bool = False
    """Both generations behind one adapter, which was told to use this one."""

    @property
    def name(self) -> str:
        name = self.exchange if self.generation is Generation.JWT else f"{self.exchange}-{self.generation}"
        return f"{name}-switched" if self.is_switched else name


ADAPTERS = (
    Adapter(
        Exchange.UPBIT,
        Generation.JWT,
        _BOTH
        | {Can.CANCEL_ALL, Can.REPLACE, Can.TEST, Can.TELL_TICKS, Can.HS512, Can.CHOOSE_FRAMES}
        | {Can.CHOOSE_SELF_TRADE, Can.ANNOUNCE},
    ),
    Adapter(Exchange.BITHUMB, Generation.JWT, _BOTH | {Can.BATCH}),
    Adapter(Exchange.BITHUMB, Generation.LEGACY, frozenset()),
)
SWITCHED = (
    Adapter(Exchange.BITHUMB, Generation.JWT, _BOTH, is_switched=True),
    Adapter(Exchange.BITHUMB, Generation.LEGACY, frozenset(), is_switched=True),
)
"""What the desk itself runs at Bithumb."""


@dataclass
class Bench:
    """One simulated exchange, how to reach it, and the adapter that is tried."""

    adapter: Adapter
    simulator: server.RunningSimulator
    clock: RealClock

    @property
    def exchange(self) -> Exchange:
        return self.adapter.exchange

    @property
    def is_legacy(self) -> bool:
        return self.adapter.generation is Generation.LEGACY

    @property
    def host(self) -> str:
        is_upbit = self.exchange is Exchange.UPBIT
        return self.simulator.upbit_address if is_upbit else self.simulator.bithumb_address

    @property
    def faults(self) -> Any:
        return self.simulator.faults(self.exchange)

    def gateway(
        self,
        secret: str = SECRET,
        last_check: Callable[[Exchange, Order], str | None] | None = None,
        **settings: Any,
    ) -> RestGateway:
        """Return a gateway of this exchange; `settings` are what only one of them knows."""
        keys = Credentials(self.exchange, f"{self.exchange}-access", secret)
        if self.adapter.is_switched:
            return self._switched_gateway(keys, last_check)
        if self.is_legacy:
            return self._legacy_gateway(keys, last_check)
        make = UpbitGateway if self.exchange is Exchange.UPBIT else BithumbGateway
        return make(keys, f"http://{self.host}", f"ws://{self.host}", self.clock, last_check=last_check, **settings)

    def _legacy_gateway(self, keys: Credentials, last_check: Callable[[Exchange, Order], str | None] | None) -> Any:
        # The simulator takes eight decimals; an order that is to fill at once need not rest.
        quick = LegacySettings(unit_decimals=8, ioc_rest_ns=Ns(1_000_000), poll_balances_ns=Ns(500_000_000))
        url = f"http://{self.host}"
        return LegacyGateway(keys, url, self.clock, markets=MARKETS, last_check=last_check, settings=quick)

    def _switched_gateway(self, keys: Credentials, last_check: Callable[[Exchange, Order], str | None] | None) -> Any:
        jwt = BithumbGateway(keys, f"http://{self.host}", f"ws://{self.host}", self.clock, last_check=last_check)
        legacy = self._legacy_gateway(keys, last_check)
        log = GenerationLog(None)
        return SwitchingGateway(jwt, legacy, log, self.clock, markets=MARKETS, wire=self.wire)

    @property
    def wire(self) -> ExchangeWire:
        """Return the settings that send every duty to the adapter's generation."""
        return ExchangeWire(dict.fromkeys(Duty, self.adapter.generation))

    def taking(self, book: Book, client_order_id: str, side: Side = Side.BID, **changes: Any) -> Order:
        """Return an IOC order for a thousandth of what stands best on the other side, at two per cent worse."""
        best = book.side(side.opposite)[0]
        rules = registry.instrument(self.exchange, MARKET, None)
        price = rules.price_up(Price(best.price * (100 + 2 * side.sign) // 100))
        fields = {"client_order_id": client_order_id, "market": MARKET, "side": side, "price": price}
        return make_order(self.exchange, **(fields | {"qty": Qty(100_000)} | changes))

    def resting(self, book: Book, client_order_id: str, **changes: Any) -> Order:
        """Return a bid far below the market, which rests."""
        rules = registry.instrument(self.exchange, MARKET, None)
        price = rules.price_down(Price(book.bids[0].price * 90 // 100))
        return self.taking(book, client_order_id, price=price, **changes)

    async def book(self) -> Book:
        """Return the market's book by REST."""
        feed = make_feed(self)
        try:
            decoded = await feed.snapshot(MARKET)
        finally:
            await feed.close()
        return Book(self.exchange, MARKET, decoded.bids, decoded.asks, decoded.exchange_ns)


def make_feed(bench: Bench, timing: Any = None) -> Any:
    def make(generation: Generation) -> Any:
        made: Any = UpbitFeed if bench.exchange is Exchange.UPBIT else BithumbFeed
        paced = timing
        if generation is Generation.LEGACY:
            made = LegacyFeed
            # A text PING is a filter it does not understand (bithumb.md §2.4): connections would end by it.
            paced = None if timing is None else msgspec.structs.replace(timing, ping_every_ns=0)
        return made(f"http://{bench.host}", f"ws://{bench.host}", bench.clock, paced)

    if bench.adapter.is_switched:
        return SwitchingFeed(make, bench.clock, bench.wire)
    return make(bench.adapter.generation)


def make_reader(bench: Bench, secret: str = SECRET) -> SyncReader:
    """Return the reader jobs use."""
    facts, signer = (UPBIT, UpbitSigner) if bench.exchange is Exchange.UPBIT else (BITHUMB, BithumbSigner)
    return SyncReader(facts, signer(f"{bench.exchange}-access", secret), f"http://{bench.host}", bench.clock)


class News:
    """Collects the private stream in the background."""

    def __init__(self) -> None:
        self.heard: list[PrivateNews] = []

    def states(self) -> list[StreamState]:
        return [news.state for news in self.heard if isinstance(news, StreamNews)]

    def of(self, client_order_id: str) -> list[OrderNews]:
        return [news for news in self.heard if isinstance(news, OrderNews) and news.client_order_id == client_order_id]


@contextlib.asynccontextmanager
async def listening(gateway: RestGateway) -> AsyncIterator[News]:
    news = News()

    async def listen() -> None:
        async for item in gateway.private_news():  # type: ignore[attr-defined]
            news.heard.append(item)

    task = asyncio.create_task(listen())
    try:
        await until(lambda: StreamState.UP in news.states())
        yield news
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(is_so: Callable[[], bool], within_s: float = 10.0) -> None:
    """Wait for a condition; fail loudly when it does not come."""
    for _ in range(int(within_s / 0.01)):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came")


@contextlib.contextmanager
def renamed(bench: Bench, old: str, new: str) -> Iterator[None]:
    """Let the simulated exchange call the member `old` `new`, in answers and private frames."""
    with armed(bench, FieldRenamed(from_=old, to=new)):
        yield


@contextlib.contextmanager
def armed(bench: Bench, fault: Fault, scope: Scope = EVERYONE) -> Iterator[None]:
    """Arm a fault on the simulated exchange for a while."""
    number = bench.faults.arm(fault, scope).number
    try:
        yield
    finally:
        bench.faults.disarm(number)


async def ended(gateway: RestGateway, order: Order) -> OrderReport:
    """Ask until the order has ended; the exchange answers asynchronously (upbit.md §1.6, bithumb.md §3.6)."""
    return await reported(gateway, order, OrderOn.FULL_FILL, OrderOn.CANCELED)


async def reported(gateway: RestGateway, order: Order, *states: OrderOn) -> OrderReport:
    """Ask until the order is found in one of `states`; what was taken may not be ready yet (bithumb.md §3.6)."""
    for _ in range(200):
        found = await gateway.query(order)
        if isinstance(found, Found) and found.report.on in states:
            return found.report
        await asyncio.sleep(0.05)
    raise AssertionError(f"the order was never {' or '.join(states)}")


def total(holdings: Any, asset: str) -> Decimal:
    """Return what is held of one asset, zero when it is not listed."""
    return sum((row.total for row in holdings if row.asset == asset), Decimal(0))
