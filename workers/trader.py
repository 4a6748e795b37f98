"""The trader: recover from the journal, then engine to executor, signal by signal. Exactly one runs.

Start: take the file lock, raise the fence, replay the journal, read both exchanges' rules and
balances, ask for every order that may be alive; only then is a new arb opened (R4.1). A wake-up from
a feed runs one engine step; an approved signal becomes two orders before anything else happens.
"""

import argparse
import asyncio
import fcntl
import os
import string
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from arbitrage.domain.arb import Arb
from arbitrage.domain.balances import Shortage, Wallets
from arbitrage.domain.errors import AuthRefused, ConfigError, ExchangeError
from arbitrage.domain.events import ArbStepped, StrangeOrderSeen, TraderStarted
from arbitrage.domain.instrument import Instrument
from arbitrage.domain.order import Order
from arbitrage.domain.params import SECOND
from arbitrage.domain.ports import BalanceNews, Gateway, OpenOrder, OrderNews, StreamNews, StreamState
from arbitrage.domain.risk import DenyReason
from arbitrage.domain.units import EXCHANGES, Exchange, Ns
from exchanges import registry
from exchanges.gateways import gateway
from fast_path import mailbox
from fast_path.books import BookReader
from fast_path.engine import Decision, Engine
from fast_path.executor import Executor
from fast_path.journal import Journal
from fast_path.latency import Stage
from fast_path.wakeup import WakeupReceiver
from karb_project.env import read_env
from workers.desk import TradingDesk
from workers.process import EXIT_FAILED, EXIT_OK, Backoff, Context, run_process
from workers.treasury import Treasury

TICK_S = 0.03
SETTLE_S = 15.0
RULES_EVERY_S = 300.0
MAIL_EVERY_S = 1.0
STREAM = "trader"
FENCED = 3
"""Exit code of a trader that saw a younger one."""

T = TypeVar("T")


class StoppedEarly(Exception):
    """Told to stop before trading began."""


