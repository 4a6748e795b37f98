"""Own orders that meet own orders: prevented, reduced, refused or filled (upbit.md §6.1, bithumb.md §3.9)."""

import msgspec
import pytest

from arbitrage.domain.units import SCALE, Exchange, Side
from exchanges.simulator.config import AccountSpec
from exchanges.simulator.kst import parse_time
from exchanges.simulator.money import FINE, fine_text
from exchanges.simulator.orders import Draft, OrdType, Tif
from exchanges.simulator.rules import BITHUMB_STP, UPBIT_SMP, Smp, SmpEra, State
from exchanges.simulator.steps import Fault, Step

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
BOOK = [("100000000", "5"), ("100001000", "5")], [("90000000", "5"), ("89999000", "5")]
KRW = 100_000_000 * FINE


def limit(side, price, volume, *, smp=None, tif=None):
    """Return a limit order in KRW and coins."""
    return Draft("KRW-BTC", Side(side), OrdType.LIMIT, price * SCALE, int(volume * SCALE), tif, None, smp)


class Desk:
    """Two accounts on one exchange whose book stands still at 90 and 100 million."""

    def __init__(self, world, exchange):
        self.world = world
        self.matching = world.simulator.exchange(exchange).matching
        self.one, self.two = (self.matching.accounts[key] for key in ("one", "two"))
        self.steps = []
        self.matching.on_step = lambda account, step: self.steps.append((account.access_key, step))
        self.totals = world.simulator.totals()

    def place(self, account, draft):
        """Place an order and let it meet the book."""
        order = self.matching.place(account, draft, self.world.now)
        self.world.pass_ms(100)
        assert self.world.simulator.totals() == self.totals
        return order

    def told(self, order):
        """Return the steps told of one order."""
        return [step.step for _, step in self.steps if step.order.order_id == order.order_id]

    def set(self, **rules):
        """Change rules."""
        self.matching.rules = msgspec.structs.replace(self.matching.rules, **rules)


@pytest.fixture
def desk(make_world, frame):
    def make(exchange):
        accounts = tuple(AccountSpec(exchange, key, "s", {"KRW": KRW, "BTC": FINE}) for key in ("one", "two"))
        return Desk(make_world([frame(exchange, "KRW-BTC", *BOOK)], accounts=accounts), exchange)

    return make


def shown(order):
    """Return what prevention left of an order."""
    return (
        order.state,
        order.executed_qty / SCALE,
        order.prevented_qty / SCALE,
        fine_text(order.prevented_locked),
        fine_text(order.locked),
    )


