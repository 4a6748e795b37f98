"""Carry an arb's actions out, and feed what the exchanges say back into the arb (R3.1).

Everything that changes an arb happens in one synchronous step on the event loop: advance, journal,
keep, then start the tasks that cross the network. A task only waits and reports; it decides nothing.
Each leg has a task of its own, so that neither can lose the other.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Any, Protocol

from arbitrage.domain.arb import (
    Action,
    Arb,
    ArbEvent,
    ArbOn,
    ArbState,
    Cancel,
    Halt,
    Moment,
    OperatorResolved,
    OrderHeard,
    Place,
    Query,
    Tick,
    is_moving,
    is_news,
)
from arbitrage.domain.arb_step import advance, open_arb, recovered
from arbitrage.domain.balances import Shortage
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.errors import InvariantError
from arbitrage.domain.events import ArbStepped, StrangeOrderSeen
from arbitrage.domain.hedge import Quote
from arbitrage.domain.order import Order, OrderOn, OrderReport, OrderRole
from arbitrage.domain.params import SECOND, Params
from arbitrage.domain.ports import (
    Accepted,
    Answer,
    Found,
    Gateway,
    Lookup,
    NotFound,
    OrderNews,
    Refused,
    Unknown,
)
from arbitrage.domain.signal import Signal
from arbitrage.domain.units import Exchange
from fast_path.counters import Counters
from fast_path.journal import Journal
from fast_path.latency import Latency
from fast_path.tally import Tally

LATE_FILL_NS = 600 * SECOND
"""A closed arb is kept this long, so that a fill after a cancel still finds it."""
STRANGE_KEPT = 1000


class Desk(Protocol):
    """What the executor needs from the trader that owns it."""

    def now(self) -> Moment:
        """Return both clocks."""

    def quotes(self, market: str) -> Mapping[Exchange, Quote]:
        """Return what both exchanges offer on `market` now; `book` None where it is not to be trusted."""

    def level(self, market: str) -> TradingLevel:
        """Return the kill switch's position for `market`."""

    def reserve(self, legs: Sequence[Order]) -> Shortage | None:
        """Reserve balances for both legs at once, or for none and say what is short."""

    def hold(self, order: Order) -> None:
        """Reserve for an order that goes regardless: a hedge, or one found alive at a restart."""

    def settle(self, order: Order) -> None:
        """Give back what an ended order did not take."""

    def closed(self, arb: Arb) -> None:
        """Learn that an arb ended (again, after a late fill)."""

    def halt(self, level: TradingLevel, reason: str) -> None:
        """Lower the trading state and wake a person."""

    def log(self, event: str, **fields: object) -> None:
        """Write one log line."""


