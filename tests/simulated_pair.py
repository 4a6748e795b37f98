"""Both simulated exchanges served from a thread of their own, and a desk whose orders are placed and journalled.

For tests of what reads the exchanges from outside while Django's tables are in this thread.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from desk_story import LIMITS, records

from arbitrage.domain.arb import Arb, ArbOn, ArbState
from arbitrage.domain.events import ArbStepped, BalancesRead, Event, Holding, TraderStarted
from arbitrage.domain.order import Fill, Order, OrderRole, OrderState, TimeInForce
from arbitrage.domain.signal import Signal
from arbitrage.domain.units import EXCHANGES, SCALE, Exchange, Krw, Ns, Price, Qty, Side, to_decimal
from arbitrage.services import recording
from exchanges.simulator import server
from exchanges.simulator.config import SimConfig, read_keys
from exchanges.simulator.money import FINE_DECIMALS
from exchanges.simulator.orders import Draft, OrdType, SimOrder, Tif
from karb_project.env import Env
from workers.up_setup import make_directories, make_keys

RUN = "run1"


def wire_decimal(fine: int) -> Decimal:
    """Return the simulator's exact amount as a Decimal."""
    return Decimal(fine).scaleb(-FINE_DECIMALS)


class SimulatedPair:
    """The exchanges, and the desk's own way of trading on them."""

    def __init__(self, env: Env, *, can_see_withdrawals: bool = True) -> None:
        make_directories(env)
        path = make_keys(env)
        if can_see_withdrawals:
            path.write_text(path.read_text().replace('"view_deposits"', '"view_deposits", "view_withdrawals"'))
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        config = SimConfig(markets=env.markets, accounts=read_keys(env.simulated_keys_path))
        self.running = asyncio.run_coroutine_threadsafe(server.start(config), self.loop).result(30)
        self.env = msgspec.structs.replace(
            env, sim_upbit_address=self.running.upbit_address, sim_bithumb_address=self.running.bithumb_address
        )
        self._seq = 1
        self._minted = 0

    def close(self) -> None:
        """Stop serving."""
        asyncio.run_coroutine_threadsafe(self.running.stop(), self.loop).result(30)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)

    def do(self, act: Callable[[], Any]) -> Any:
        """Return what `act` returns, run where the exchanges live."""

        async def acted() -> Any:
            self.running.simulator.advance(time.time_ns())
            return act()

        return asyncio.run_coroutine_threadsafe(acted(), self.loop).result(30)

    def act(self, exchange: Exchange, act: Any) -> None:
        """Let something happen at one exchange."""
        sim = self.running.exchange(exchange)
        self.do(lambda: act.do(self.running.simulator, sim, time.time_ns()))

    def account(self, exchange: Exchange) -> Any:
        """Return the desk's account."""
        return next(iter(self.running.exchange(exchange).accounts.values()))

    def keep(self, *events: Event) -> None:
        """Write events to the tables, as the recorder does."""
        kept = records(list(events), first_seq=self._seq)
        self._seq += len(kept)
        recording.record_batch(kept)

    def open_books(self) -> None:
        """Start a trader and read both exchanges for the first time."""
        now = Ns(time.time_ns())
        reads = []
        for exchange in EXCHANGES:
            account = self.account(exchange)
            held = {asset: wire_decimal(account.total(asset)) for asset in account.assets()}
            holdings = tuple(Holding(asset, total, Decimal(0)) for asset, total in held.items())
            reads.append(BalancesRead(exchange, holdings, True, now))
        self.keep(TraderStarted(RUN, 1, "simulated", self.env.markets, now), *reads)

    def trade(self, market: str, *, is_recorded: bool = True) -> Arb:
        """Buy on Upbit and sell on Bithumb at the market; return the arb as its last image."""
        self._minted += 1
        arb_id = f"{RUN}-{self._minted}"
        buy = self._order(arb_id, "b", Exchange.UPBIT, Side.BID, market)
        sell = self._order(arb_id, "s", Exchange.BITHUMB, Side.ASK, market)
        arb = _arb(arb_id, market, (buy, sell))
        if is_recorded:
            self.keep(ArbStepped(arb, ArbOn.BALANCED, arb.opened_wall_ns))
        return arb

    def _order(self, arb_id: str, letter: str, exchange: Exchange, side: Side, market: str) -> Order:
        sim, account = self.running.exchange(exchange), self.account(exchange)
        now = time.time_ns()

        def place() -> SimOrder:
            levels = sim.levels(market, side.opposite, now)
            # Far enough to fill whatever happens to the book.
            price = int(levels[0][0]) * (100 + 3 * side.sign) // 100
            step = 1_000 * SCALE if price > 1_000_000 * SCALE else SCALE
            draft = Draft(market, side, OrdType.LIMIT, price - price % step, 1_000_000, Tif.IOC, f"{arb_id}-{letter}")
            placed = sim.matching.place(account, draft, now)
            assert isinstance(placed, SimOrder), placed
            return placed

        placed = self.do(place)
        for _ in range(100):
            if self.do(lambda: not placed.is_open):
                break
            time.sleep(0.01)
        return self.do(lambda: _order_of(placed, arb_id, exchange, now))


def _order_of(placed: SimOrder, arb_id: str, exchange: Exchange, now: int) -> Order:
    draft = placed.draft
    fills = tuple(
        Fill(trade.trade_id, Price(trade.price), Qty(trade.qty), wire_decimal(trade.funds), Ns(trade.at_ns))
        for trade in placed.trades
    )
    return Order(
        client_order_id=str(draft.client_order_id),
        arb_id=arb_id,
        role=OrderRole.BUY_LEG if draft.side is Side.BID else OrderRole.SELL_LEG,
        exchange=exchange,
        market=draft.market,
        side=draft.side,
        price=Price(draft.price or 0),
        qty=Qty(draft.volume or 0),
        tif=TimeInForce.IOC,
        state=OrderState.FILLED if placed.executed_qty == draft.volume else OrderState.CANCELED,
        planned_wall_ns=Ns(now),
        planned_mono_ns=Ns(1),
        heard_mono_ns=Ns(1),
        exchange_order_id=placed.order_id,
        executed_qty=Qty(placed.executed_qty),
        executed_funds=wire_decimal(placed.executed_funds),
        paid_fee=wire_decimal(placed.paid_fee),
        fills=fills,
    )


def _arb(arb_id: str, market: str, legs: tuple[Order, Order]) -> Arb:
    buy, sell = legs
    now = Ns(time.time_ns())
    signal = Signal(
        market=market,
        buy_exchange=buy.exchange,
        sell_exchange=sell.exchange,
        qty=buy.qty,
        buy_limit=buy.price,
        sell_limit=sell.price,
        buy_cost=Krw(int(to_decimal(buy.price) * to_decimal(buy.qty) * SCALE)),
        sell_proceeds=Krw(int(to_decimal(sell.price) * to_decimal(sell.qty) * SCALE)),
        fees=Krw(0),
        net_edge_ppm=1,
        buy_book_mono_ns=Ns(0),
        sell_book_mono_ns=Ns(0),
    )
    return Arb(
        arb_id=arb_id,
        params_epoch=1,
        market=market,
        state=ArbState.CLOSED,
        signal=signal,
        limits=LIMITS,
        orders=legs,
        opened_wall_ns=now,
        opened_mono_ns=Ns(1),
        changed_mono_ns=Ns(1),
        closed_wall_ns=now,
    )