def test_maker_is_cancelled_and_the_taker_goes_on(desk):
    desk = desk(UPBIT)
    maker = desk.place(desk.one, limit("bid", 95_000_000, 0.1))
    assert desk.one.locked["KRW"] == 9_504_750 * FINE
    taker = desk.place(desk.one, limit("ask", 90_000_000, 0.3, smp=Smp.CANCEL_MAKER))
    assert shown(maker) == (State.CANCEL, 0, 0.1, "9504750", "0")
    assert maker.canceling_order_id == taker.order_id
    assert desk.told(maker) == [Step.WAIT, Step.PREVENTED, Step.CANCEL]
    assert shown(taker) == (State.DONE, 0.3, 0, "0", "0")
    assert [trade.price // SCALE for trade in taker.trades] == [90_000_000]
    assert desk.one.locked["KRW"] == 0


def test_taker_is_cancelled_with_all_that_is_left_of_it(desk):
    desk = desk(UPBIT)
    asks = [desk.place(desk.one, limit("ask", price, 0.1)) for price in (99_000_000, 99_500_000)]
    bought = desk.place(desk.two, limit("bid", 99_000_000, 0.05))
    taker = desk.place(desk.one, limit("bid", 100_000_000, 0.2, smp=Smp.CANCEL_TAKER))
    assert bought.state is State.DONE
    assert shown(taker) == (State.CANCEL, 0, 0.2, "20010000", "0")
    assert desk.told(taker) == [Step.WAIT, Step.PREVENTED, Step.CANCEL]
    assert taker.canceling_order_id == asks[0].order_id
    assert {ask.state for ask in asks} == {State.WAIT}


def test_both_are_reduced_by_the_smaller_quantity(desk):
    desk = desk(UPBIT)
    maker = desk.place(desk.one, limit("ask", 99_000_000, 0.1))
    taker = desk.place(desk.one, limit("bid", 99_000_000, 0.25, smp=Smp.REDUCE))
    assert shown(maker) == (State.CANCEL, 0, 0.1, "0.1", "0")
    assert desk.told(maker) == [Step.WAIT, Step.PREVENTED, Step.CANCEL]
    assert shown(taker) == (State.WAIT, 0, 0.1, "9904950", "14857425")
    assert taker.remaining_qty == 0.15 * SCALE
    assert desk.told(taker) == [Step.WAIT, Step.PREVENTED]
    small = desk.place(desk.one, limit("ask", 99_000_000, 0.05, smp=Smp.REDUCE))
    assert shown(small) == (State.CANCEL, 0, 0.05, "0.05", "0")
    assert shown(taker) == (State.WAIT, 0, 0.15, "14857425", "9904950")
    assert taker.remaining_fee == 4_950 * FINE
    assert desk.one.locked == {"KRW": 9_904_950 * FINE, "BTC": 0}


def test_market_buy_is_reduced_in_krw_and_buys_the_rest_elsewhere(desk):
    desk = desk(UPBIT)
    desk.place(desk.one, limit("ask", 99_000_000, 0.1))
    draft = Draft("KRW-BTC", Side.BID, OrdType.PRICE, 19_900_000 * SCALE, None, None, None, Smp.REDUCE)
    taker = desk.place(desk.one, draft)
    assert (taker.state, taker.executed_funds, taker.executed_qty) == (State.CANCEL, 10_000_000 * FINE, 0.1 * SCALE)
    assert fine_text(taker.prevented_locked) == "9904950"
    assert fine_text(taker.locked) == "0"
    assert desk.one.free["KRW"] == KRW - 10_005_000 * FINE


def test_own_orders_trade_with_each_other_when_the_taker_wants_no_prevention(desk):
    desk = desk(UPBIT)
    maker = desk.place(desk.one, limit("ask", 99_000_000, 0.1))
    taker = desk.place(desk.one, limit("bid", 99_000_000, 0.1, smp=Smp.NONE))
    assert {maker.state, taker.state} == {State.DONE}
    assert [(trade.is_maker, trade.trade_id) for trade in maker.trades] == [(True, taker.trades[0].trade_id)]
    assert desk.one.free == {"KRW": KRW - 9_900 * FINE, "BTC": FINE}


@pytest.mark.parametrize(("from_ns", "state"), [(0, State.CANCEL), (2**63, State.DONE)])
def test_what_omission_means_changes_on_a_date(desk, from_ns, state):
    desk = desk(UPBIT)
    desk.set(smp_eras=(UPBIT_SMP[0], SmpEra(from_ns, Smp.CANCEL_MAKER)))
    maker = desk.place(desk.one, limit("ask", 99_000_000, 0.1))
    desk.place(desk.one, limit("bid", 99_000_000, 0.1))
    assert maker.state is state


def test_eras_begin_when_they_were_announced_to():
    assert UPBIT_SMP[1] == SmpEra(parse_time("2026-11-09T00:00:00+09:00"), Smp.CANCEL_MAKER)
    assert BITHUMB_STP[1] == SmpEra(parse_time("2026-05-07T03:00:00+00:00"), Smp.CANCEL_TAKER)


def test_post_only_has_no_prevention_unless_asked_and_never_takes(desk):
    desk = desk(UPBIT)
    maker = desk.place(desk.one, limit("ask", 99_000_000, 0.1))
    order = desk.place(desk.one, limit("bid", 99_000_000, 0.1, tif=Tif.POST_ONLY))
    assert (order.smp, order.state, order.executed_qty, maker.state) == (Smp.NONE, State.CANCEL, 0, State.WAIT)


def test_fok_that_only_its_own_account_could_fill_ends_and_leaves_the_maker_alone(desk):
    desk = desk(UPBIT)
    maker = desk.place(desk.one, limit("ask", 99_000_000, 0.1))
    order = desk.place(desk.one, limit("bid", 99_000_000, 0.1, tif=Tif.FOK))
    assert (order.state, order.executed_qty, order.prevented_qty, maker.state) == (State.CANCEL, 0, 0, State.WAIT)


def test_bithumb_cancels_the_newer_order_and_names_the_older(desk):
    desk = desk(BITHUMB)
    maker = desk.place(desk.one, limit("ask", 99_000_000, 0.1))
    taker = desk.place(desk.one, limit("bid", 99_000_000, 0.2))
    assert (taker.state, taker.cancel_type, taker.canceling_order_id) == (State.CANCEL, "stp_cancel", maker.order_id)
    assert (taker.prevented_qty, taker.executed_qty, maker.state) == (0, 0, State.WAIT)
    assert desk.told(taker) == [Step.WAIT, Step.CANCEL]
    assert desk.one.locked["KRW"] == 0


def test_bithumb_used_to_refuse_at_entry_and_named_what_stood_in_the_way(desk):
    desk = desk(BITHUMB)
    desk.set(smp_eras=(BITHUMB_STP[0],))
    makers = [desk.place(desk.one, limit("ask", price, 0.1)).order_id for price in (99_000_000, 98_000_000)]
    draft = limit("bid", 99_000_000, 0.1)
    assert desk.place(desk.one, draft) is Fault.SELF_TRADE
    assert desk.matching.register.colliding(desk.one, draft) == makers[::-1]
    assert desk.one.locked.get("KRW", 0) == 0
    assert desk.place(desk.one, limit("bid", 97_000_000, 0.1)).state is State.WAIT


@pytest.mark.parametrize("exchange", Exchange)
def test_two_accounts_trade_with_each_other_best_price_and_first_come_first(desk, exchange):
    desk = desk(exchange)
    late = desk.place(desk.one, limit("ask", 99_500_000, 0.1))
    first = desk.place(desk.one, limit("ask", 99_000_000, 0.1))
    second = desk.place(desk.one, limit("ask", 99_000_000, 0.1))
    taker = desk.place(desk.two, limit("bid", 99_000_000, 0.15))
    assert (taker.state, taker.executed_qty) == (State.DONE, 0.15 * SCALE)
    assert [(o.state, o.executed_qty / SCALE) for o in (first, second, late)] == [
        (State.DONE, 0.1),
        (State.WAIT, 0.05),
        (State.WAIT, 0),
    ]
    assert [trade.is_maker for trade in (*taker.trades, *first.trades)] == [False, False, True]
    assert [key for key, step in desk.steps if step.step is Step.TRADE] == ["two", "one", "two", "one"]
    fee = desk.matching.rules.bid_fee_ppm
    assert desk.two.free["KRW"] == KRW - 14_850_000 * FINE - 14_850_000 * FINE * fee // 1_000_000
    tape = desk.world.simulator.market.tape(exchange, "KRW-BTC")
    fresh = [one for one in tape.prints() if one.at_ns >= taker.created_ns and one.price == 99_000_000 * SCALE]
    assert sorted((one.qty / SCALE, one.taker_side) for one in fresh) == [(0.05, Side.BID), (0.1, Side.BID)]


def test_resting_order_is_in_the_book_that_everyone_sees_until_it_ends(desk):
    desk = desk(UPBIT)
    exchange = desk.world.simulator.exchange(UPBIT)
    order = desk.place(desk.one, limit("bid", 95_000_000, 0.1))
    assert exchange.view("KRW-BTC", desk.world.now).bids[:2] == [
        (95_000_000 * SCALE, 0.1 * SCALE),
        (90_000_000 * SCALE, 5 * SCALE),
    ]
    desk.matching.cancel(order, desk.world.now)
    desk.world.pass_ms(50)
    assert exchange.view("KRW-BTC", desk.world.now).bids[0][0] == 90_000_000 * SCALE
