"""One trader process in a story: the real trader, from start to a proper end or to a death on the spot."""

import asyncio
from collections.abc import Callable

import msgspec

from arbitrage.domain.arb import Arb
from arbitrage.domain.events import Event
from arbitrage.domain.order import Order, OrderRole
from arbitrage.domain.params import DEFAULT_PARAMS, MS, Params
from arbitrage.domain.signal import Signal
from arbitrage.domain.units import EXCHANGES, Exchange
from exchanges.rest_gateway import RestGateway
from fast_path.journal import Journal, JournalNotWritten
from workers.armed import Armed
from workers.process import Context
from workers.trader import Trader

FAST = msgspec.structs.replace(
    DEFAULT_PARAMS,
    query_after_ns=40 * MS,
    cancel_after_ns=200 * MS,
    not_found_grace_ns=200 * MS,
    unresolved_deadline_ns=400 * MS,
    hedge_patience_ns=100 * MS,
    hedge_limit_ns=500 * MS,
)
"""The usual parameters, all waits of an arb shorter than an operator may set them."""
SET = msgspec.structs.replace(
    DEFAULT_PARAMS,
    query_after_ns=50 * MS,
    cancel_after_ns=250 * MS,
    not_found_grace_ns=500 * MS,
    unresolved_deadline_ns=1_000 * MS,
    hedge_patience_ns=60 * MS,
    hedge_limit_ns=600 * MS,
    max_control_age_ns=200 * MS,
    rest_after_arb_ns=0,
    # A story's books stand 1 % apart: a lone leg undone is that far off, and would pause the market.
    max_slippage_alert_ppm=200_000,
    # Nor do breakers stop a story of nothing but trouble; they have stories of their own.
    max_unhedged_krw=10**18,
    max_failures_in_a_row=1_000,
    max_refused_ppm=1_000_000,
    max_orders_per_minute=12_000,
)
"""The parameters in force for the engine: as short as an operator may set them."""

LastCheck = Callable[[Exchange, Order], str | None]


async def until(is_so: Callable[[], object], within_s: float = 8.0) -> None:
    """Wait for a condition; fail loudly when it does not come."""
    end = asyncio.get_running_loop().time() + within_s
    while not is_so():
        assert asyncio.get_running_loop().time() < end, "it never came"
        await asyncio.sleep(0.005)


class DiskJournal(Journal):
    """The real journal on a disk that a story can fill up."""

    is_full = False

    def append(self, event: Event, *, durable: bool) -> int:
        """Write, unless the disk is full."""
        if self.is_full:
            raise JournalNotWritten(f"{self.path}: No space left on device")
        return super().append(event, durable=durable)


class Life:
    """One trader process: files open, connections up, until `stop` or `die`."""

    def __init__(
        self,
        make: Callable[[Exchange, LastCheck], RestGateway],
        context: Context,
        journal: DiskJournal,
        arm: Callable[..., Armed] = Armed,
    ) -> None:
        self.context = context
        self.journal = journal
        self.gateways = {exchange: make(exchange, self._last_check) for exchange in EXCHANGES}
        self.before_send: list[LastCheck] = []
        """Asked before the trader's own last check: where a story cuts in between decision and wire."""
        self.is_dead = False
        self.trader = Trader(context, dict(self.gateways), journal, arm=arm)
        self.run = asyncio.create_task(self.trader.run())

    def _last_check(self, exchange: Exchange, order: Order) -> str | None:
        for ask in tuple(self.before_send):
            if (reason := ask(exchange, order)) is not None:
                return reason
        return self.trader.last_check(exchange, order)

    @property
    def is_ready(self) -> bool:
        """Return whether it trades."""
        return self.context.counters.get("ready") == 1

    def count(self, name: str) -> int:
        """Return one of its counters."""
        return self.context.counters.get(name)

    def open(self, signal: Signal, params: Params = FAST) -> Arb:
        """Let the executor open an arb, as an approved signal would."""
        opened = self.trader.executor.open(signal, params, 1)
        assert isinstance(opened, Arb), opened
        return opened

    def arb(self, arb_id: str) -> Arb:
        """Return an arb as it stands."""
        arb = self.trader.executor.find(arb_id)
        assert arb is not None
        return arb

    def at_send(self, role: OrderRole, act: Callable[[Exchange], str | None]) -> None:
        """Do something right before the next order of this role leaves; a text returned keeps it back."""

        def ask(exchange: Exchange, order: Order) -> str | None:
            if order.role is not role:
                return None
            self.before_send.remove(ask)
            return act(exchange)

        self.before_send.append(ask)

    async def closed(self, arb_id: str, within_s: float = 8.0) -> Arb:
        """Return the arb once it is closed."""
        find = self.trader.executor.find
        await until(lambda: self.run.done() or ((arb := find(arb_id)) is not None and arb.is_closed), within_s)
        return self.arb(arb_id)

    async def stop(self) -> int:
        """Tell it to stop as SIGTERM does, and return its exit code."""
        self.context.stopping.set()
        try:
            return await asyncio.wait_for(self.run, 20)
        finally:
            self.journal.close()
            self.context.close()

    def end_now(self) -> str:
        """Write nothing from here on, in the middle of a step; what else is due in this round still leaves."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, told: None)
        self.journal.close()
        loop.call_soon(self.context.close)
        self.is_dead = True
        return "dead"

    async def die(self) -> None:
        """End it on the spot, as SIGKILL does: nothing more is written, sent or cleaned up."""
        if not self.is_dead:
            self.end_now()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        for gateway in self.gateways.values():
            await gateway.close()
        await asyncio.gather(*rest, return_exceptions=True)
