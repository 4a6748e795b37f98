"""The trader: recover from the journal, then engine to executor, signal by signal. Exactly one runs.

Start: take the file lock, raise the fence, replay the journal and look after what it left open; ask
both exchanges for balances, open orders and rules; only then is a new arb opened (R4.1). A wake-up
from a feed runs one engine step; an approved signal becomes two orders before anything else happens.
"""

import asyncio
from collections.abc import Callable, Mapping

from arbitrage.domain.arming import mode_word
from arbitrage.domain.balances import Shortage, Wallets
from arbitrage.domain.conduct import Conduct
from arbitrage.domain.errors import ConfigError, ExchangeError
from arbitrage.domain.events import TraderStarted
from arbitrage.domain.order import Order
from arbitrage.domain.params import SECOND
from arbitrage.domain.ports import Gateway, MarketRules
from arbitrage.domain.units import EXCHANGES, Exchange, Ns
from arbitrage.domain.wire import Duty, Wire
from exchanges import registry
from exchanges.rest_books import RestBooks
from fast_path.books import BookReader
from fast_path.engine import Decision, Engine
from fast_path.executor import Executor
from fast_path.journal import Journal
from fast_path.latency import Stage
from fast_path.wakeup import WakeupReceiver
from workers.armed import Armed
from workers.confirming import Confirming
from workers.desk import TradingDesk
from workers.drift_file import DriftFile
from workers.errands import RULES_EVERY_S, Errands
from workers.exchange_watch import ExchangeWatch
from workers.last_look import LastLook
from workers.lease import Lease, NoLease
from workers.pace_watch import PaceWatch
from workers.process import EXIT_FAILED, EXIT_OK, Context
from workers.start import Past, Start, new_run_id, read_past
from workers.treasury import Treasury
from workers.watched_gateway import WatchedGateway
from workers.wire_use import WireUse

SETTLE_S = 15.0
FINISH_S = 5.0
"""Longer than any answer may take; what still runs then is given up as unknown."""
RULES_REST_NS = 2 * SECOND
"""How long nothing is opened after orders began to go through another generation."""
FENCED = 3
"""Exit code of a trader that saw a younger one."""
CUT = 4
"""Exit code of a trader whose orders were cut off."""


