"""Carry an arb's actions out, and feed what the exchanges say back into the arb (R3.1).

Everything that changes an arb happens in one synchronous step on the event loop: advance, journal,
keep, then start the tasks that cross the network (`crossings.py`). Between the journal and the wire
stands only what the wire needs: figures and log lines come after.
"""

import asyncio
from collections import deque
from collections.abc import Mapping

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
    can_follow,
    is_news,
)
from arbitrage.domain.arb_clocks import reclocked
from arbitrage.domain.arb_step import advance, open_arb, recovered
from arbitrage.domain.balances import Shortage
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.errors import InvariantError
from arbitrage.domain.events import ArbStepped, StrangeOrderSeen
from arbitrage.domain.leg_order import FOLLOW_WITHIN_NS
from arbitrage.domain.order import Order, OrderReport, OrderRole, OrderState
from arbitrage.domain.params import MS, SECOND, Params
from arbitrage.domain.ports import Gateway, OrderNews
from arbitrage.domain.signal import Signal
from arbitrage.domain.units import Exchange, Ns
from fast_path.counters import Counters
from fast_path.crossings import Crossings
from fast_path.desk import Desk
from fast_path.journal import Journal
from fast_path.latency import Latency
from fast_path.register import LATE_FILL_NS, Register
from fast_path.second_look import SecondLook
from fast_path.tally import Tally

