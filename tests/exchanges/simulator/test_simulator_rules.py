"""Rules that refuse at entry, and what no source settles, as settings (upbit.md §9, bithumb.md §3.9, §5)."""

import msgspec
import pytest

from arbitrage.domain.units import SCALE, Exchange, Side
from exchanges.simulator.config import AccountSpec
from exchanges.simulator.money import FINE
from exchanges.simulator.orders import Draft, OrdType, Tif
from exchanges.simulator.rules import OnUnfit, State
from exchanges.simulator.steps import Fault

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
BOOK = [("100000000", "0.1"), ("100001000", "0.1")], [("90000000", "0.1"), ("89999000", "0.1")]
RICH = 10_000_000_000 * FINE


def limit(side, price, volume, tif=None):
    """Return a limit order."""
    return Draft("KRW-BTC", Side(side), OrdType.LIMIT, int(price * SCALE), round(volume * SCALE), tif, None)


class Desk:
    """Two rich accounts on one exchange."""

    def __init__(self, world, exchange):
        self.world = world
        self.sim = world.simulator.exchange(exchange)
        self.matching = self.sim.matching
        self.one, self.two = (self.sim.accounts[key] for key in ("one", "two"))

    def place(self, draft, account=None):
        """Place an order and let it meet the book."""
        order = self.matching.place(account or self.one, draft, self.world.now)
        self.world.pass_ms(100)
        return order


@pytest.fixture
def desk(make_world, frame):
    def make(exchange):
        accounts = tuple(AccountSpec(exchange, key, "s", {"KRW": RICH, "BTC": 100 * FINE}) for key in ("one", "two"))
        return Desk(make_world([frame(exchange, "KRW-BTC", *BOOK)], accounts=accounts), exchange)

    return make


@pytest.mark.parametrize("exchange", Exchange)
@pytest.mark.parametrize(
    ("setting", "draft", "fault"),
    [
        ("on_post_only_taking", limit("bid", 100_000_000, 0.01, Tif.POST_ONLY), Fault.POST_ONLY_TAKES),
        ("on_fok_short", limit("bid", 100_000_000, 0.2, Tif.FOK), Fault.FOK_SHORT),
    ],
)
def test_time_in_force_that_cannot_be_kept_is_refused_or_taken_and_cancelled(desk, exchange, setting, draft, fault):
    desk = desk(exchange)
    order = desk.place(draft)
    assert (order.state, order.executed_qty, desk.one.free["KRW"]) == (State.CANCEL, 0, RICH)
    desk.sim.set_rules(**{setting: OnUnfit.REFUSE})
    assert desk.place(draft) is fault
    assert len(desk.matching.orders) == 1


@pytest.mark.parametrize("exchange", Exchange)
def test_what_fits_its_time_in_force_is_taken_under_either_setting(desk, exchange):
    desk = desk(exchange)
    desk.sim.set_rules(on_post_only_taking=OnUnfit.REFUSE, on_fok_short=OnUnfit.REFUSE)
    assert desk.place(limit("bid", 99_999_000, 0.01, Tif.POST_ONLY)).state is State.WAIT
    order = desk.place(limit("bid", 100_001_000, 0.15, Tif.FOK))
    assert (order.state, order.executed_qty) == (State.DONE, 15_000_000)


@pytest.mark.parametrize(("exchange", "most"), [(UPBIT, 1_000_000_000), (BITHUMB, 5_000_000_000)])
def test_largest_limit_order(desk, exchange, most):
    desk = desk(exchange)
    assert desk.place(limit("bid", 50_000_000, most / 50_000_000)).state is State.WAIT
    assert desk.place(limit("bid", 50_000_000, most / 50_000_000 + 0.00000001)) is Fault.OVER_MAXIMUM


