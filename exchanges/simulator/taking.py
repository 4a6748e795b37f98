"""An order takes what it may from the book: the market's levels and the accounts' own resting orders.

Best price first; at one price the market's level stands in front, which is against us. Orders of two
accounts trade with each other. Orders of one account meet as the taker's `smp` says (upbit.md §6.1,
bithumb.md §3.9).
"""

from collections.abc import Callable, Container

from arbitrage.domain.units import Side
from exchanges.simulator.account import Counterparty
from exchanges.simulator.admission import covers, reached
from exchanges.simulator.ladder import Ladder
from exchanges.simulator.market import Market
from exchanges.simulator.orders import OrdType, SimOrder
from exchanges.simulator.register import Register
from exchanges.simulator.resting import joined
from exchanges.simulator.rules import Rules, Smp, State
from exchanges.simulator.settlement import is_spent, prevent, prevent_rest, settle, trade_of, wanted_at
from exchanges.simulator.steps import Moment, Step


class Taking:
    """Fills of one exchange."""

    def __init__(self, market: Market, register: Register, new_trade_id: Callable[[str], str]) -> None:
        self.counterparty = Counterparty()
        self.trade_ids: set[str] = set()
        self._market = market
        self._register = register
        self._new_trade_id = new_trade_id

    def book(self, rules: Rules, market: str, side: Side, now: int) -> Ladder:
        """Return what rests on a side, the accounts' own orders included."""
        levels = self._market.levels(rules.exchange, market, side, now)
        return joined(levels, self._register.resting.side(market, side).levels(rules.depth), side, rules.depth)

    def would_take(self, rules: Rules, order: SimOrder, now: int) -> bool:
        """Return whether an order meets anything at all."""
        return bool(reached(order.draft, self.book(rules, order.draft.market, order.draft.side.opposite, now)))

    def would_fill(self, rules: Rules, order: SimOrder, now: int) -> bool:
        """Return whether the book fills the whole order; its own account's orders count only if it may meet them."""
        draft = order.draft
        levels = self._market.levels(rules.exchange, draft.market, draft.side.opposite, now)
        own: dict[int, int] = {}
        for maker in self._register.resting.side(draft.market, draft.side.opposite).within(draft.bound):
            if not _is_prevented(order, maker):
                own[maker.draft.limit] = own.get(maker.draft.limit, 0) + maker.remaining_qty
        book = joined(levels, list(own.items()), draft.side.opposite, rules.depth)
        return covers(draft, reached(draft, book))

    def take(self, rules: Rules, order: SimOrder, moment: Moment) -> None:
        """Fill an order as far as the book goes; it may come out ended by self-match prevention."""
        draft = order.draft
        levels = iter(self._market.levels(rules.exchange, draft.market, draft.side.opposite, moment.now))
        own = self._register.resting.side(draft.market, draft.side.opposite)
        sign = draft.side.sign
        bound = draft.bound
        level = next(levels, None)
        while order.is_open and not is_spent(order):
            maker = own.best()
            if maker is None and level is None:
                return
            is_market = maker is None or (level is not None and (level[0] - maker.draft.limit) * sign <= 0)
            price = level[0] if is_market and level is not None else maker.draft.limit if maker is not None else 0
            if (bound is not None and (price - bound) * sign > 0) or wanted_at(order, price) <= 0:
                return
            if draft.ord_type is OrdType.BEST:
                bound = price
            if is_market and level is not None:
                qty = min(level[1], wanted_at(order, price))
                self._market.take(rules.exchange, draft.market, draft.side.opposite, price, qty, moment.now)
                self._trade(rules, order, price, qty, draft.side, moment)
                level = next(levels, None)
            elif maker is not None:
                self._meet(rules, order, maker, moment)

    def come_to(self, rules: Rules, order: SimOrder, levels: Ladder, moment: Moment) -> bool:
        """Fill a resting order at its own price from levels that came to it; return whether it is spent."""
        draft = order.draft
        for price, there in levels:
            qty = min(there, order.remaining_qty)
            if qty <= 0:
                break
            self._market.take(rules.exchange, draft.market, draft.side.opposite, price, qty, moment.now)
            self._trade(rules, order, draft.limit, qty, draft.side.opposite, moment)
        return is_spent(order)

    # Two own orders: they trade, or the taker's word prevents it.
    def _meet(self, rules: Rules, taker: SimOrder, maker: SimOrder, moment: Moment) -> None:
        price = maker.draft.limit
        qty = min(maker.remaining_qty, wanted_at(taker, price))
        if not _is_prevented(taker, maker):
            self._trade(rules, taker, price, qty, taker.draft.side, moment, maker)
            if is_spent(maker):
                self._register.end(maker, ended_state(maker), moment)
        elif taker.smp is Smp.REDUCE:
            for order in (taker, maker):
                self._prevent(rules, order, price, qty, moment)
            if is_spent(maker):
                self._register.end(maker, State.CANCEL, moment)
        elif taker.smp is Smp.CANCEL_MAKER:
            self._prevent_rest(rules, maker, taker, moment)
        else:
            self._prevent_rest(rules, taker, maker, moment)

    def _prevent(self, rules: Rules, order: SimOrder, price: int, qty: int, moment: Moment) -> None:
        account = self._register.account_of(order)
        prevent(order, account, rules.fee_step, price, qty)
        moment.add(account, order, Step.PREVENTED)

    def _prevent_rest(self, rules: Rules, order: SimOrder, opposing: SimOrder, moment: Moment) -> None:
        order.canceling_order_id = opposing.order_id
        self.prevent_whole(rules, order, moment)

    def prevent_whole(self, rules: Rules, order: SimOrder, moment: Moment) -> None:
        """Cancel what is left of an order as self-match prevention does."""
        account = self._register.account_of(order)
        if rules.smp_cancel_type is None:
            prevent_rest(order, account, rules.fee_step)
            moment.add(account, order, Step.PREVENTED)
        self._register.end(order, State.CANCEL, moment, rules.smp_cancel_type)

    # One fill, seen by the taker and, if it is one of ours, by the maker; printed once.
    def _trade(
        self,
        rules: Rules,
        order: SimOrder,
        price: int,
        qty: int,
        taker_side: Side,
        moment: Moment,
        maker: SimOrder | None = None,
    ) -> None:
        market = order.draft.market
        trade_id = unused(lambda: self._new_trade_id(market), self.trade_ids)
        self.trade_ids.add(trade_id)
        for one in (order,) if maker is None else (order, maker):
            account = self._register.account_of(one)
            paid = settle(one, account, self.counterparty, rules.fee_step, price, qty)
            is_maker = one.draft.side is not taker_side
            one.trades += (trade_of(trade_id, price, qty, paid, moment.now, is_maker=is_maker),)
            moment.add(account, one, Step.TRADE, one.trades[-1])
        self._market.printed(rules.exchange, market, price, qty, taker_side, moment.now)


def ended_state(order: SimOrder) -> State:
    """Return how an order ends that has nothing left: `done` only when all of it was filled (upbit.md §1.6)."""
    return State.CANCEL if order.prevented_locked else State.DONE


def _is_prevented(taker: SimOrder, maker: SimOrder) -> bool:
    return taker.access_key == maker.access_key and taker.smp not in (None, Smp.NONE)


def unused(mint: Callable[[], str], used: Container[str]) -> str:
    """Return a new id; those of an earlier run with the same seed, or of a clock set back, are not given again."""
    while (fresh := mint()) in used:
        pass
    return fresh