class Trader:
    """One trader process, from lock to last balance."""

    def __init__(self, context: Context, gateways: dict[Exchange, Gateway], journal: Journal) -> None:
        self._context = context
        self._gateways = gateways
        self._journal = journal
        self._markets = context.env.markets
        self._wallets = Wallets()
        self._readers = {exchange: BookReader(context.env.shm_dir, exchange, self._markets) for exchange in EXCHANGES}
        self._fence = context.control.raise_fence()
        self._run_id = _run_id(context.clock.wall_ns(), self._fence)
        self._broken = False
        self._executor: Executor
        self._engine: Engine
        self._desk: TradingDesk
        self._treasury = Treasury(context, gateways, self._wallets, journal, lambda: self._executor)

    async def run(self) -> int:
        """Recover, trade until told to stop, settle, and return the exit code."""
        context = self._context
        asyncio.get_running_loop().set_exception_handler(self._broke)
        tasks: list[asyncio.Task[None]] = []
        try:
            for gateway in self._gateways.values():
                await gateway.open()
            self._wire(await self._instruments())
            await self._recover()
            for exchange in EXCHANGES:
                tasks.append(asyncio.create_task(self._listen(exchange)))
                tasks.append(asyncio.create_task(self._treasury.keep(exchange)))
            tasks.append(asyncio.create_task(self._keep_rules()))
            tasks.append(asyncio.create_task(self._read_mail()))
            for task in tasks:
                task.add_done_callback(self._ended)
            code = await self._trade()
            await self._settle()
            context.log.info("trader_settled", open_arbs=self._executor.open_count)
            return code
        except StoppedEarly:
            return EXIT_OK
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for gateway in self._gateways.values():
                await gateway.close()

    def _broke(self, _loop: asyncio.AbstractEventLoop, told: dict[str, object]) -> None:
        """Stop on anything a callback raised (a full disk under the journal, say): restart means recovery."""
        self._context.log.error("trader_broke", error=repr(told.get("exception") or told.get("message")))
        self._broken = True

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._broke(asyncio.get_running_loop(), {"exception": task.exception()})

    def _wire(self, instruments: dict[tuple[Exchange, str], Instrument]) -> None:
        self._desk = TradingDesk(
            self._context,
            gateways=self._gateways,
            instruments=instruments,
            readers=self._readers,
            wallets=self._wallets,
            journal=self._journal,
            executor=lambda: self._executor,
            params=lambda: self._engine.params,
            wanted=self._treasury.want,
        )
        self._executor = Executor(
            desk=self._desk,
            gateways=self._gateways,
            journal=self._journal,
            counters=self._context.counters,
            latency=self._context.latency,
            run_id=self._run_id,
        )
        self._engine = Engine(
            markets=self._markets,
            readers=self._readers,
            instruments=instruments,
            control=self._context.control,
            wallets=self._wallets,
            exposure=self._desk.exposure,
        )

    def last_check(self, exchange: Exchange, order: Order) -> str | None:
        """Return why `order` must not leave now: the last look before its bytes (R4.1)."""
        if self._context.control.fence() != self._fence:
            return f"fenced: this trader is {self._fence}, the newest is {self._context.control.fence()}"
        return self._executor.last_check(exchange, order)

    # Start

    async def _instruments(self) -> dict[tuple[Exchange, str], Instrument]:
        """Return the rules of every market on both exchanges, asked until they are had."""
        found = {}
        for exchange in EXCHANGES:
            for market in self._markets:
                rules = await self._until_read(
                    f"rules {exchange} {market}", partial(self._gateways[exchange].market_rules, market)
                )
                found[exchange, market] = registry.instrument(exchange, market, rules)
        return found

    async def _until_read(self, what: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until there is an answer. ConfigError when the key is refused, StoppedEarly when told to stop."""
        backoff = Backoff()
        while not self._context.stopping.is_set():
            try:
                return await ask()
            except AuthRefused as error:
                raise ConfigError([f"{what}: the exchange refused the key: {error}"]) from None
            except ExchangeError as error:
                self._context.log.warning("start_waits", what=what, error=str(error))
                await asyncio.sleep(min(backoff.next_s(), 5.0))
        raise StoppedEarly

    async def _recover(self) -> None:
        """Fold the journal, then ask the exchanges for balances, for our orders, for strange ones."""
        images: dict[str, Arb] = {}
        for record in self._journal.replay():
            if isinstance(record.event, ArbStepped):
                images[record.event.arb.arb_id] = record.event.arb
        for arb in images.values():
            if arb.is_closed:
                self._desk.today.add(arb)
        self._journal.append(
            TraderStarted(
                self._run_id,
                self._fence,
                registry.mode_label(self._context.env),
                self._markets,
                self._context.clock.wall_ns(),
            ),
            durable=True,
        )
        for exchange in EXCHANGES:
            await self._until_read(f"balances {exchange}", partial(self._treasury.read, exchange))
        self._executor.recover(images)
        open_before = self._executor.open_count
        for exchange in EXCHANGES:
            seen = await self._until_read(f"open orders {exchange}", self._gateways[exchange].open_orders)
            self._name_strangers(seen, images)
        self._context.log.info("trader_recovered", arbs=len(images), open_arbs=open_before, run_id=self._run_id)

    def _name_strangers(self, seen: Sequence[OpenOrder], images: dict[str, Arb]) -> None:
        ours = {order.client_order_id for arb in images.values() for order in arb.orders}
        for one in seen:
            if one.client_order_id not in ours:
                self._context.counters.add("strange_orders")
                self._journal.append(
                    StrangeOrderSeen(
                        one.exchange,
                        one.market,
                        one.exchange_order_id,
                        one.client_order_id,
                        self._context.clock.wall_ns(),
                    ),
                    durable=False,
                )

    # While trading

    async def _trade(self) -> int:
        context = self._context
        receiver = WakeupReceiver(context.env.wakeup_path)
        loop = asyncio.get_running_loop()
        loop.add_reader(receiver.fileno(), self._woken, receiver)
        context.log.info("trader_ready", fence=self._fence)
        context.counters.set("ready", 1)
        try:
            while not context.stopping.is_set():
                if context.control.fence() != self._fence:
                    context.log.error("trader_fenced", ours=self._fence, newest=context.control.fence())
                    return FENCED
                if self._broken:
                    return EXIT_FAILED
                self._executor.tick()
                self._engine.refresh_params()
                self._gauge()
                try:
                    await asyncio.wait_for(context.stopping.wait(), TICK_S)
                except TimeoutError:
                    pass
            return EXIT_OK
        finally:
            context.counters.set("ready", 0)
            loop.remove_reader(receiver.fileno())
            receiver.close()

    def _woken(self, receiver: WakeupReceiver) -> None:
        """Run one engine step for every market whose book changed."""
        for index in {market for _, market in receiver.drain()}:
            if index < len(self._markets):
                self._acted(self._engine.step(index, self._context.clock.mono_ns()))

    def _acted(self, decision: Decision) -> None:
        counters = self._context.counters
        if decision.denial is not None:
            counters.add(f"denied.{decision.denial}")
            if decision.denied is not None and decision.denied.reason is DenyReason.EDGE_TOO_GOOD:
                self._distrust(decision)
        if decision.signal is None:
            return
        counters.add("signals")
        if decision.approved is None or self._context.stopping.is_set():
            return
        now = self._context.clock.mono_ns()
        self._context.latency.record(Stage.BOOK_TO_DECISION, now - decision.published_mono_ns)
        opened = self._executor.open(decision.signal, self._engine.params, decision.params_epoch)
        if isinstance(opened, Shortage):
            counters.add("denied.reservation_short")

    def _distrust(self, decision: Decision) -> None:
        """Pause a market whose edge is too good to be true, and ask both feeds for whole books (R1.3)."""
        until = Ns(self._context.clock.mono_ns() + self._engine.params.pause_ns)
        self._context.control.pause_market(decision.market, until)
        for exchange in EXCHANGES:
            self._context.control.request_resync(exchange, decision.market)
        edge = decision.signal.net_edge_ppm if decision.signal is not None else 0
        self._context.log.warning("market_paused", market=decision.market, edge_ppm=edge)

    def _gauge(self) -> None:
        self._context.counters.set("params_refused", self._engine.params_refused)
        pnl, bought = self._desk.today.figures(self._context.clock.wall_ns())
        self._context.counters.set("today_pnl_e8", pnl)
        self._context.counters.set("today_bought_e8", bought)

    async def _listen(self, exchange: Exchange) -> None:
        """Fold the private stream into the arbs; after each (re)connect ask for what it missed."""
        async for news in self._gateways[exchange].private_news():
            match news:
                case OrderNews():
                    self._executor.hear(exchange, news)
                case BalanceNews():
                    self._treasury.want(exchange)
                case StreamNews(state):
                    self._context.log.info("private_stream", exchange=exchange, state=state)
                    if state is StreamState.UP:
                        self._desk.streams_up.add(exchange)
                        self._executor.ask_again(exchange)
                        self._treasury.want(exchange)
                    else:
                        self._desk.streams_up.discard(exchange)
                        self._context.counters.add("private_stream_downs")

    async def _keep_rules(self) -> None:
        """Read fees and bounds again now and then: a coupon that ran out turns profit into loss."""
        while True:
            await asyncio.sleep(RULES_EVERY_S)
            for exchange in EXCHANGES:
                for market in self._markets:
                    try:
                        rules = await self._gateways[exchange].market_rules(market)
                    except ExchangeError as error:
                        self._context.log.warning("rules_not_read", exchange=exchange, error=str(error))
                        break
                    instrument = registry.instrument(exchange, market, rules)
                    self._engine.set_instrument(instrument)
                    self._desk.set_instrument(instrument)

    async def _read_mail(self) -> None:
        """Carry out what a person asked for; a request is removed once its effect is journalled."""
        while True:
            for path, request in mailbox.waiting(self._context.env.requests_dir):
                if isinstance(request, str):
                    self._context.log.error("request_unreadable", file=path.name, error=request)
                    path.replace(path.with_suffix(".bad"))
                    continue
                done = self._executor.resolve(request.arb_id, f"{request.by}: {request.reason}")
                self._context.log.warning("arb_resolved" if done else "arb_not_stuck", arb_id=request.arb_id)
                path.unlink(missing_ok=True)
            await asyncio.sleep(MAIL_EVERY_S)

    # Stop

    async def _settle(self) -> None:
        """Open nothing, finish what is open as far as the time allows, and read the last balances."""
        clock = self._context.clock
        deadline = clock.mono_ns() + int(SETTLE_S * SECOND)
        while self._executor.open_count and clock.mono_ns() < deadline:
            self._executor.tick()
            await asyncio.sleep(TICK_S)
        await self._executor.finish()
        for exchange in EXCHANGES:
            try:
                await self._treasury.read(exchange, journal_ns=0)
            except ExchangeError as error:
                self._context.log.warning("balances_not_read", exchange=exchange, error=str(error))
        if self._executor.open_count:
            self._context.log.error("arbs_left_open", count=self._executor.open_count)


def _run_id(wall_ns: int, fence: int) -> str:
    """Return an id no earlier run of this desk had: the start second and the fence, in base 36."""
    return f"{_base36(wall_ns // SECOND)}{_base36(fence)}"


def _base36(number: int) -> str:
    digits = string.digits + string.ascii_lowercase
    text = ""
    while True:
        number, rest = divmod(number, 36)
        text = digits[rest] + text
        if not number:
            return text


def _lock(path: Path) -> int:
    """Take the trader's lock for the life of this process; ConfigError when another trader has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise ConfigError([f"another trader holds {path}; only one may run"]) from None
    return fd


async def _main(context: Context) -> int:
    lock = _lock(context.env.var_dir / "trader.lock")
    journal = Journal(context.env.journal_path, STREAM, context.env.journal_fsync)
    try:
        held: list[Trader] = []
        gateways = {
            exchange: gateway(exchange, context.env, context.clock, last_check=lambda at, o: held[0].last_check(at, o))
            for exchange in EXCHANGES
        }
        held.append(Trader(context, gateways, journal))
        return await held[0].run()
    finally:
        journal.close()
        os.close(lock)


def main(argv: list[str]) -> int:
    """Run the trader; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m workers trader", description="Trade until told to stop.")
    parser.parse_args(argv)
    return run_process("trader", _main, read_env())