class Trader:
    """One trader process, from lock to last balance."""

    def __init__(
        self,
        context: Context,
        gateways: dict[Exchange, Gateway],
        journal: Journal,
        *,
        arm: Callable[..., Armed] = Armed,
        lease: Lease | None = None,
        books: Mapping[Exchange, RestBooks] | None = None,
    ) -> None:
        """Read the journal. ConfigError when it holds an open arb of a market not watched any more, or when mode and
        transports contradict each other. `arm` makes the look at the locks on real orders; `books` are the second
        source for large arbs, None = those of the environment's addresses."""
        self._context = context
        self._lease = NoLease() if lease is None else lease
        self._watch = ExchangeWatch(context, {exchange: one.drift for exchange, one in gateways.items()})
        self._drift_file = DriftFile(context, {exchange: (one.drift,) for exchange, one in gateways.items()})
        self._gateways: dict[Exchange, Gateway] = {
            exchange: WatchedGateway(one, self._watch, None if lease is None else lease.until_shipped)
            for exchange, one in gateways.items()
        }
        self._journal = journal
        self._markets = context.env.markets
        self._conduct = Conduct()
        self._past = read_past(journal, self._markets, self._conduct.heard)
        self.fence = context.control.raise_fence()
        self._run_id = new_run_id(context.clock.wall_ns(), self.fence, self._past.run_ids)
        self._broken = False
        self.wallets = Wallets()
        self._errands: Errands | None = None
        if books is None:
            books = {exchange: registry.rest_books(exchange, context.env, context.clock) for exchange in EXCHANGES}
        self._confirming = Confirming(
            context,
            books,
            params=lambda: self.engine.params,
            decide=lambda index: self.engine.step(index, context.clock.mono_ns()),
            send=self._open,
            ended=self._ended,
        )
        self._wire_use = WireUse(context)
        self._wire_use.heed(self._use_wire)
        self._join()
        doors = [door for one in gateways.values() for door in one.doors]
        self.armed = arm(context, doors, lambda: (self.engine.params_data, self.engine.stored))
        self.armed.refuse_past(self._past.images.values(), self._past.modes)

    def _use_wire(self, wire: Wire) -> None:
        """Let both gateways use these settings from the next request on."""
        before = self._wire_use.wire
        for exchange, one in self._gateways.items():
            one.use_wire(wire.of(exchange))
        self._confirming.use_wire(wire)
        duty = Duty.ORDERS
        if any(
            before.of(exchange).generation(duty) is not wire.of(exchange).generation(duty) for exchange in EXCHANGES
        ):
            self._rest_for_rules()

    def _rest_for_rules(self) -> None:
        """Open nothing for a moment: orders go another way now, and its rules are still to be read."""
        until = self._context.clock.mono_ns() + RULES_REST_NS
        for market in self._markets:
            self._context.control.pause_market(market, Ns(until))
        if self._errands is not None:
            self._errands.want_rules()

    def _join(self) -> None:
        # Before the exchanges were asked, the dear fees and usual bounds of their profiles count.
        context, gateways, journal = self._context, self._gateways, self._journal
        instruments = {
            (exchange, market): registry.instrument(exchange, market, None, context.clock.wall_ns())
            for exchange in EXCHANGES
            for market in self._markets
        }
        readers = {exchange: BookReader(context.env.shm_dir, exchange, self._markets) for exchange in EXCHANGES}
        self.treasury = Treasury(context, gateways, self.wallets, journal, lambda: self.executor)
        self.desk = TradingDesk(
            context,
            gateways=gateways,
            instruments=instruments,
            readers=readers,
            wallets=self.wallets,
            journal=journal,
            executor=lambda: self.executor,
            params=lambda: self.engine.params,
            wanted=self.treasury.want,
            dust=self._past.dust,
            legs=self._past.legs,
            conduct=self._conduct,
            locks_closed=lambda: self.armed.locks_closed(),
        )
        self._watch.on_trouble = self.desk.integrity.troubled
        self.executor = Executor(
            desk=self.desk,
            gateways=gateways,
            journal=journal,
            counters=context.counters,
            latency=context.latency,
            run_id=self._run_id,
        )
        self._last_look = LastLook(
            context,
            fence=self.fence,
            max_lag_ns=lambda: self.engine.params.max_loop_lag_ns,
            lease=self._lease,
            executor=self.executor.last_check,
        )
        self.engine = Engine(
            markets=self._markets,
            readers=readers,
            instruments=instruments,
            control=context.control,
            wallets=self.wallets,
            exposure=self.desk.exposure,
            discount_left=self.desk.discount_left,
            part=self.desk.part_ppm,
        )
        self._pace = PaceWatch(
            context,
            journal=journal,
            params=lambda: self.engine.stored,
            earned=self._conduct.earned,
            apply=self.engine.set_pace,
        )

    async def run(self) -> int:
        """Recover, trade until told to stop, settle, and return the exit code."""
        context = self._context
        context.counters.set("ready", 0)
        asyncio.get_running_loop().set_exception_handler(self._broke)
        tasks: list[asyncio.Task[None]] = []
        try:
            await asyncio.gather(*(one.open() for one in self._gateways.values()), self._confirming.open())
            self._recover(self._past)
            errands = self._errands = Errands(
                context, self._gateways, self.executor, self.desk, self.treasury, take_rules=self._take_rules
            )
            for exchange in EXCHANGES:
                tasks.append(asyncio.create_task(errands.listen(exchange)))
                tasks.append(asyncio.create_task(self.treasury.keep(exchange)))
            tasks += (asyncio.create_task(errands.keep_rules()), asyncio.create_task(errands.read_mail()))
            for task in tasks:
                task.add_done_callback(self._ended)
            try:
                code = await self._trade()
            except ConfigError:
                await self._settle()
                raise
            if code == EXIT_OK:
                await self._settle()
                await self._say_goodbye()
            context.log.info("trader_settled", open_arbs=self.executor.open_count, code=code)
            return code
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, self._confirming.close(), return_exceptions=True)
            if not context.control.is_cut():
                await self.executor.finish(FINISH_S)
            for one in self._gateways.values():
                await one.close()
            await self.executor.finish(0)

    def _broke(self, _loop: asyncio.AbstractEventLoop, told: dict[str, object]) -> None:
        """Stop on anything a callback raised (a full disk under the journal, say): restart means recovery."""
        self._context.log.error("trader_broke", error=repr(told.get("exception") or told.get("message")))
        self._broken = True

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._broke(asyncio.get_running_loop(), {"exception": task.exception()})

    def last_check(self, exchange: Exchange, order: Order) -> str | None:
        """Return why `order` must not leave now: the last look before its bytes (R4.1)."""
        reason = self.armed.last_check(exchange, order) or self._last_look(exchange, order)
        if reason is None:
            self.armed.let_go(order)
        return reason

    def _recover(self, past: Past) -> None:
        """Take over what the journal left, and ask at once for every order that may be alive."""
        for arb in past.images.values():
            if arb.is_closed:
                self.desk.today.add(arb)
        started = TraderStarted(
            self._run_id,
            self.fence,
            mode_word(self.armed.mode),
            self._markets,
            self._context.clock.wall_ns(),
        )
        self._journal.append(started, durable=True)
        self.desk.tell_of_level(past.level)
        orders = [order for arb in past.images.values() for order in arb.orders]
        for one in self._gateways.values():
            one.remember(orders)
        self.executor.recover(past.images)
        self._context.log.info(
            "trader_recovered", arbs=len(past.images), open_arbs=self.executor.open_count, run_id=self._run_id
        )

    def _take_rules(self, exchange: Exchange, rules: MarketRules) -> None:
        """Use what the exchange says of a market; one not traded, or whose price step is not known, is paused."""
        instrument = registry.instrument(exchange, rules.market, rules)
        self.engine.set_instrument(instrument)
        self.desk.set_instrument(instrument)
        if not rules.is_active:
            self._context.log.warning("market_not_active", exchange=exchange, market=rules.market)
        if rules.tick_fault:
            self._context.log.error("price_step_unknown", exchange=exchange, market=rules.market, why=rules.tick_fault)
        if rules.tick_fault or not rules.is_active:
            until = self._context.clock.mono_ns() + 2 * int(RULES_EVERY_S * SECOND)
            self._context.control.pause_market(rules.market, Ns(until))

    # While trading

    async def _trade(self) -> int:
        context = self._context
        start = Start(context, self._gateways, self._journal, self.treasury, self._take_rules, self.desk.halt)
        asking = asyncio.create_task(start.ask(self._past.images))
        receiver: WakeupReceiver | None = None
        try:
            while not context.stopping.is_set():
                if context.control.fence() != self.fence:
                    context.log.error("trader_fenced", ours=self.fence, newest=context.control.fence())
                    return FENCED
                if context.control.is_cut():
                    context.log.critical("trader_cut_off")
                    return CUT
                if self._lease.is_lost:
                    context.log.error("trader_replaced_by_standby")
                    return FENCED
                if self._broken:
                    return EXIT_FAILED
                if receiver is None and asking.done():
                    asking.result()
                    self._past = Past({}, frozenset())
                    receiver = self._wakeups()
                self.executor.tick()
                context.counters.add("rounds")
                self.desk.swings.look(context.clock.mono_ns())
                self.engine.refresh_params()
                self.armed.tick()
                self._wire_use.heed(self._use_wire)
                self._watch.tick()
                self.desk.integrity.tick()
                self.desk.breakers.tick()
                self._pace.tick()
                self._gauge()
                await context.sleep(context.rhythm.trader_tick_s)
            return EXIT_OK
        finally:
            if receiver is not None:
                asyncio.get_running_loop().remove_reader(receiver.fileno())
                receiver.close()
            context.counters.set("ready", 0)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    def _wakeups(self) -> WakeupReceiver:
        receiver = WakeupReceiver(self._context.env.wakeup_path)
        asyncio.get_running_loop().add_reader(receiver.fileno(), self._woken, receiver)
        self._context.log.info("trader_ready", fence=self.fence)
        self._context.counters.set("ready", 1)
        return receiver

    def _woken(self, receiver: WakeupReceiver) -> None:
        """Run one engine step for every market whose book changed."""
        for index in {market for _, market in receiver.drain()}:
            if index in self._pace.resting:
                self._context.counters.add("looks_paced_out")
            elif index < len(self._markets):
                self._acted(self.engine.step(index, self._context.clock.mono_ns()))

    def _acted(self, decision: Decision) -> None:
        counters = self._context.counters
        if decision.denial is not None:
            counters.add(f"denied.{decision.denial}")
            if decision.denied is not None:
                self.desk.doubt(decision.denied.reason, decision.signal)
        if decision.signal is None:
            return
        counters.add("signals")
        if decision.approved is None or self._context.stopping.is_set() or self._broken:
            return
        if self._lease.why_not() is not None:
            counters.add("denied.no_lease")
            return
        now = self._context.clock.mono_ns()
        self._context.latency.record(Stage.BOOK_TO_DECISION, now - decision.published_mono_ns)
        if not self._confirming.takes(decision):
            self._open(decision)

    def _open(self, decision: Decision) -> None:
        """Open what was approved, and confirmed where it is large."""
        if decision.signal is None or self._context.stopping.is_set() or self._broken:
            return
        opened = self.executor.open(decision.signal, self.engine.params, decision.params_epoch)
        if isinstance(opened, Shortage):
            self._context.counters.add("denied.reservation_short")

    def _gauge(self) -> None:
        counters = self._context.counters
        self._drift_file.save()
        if self.engine.params_refused > counters.get("params_refused"):
            findings = list(self.engine.params_findings)
            self._context.log.error("params_refused", epoch=self._context.control.params_epoch(), findings=findings)
        counters.set("params_refused", self.engine.params_refused)
        pnl, bought = self.desk.today.figures(self._context.clock.wall_ns())
        counters.set("today_pnl_e8", pnl)
        counters.set("today_bought_e8", bought)

    # Stop

    async def _settle(self) -> None:
        """Open nothing, finish what is open as far as the time allows, and read the last balances."""
        clock = self._context.clock
        deadline = clock.mono_ns() + int(SETTLE_S * SECOND)
        while self.executor.moving_count and clock.mono_ns() < deadline and not self._broken:
            self.executor.tick()
            await asyncio.sleep(self._context.rhythm.trader_tick_s)
        await self.executor.finish(FINISH_S)
        for exchange in EXCHANGES:
            try:
                await self.treasury.read(exchange, journal_ns=0)
            except ExchangeError as error:
                self._context.log.warning("balances_not_read", exchange=exchange, error=str(error))
        if self.executor.open_count:
            self._context.log.error("arbs_left_open", count=self.executor.open_count)

    async def _say_goodbye(self) -> None:
        # Then its silence trips nothing; with something still moving watchdog and standby are to look after it.
        if not self.executor.moving_count:
            self._context.counters.set("gone", 1)
            await self._lease.say_goodbye()
