"""An executor with scripted exchanges, a desk whose clock is moved by hand, and a real journal."""

import asyncio
from decimal import Decimal
from pathlib import Path

import msgspec
from desk_builders import book, fill, heard, quotes, signal

from arbitrage.domain.arb import Arb, Moment
from arbitrage.domain.balances import Shortage, Wallets
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.events import ArbStepped, Holding
from arbitrage.domain.order import Order, OrderOn, OrderReport, OrderRole
from arbitrage.domain.params import DEFAULT_PARAMS
from arbitrage.domain.ports import Accepted, Answer, Lookup, NotFound
from arbitrage.domain.units import EXCHANGES, Exchange, Ns
from fast_path.counters import Counters
from fast_path.executor import Executor
from fast_path.journal import Journal
from fast_path.latency import Latency

FEES = {Exchange.UPBIT: 500, Exchange.BITHUMB: 400}
UPBIT = book(Exchange.UPBIT, [(3_998_000, "2")], [(4_000_000, "2")])
BITHUMB = book(Exchange.BITHUMB, [(4_010_000, "2")], [(4_014_000, "2")])


class ScriptedGateway:
    """An exchange that answers as told; `calls` is what reached it."""

    def __init__(self, exchange: Exchange, journal: Journal) -> None:
        self.exchange = exchange
        self.answers: dict[str, Answer] = {}
        self.lookups: dict[str, Lookup] = {}
        self.calls: list[tuple[str, str]] = []
        self.journalled_at_place: dict[str, bool] = {}
        self.block = asyncio.Event()
        self.block.set()
        self._journal = journal

    async def place(self, order: Order) -> Answer:
        self.calls.append(("place", order.client_order_id))
        self.journalled_at_place[order.client_order_id] = any(
            order.client_order_id == one.client_order_id
            for record in self._journal.replay()
            if isinstance(record.event, ArbStepped)
            for one in record.event.arb.orders
        )
        await self.block.wait()
        return self.answers.get(order.client_order_id) or accepted(heard(OrderOn.ACKED))

    async def cancel(self, order: Order) -> Answer:
        self.calls.append(("cancel", order.client_order_id))
        return accepted(heard(OrderOn.ACKED))

    async def query(self, order: Order) -> Lookup:
        self.calls.append(("query", order.client_order_id))
        return self.lookups.get(order.client_order_id, NotFound())

    def placed(self) -> list[str]:
        return [client_order_id for verb, client_order_id in self.calls if verb == "place"]


def accepted(report: OrderReport) -> Accepted:
    return Accepted(report, Ns(1), Ns(2))


def filled(price: int, qty: str = "0.5", fee: str = "1000") -> OrderReport:
    return heard(OrderOn.FULL_FILL, fill(f"{price}", price, qty), fee=fee)


class StoryDesk:
    """A desk with a hand-driven clock and real wallets."""

    def __init__(self) -> None:
        self.mono = 1_000_000_000_000
        self.levels = TradingLevel.ACTIVE
        self.halts: list[tuple[TradingLevel, str]] = []
        self.ended: list[Arb] = []
        self.answers: list[tuple[str, type]] = []
        self.dust_qty = 0
        self.first: OrderRole | None = None
        self.wallets = Wallets()
        for exchange in EXCHANGES:
            rows = [Holding("KRW", Decimal(100_000_000), Decimal(0)), Holding("ETH", Decimal(10), Decimal(0))]
            self.wallets.replace_all(exchange, rows, Ns(1))

    def now(self) -> Moment:
        return Moment(Ns(self.mono), Ns(self.mono + 1_800_000_000_000_000_000))

    def quotes(self, market: str):
        fresh = (msgspec.structs.replace(one, recv_mono_ns=self.mono) for one in (UPBIT, BITHUMB))
        return quotes(*fresh)

    def level(self, market: str) -> TradingLevel:
        return self.levels

    def dust_for(self, signal) -> int:
        return self.dust_qty

    def leader_for(self, signal) -> OrderRole | None:
        return self.first

    def reserve(self, legs) -> Shortage | None:
        return self.wallets.reserve(legs, FEES, DEFAULT_PARAMS.reserve_ppm)

    def release(self, arb_id: str) -> None:
        self.wallets.release_arb(arb_id)

    def hold(self, order: Order) -> None:
        self.wallets.hold(order, FEES)

    def settle(self, order: Order) -> None:
        self.wallets.settle(order, Ns(self.mono))

    def answered(self, order: Order, answer: Answer) -> None:
        self.answers.append((order.client_order_id, type(answer)))

    def closed(self, arb: Arb) -> None:
        self.ended.append(arb)

    def halt(self, level: TradingLevel, reason: str) -> None:
        self.halts.append((level, reason))

    def log(self, event: str, **fields: object) -> None:
        pass


class Story:
    """One executor with its desk, journal and exchanges."""

    def __init__(self, place: Path, run_id: str = "r1") -> None:
        self.desk = StoryDesk()
        self.journal = Journal(place / "trader.journal", "trader", "none")
        self.gateways = {exchange: ScriptedGateway(exchange, self.journal) for exchange in EXCHANGES}
        self.counters = Counters(place, "trader")
        self.latency = Latency(place, "trader")
        self.executor = Executor(
            desk=self.desk,
            gateways=self.gateways,
            journal=self.journal,
            counters=self.counters,
            latency=self.latency,
            run_id=run_id,
        )

    @property
    def upbit(self) -> ScriptedGateway:
        return self.gateways[Exchange.UPBIT]

    @property
    def bithumb(self) -> ScriptedGateway:
        return self.gateways[Exchange.BITHUMB]

    def open(self, **kwargs) -> Arb | Shortage:
        return self.executor.open(signal(**kwargs), DEFAULT_PARAMS, 1)

    async def pass_time(self, ms: int) -> None:
        self.desk.mono += ms * 1_000_000
        self.executor.tick()
        await settle()

    def images(self) -> dict[str, Arb]:
        return {r.event.arb.arb_id: r.event.arb for r in self.journal.replay() if isinstance(r.event, ArbStepped)}

    def close(self) -> None:
        self.journal.close()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)
