"""Orders meet books: acceptance, the delay before they count, cancels, replacements and ends.

Placing answers at once; what becomes of the order happens later, by the agenda. Every step is kept
by the sink before anyone hears of it.
"""

from collections.abc import Callable, Iterable
from random import Random

import msgspec

from arbitrage.domain.units import Side
from exchanges.simulator import settlement
from exchanges.simulator.account import Account
from exchanges.simulator.admission import BurstGuard, id_fault, rule_fault
from exchanges.simulator.agenda import Agenda
from exchanges.simulator.faults import Faults
from exchanges.simulator.ladder import swept
from exchanges.simulator.market import MS, Market
from exchanges.simulator.orders import Draft, OrdType, SimOrder, Tif
from exchanges.simulator.register import Register
from exchanges.simulator.rules import Rules, Smp, State
from exchanges.simulator.state import Sink, burned_line, orders_line
from exchanges.simulator.steps import Fault, Moment, OrderStep, Step
from exchanges.simulator.taking import Taking, ended_state, unused
from exchanges.simulator.trouble.fault import Seen
from exchanges.simulator.trouble.orders import FilledAfterEnd
from exchanges.simulator.watching import Watching


class Matching:
    """All orders of one exchange."""

    def __init__(
        self,
        rules: Rules,
        market: Market,
        agenda: Agenda,
        sink: Sink,
        faults: Faults,
        rng: Random,
        new_id: Callable[[str], str],
        new_trade_id: Callable[[str], str],
    ) -> None:
        self.rules = rules
        self.faults = faults
        self.register = Register()
        self.orders = self.register.orders
        self.open_orders = self.register.open_orders
        self.by_client_id = self.register.by_client_id
        self.accounts = self.register.accounts
        self.on_step: Callable[[Account, OrderStep], None] = lambda account, step: None
        self.on_assets: Callable[[Account, tuple[str, ...], int], None] = lambda account, assets, at: None
        self.is_closed: Callable[[str], bool] = lambda market: False
        """Whether a market stands still."""
        self._taking = Taking(market, self.register, new_trade_id)
        self.counterparty = self._taking.counterparty
        self._burst = BurstGuard()
        self._watching = Watching()
        self._market = market
        self._agenda = agenda
        self._sink = sink
        self._rng = rng
        self._new_id = new_id
        self._to_publish: set[str] = set()

    def place(self, account: Account, draft: Draft, now: int) -> SimOrder | Fault:
        """Take an order, or say why not. A client order id is burned either way (upbit.md §1.4)."""
        fault = self._id_fault(account, draft)
        if fault is not None:
            return fault
        if self._burst.is_resting(self.rules, draft.market, now):
            fault = Fault.MARKET_BUSY
        fault = fault or self._rule_fault(account, draft, now)
        order = self._made(account, draft, now)
        if fault is None and not account.hold(order.lock_asset, order.locked):
            fault = Fault.FUNDS_SHORT
        if fault is not None:
            self._burn_refused(account, draft)
            return fault
        moment = Moment(now)
        self._accept(account, order, moment)
        self.commit(moment)
        return order

    def trial(self, account: Account, draft: Draft, now: int) -> SimOrder | Fault:
        """Return the order `place` would make, without making it (upbit.md §1.3, orders/test)."""
        fault = self._id_fault(account, draft) or self._rule_fault(account, draft, now)
        order = self._made(account, draft, now)
        if fault is None and account.free.get(order.lock_asset, 0) < order.locked:
            fault = Fault.FUNDS_SHORT
        return order if fault is None else fault

    def replace(self, order: SimOrder, draft: Draft, now: int) -> str | Fault:
        """Cancel an open order and return the id of the one to come (upbit.md §1.8, cancel-and-new).

        The new order is made only once the cancel is complete: if the old one is filled first, or nothing
        pays for the new one then, it never exists and its client order id is burned. A `draft` without the volume its
        type needs takes over what remains of the old one.
        """
        account = self.register.account_of(order)
        if not order.is_open or order.is_canceling:
            return Fault.NOT_CANCELABLE
        if self.is_closed(order.draft.market):
            return Fault.MARKET_OFFLINE
        fault = self._id_fault(account, draft)
        if fault is None:
            takes_rest = draft.volume is None and not draft.by_funds
            asked = msgspec.structs.replace(draft, volume=order.remaining_qty) if takes_rest else draft
            fault = self._rule_fault(account, asked, now)
        if fault is not None:
            self._burn_refused(account, draft)
            return fault
        order.successor_id = unused(lambda: self._new_id(draft.market), self.orders)
        order.successor = draft
        self._burn(account, draft.client_order_id)
        self.cancel(order, now)
        return order.successor_id

    def cancel(self, order: SimOrder, now: int) -> None:
        """Take a request to cancel: it works a little later, unless a fill comes first (upbit.md §1.7).

        On a market that is closed it waits for the reopening.
        """
        if order.is_canceling:
            return
        order.is_canceling = True
        self._keep(order, now)
        delay = self._rng.randint(*self.rules.cancel_delay_ms) * MS
        late = self.faults.takes_fill_after_cancel(_seen(order))
        if late is None:
            self._agenda.at(now + delay, lambda at: self.cancel_now(order, at))
        else:
            self._agenda.at(now + late, lambda at: self.fill_whole(order, at))

    def fill_whole(self, order: SimOrder, now: int) -> None:
        """Fill what is left of a limit order at its own price, whatever the book holds (a fault)."""
        if order.state is State.ACCEPTED:
            self._agenda.at(now + MS, lambda at: self.fill_whole(order, at))
        elif order.is_open and order.draft.ord_type is OrdType.LIMIT:
            moment = Moment(now)
            self._taking.come_to(self.rules, order, [(order.draft.limit, order.remaining_qty)], moment)
            self.register.end(order, ended_state(order), moment)
            self.commit(moment)
            self.publish_soon(order.draft.market, now)

    def cancel_named(
        self, account: Account, order_ids: Iterable[str], client_order_ids: Iterable[str], now: int
    ) -> tuple[list[SimOrder], list[str]]:
        """Request the cancel of several orders; return those open, and the ids of which none is (upbit.md §1.7)."""
        found: list[SimOrder] = []
        missing: list[str] = []
        ids = [(name, name) for name in order_ids]
        ids += [(name, self.by_client_id.get((account.access_key, name)) or "") for name in client_order_ids]
        for name, order_id in ids:
            order = self.open_orders.get(order_id)
            if order is None or order.access_key != account.access_key:
                missing.append(name)
            else:
                found.append(order)
                self.cancel(order, now)
        return found, missing

    def schedule(self, order: SimOrder, now: int) -> None:
        """Let an accepted order meet the book after a small seeded delay; after a restart, once more."""
        delay = self.faults.takes_delay(_seen(order))
        if delay is None:
            shortest, longest = self.rules.meet_delay_ms
            delay = min(max(int(self._rng.lognormvariate(2.0, 0.5) * MS), shortest * MS), longest * MS)
        self._agenda.at(now + delay, lambda at: self._meet(order, at))

    def restore(self, order: SimOrder, now: int) -> None:
        """Bring back an order from the state log."""
        if order.fee_ppm is None:
            order.fee_ppm = self.rules.fee_ppm(order.draft.side)
        self.register.enter(order)
        settlement.restored(order, self.counterparty)
        self._taking.trade_ids.update(trade.trade_id for trade in order.trades)
        if order.state is State.ACCEPTED:
            self.schedule(order, now)
        elif order.state is State.WAIT:
            self.register.rest(order)
        elif order.state is State.WATCH:
            self._watching.add(order)
        if order.is_open and order.is_canceling:
            self._agenda.at(now, lambda at: self.cancel_now(order, at))

    def book_changed(self, market: str, now: int) -> None:
        """Fill resting orders that the market now trades through; only the best of each side is looked at."""
        if self.is_closed(market) or not self.register.resting.has(market):
            return
        for side in Side:
            resting = self.register.resting.side(market, side)
            while (order := resting.best()) is not None:
                levels = self._market.levels(self.rules.exchange, market, side.opposite, now)
                met = swept(levels, order.draft.limit, side.sign)
                if not met:
                    break
                moment = Moment(now)
                is_spent = self._taking.come_to(self.rules, order, met, moment)
                if is_spent:
                    self.register.end(order, ended_state(order), moment)
                self.commit(moment)
                self.publish_soon(market, now)
                if not is_spent:
                    break

    def traded(self, market: str, price: int, now: int) -> None:
        """Set free the orders that watched for this price; they meet the book a little later."""
        for order in self._watching.triggered(market, price):
            self._agenda.at(now, lambda at, order=order: self._set_free(order, at))  # type: ignore[misc]

    def use_fees(self, bid_fee_ppm: int, ask_fee_ppm: int) -> None:
        """Charge these rates on orders taken from now on."""
        self.rules = msgspec.structs.replace(self.rules, bid_fee_ppm=bid_fee_ppm, ask_fee_ppm=ask_fee_ppm)

    def _id_fault(self, account: Account, draft: Draft) -> Fault | None:
        wanted = draft.client_order_id
        return id_fault(self.rules, wanted, is_burned=(account.access_key, wanted) in self.by_client_id)

    def _rule_fault(self, account: Account, draft: Draft, now: int) -> Fault | None:
        if draft.market not in self._market.markets:
            return Fault.MARKET_UNKNOWN
        if self.is_closed(draft.market):
            return Fault.MARKET_OFFLINE
        fault = rule_fault(self.rules, draft, lambda side: self._taking.book(self.rules, draft.market, side, now))
        if fault is None and self._smp_of(draft, now) is None and self.register.colliding(account, draft):
            return Fault.SELF_TRADE
        return fault

    def _smp_of(self, draft: Draft, now: int) -> Smp | None:
        return self.rules.smp_at(draft.smp, now, is_post_only=draft.tif is Tif.POST_ONLY)

    def _burn_refused(self, account: Account, draft: Draft) -> None:
        if self.rules.refused_ids_burn:
            self._burn(account, draft.client_order_id)

    # An id that is burned already keeps the order it names.
    def _burn(self, account: Account, client_order_id: str | None) -> None:
        if client_order_id is not None and (account.access_key, client_order_id) not in self.by_client_id:
            self.by_client_id[account.access_key, client_order_id] = None
            self._sink.append(burned_line(self.rules.exchange, account.access_key, client_order_id))

    def _made(self, account: Account, draft: Draft, now: int, order_id: str | None = None) -> SimOrder:
        locked, reserved = settlement.holds_of(self.rules, draft)
        return SimOrder(
            order_id=order_id or unused(lambda: self._new_id(draft.market), self.orders),
            access_key=account.access_key,
            draft=draft,
            created_ns=now,
            state=State.ACCEPTED,
            reserved_fee=reserved,
            locked=locked,
            fee_ppm=self.rules.fee_ppm(draft.side),
            smp=self._smp_of(draft, now),
        )

    def _accept(self, account: Account, order: SimOrder, moment: Moment) -> None:
        self.register.enter(order)
        moment.touch(account, order)
        self.schedule(order, moment.now)

    # The order meets the book: take what it may, then rest or end.
    def _meet(self, order: SimOrder, now: int) -> None:
        if order.state is not State.ACCEPTED or self.is_closed(order.draft.market):
            return
        rules, draft = self.rules, order.draft
        if draft.watch_price is not None and not order.watched_from:
            self._watch(order, now)
            return
        late = self.faults.take(FilledAfterEnd, _seen(order)) if draft.tif is Tif.IOC else None
        if late is not None:
            self._end_too_early(order, late.after_ns, now)
            return
        order.state = State.WAIT
        moment = Moment(now)
        moment.add(self.register.account_of(order), order, Step.WAIT)
        is_bare = self.faults.takes_cancel_before_fill(_seen(order))
        if self.faults.takes_self_trade(_seen(order)):
            self._taking.prevent_whole(rules, order, moment)
        elif (draft.tif is Tif.POST_ONLY and not is_bare and self._taking.would_take(rules, order, now)) or (
            draft.tif is Tif.FOK and (is_bare or not self._taking.would_fill(rules, order, now))
        ):
            self.register.end(order, State.CANCEL, moment, "tif_cancel")
        else:
            if not is_bare:
                self._taking.take(rules, order, moment)
            self._rest_or_end(order, moment)
        self.commit(moment)
        if not is_bare:
            self.publish_soon(draft.market, now)

    # Its end is told and not true: it keeps its hold, and meets the book later.
    def _end_too_early(self, order: SimOrder, after_ns: int, now: int) -> None:
        order.state, order.ended_ns = State.CANCEL, now
        self.register.open_orders.pop(order.order_id, None)
        moment = Moment(now)
        moment.add(self.register.account_of(order), order, Step.CANCEL)
        self.commit(moment)

        def meet_after_all(at: int) -> None:
            order.state, order.ended_ns = State.ACCEPTED, 0
            self.register.enter(order)
            self._meet(order, at)

        self._agenda.at(now + after_ns, meet_after_all)

    def _watch(self, order: SimOrder, now: int) -> None:
        last = self._market.tape(self.rules.exchange, order.draft.market).last()
        order.watched_from = order.draft.limit if last is None else last.price
        order.state = State.WATCH
        self._watching.add(order)
        self._keep(order, now)

    def _set_free(self, order: SimOrder, now: int) -> None:
        if order.state is State.WATCH:
            order.state = State.ACCEPTED
            self._keep(order, now)
            self.schedule(order, now)

    def _keep(self, order: SimOrder, now: int) -> None:
        moment = Moment(now)
        self.register.changed(order, moment)
        self.commit(moment)

    def _rest_or_end(self, order: SimOrder, moment: Moment) -> None:
        draft = order.draft
        if not order.is_open:
            return
        if settlement.is_spent(order):
            self.register.end(order, ended_state(order), moment)
        elif draft.ord_type is OrdType.LIMIT and draft.tif in (None, Tif.POST_ONLY):
            self.register.rest(order)
        elif not order.executed_qty:
            self.register.end(order, State.CANCEL, moment, "tif_cancel" if draft.tif else None)
        elif draft.ord_type is OrdType.PRICE:
            self.register.end(order, self.rules.market_rest_state, moment)
        else:
            label = self.faults.takes_part_label(_seen(order))
            self.register.end(order, State(label or self.rules.ioc_part_state), moment)

    def cancel_now(self, order: SimOrder, now: int) -> None:
        """Carry out a cancel, unless the order has ended or its market stands still."""
        if self.is_closed(order.draft.market):
            return
        if order.state is State.ACCEPTED:
            self._agenda.at(now + MS, lambda at: self.cancel_now(order, at))
        elif order.is_open:
            moment = Moment(now)
            self.register.end(order, State.CANCEL, moment, "user_cancel")
            self._succeed(order, moment)
            self.commit(moment)
            self.publish_soon(order.draft.market, now)

    # The second half of cancel-and-new: in the same moment as the cancel, or never.
    def _succeed(self, order: SimOrder, moment: Moment) -> None:
        draft, account = order.successor, self.register.account_of(order)
        if draft is None or order.successor_id is None:
            return
        if draft.volume is None and not draft.by_funds:
            draft = msgspec.structs.replace(draft, volume=order.remaining_qty)
        fresh = self._made(account, draft, moment.now, order.successor_id)
        if self._rule_fault(account, draft, moment.now) is None and account.hold(fresh.lock_asset, fresh.locked):
            self._accept(account, fresh, moment)

    def commit(self, moment: Moment) -> None:
        """Keep what one event did, then tell of it."""
        if self._sink.keeps:
            self._sink.append(orders_line(self.rules.exchange, moment))
        changed = []
        for account in moment.accounts.values():
            assets = tuple(sorted(account.touched, key=lambda asset: (asset != "KRW", asset)))
            account.touched.clear()
            changed.append((account, assets))
        for account, step in moment.steps:
            self.on_step(account, step)
        for account, assets in changed:
            if assets:
                self.on_assets(account, assets, moment.now)

    def publish_soon(self, market: str, now: int) -> None:
        """Show a market's book once for all that happens at this instant."""
        if market not in self._to_publish:
            self._to_publish.add(market)
            self._agenda.at(now, lambda at: self._publish(market, at))

    def _publish(self, market: str, now: int) -> None:
        self._to_publish.discard(market)
        self._market.publish(self.rules.exchange, market, now)


def _seen(order: SimOrder) -> Seen:
    return Seen(markets=(order.draft.market,), access_key=order.access_key)