@pytest.mark.parametrize("exchange", Exchange)
def test_largest_market_order(desk, exchange):
    desk = desk(exchange)
    desk.sim.set_rules(market_depth=None)
    one = Draft("KRW-BTC", Side.BID, OrdType.PRICE, 1_000_000_000 * SCALE, None, None, None)
    assert desk.place(one).executed_funds == 20_000_100 * FINE
    one = Draft("KRW-BTC", Side.BID, OrdType.PRICE, 1_000_000_001 * SCALE, None, None, None)
    assert desk.place(one) is Fault.OVER_MAXIMUM


def test_market_order_counts_the_orders_of_others_as_depth(desk):
    desk = desk(UPBIT)
    market = Draft("KRW-BTC", Side.ASK, OrdType.MARKET, None, 30_000_000, None, None)
    assert desk.place(market) is Fault.BEYOND_DEPTH
    maker = desk.place(limit("bid", 95_000_000, 0.1), desk.two)
    order = desk.place(market)
    assert (order.state, [trade.price // SCALE for trade in order.trades]) == (
        State.DONE,
        [95_000_000, 90_000_000, 89_999_000],
    )
    assert maker.state is State.DONE


def test_best_takes_an_order_of_another_account_when_it_is_the_first_level(desk):
    desk = desk(BITHUMB)
    desk.place(limit("ask", 99_000_000, 0.05), desk.two)
    order = desk.place(Draft("KRW-BTC", Side.BID, OrdType.BEST, 10_000_000 * SCALE, None, Tif.IOC, None))
    assert [(trade.price // SCALE, trade.qty) for trade in order.trades] == [(99_000_000, 5_000_000)]
    assert order.state is State.DONE


def test_price_too_far_below_the_market_is_refused_when_the_rule_is_on(desk):
    desk = desk(BITHUMB)
    assert desk.place(limit("bid", 1_000_000, 0.01)).state is State.WAIT
    desk.sim.set_rules(lowest_price_ppm=500_000)
    assert desk.place(limit("bid", 44_999_000, 0.01)) is Fault.PRICE_UNDER_LIMIT
    assert desk.place(limit("ask", 44_999_000, 0.01)) is Fault.PRICE_UNDER_LIMIT
    assert desk.place(limit("bid", 45_000_000, 0.01)).state is State.WAIT


def test_accepted_order_meets_the_book_within_the_set_time(desk):
    desk = desk(BITHUMB)
    desk.sim.set_rules(meet_delay_ms=(500, 500))
    order = desk.place(limit("bid", 50_000_000, 0.01))
    assert order.state is State.ACCEPTED
    desk.world.pass_ms(400)
    assert order.state is State.WAIT


def test_bithumb_names_the_orders_in_the_way_when_it_refuses_at_entry(make_world, frame):
    world = make_world([frame(BITHUMB, "KRW-BTC", *BOOK)])
    sim = world.simulator.exchange(BITHUMB)
    sim.set_rules(smp_eras=sim.rules.smp_eras[:1])
    words = {"market": "KRW-BTC", "side": "ask", "order_type": "limit", "price": "99000000", "volume": "0.01"}
    placed = world.order(BITHUMB, **words)
    world.pass_ms(100)
    status, answer = world.ask(BITHUMB, "POST", "/v2/orders", body=words | {"side": "bid"})
    assert (status, answer["error"]["name"]) == (400, "cross_trading")
    assert placed["order_id"] in answer["error"]["message"]
    assert world.balances(BITHUMB)["KRW"] == ("100000000", "0")


def test_client_id_of_a_refused_order_is_spent_unless_the_rule_is_off(desk):
    desk = desk(BITHUMB)
    refused = msgspec.structs.replace(limit("bid", 50_000_000, 1_000), client_order_id="a")
    assert desk.place(refused) is Fault.OVER_MAXIMUM
    assert desk.place(msgspec.structs.replace(refused, volume=1_000_000)) is Fault.CLIENT_ID_BURNED
    desk.sim.set_rules(refused_ids_burn=False)
    other = msgspec.structs.replace(refused, client_order_id="b")
    assert desk.place(other) is Fault.OVER_MAXIMUM
    assert desk.place(msgspec.structs.replace(other, volume=1_000_000)).state is State.WAIT
