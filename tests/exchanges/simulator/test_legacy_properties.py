"""Whatever is ordered in the legacy words: every asset adds up. Whatever is sent: an answer with a code, no crash."""

import json
from urllib.parse import urlencode

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from legacy_client import KEY, MS, SECRET, signed

from arbitrage.domain.units import Exchange
from exchanges.simulator.config import AccountSpec, SimConfig
from exchanges.simulator.dialects.legacy import CODES, SUCCESS
from exchanges.simulator.money import FINE
from exchanges.simulator.simulator import Simulator
from exchanges.simulator.wire import Request

BITHUMB = Exchange.BITHUMB
START_NS = 1_795_400_000_000_000_000
PAIR = {"order_currency": "BTC", "payment_currency": "KRW"}
PATHS = (
    "/info/account",
    "/info/balance",
    "/info/wallet_address",
    "/info/ticker",
    "/info/orders",
    "/info/order_detail",
    "/info/user_transactions",
    "/trade/place",
    "/trade/market_buy",
    "/trade/market_sell",
    "/trade/stop_limit",
    "/trade/cancel",
    "/trade/btc_withdrawal",
)
_prices = st.integers(115_000, 118_000).map(lambda ticks: str(ticks * 1_000))
_units = st.integers(1, 4_000).map(lambda steps: f"{steps / 10_000:.4f}")
_sides = st.sampled_from(["bid", "ask"])
_orders = st.one_of(
    st.tuples(st.just("/trade/place"), st.fixed_dictionaries({"type": _sides, "price": _prices, "units": _units})),
    st.tuples(
        st.just("/trade/stop_limit"),
        st.fixed_dictionaries({"type": _sides, "price": _prices, "units": _units, "watch_price": _prices}),
    ),
    st.tuples(st.sampled_from(["/trade/market_buy", "/trade/market_sell"]), st.fixed_dictionaries({"units": _units})),
)


def made(seed):
    account = AccountSpec(BITHUMB, KEY, SECRET, {"KRW": 100_000_000 * FINE, "BTC": FINE})
    return Simulator(SimConfig(seed=seed, markets=("KRW-BTC",), accounts=(account,)), START_NS)


def passed(simulator, now):
    while (due := simulator.next_due()) <= now:
        simulator.advance(due)
    simulator.advance(now)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(_orders, st.integers(60, 400)), min_size=1, max_size=20), st.integers(1, 1_000))
def test_every_asset_is_conserved_and_every_hold_is_given_back(steps, seed):
    simulator = made(seed)
    exchange = simulator.exchange(BITHUMB)
    totals, now = simulator.totals(), START_NS
    for (path, words), wait_ms in steps:
        answer = json.loads(exchange.handle(signed(path, now, PAIR | words), now).body)
        assert answer["status"] in (SUCCESS, "5600"), answer
        now += wait_ms * MS
        passed(simulator, now)
        assert simulator.totals() == totals
    for order in list(exchange.matching.open_orders.values()):
        words = {"type": order.draft.side.value, "order_id": order.order_id}
        exchange.handle(signed("/trade/cancel", now, PAIR | words), now)
        now += 60 * MS
        passed(simulator, now)
    assert simulator.totals() == totals
    assert not any(exchange.accounts[KEY].locked.values())


_words = st.text(max_size=12)
_members = st.dictionaries(
    st.sampled_from(
        [
            "order_currency",
            "payment_currency",
            "currency",
            "units",
            "price",
            "watch_price",
            "type",
            "order_id",
            "count",
            "after",
            "offset",
            "searchGb",
            "net_type",
        ]
    ),
    st.one_of(st.sampled_from(["BTC", "KRW", "ALL", "bid", "ask", "1", "0", "116000000"]), _words),
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PATHS), _members)
def test_any_signed_members_get_a_code(path, members):
    simulator = made(7)
    response = simulator.exchange(BITHUMB).handle(signed(path, START_NS, members), START_NS)
    assert response.status == 200
    assert json.loads(response.body)["status"] in (SUCCESS, *CODES)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["ticker", "orderbook", "transaction_history", "candlestick", "assetsstatus", "withdraw", "x"]),
    st.lists(st.one_of(st.sampled_from(["BTC_KRW", "ALL", "multichain", "1m", "BTC"]), _words), max_size=3),
    st.dictionaries(st.just("count"), _words),
)
def test_any_public_path_gets_a_code_or_the_gateway_s_404(root, tail, query):
    path = "/".join(["/public", root, *tail])
    response = made(7).exchange(BITHUMB).handle(Request("GET", path, urlencode(query)), START_NS)
    answer = json.loads(response.body)
    assert (response.status == 404) == ("status" not in answer)
    assert response.status in (200, 404)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode)), max_size=4))
def test_any_message_on_the_stream_is_answered_and_ends_nothing(messages):
    exchange = made(7).exchange(BITHUMB)
    session = exchange.connect(Request("GET", "/pub/ws"), START_NS)
    for message in messages:
        session.receive(message, START_NS)
    assert session.close_code is None
    assert len(session.outbox) == 1 + len(messages)
    assert all("status" in json.loads(out.data) for out in session.outbox)
