"""Orders meet books: acceptance, the delay before they count, fills, fees and ends.

Placing answers at once; what becomes of the order happens later, by the agenda. Every step is kept
by the sink before anyone hears of it.
"""

import copy
import re
from collections.abc import Callable, Container
from enum import StrEnum
from random import Random

import msgspec

from arbitrage.domain.errors import InvariantError
from arbitrage.domain.units import Price, Side, base_of
from exchanges.simulator.account import Account, Counterparty
from exchanges.simulator.agenda import Agenda
from exchanges.simulator.faults import Faults
from exchanges.simulator.ladder import Ladder, swept
from exchanges.simulator.market import MS, Market
from exchanges.simulator.money import Fine, affordable, fee_of, fine_of_units, funds_of
from exchanges.simulator.orders import Draft, OrdType, SimOrder, Tif, Trade
from exchanges.simulator.rules import Rules, State
from exchanges.simulator.state import Sink, burned_line, order_line


class Fault(StrEnum):
    """Why an order is not taken; each dialect has its own wire name for it."""

    MARKET_UNKNOWN = "market_unknown"
    PRICE_OFF_TICK = "price_off_tick"
    CLIENT_ID_INVALID = "client_id_invalid"
    CLIENT_ID_BURNED = "client_id_burned"
    UNDER_MINIMUM = "under_minimum"
    OVER_MAXIMUM = "over_maximum"
    FUNDS_SHORT = "funds_short"
    BEYOND_DEPTH = "beyond_depth"


class Step(StrEnum):
    """What happened to an order, in the private streams' words."""

    WAIT = "wait"
    TRADE = "trade"
    DONE = "done"
    CANCEL = "cancel"