class Executor:
    """All arbs of this trader, open and lately closed."""

    def __init__(
        self,
        *,
        desk: Desk,
        gateways: Mapping[Exchange, Gateway],
        journal: Journal,
        counters: Counters,
        latency: Latency,
        run_id: str,
    ) -> None:
        self._desk = desk
        self._gateways = gateways
        self._journal = journal
        self._counters = counters
        self._tally = Tally(counters, latency)
        self._run_id = run_id
        self._minted = 0
        self._arbs: dict[str, Arb] = {}
        self._closed: deque[tuple[int, str]] = deque()
        self._arb_of: dict[str, str] = {}
        self._by_exchange_id: dict[tuple[Exchange, str], str] = {}
        self._asking: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._strange: deque[tuple[Exchange, str]] = deque(maxlen=STRANGE_KEPT)
        self._order_times: deque[int] = deque(maxlen=1000)

    # What the trader asks

    def open_arbs(self) -> Iterator[Arb]:
        """Yield every arb that is not closed, oldest first."""
        return (arb for arb in list(self._arbs.values()) if not arb.is_closed)

    @property
    def open_count(self) -> int:
        """Return how many arbs are not closed."""
        return sum(not arb.is_closed for arb in self._arbs.values())

    def is_busy(self, market: str) -> bool:
        """Return whether `market` has an arb that is not closed."""
        return any(arb.market == market and not arb.is_closed for arb in self._arbs.values())

    def orders_last_second(self, mono_ns: int) -> int:
        """Return how many orders were sent in the second before `mono_ns`."""
        return sum(mono_ns - sent < SECOND for sent in self._order_times)

    def has_open_orders(self, exchange: Exchange) -> bool:
        """Return whether any order of ours may be alive on `exchange`."""
        return any(
            order.exchange is exchange and not order.is_ended for arb in self.open_arbs() for order in arb.orders
        )

    def last_check(self, exchange: Exchange, order: Order) -> str | None:
        """Return why `order` must not leave now, or None: the last look before the bytes (R4.1).

        REDUCING lets hedges pass, HALTED nothing.
        """
        level = self._desk.level(order.market)
        if level is TradingLevel.HALTED:
            return f"halted, {exchange} order kept back"
        if level is TradingLevel.REDUCING and order.role is not OrderRole.HEDGE:
            return f"reducing, {exchange} order kept back"
        return None

    # What moves arbs

    def open(self, signal: Signal, params: Params, params_epoch: int) -> Arb | Shortage:
        """Reserve, journal and send both legs of a new arb; a shortage sends nothing.

        JournalNotWritten when the journal cannot be written: nothing was sent either.
        """
        self._minted += 1
        arb_id = f"{self._run_id}-{self._minted}"
        now = self._desk.now()
        arb, actions = open_arb(signal, arb_id=arb_id, params=params, params_epoch=params_epoch, now=now)
        shortage = self._desk.reserve(arb.orders)
        if shortage is not None:
            return shortage
        self._keep(None, arb, actions, now)
        self._counters.add("arbs_opened")
        return arb

    def recover(self, images: Mapping[str, Arb]) -> None:
        """Take over the arbs of the journal: newest image of each. Open ones are asked for at once."""
        now = self._desk.now()
        for arb in images.values():
            if not arb.is_closed:
                for order in arb.orders:
                    if not order.is_ended:
                        self._desk.hold(order)
                after, actions = recovered(arb, now)
                self._keep(arb, after, actions, now)
            elif now.wall_ns - (arb.closed_wall_ns or 0) < LATE_FILL_NS:
                self._remember(arb)
                self._tally.recovered(arb)
                self._closed.append((now.mono_ns, arb.arb_id))

    def resolve(self, arb_id: str, reason: str) -> bool:
        """Close a STUCK arb that a person settled by hand; False when there is no such arb."""
        arb = self._arbs.get(arb_id)
        if arb is None or arb.state is not ArbState.STUCK:
            return False
        self._feed(arb_id, OperatorResolved(reason))
        return True

    def tick(self) -> None:
        """Let time pass for every open arb; call it every few tens of milliseconds."""
        for arb in self.open_arbs():
            self._tick(arb)
        mono = self._desk.now().mono_ns
        while self._closed and mono - self._closed[0][0] > LATE_FILL_NS:
            self._forget(self._closed.popleft()[1])

    def ask_again(self, exchange: Exchange) -> None:
        """Ask for every order that may be alive on `exchange`: its stream was away."""
        for arb in self.open_arbs():
            for order in arb.orders:
                if order.exchange is exchange and not order.is_ended:
                    self._spawn(self._query(order))

    def hear(self, exchange: Exchange, news: OrderNews) -> None:
        """Fold news of the private stream. News of orders we do not know is journalled once."""
        client_order_id = news.client_order_id
        if client_order_id not in self._arb_of:
            client_order_id = self._by_exchange_id.get((exchange, news.exchange_order_id or ""))
        if client_order_id is None:
            self._strange_seen(exchange, news)
            return
        self._feed(self._arb_of[client_order_id], OrderHeard(client_order_id, news.report))

    async def finish(self) -> None:
        """Wait for the tasks under way; call it last."""
        while self._tasks:
            await asyncio.wait(set(self._tasks), timeout=5)

    # One step

    def _tick(self, arb: Arb) -> None:
        self._feed(arb.arb_id, Tick(self._desk.quotes(arb.market), self._desk.level(arb.market)))

    def _feed(self, arb_id: str, event: ArbEvent) -> None:
        before = self._arbs[arb_id]
        now = self._desk.now()
        try:
            after, actions = advance(before, event, now)
        except InvariantError as error:
            self._counters.add("contradictions")
            self._desk.log("arb_contradicted", arb_id=arb_id, error=str(error))
            self._desk.halt(TradingLevel.HALTED, str(error))
            return
        self._keep(before, after, actions, now)

    def _keep(self, before: Arb | None, after: Arb, actions: tuple[Action, ...], now: Moment) -> None:
        """Journal `after` if it says anything new, then keep it, then act."""
        places = any(isinstance(action, Place) for action in actions)
        if before is None or is_news(before, after):
            moved = before is None or before.state is not after.state
            began = self._desk.now().mono_ns
            self._journal.append(
                ArbStepped(after, ArbOn(after.why.partition(" ")[0]) if moved else None, now.wall_ns),
                durable=places,
            )
            if places:
                self._tally.journalled(self._desk.now().mono_ns - began)
            if moved:
                self._desk.log(f"arb_{after.state}", arb_id=after.arb_id, market=after.market, why=after.why)
        self._remember(after)
        self._account(before, after)
        self._tally.stepped(before, after, now)
        self._counters.set("open_arbs", self.open_count)
        self._counters.set("moving_arbs", sum(is_moving(arb) for arb in self.open_arbs()))
        for action in actions:
            self._act(action)
        if after.is_closed and (before is None or not before.is_closed):
            self._closed.append((now.mono_ns, after.arb_id))
            self._desk.closed(after)
        elif after.state is ArbState.LEGGED and before is not None and before.state is not ArbState.LEGGED:
            asyncio.get_running_loop().call_soon(self._tick, after)

    def _account(self, before: Arb | None, after: Arb) -> None:
        """Keep the reservations in step: a new hedge takes, an ended order gives back."""
        if before is None:
            return
        for index, order in enumerate(after.orders):
            old = before.orders[index] if index < len(before.orders) else None
            if old is None:
                self._desk.hold(order)
            elif order.is_ended and not old.is_ended:
                self._desk.settle(order)

    def _act(self, action: Action) -> None:
        match action:
            case Place(order):
                self._spawn(self._place(order))
            case Cancel(order):
                self._spawn(self._cancel(order))
            case Query(order):
                self._spawn(self._query(order))
            case Halt(level, reason):
                self._desk.halt(level, reason)

    def _remember(self, arb: Arb) -> None:
        self._arbs[arb.arb_id] = arb
        for order in arb.orders:
            self._arb_of[order.client_order_id] = arb.arb_id
            if order.exchange_order_id is not None:
                self._by_exchange_id[order.exchange, order.exchange_order_id] = order.client_order_id

    def _forget(self, arb_id: str) -> None:
        arb = self._arbs.get(arb_id)
        if arb is None or not arb.is_closed:
            return
        del self._arbs[arb_id]
        self._tally.forget(arb)
        for order in arb.orders:
            self._arb_of.pop(order.client_order_id, None)
            self._by_exchange_id.pop((order.exchange, order.exchange_order_id or ""), None)

    # The tasks that cross the network

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._desk.log("task_broke", error=repr(error))
            self._desk.halt(TradingLevel.HALTED, f"task broke: {error!r}")

    async def _place(self, order: Order) -> None:
        self._hear(order, OrderReport(OrderOn.SENT))
        self._order_times.append(self._desk.now().mono_ns)
        self._counters.add("orders_sent")
        answer: Answer = Unknown("the send was abandoned")
        try:
            answer = await self._gateways[order.exchange].place(order)
        finally:
            self._hear(order, self._report_of(order, answer))

    def _report_of(self, order: Order, answer: Answer) -> OrderReport:
        match answer:
            case Accepted():
                self._tally.answered(order, answer, self._arbs.get(order.arb_id))
                return answer.report
            case Refused(reason, detail):
                self._counters.add(f"refused.{reason}")
                self._desk.log("order_refused", client_order_id=order.client_order_id, reason=reason, detail=detail)
                return OrderReport(OrderOn.REFUSED, refusal=reason, detail=detail)
            case Unknown(cause):
                self._counters.add("orders_unknown")
                self._desk.log("order_outcome_lost", client_order_id=order.client_order_id, cause=cause)
                return OrderReport(OrderOn.OUTCOME_LOST, detail=cause)

    async def _cancel(self, order: Order) -> None:
        key = f"cancel {order.client_order_id}"
        if key in self._asking:
            return
        self._asking.add(key)
        try:
            answer = await self._gateways[order.exchange].cancel(order)
        finally:
            self._asking.discard(key)
        self._counters.add("cancels_sent")
        if isinstance(answer, Refused):
            self._hear(order, OrderReport(OrderOn.CANCEL_REFUSED, detail=answer.detail))

    async def _query(self, order: Order) -> None:
        if order.client_order_id in self._asking:
            return
        self._asking.add(order.client_order_id)
        try:
            found: Lookup = await self._gateways[order.exchange].query(order)
        finally:
            self._asking.discard(order.client_order_id)
        self._counters.add("queries_sent")
        match found:
            case Found(report):
                self._hear(order, report)
            case NotFound():
                self._hear(order, OrderReport(OrderOn.NOT_FOUND))
            case Unknown():
                pass

    def _hear(self, order: Order, report: OrderReport) -> None:
        if order.arb_id in self._arbs:
            self._feed(order.arb_id, OrderHeard(order.client_order_id, report))

    def _strange_seen(self, exchange: Exchange, news: OrderNews) -> None:
        key = (exchange, news.exchange_order_id or news.client_order_id or "")
        if key in self._strange:
            return
        self._strange.append(key)
        self._counters.add("strange_orders")
        self._journal.append(
            StrangeOrderSeen(exchange, "", key[1], news.client_order_id, self._desk.now().wall_ns), durable=False
        )