SEND_WITHIN_NS = 500 * MS
"""A leg this old is not sent any more; one whose sibling has left, when it is FOLLOW_WITHIN_NS old."""
STRANGE_KEPT = 1000


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
        self._journal = journal
        self._counters = counters
        self._tally = Tally(counters, latency)
        self._run_id = run_id
        self._minted = 0
        self._register = Register()
        self._left: set[str] = set()
        self._second_look = SecondLook()
        self._strange: deque[tuple[Exchange, str]] = deque(maxlen=STRANGE_KEPT)
        self._order_times: deque[int] = deque(maxlen=1000)
        self._is_finishing = False
        self._crossings = Crossings(
            desk=desk,
            gateways=gateways,
            counters=counters,
            tally=self._tally,
            hear=self._hear,
            find=self._register.find,
        )

    # What the trader asks

    def find(self, arb_id: str) -> Arb | None:
        """Return an arb, None when it is neither open nor closed lately."""
        return self._register.find(arb_id)

    def open_arbs(self) -> tuple[Arb, ...]:
        """Return every arb that is not closed, oldest first."""
        return self._register.open_arbs()

    @property
    def open_count(self) -> int:
        """Return how many arbs are not closed."""
        return self._register.open_count

    @property
    def moving_count(self) -> int:
        """Return how many arbs may still change a balance: not closed, not stuck at rest."""
        return self._register.moving_count

    def orders_last_second(self, mono_ns: int) -> int:
        """Return how many orders were sent in the second before `mono_ns`."""
        while self._order_times and mono_ns - self._order_times[0] >= SECOND:
            self._order_times.popleft()
        return len(self._order_times)

    def unsent(self, exchange: Exchange) -> int:
        """Return how many orders are decided that `exchange`'s request budget does not know of yet."""
        return self._crossings.unsent(exchange)

    def has_open_orders(self, exchange: Exchange) -> bool:
        """Return whether any order of ours may be alive on `exchange`."""
        return self._register.has_live_orders(exchange)

    def order_changes(self, exchange: Exchange) -> int:
        """Return a number that moves whenever an order on `exchange` is planned or changed."""
        return self._register.changes(exchange)

    def last_check(self, exchange: Exchange, order: Order) -> str | None:
        """Return why `order` must not leave now, or None: the last look before the bytes (R4.1).

        REDUCING lets hedges pass, HALTED nothing; a process that slept since it decided sends no legs.
        """
        level = self._desk.level(order.market)
        if level is TradingLevel.HALTED:
            return f"halted, {exchange} order kept back"
        if order.role is not OrderRole.HEDGE:
            if level is TradingLevel.REDUCING:
                return f"reducing, {exchange} order kept back"
            age = self._desk.now().mono_ns - order.planned_mono_ns
            if age > SEND_WITHIN_NS and (age > FOLLOW_WITHIN_NS or not self._has_sibling_left(order)):
                return f"decided {age // MS} ms ago, {exchange} order kept back"
        self._left.add(order.client_order_id)
        return None

    def _has_sibling_left(self, order: Order) -> bool:
        legs = self._register.arb_of(order.client_order_id).orders[:2]
        return any(leg.client_order_id in self._left for leg in legs if leg.client_order_id != order.client_order_id)

    # What moves arbs

    def open(self, signal: Signal, params: Params, params_epoch: int) -> Arb | Shortage:
        """Reserve, journal and send both legs of a new arb; a shortage sends nothing.

        JournalNotWritten when the journal cannot be written: nothing was sent either.
        """
        self._minted += 1
        arb_id = f"{self._run_id}-{self._minted}"
        now = self._desk.now()
        arb, actions = open_arb(
            signal,
            arb_id=arb_id,
            params=params,
            params_epoch=params_epoch,
            now=now,
            dust_qty=self._desk.dust_for(signal),
            first=self._desk.leader_for(signal),
        )
        shortage = self._desk.reserve(arb.orders)
        if shortage is not None:
            return shortage
        try:
            self._keep(None, arb, actions, now)
        except BaseException:
            self._desk.release(arb_id)
            raise
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
                self._register.keep(reclocked(arb, now), now.mono_ns)
                self._tally.recovered(arb)
        self._gauge()

    def resolve(self, arb_id: str, reason: str) -> bool:
        """Close a STUCK arb that a person settled by hand; False when there is no such arb."""
        arb = self._register.find(arb_id)
        if arb is None or arb.state is not ArbState.STUCK:
            return False
        self._feed(arb_id, OperatorResolved(reason))
        return True

    def tick(self) -> None:
        """Let time pass for every arb with something alive; call it every few tens of milliseconds."""
        for arb in self._register.watched_arbs():
            self._tick(arb)
        now = self._desk.now().mono_ns
        for client_order_id in self._second_look.due(now):
            self._ask_once_more(client_order_id)
        for arb in self._register.expired(now):
            self._tally.forget(arb)
            self._left.difference_update(order.client_order_id for order in arb.orders)

    def ask_again(self, exchange: Exchange) -> None:
        """Ask for every order of `exchange` that may still fill, or has lately ended short: its stream was away."""
        for arb in self._register.kept_arbs():
            for order in arb.orders:
                is_over = order.is_ended and order.state is not OrderState.CANCELED
                if order.exchange is exchange and not is_over and order.client_order_id != arb.held:
                    self._crossings.query(order)

    def _ask_once_more(self, client_order_id: str) -> None:
        if self._register.is_known(client_order_id) and not self._is_finishing:
            orders = self._register.arb_of(client_order_id).orders
            self._crossings.query(next(one for one in orders if one.client_order_id == client_order_id))

    def hear(self, exchange: Exchange, news: OrderNews) -> None:
        """Fold news of the private stream. News of orders we do not know is journalled once."""
        client_order_id = self._register.order_of(exchange, news.client_order_id, news.exchange_order_id)
        if client_order_id is None:
            self._strange_seen(exchange, news)
            return
        self._feed(self._register.arb_of(client_order_id).arb_id, OrderHeard(client_order_id, news.report))

    async def finish(self, within_s: float) -> None:
        """Plan nothing more and wait for answers under way, at most `within_s`; call it last.

        What takes longer is given up: its outcome is unknown, and the next start asks for it.
        """
        self._is_finishing = True
        await self._crossings.finish(within_s)

    # One step

    def _tick(self, arb: Arb) -> None:
        if not self._is_finishing:
            self._feed(arb.arb_id, Tick(self._desk.quotes(arb.market), self._desk.level(arb.market)))

    def _feed(self, arb_id: str, event: ArbEvent) -> None:
        before = self._register.find(arb_id)
        if before is None:
            return
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
        """Journal `after` if it says anything new, then keep it, then act, then count and tell."""
        news = before is None or is_news(before, after)
        places = any(isinstance(action, Place) for action in actions) if actions else False
        took_ns = self._journalled(before, after, now, durable=places) if news else 0
        self._register.keep(after, now.mono_ns)
        self._account(before, after)
        for action in actions:
            self._act(action)
        if news and places:
            # Behind the sending tasks in the loop's queue: both orders are on the wire by then.
            asyncio.get_running_loop().call_soon(self._told, before, after, now, took_ns)
        elif news:
            self._told(before, after, now, None)
        if after.is_closed and (before is None or not before.is_closed):
            self._desk.closed(after)
        elif before is not None and _is_due(after) and not _is_due(before):
            asyncio.get_running_loop().call_soon(self._tick, after)

    def _journalled(self, before: Arb | None, after: Arb, now: Moment, *, durable: bool) -> int:
        moved = before is None or before.state is not after.state
        began = self._desk.now().mono_ns
        on = ArbOn(after.why.partition(" ")[0]) if moved else None
        self._journal.append(ArbStepped(after, on, now.wall_ns), durable=durable)
        return self._desk.now().mono_ns - began

    def _told(self, before: Arb | None, after: Arb, now: Moment, took_ns: Ns | int | None) -> None:
        """Count and log a step that was news. Nothing here decides anything."""
        if took_ns is not None:
            self._tally.journalled(took_ns)
        self._tally.stepped(before, after, now)
        self._gauge()
        if before is None or before.state is not after.state:
            self._desk.log("arb_moved", arb_id=after.arb_id, market=after.market, state=after.state, why=after.why)

    def _gauge(self) -> None:
        self._counters.set("open_arbs", self._register.open_count)
        self._counters.set("moving_arbs", self._register.moving_count)

    def _account(self, before: Arb | None, after: Arb) -> None:
        """Keep the reservations in step: a new hedge takes, an ended order gives back."""
        if before is None:
            return
        for index, order in enumerate(after.orders):
            old = before.orders[index] if index < len(before.orders) else None
            if old is None:
                self._desk.hold(order)
            elif order is not old and order.is_ended and not old.is_ended:
                self._desk.settle(order)
                if order.state is OrderState.CANCELED:
                    self._second_look.ended(order.client_order_id, self._desk.now().mono_ns)

    def _act(self, action: Action) -> None:
        match action:
            case Place(order):
                self._order_times.append(self._desk.now().mono_ns)
                self._crossings.place(order)
            case Cancel(order):
                self._crossings.cancel(order)
            case Query(order):
                self._crossings.query(order)
            case Halt(level, reason):
                self._desk.halt(level, reason)

    def _hear(self, order: Order, report: OrderReport, asked_mono: Ns | None) -> None:
        self._feed(order.arb_id, OrderHeard(order.client_order_id, report, asked_mono))

    def _strange_seen(self, exchange: Exchange, news: OrderNews) -> None:
        key = (exchange, news.exchange_order_id or news.client_order_id or "")
        if key in self._strange:
            return
        self._strange.append(key)
        self._counters.add("strange_orders")
        self._journal.append(
            StrangeOrderSeen(exchange, "", key[1], news.client_order_id, self._desk.now().wall_ns), durable=False
        )


def _is_due(arb: Arb) -> bool:
    """Return whether an arb must not wait for the next round of ticks: uneven, or a leg may follow its leader."""
    return arb.state is ArbState.LEGGED or can_follow(arb)
