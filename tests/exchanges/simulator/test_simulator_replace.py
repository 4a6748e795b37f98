"""Cancel-and-new, and cancels of several orders by id (upbit.md §1.7, §1.8)."""

import msgspec
import pytest

from arbitrage.domain.units import SCALE, Exchange, Side
from exchanges.simulator.config import AccountSpec
from exchanges.simulator.money import FINE
from exchanges.simulator.orders import Draft, OrdType
from exchanges.simulator.rules import Burst, State
from exchanges.simulator.steps import Fault

UPBIT = Exchange.UPBIT
KRW = 100_000_000 * FINE
BOOK = [("100000000", "0.01"), ("100001000", "5")], [("90000000", "5"), ("89999000", "5")]


def bid(price, volume, client_order_id=None):
    """Return a limit bid; no volume means what remains of the old order."""
    units = None if volume is None else int(volume * SCALE)
    return Draft("KRW-BTC", Side.BID, OrdType.LIMIT, price * SCALE, units, None, client_order_id)


class Desk:
    """One account on Upbit."""

    def __init__(self, make_world, frame, **config):
        accounts = (AccountSpec(UPBIT, "one", "s", {"KRW": KRW, "BTC": FINE}),)
        self.world = make_world([frame(UPBIT, "KRW-BTC", *BOOK)], accounts=accounts, **config)
        self.matching = self.world.simulator.exchange(UPBIT).matching
        self.one = self.matching.accounts["one"]

    def place(self, draft):
        """Place an order and let it meet the book."""
        order = self.matching.place(self.one, draft, self.world.now)
        self.world.pass_ms(100)
        return order

    def replace(self, order, draft):
        """Ask for cancel-and-new at this moment."""
        return self.matching.replace(order, draft, self.world.now)


@pytest.fixture
def desk(make_world, frame):
    return Desk(make_world, frame)


def test_new_order_exists_only_after_the_cancel_is_complete(desk):
    old = desk.place(bid(95_000_000, 0.1, "a"))
    new_id = desk.replace(old, bid(96_000_000, 0.05, "b"))
    assert (old.state, new_id in desk.matching.orders) == (State.WAIT, False)
    assert desk.one.locked["KRW"] == 9_504_750 * FINE
    desk.world.pass_ms(100)
    new = desk.matching.orders[new_id]
    assert (old.state, new.state, new.draft.limit, new.remaining_qty) == (
        State.CANCEL,
        State.WAIT,
        96_000_000 * SCALE,
        5_000_000,
    )
    assert desk.one.locked["KRW"] == 4_802_400 * FINE
    assert desk.matching.by_client_id["one", "b"] == new_id


def test_new_order_never_exists_when_the_old_one_is_filled_first(desk):
    desk.matching.faults.delay_fills(5_000_000)
    old = desk.matching.place(desk.one, bid(100_000_000, 0.005, "a"), desk.world.now)
    new_id = desk.replace(old, bid(96_000_000, 0.05, "b"))
    assert isinstance(new_id, str)
    desk.world.pass_ms(100)
    assert (old.state, old.executed_qty) == (State.DONE, 500_000)
    assert new_id not in desk.matching.orders
    assert desk.matching.by_client_id["one", "b"] is None
    assert desk.matching.place(desk.one, bid(96_000_000, 0.05, "b"), desk.world.now) is Fault.CLIENT_ID_BURNED
    assert desk.one.locked["KRW"] == 0


def test_remain_only_takes_over_what_is_left(desk):
    old = desk.place(bid(100_000_000, 0.03))
    assert old.executed_qty == 1_000_000
    new_id = desk.replace(old, bid(95_000_000, None))
    desk.world.pass_ms(100)
    assert desk.matching.orders[new_id].draft.volume == 2_000_000


def test_new_order_that_nothing_pays_for_does_not_come_and_the_old_one_is_gone(desk):
    old = desk.place(bid(95_000_000, 0.1))
    new_id = desk.replace(old, bid(95_000_000, 2.0, "b"))
    desk.world.pass_ms(100)
    assert (old.state, new_id in desk.matching.orders) == (State.CANCEL, False)
    assert desk.one.free["KRW"] == KRW


@pytest.mark.parametrize(
    ("draft", "fault"),
    [
        (bid(95_000_500, 0.1), Fault.PRICE_OFF_TICK),
        (bid(95_000_000, 0.00001), Fault.UNDER_MINIMUM),
        (bid(95_000_000, 0.1, "a"), Fault.CLIENT_ID_BURNED),
    ],
)
def test_bad_new_order_is_refused_and_the_old_one_stays(desk, draft, fault):
    old = desk.place(bid(95_000_000, 0.1, "a"))
    assert desk.replace(old, draft) is fault
    desk.world.pass_ms(100)
    assert (old.state, old.is_canceling, old.successor) == (State.WAIT, False, None)


def test_closed_or_canceling_order_cannot_be_replaced(desk):
    old = desk.place(bid(95_000_000, 0.1))
    desk.matching.cancel(old, desk.world.now)
    assert desk.replace(old, bid(95_000_000, 0.1)) is Fault.NOT_CANCELABLE
    desk.world.pass_ms(100)
    assert desk.replace(old, bid(95_000_000, 0.1)) is Fault.NOT_CANCELABLE


def test_replacement_that_was_answered_comes_after_a_restart(make_world, frame, tmp_path):
    desk = Desk(make_world, frame, state_dir=tmp_path)
    old = desk.place(bid(95_000_000, 0.1))
    new_id = desk.replace(old, bid(96_000_000, None, "b"))
    desk.world.simulator.close()
    again = Desk(make_world, frame, state_dir=tmp_path)
    again.world.pass_ms(100)
    orders = again.matching.orders
    assert (orders[old.order_id].state, orders[new_id].state) == (State.CANCEL, State.WAIT)
    assert again.one.locked["KRW"] == 9_604_800 * FINE
    assert again.matching.by_client_id["one", "b"] == new_id


def test_several_are_cancelled_by_either_id_and_the_unknown_are_named(desk):
    first, second = desk.place(bid(95_000_000, 0.1, "a")), desk.place(bid(94_000_000, 0.1, "b"))
    found, missing = desk.matching.cancel_named(desk.one, [first.order_id, "gone"], ["b", "c"], desk.world.now)
    assert (found, missing) == ([first, second], ["gone", "c"])
    desk.world.pass_ms(100)
    assert {first.state, second.state} == {State.CANCEL}
    assert desk.one.free["KRW"] == KRW


def test_burst_on_one_market_is_answered_with_a_rest(desk):
    desk.matching.rules = msgspec.structs.replace(desk.matching.rules, burst=Burst(2, 1_000_000_000, 3_000_000_000))
    for price in (95_000_000, 94_000_000):
        desk.place(bid(price, 0.01))
    assert desk.place(bid(93_000_000, 0.01, "x")) is Fault.MARKET_BUSY
    desk.world.pass_ms(2_000)
    assert desk.place(bid(93_000_000, 0.01)) is Fault.MARKET_BUSY
    desk.world.pass_ms(1_000)
    assert desk.place(bid(93_000_000, 0.01)).state is State.WAIT