class OrderStep(msgspec.Struct, frozen=True):
    """One thing that happened: the order as it was right then, and the fill if it was one."""

    order: SimOrder
    step: Step
    trade: Trade | None
    at_ns: int


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
        self.orders: dict[str, SimOrder] = {}
        self.open_orders: dict[str, SimOrder] = {}
        self.by_client_id: dict[tuple[str, str], str | None] = {}
        """(access key, client order id) -> order id; None when it was burned without an order."""
        self.accounts: dict[str, Account] = {}
        self.counterparty = Counterparty()
        self.on_step: Callable[[Account, OrderStep], None] = lambda account, step: None
        self.on_assets: Callable[[Account, tuple[str, ...], int], None] = lambda account, assets, at: None
        self._market = market
        self._agenda = agenda
        self._sink = sink
        self._rng = rng
        self._new_id = new_id
        self._new_trade_id = new_trade_id
        self._resting: dict[str, dict[str, SimOrder]] = {}
        self._trade_ids: set[str] = set()

    def place(self, account: Account, draft: Draft, now: int) -> SimOrder | Fault:
        """Take an order, or say why not. A client order id is burned either way (upbit.md §1.4)."""
        fault = self._id_fault(account, draft)
        if fault is not None:
            return fault
        fault = self._rule_fault(draft, now)
        order = self._made(account, draft, now)
        if fault is None and not account.hold(order.lock_asset, order.locked):
            fault = Fault.FUNDS_SHORT
        if fault is not None:
            if draft.client_order_id is not None:
                self.by_client_id[account.access_key, draft.client_order_id] = None
                self._sink.append(burned_line(self.rules.exchange, account.access_key, draft.client_order_id))
            return fault
        self._enter(order)
        self._commit(account, order, [], now)
        self.schedule(order, now)
        return order

    def trial(self, account: Account, draft: Draft, now: int) -> SimOrder | Fault:
        """Return the order `place` would make, without making it (upbit.md §1.3, orders/test)."""
        fault = self._id_fault(account, draft) or self._rule_fault(draft, now)
        order = self._made(account, draft, now)
        if fault is None and account.free.get(order.lock_asset, 0) < order.locked:
            fault = Fault.FUNDS_SHORT
        return order if fault is None else fault

    def schedule(self, order: SimOrder, now: int) -> None:
        """Let an accepted order meet the book after a small seeded delay; after a restart, once more."""
        delay = self.faults.takes_delay()
        if delay is None:
            delay = min(max(int(self._rng.lognormvariate(2.0, 0.5) * MS), 2 * MS), 60 * MS)
        self._agenda.at(now + delay, lambda at: self._meet(order, at))

    def restore(self, order: SimOrder, now: int) -> None:
        """Bring back an order from the state log."""
        self._enter(order)
        base = base_of(order.draft.market)
        sign = order.draft.side.sign
        for trade in order.trades:
            self._trade_ids.add(trade.trade_id)
            self.counterparty.settle(base, -sign * fine_of_units(trade.qty), sign * trade.funds, trade.fee)
        if order.state is State.ACCEPTED:
            self.schedule(order, now)
        elif order.state is State.WAIT:
            self._resting.setdefault(order.draft.market, {})[order.order_id] = order
        if order.is_open and order.is_canceling:
            self._agenda.at(now, lambda at: self._cancel_now(order, at))

    def cancel(self, order: SimOrder, now: int) -> None:
        """Take a request to cancel: it works a little later, unless a fill comes first (upbit.md §1.7)."""
        if order.is_canceling:
            return
        order.is_canceling = True
        account = self.accounts[order.access_key]
        self._commit(account, order, [], now)
        delay = self._rng.randint(2, 12) * MS
        self._agenda.at(now + delay, lambda at: self._cancel_now(order, at))

    def book_changed(self, market: str, now: int) -> None:
        """Fill resting orders that the market now trades through."""
        for order in list(self._resting.get(market, {}).values()):
            draft = order.draft
            levels = self._market.levels(self.rules.exchange, market, draft.side.opposite, now)
            met = swept(levels, draft.limit, draft.side.sign)
            if met and order.is_open:
                self._fill(order, [(draft.limit, qty, price) for price, qty in met], [], now)

    def _enter(self, order: SimOrder) -> None:
        self.orders[order.order_id] = order
        if order.is_open:
            self.open_orders[order.order_id] = order
        if order.draft.client_order_id is not None:
            self.by_client_id[order.access_key, order.draft.client_order_id] = order.order_id

    def _id_fault(self, account: Account, draft: Draft) -> Fault | None:
        wanted = draft.client_order_id
        if wanted is None:
            return None
        if not re.fullmatch(self.rules.client_id_pattern, wanted):
            return Fault.CLIENT_ID_INVALID
        return Fault.CLIENT_ID_BURNED if (account.access_key, wanted) in self.by_client_id else None

    def _rule_fault(self, draft: Draft, now: int) -> Fault | None:
        rules = self.rules
        if draft.market not in self._market.markets:
            return Fault.MARKET_UNKNOWN
        if draft.ord_type is OrdType.LIMIT:
            limit = draft.limit
            if limit <= 0 or limit % rules.ticks.tick_at(Price(limit)):
                return Fault.PRICE_OFF_TICK
        opposite = self._market.levels(rules.exchange, draft.market, draft.side.opposite, now)
        total = self._estimated_total(draft, opposite)
        if total < rules.min_total:
            return Fault.UNDER_MINIMUM
        if total > (rules.max_limit_total if draft.ord_type is OrdType.LIMIT else rules.max_market_total):
            return Fault.OVER_MAXIMUM
        if rules.market_depth is not None and draft.ord_type in (OrdType.PRICE, OrdType.MARKET):
            shown = opposite[: rules.market_depth]
            if draft.by_funds:
                reaches = sum(funds_of(price, qty) for price, qty in shown) >= total
            else:
                reaches = sum(qty for _, qty in shown) >= (draft.volume or 0)
            if not reaches:
                return Fault.BEYOND_DEPTH
        return None

    # A market sell is valued at the best bid: what the exchanges use is not known (upbit.md §5.2).
    def _estimated_total(self, draft: Draft, opposite: Ladder) -> Fine:
        if draft.by_funds:
            return fine_of_units(draft.price or 0)
        best = opposite[0][0] if opposite else 0
        price = draft.limit if draft.ord_type is OrdType.LIMIT else best
        return funds_of(price, draft.volume or 0)

    def _made(self, account: Account, draft: Draft, now: int) -> SimOrder:
        rules = self.rules
        reserved = Fine(0)
        if draft.side is Side.BID:
            funds = fine_of_units(draft.price or 0) if draft.by_funds else funds_of(draft.price or 0, draft.volume or 0)
            reserved = fee_of(funds, rules.bid_fee_ppm, rules.fee_step)
            locked = funds + reserved
        else:
            locked = fine_of_units(draft.volume or 0)
        return SimOrder(
            order_id=_unused(lambda: self._new_id(draft.market), self.orders),
            access_key=account.access_key,
            draft=draft,
            created_ns=now,
            state=State.ACCEPTED,
            reserved_fee=reserved,
            locked=locked,
        )

    # The order meets the book: take what it may, then rest or end.
    def _meet(self, order: SimOrder, now: int) -> None:
        if order.state is not State.ACCEPTED:
            return
        draft = order.draft
        order.state = State.WAIT
        levels = self._market.levels(self.rules.exchange, draft.market, draft.side.opposite, now)
        if self.faults.takes_cancel_before_fill():
            levels = []
        met = self._met(draft, levels)
        steps = [OrderStep(copy.copy(order), Step.WAIT, None, now)]
        if (draft.tif is Tif.POST_ONLY and met) or (draft.tif is Tif.FOK and not self._covers(draft, met)):
            self._end(order, State.CANCEL, steps, now, "tif_cancel")
        else:
            self._fill(order, [(price, qty, price) for price, qty in met], steps, now)

    def _met(self, draft: Draft, levels: Ladder) -> Ladder:
        if not levels:
            return []
        if draft.ord_type is OrdType.BEST:
            return levels[:1]
        if draft.price is not None and not draft.by_funds:
            return swept(levels, draft.price, draft.side.sign)
        return levels

    def _covers(self, draft: Draft, met: Ladder) -> bool:
        if draft.by_funds:
            return sum(funds_of(price, qty) for price, qty in met) >= fine_of_units(draft.price or 0)
        return sum(qty for _, qty in met) >= (draft.volume or 0)

    # `met`: (price paid, qty there, price it rests at), best first. An order that already rests is the maker.
    def _fill(self, order: SimOrder, met: list[tuple[int, int, int]], steps: list[OrderStep], now: int) -> None:
        draft = order.draft
        resting = self._resting.setdefault(draft.market, {})
        is_maker = order.order_id in resting
        for price, there, resting_price in met:
            if draft.by_funds:
                wanted = affordable(Fine(fine_of_units(draft.price or 0) - order.executed_funds), price)
            else:
                wanted = order.remaining_qty
            qty = min(there, wanted)
            if qty <= 0:
                break
            self._market.take(self.rules.exchange, draft.market, draft.side.opposite, resting_price, qty, now)
            trade = self._settle(order, price, qty, now, is_maker=is_maker)
            steps.append(OrderStep(copy.copy(order), Step.TRADE, trade, now))
        if self._is_full(order):
            self._end(order, State.DONE, steps, now, None)
        elif draft.ord_type is OrdType.LIMIT and draft.tif in (None, Tif.POST_ONLY):
            resting[order.order_id] = order
            self._commit(self.accounts[order.access_key], order, steps, now)
        else:
            state, why = self._end_of_rest(order)
            self._end(order, state, steps, now, why)
        if met:
            self._agenda.at(now, lambda at: self._market.publish(self.rules.exchange, draft.market, at))

    def _is_full(self, order: SimOrder) -> bool:
        if order.draft.by_funds:
            return order.executed_funds == fine_of_units(order.draft.price or 0)
        return order.remaining_qty == 0

    # How an order ends that took what it could and may not rest.
    def _end_of_rest(self, order: SimOrder) -> tuple[State, str | None]:
        if not order.executed_qty:
            return State.CANCEL, "tif_cancel" if order.draft.tif else None
        if order.draft.ord_type is OrdType.PRICE:
            return self.rules.market_rest_state, None
        return self.rules.ioc_part_state, None

    def _settle(self, order: SimOrder, price: int, qty: int, now: int, *, is_maker: bool) -> Trade:
        rules, draft = self.rules, order.draft
        account = self.accounts[order.access_key]
        base = base_of(draft.market)
        funds = funds_of(price, qty)
        paid = fee_of(Fine(order.executed_funds + funds), rules.fee_ppm(draft.side), rules.fee_step)
        fee = paid - order.paid_fee
        coins = fine_of_units(qty)
        order.executed_qty += qty
        order.executed_funds += funds
        order.paid_fee = paid
        if draft.side is Side.BID:
            account.spend("KRW", funds + fee)
            account.credit(base, coins)
            order.locked -= funds + fee
            if not draft.by_funds:
                self._give_back(
                    account, order, funds_of(draft.price or 0, order.remaining_qty) + order.reserved_fee - paid
                )
        else:
            account.spend(base, coins)
            account.credit("KRW", funds - fee)
            order.locked -= coins
        sign = draft.side.sign
        self.counterparty.settle(base, -sign * coins, sign * funds, fee)
        trade_id = _unused(lambda: self._new_trade_id(draft.market), self._trade_ids)
        self._trade_ids.add(trade_id)
        trade = Trade(trade_id, price, qty, funds, fee, now, is_maker)
        order.trades += (trade,)
        return trade

    # A bid filled below its limit holds more than it still needs.
    def _give_back(self, account: Account, order: SimOrder, needed: int) -> None:
        if order.locked < needed:
            raise InvariantError(f"{order.order_id} holds {order.locked}, must hold {needed}")
        account.release("KRW", order.locked - needed)
        order.locked = needed

    def _cancel_now(self, order: SimOrder, now: int) -> None:
        if order.state is State.ACCEPTED:
            self._agenda.at(now + MS, lambda at: self._cancel_now(order, at))
        elif order.is_open:
            self._end(order, State.CANCEL, [], now, "user_cancel")

    def _end(self, order: SimOrder, state: State, steps: list[OrderStep], now: int, why: str | None) -> None:
        account = self.accounts[order.access_key]
        self._resting.get(order.draft.market, {}).pop(order.order_id, None)
        self.open_orders.pop(order.order_id, None)
        account.release(order.lock_asset, order.locked)
        if state is State.DONE:
            order.locked = 0
        order.state = state
        order.cancel_type = why
        order.ended_ns = now
        steps.append(OrderStep(copy.copy(order), Step(state.value), None, now))
        self._commit(account, order, steps, now)

    # Kept first, told after.
    def _commit(self, account: Account, order: SimOrder, steps: list[OrderStep], now: int) -> None:
        self._sink.append(order_line(self.rules.exchange, order, account))
        changed = tuple(sorted(account.touched, key=lambda asset: (asset != "KRW", asset)))
        account.touched.clear()
        for step in steps:
            self.on_step(account, step)
        if changed:
            self.on_assets(account, changed, now)


# Ids of an earlier run with the same seed, or of a clock that was set back, are not given again.
def _unused(mint: Callable[[], str], used: Container[str]) -> str:
    while (fresh := mint()) in used:
        pass
    return fresh
