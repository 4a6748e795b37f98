"""Whatever is ordered: nothing is created or lost, nothing goes below zero. Whatever is sent: an answer, no crash."""

import json
from contextlib import suppress

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from arbitrage.domain.units import Exchange
from exchanges.simulator.config import AccountSpec, SimConfig
from exchanges.simulator.dialect import Call
from exchanges.simulator.money import FINE
from exchanges.simulator.orders import Draft, OrdType, Side, Tif, combination_fault
from exchanges.simulator.simulator import Simulator
from exchanges.simulator.steps import Fault
from exchanges.simulator.wire import Request, WireRefusal, body_params

START_NS = 1_795_400_000_000_000_000
UNIT = 10**8

_prices = st.integers(min_value=115_000, max_value=118_000).map(lambda ticks: ticks * 1_000 * UNIT)
_volumes = st.integers(min_value=5_000, max_value=2 * UNIT)
_funds = st.integers(min_value=5_000 * UNIT, max_value=90_000_000 * UNIT)
_drafts = st.builds(
    Draft,
    market=st.just("KRW-BTC"),
    side=st.sampled_from(Side),
    ord_type=st.sampled_from(OrdType),
    price=st.one_of(st.none(), _prices, _funds),
    volume=st.one_of(st.none(), _volumes),
    tif=st.sampled_from([None, *Tif]),
    client_order_id=st.none(),
).filter(lambda draft: combination_fault(draft) is None)
_steps = st.lists(
    st.tuples(st.sampled_from(Exchange), st.one_of(_drafts, st.just("cancel")), st.integers(0, 400)),
    min_size=1,
    max_size=25,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(_steps, st.integers(1, 1_000))
def test_every_asset_is_conserved_and_no_hold_goes_below_zero(steps, seed):
    accounts = tuple(
        AccountSpec(exchange, "AK", "s", {"KRW": 100_000_000 * FINE, "BTC": FINE}) for exchange in Exchange
    )
    simulator = Simulator(SimConfig(seed=seed, markets=("KRW-BTC",), accounts=accounts), START_NS)
    totals, now = simulator.totals(), START_NS
    for exchange, what, wait_ms in steps:
        matching = simulator.exchange(exchange).matching
        account = matching.accounts["AK"]
        if what == "cancel":
            for order in [order for order in matching.orders.values() if order.is_open]:
                matching.cancel(order, now)
        else:
            placed = matching.place(account, what, now)
            assert isinstance(placed, Fault) or placed.locked > 0
        now += wait_ms * 1_000_000
        while (due := simulator.next_due()) <= now:
            simulator.advance(due)
        assert simulator.totals() == totals
        open_orders = [order for order in matching.orders.values() if order.is_open]
        for asset in ("KRW", "BTC"):
            assert account.free[asset] >= 0
            held = sum(order.locked for order in open_orders if order.lock_asset == asset)
            assert account.locked.get(asset, 0) == held
    for exchange in Exchange:
        for order in simulator.exchange(exchange).matching.orders.values():
            assert order.executed_qty == sum(trade.qty for trade in order.trades)
            assert order.executed_funds == sum(trade.funds for trade in order.trades)
            assert order.paid_fee == sum(trade.fee for trade in order.trades)
            if order.draft.volume is not None:
                assert order.executed_qty <= order.draft.volume


_texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "KRW-BTC",
            "KRW-BTC",
            "1",
            "0001-01-01T00:00:00",
            "9999-12-31T23:59:59+00:00",
            "bid",
            "limit",
            "1e9",
            "9" * 5_000,
            "²",
            "-1",
        ]
    ),
)
_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), _texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_texts, inner, max_size=3)),
    max_leaves=6,
)
_names = ["market", "markets", "side", "ord_type", "price", "volume", "uuid", "states[]", "limit", "page", "start_time"]
_names += ["count", "to", "cursor", "days_ago", "daysAgo"]
_stream_part = st.dictionaries(
    st.sampled_from(["ticket", "type", "codes", "format", "level", "method"]),
    st.one_of(
        _values,
        st.sampled_from(["orderbook", "trade", "ticker", "candle.1s", "myOrder", "LIST_SUBSCRIPTIONS"]),
        st.just(["KRW-BTC.999999"]),
    ),
    max_size=4,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(Exchange),
    st.lists(st.tuples(st.sampled_from(_names), _texts), max_size=4),
    st.dictionaries(st.sampled_from(_names), _values, max_size=5),
    st.lists(_stream_part, max_size=4),
    st.binary(max_size=20),
)
def test_no_input_breaks_an_exchange(exchange, query, body, parts, junk):
    accounts = tuple(AccountSpec(one, "AK", "s", {"KRW": 100_000_000 * FINE}) for one in Exchange)
    simulator = Simulator(SimConfig(markets=("KRW-BTC",), accounts=accounts), START_NS)
    sim = simulator.exchange(exchange)
    text = "&".join(f"{key}={value}" for key, value in query)
    for (method, path), route in sim.dialect.routes.items():
        data = json.dumps(body).encode() if method == "POST" else b""
        headers = {"content-type": "application/json", "authorization": "Bearer " + junk.decode("latin-1")}
        response = sim.handle(Request(method, path, text, headers, data), START_NS)
        assert 200 <= response.status < 500, (path, route)
    session = sim.connect(Request("GET", "/websocket/v1"), START_NS)
    session.receive(json.dumps(parts).encode(), START_NS)
    session.receive(junk, START_NS)
    session.receive(b"[" * 50_000, START_NS)
    assert session.outbox


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(Exchange), st.dictionaries(st.sampled_from(_names), _values, max_size=8))
@example(Exchange.UPBIT, {"limit": "9" * 5_000})
@example(Exchange.BITHUMB, {"page": "9" * 5_000})
def test_no_signed_request_breaks_an_exchange(exchange, members):
    accounts = tuple(AccountSpec(one, "AK", "s", {"KRW": 100_000_000 * FINE}) for one in Exchange)
    simulator = Simulator(SimConfig(markets=("KRW-BTC",), accounts=accounts), START_NS)
    sim = simulator.exchange(exchange)
    params = body_params(json.dumps(members).encode())
    for route in sim.dialect.routes.values():
        call = Call(Request("GET", "/"), params, START_NS, sim.accounts["AK"])
        with suppress(WireRefusal):
            assert route.answer(sim, call).status < 300
