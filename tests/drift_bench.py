"""One drifting exchange on the simulator, with the real feed and gateway under the desk's own watch."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from contract_bench import ADAPTERS, MARKET, SECRET, Bench, ended, until
from order_makers import RealClock

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.drift import Drift
from arbitrage.domain.order import Order, OrderReport, TimeInForce
from arbitrage.domain.ports import Accepted
from arbitrage.domain.units import EXCHANGES, Exchange
from arbitrage.domain.wire import Generation
from exchanges.simulator import server
from exchanges.simulator.config import AccountSpec, SimConfig
from exchanges.simulator.money import fine_of_text
from exchanges.simulator.trouble.fault import EVERYONE, Fault, Scope
from fast_path.books import BookReader
from karb_project.env import Env, read_env
from workers.exchange_watch import ExchangeWatch
from workers.feed import feed_main
from workers.process import Context
from workers.watched_gateway import WatchedGateway

MARKETS = (MARKET, "KRW-ETH")
FOR_EVER = Scope(count=0)


class Drifting:
    """The exchange, how to make it drift, and what the desk makes of it."""

    def __init__(
        self, exchange: Exchange, simulator: server.RunningSimulator, env: Env, generation: Generation
    ) -> None:
        adapter = next(each for each in ADAPTERS if each.exchange is exchange and each.generation is generation)
        self.bench = Bench(adapter, simulator, RealClock())
        self.exchange = exchange
        self.env = env
        self.context = Context("trader", env)
        self.feed_context = Context(f"feed.{exchange}", env)
        self.raw = self.bench.gateway()
        self.watch = ExchangeWatch(self.context, {exchange: self.raw.drift})
        self.gateway = WatchedGateway(self.raw, self.watch)
        self.books = BookReader(env.shm_dir, exchange, MARKETS)

    def arm(self, fault: Fault, scope: Scope = EVERYONE) -> None:
        """Let the exchange drift from now on."""
        self.bench.simulator.faults(self.exchange).arm(fault, scope)

    def heal(self) -> None:
        """Let it be as it was."""
        self.bench.simulator.faults(self.exchange).clear()

    @property
    def is_traded(self) -> bool:
        """Return whether new arbs may open there."""
        self.watch.look()
        return self.context.control.exchange_level(self.exchange) is TradingLevel.ACTIVE

    def drift(self, *kinds: Drift) -> list[tuple[str, str]]:
        """Return (where, finding) of what the gateway met, of these kinds."""
        return [(row.where, row.finding) for row in self.raw.drift.seen(self.exchange) if row.kind in kinds]

    def count(self, name: str) -> int:
        """Return one counter of the feed."""
        return self.feed_context.counters.get(name)

    async def filled(self, client_order_id: str, **changes: Any) -> tuple[Order, OrderReport]:
        """Place an order that takes, and return it with what the exchange says of its end."""
        order = self.bench.taking(await self.bench.book(), client_order_id, **changes)
        assert isinstance(await self.gateway.place(order), Accepted)
        return order, await ended(self.raw, order)

    async def resting(self, client_order_id: str) -> Order:
        """Place an order that rests."""
        order = self.bench.resting(await self.bench.book(), client_order_id, tif=TimeInForce.GTC)
        assert isinstance(await self.gateway.place(order), Accepted)
        await asyncio.sleep(0.15)
        return order

    @contextlib.asynccontextmanager
    async def feeding(self) -> AsyncIterator[None]:
        """Run the feed until its books are there, then as long as the block."""
        task = asyncio.create_task(feed_main(self.feed_context, self.exchange))
        try:
            await until(lambda: all(self.books.read(index) is not None for index in range(2)))
            yield
        finally:
            self.feed_context.stopping.set()
            assert await task == 0

    async def frames(self, more: int = 10) -> None:
        """Wait until so many more frames have come."""
        before = self.count("frames")
        await until(lambda: self.count("frames") >= before + more)

    def close(self) -> None:
        """Let go of shared memory."""
        self.books.close()
        self.feed_context.close()
        self.context.close()


@contextlib.asynccontextmanager
async def drifting(
    exchange: Exchange, desk_env: Env, generation: Generation = Generation.JWT
) -> AsyncIterator[Drifting]:
    """Start both simulated exchanges; the desk talks to one of them."""
    money = {asset: fine_of_text(text) for asset, text in {"KRW": "1000000000", "BTC": "10"}.items()}
    accounts = tuple(AccountSpec(each, f"{each}-access", SECRET, dict(money)) for each in EXCHANGES)
    simulator = await server.start(SimConfig(markets=MARKETS, accounts=accounts))
    env = read_env(
        {
            "KARB_VAR_DIR": str(desk_env.var_dir),
            "KARB_SHM_DIR": str(desk_env.shm_dir),
            "KARB_MARKETS": ",".join(MARKETS),
            "KARB_SIM_UPBIT_ADDRESS": simulator.upbit_address,
            "KARB_SIM_BITHUMB_ADDRESS": simulator.bithumb_address,
        }
    )
    world = Drifting(exchange, simulator, env, generation)
    await world.raw.open()
    try:
        yield world
    finally:
        await world.raw.close()
        await simulator.stop()
        world.close()
