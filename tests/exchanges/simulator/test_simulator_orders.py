"""What is accepted, refused, found, listed and cancelled, in each exchange's words."""

import pytest

from arbitrage.domain.units import Exchange
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks, OnRepeat
from exchanges.simulator.wire import Request

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
BOOK = [("100000000", "5"), ("100001000", "5")], [("99000000", "5"), ("98999000", "5")]
LIMIT = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "100000000", "volume": "0.001"}
LIMIT_V2 = {"market": "KRW-BTC", "side": "bid", "order_type": "limit", "price": "100000000", "volume": "0.001"}


@pytest.fixture
def world(make_world, frame):
    return make_world([frame(exchange, "KRW-BTC", *BOOK) for exchange in Exchange])


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"price": "100000500"}, "invalid_price_bid"),
        ({"price": "abc"}, "invalid_price_bid"),
        ({"volume": "0.000000001"}, "invalid_volume_bid"),
        ({"volume": "0"}, "invalid_volume_bid"),
        ({"price": "1000000", "volume": "0.004999"}, "under_min_total_bid"),
        ({"volume": "10.00000001"}, "over_krw_funds_bid"),
        ({"volume": "2"}, "insufficient_funds_bid"),
        ({"side": "ask", "volume": "2"}, "insufficient_funds_ask"),
        ({"market": "KRW-NOPE"}, "notfoundmarket"),
        ({"side": "buy"}, "validation_error"),
        ({"ord_type": "stop"}, "validation_error"),
        ({"ord_type": "market"}, "validation_error"),
        ({"time_in_force": "gtc"}, "invalid_time_in_force"),
        ({"time_in_force": "post_only", "smp_type": "reduce"}, "invalid_post_only"),
        ({"identifier": "x" * 65}, "validation_error"),
    ],
)
def test_upbit_refuses_by_name_and_nothing_is_held(world, change, name):
    status, answer = world.ask(UPBIT, "POST", "/v1/orders", body=LIMIT | change)
    assert (status, answer["error"]["name"]) == (400, name)
    assert world.balances(UPBIT)["KRW"] == ("100000000", "0")
    assert world.simulator.exchange(UPBIT).matching.orders == {}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"price": "100000500"}, "invalid_price_bid"),
        ({"price": "1e8"}, "invalid_price"),
        ({"volume": "0.00001"}, "under_min_total"),
        ({"volume": "2"}, "insufficient_funds_bid"),
        ({"market": "KRW-NOPE"}, "invalid_parameter"),
        ({"client_order_id": "has space"}, "invalid_parameter"),
        ({"client_order_id": "x" * 37}, "invalid_parameter"),
        ({"time_in_force": "day"}, "invalid_parameter"),
    ],
)
def test_bithumb_refuses_by_name_and_nothing_is_held(world, change, name):
    status, answer = world.ask(BITHUMB, "POST", "/v2/orders", body=LIMIT_V2 | change)
    assert (status, answer["error"]["name"]) == (400, name)
    assert world.balances(BITHUMB)["KRW"] == ("100000000", "0")
    assert world.simulator.exchange(BITHUMB).matching.orders == {}


def test_upbit_market_order_beyond_the_shown_levels_is_refused(make_world, frame):
    thin = frame(UPBIT, "KRW-BTC", [("100000000", "0.1")], [("99000000", "0.1")])
    world = make_world([thin])
    buy = {"market": "KRW-BTC", "side": "bid", "ord_type": "price", "price": "10000001"}
    assert world.ask(UPBIT, "POST", "/v1/orders", body=buy)[1]["error"]["name"] == "create_bid_error"
    sell = {"market": "KRW-BTC", "side": "ask", "ord_type": "market", "volume": "0.10000001"}
    assert world.ask(UPBIT, "POST", "/v1/orders", body=sell)[1]["error"]["name"] == "create_ask_error"


def test_identifier_is_burned_for_ever_even_by_a_refused_order(world):
    refused = LIMIT | {"volume": "2", "identifier": "once"}
    assert world.ask(UPBIT, "POST", "/v1/orders", body=refused)[1]["error"]["name"] == "insufficient_funds_bid"
    again = world.ask(UPBIT, "POST", "/v1/orders", body=LIMIT | {"identifier": "once"})
    assert again[1]["error"]["name"] == "duplicated_identifier"
    assert world.ask(UPBIT, "GET", "/v1/order", "identifier=once")[1]["error"]["name"] == "order_not_found"


def test_bithumb_repeated_id_is_refused_or_answered_with_the_first_order(make_world, frame):
    frames = [frame(BITHUMB, "KRW-BTC", *BOOK)]
    world = make_world(frames)
    first = world.order(BITHUMB, **LIMIT_V2, client_order_id="c1")
    status, answer = world.ask(BITHUMB, "POST", "/v2/orders", body=LIMIT_V2 | {"client_order_id": "c1"})
    assert (status, answer["error"]["name"]) == (400, "duplicate_client_order_id")
    other = make_world(frames, bithumb_quirks=BithumbQuirks(on_repeat=OnRepeat.EXISTING))
    first = other.order(BITHUMB, **LIMIT_V2, client_order_id="c1")
    assert other.order(BITHUMB, **LIMIT_V2, client_order_id="c1") == first
    assert len(other.simulator.exchange(BITHUMB).matching.orders) == 1


def test_bithumb_order_is_not_ready_until_it_met_the_book(world):
    placed = world.order(BITHUMB, **LIMIT_V2, client_order_id="c1")
    assert len(placed["order_id"]) == 20
    for method, path, query in (
        ("GET", "/v1/order", "client_order_id=c1"),
        ("DELETE", "/v2/order", f"order_id={placed['order_id']}"),
    ):
        status, answer = world.ask(BITHUMB, method, path, query)
        assert (status, answer["error"]["name"]) == (422, "order_not_ready")
    assert world.ask(BITHUMB, "GET", "/v1/orders")[1] == []
    world.pass_ms(100)
    assert world.find(BITHUMB, "c1")["state"] == "done"
    assert world.ask(BITHUMB, "GET", "/v1/orders")[1] == []
    assert [row["uuid"] for row in world.ask(BITHUMB, "GET", "/v1/orders", "state=done")[1]] == [placed["order_id"]]
    assert world.ask(BITHUMB, "DELETE", "/v2/order", "client_order_id=c1")[0] == 404


def test_bithumb_cancel_is_an_acceptance_and_ends_the_order_a_little_later(world):
    world.order(BITHUMB, **LIMIT_V2 | {"price": "90000000"}, client_order_id="c2")
    world.pass_ms(100)
    status, answer = world.ask(BITHUMB, "DELETE", "/v2/order", "client_order_id=c2")
    assert (status, set(answer)) == (200, {"order_id", "created_at", "client_order_id"})
    assert world.find(BITHUMB, "c2")["state"] == "wait"
    world.pass_ms(50)
    order = world.find(BITHUMB, "c2")
    assert (order["state"], order["cancel_type"]) == ("cancel", "user_cancel")
    assert world.balances(BITHUMB)["KRW"] == ("100000000", "0")


def test_upbit_lists_open_closed_and_by_ids(world):
    far = LIMIT | {"price": "90000000"}
    one = world.order(UPBIT, **far, identifier="o1")["uuid"]
    world.pass_ms(100)
    two = world.order(UPBIT, **LIMIT, identifier="o2")["uuid"]
    assert [row["uuid"] for row in world.ask(UPBIT, "GET", "/v1/orders/open", "order_by=asc")[1]] == [one, two]
    world.pass_ms(100)
    open_rows = world.ask(UPBIT, "GET", "/v1/orders/open", "states[]=wait&states[]=watch")[1]
    assert [row["uuid"] for row in open_rows] == [one]
    assert open_rows[0]["executed_funds"] == "0"
    assert "trades" not in open_rows[0]
    closed = world.ask(UPBIT, "GET", "/v1/orders/closed", "state=done")[1]
    assert [(row["uuid"], row["executed_funds"]) for row in closed] == [(two, "100000")]
    rows = world.ask(UPBIT, "GET", "/v1/orders/uuids", "identifiers[]=o2&identifiers[]=gone")[1]
    assert [row["uuid"] for row in rows] == [two]
    week = 8 * 86_400_000
    start = world.now // 1_000_000
    query = f"start_time={start - week}&end_time={start}"
    assert world.ask(UPBIT, "GET", "/v1/orders/closed", query)[1]["error"]["name"] == "validation_error"


def test_upbit_cancels_everything_that_is_open_once_in_two_seconds(world):
    for number in range(3):
        world.order(UPBIT, **LIMIT | {"price": "90000000"}, identifier=f"o{number}")
    world.pass_ms(100)
    status, answer = world.ask(UPBIT, "DELETE", "/v1/orders/open", "cancel_side=all&count=300")
    assert (status, answer["success"]["count"], answer["failed"]["count"]) == (200, 3, 0)
    assert {row["identifier"] for row in answer["success"]["orders"]} == {"o0", "o1", "o2"}
    world.pass_ms(100)
    assert world.ask(UPBIT, "GET", "/v1/orders/open")[1] == []
    assert world.ask(UPBIT, "DELETE", "/v1/orders/open")[0] == 429
    assert world.balances(UPBIT)["KRW"] == ("100000000", "0")


def test_upbit_test_order_answers_like_a_real_one_and_leaves_nothing(world):
    status, answer = world.ask(UPBIT, "POST", "/v1/orders/test", body=LIMIT)
    assert (status, answer["state"], answer["locked"]) == (201, "wait", "100050")
    world.pass_ms(100)
    assert world.simulator.exchange(UPBIT).matching.orders == {}
    assert world.balances(UPBIT)["KRW"] == ("100000000", "0")


def test_requests_of_the_wrong_shape_are_refused(world, sign):
    form = Request("POST", "/v1/orders", "", {"content-type": "application/x-www-form-urlencoded"}, b"market=KRW-BTC")
    assert world.send(UPBIT, form).status == 400
    broken = Request("POST", "/v1/orders", "", {"content-type": "application/json"}, b"{")
    assert world.send(UPBIT, broken).status == 400
    with_body = Request("DELETE", "/v1/order", "uuid=1", {}, b"{}")
    assert b"QUERY_PARAMETER_NOT_SUPPORTED" in world.send(UPBIT, with_body).body
    assert world.send(UPBIT, Request("PATCH", "/v1/orders")).status == 404


def test_limits_answer_as_each_exchange_does(world):
    for left in range(11, -1, -1):
        answer = world.ask(UPBIT, "POST", "/v1/orders", body=LIMIT | {"volume": "9"})
        assert answer[0] == 400, left
    status, body = world.ask(UPBIT, "POST", "/v1/orders", body=LIMIT)
    assert (status, body) == (429, b"Too many API requests.")
    world.pass_ms(84)
    assert world.ask(UPBIT, "POST", "/v1/orders", body=LIMIT)[0] == 201
    market_list = Request("GET", "/v1/market/all")
    assert dict(world.send(UPBIT, market_list).headers)["Remaining-Req"] == "group=market; min=600; sec=9"
    assert dict(world.send(BITHUMB, market_list).headers)["x-ratelimit-remaining"] == "149"
    for _ in range(149):
        assert world.send(BITHUMB, market_list).status == 200
    assert world.send(BITHUMB, market_list).status == 429


def test_public_errors_have_numbers_for_names_and_bithumb_sends_them_with_200(world):
    for exchange, status in ((UPBIT, 404), (BITHUMB, 200)):
        response = world.send(exchange, Request("GET", "/v1/orderbook", "markets=KRW-BTC,KRW-NOPE"))
        assert (response.status, response.body) == (status, b'{"error":{"name":404,"message":"Code not found"}}')
    assert world.send(BITHUMB, Request("GET", "/v9")).body == (
        b'{"name":"not_found","message":"No Route matched with those values"}'
    )


def test_bithumb_book_has_thirty_levels_alone_and_fifteen_in_company_and_four_decimals(make_world):
    world = make_world()
    one = world.ask(BITHUMB, "GET", "/v1/orderbook", "markets=krw-btc")[1]
    assert [len(book["orderbook_units"]) for book in one] == [30]
    two = world.ask(BITHUMB, "GET", "/v1/orderbook", "markets=KRW-BTC,KRW-ETH")[1]
    assert [len(book["orderbook_units"]) for book in two] == [15, 15]
    assert all(round(unit["ask_size"], 4) == unit["ask_size"] for unit in one[0]["orderbook_units"])
    three = world.ask(UPBIT, "GET", "/v1/orderbook", "markets=KRW-BTC&count=3")[1]
    assert len(three[0]["orderbook_units"]) == 3
    assert three[0]["total_ask_size"] == pytest.approx(sum(unit["ask_size"] for unit in three[0]["orderbook_units"]))


def test_bithumb_ticker_runs_nine_hours_ahead(world):
    stamps = [world.ask(exchange, "GET", "/v1/ticker", "markets=KRW-BTC")[1][0]["timestamp"] for exchange in Exchange]
    assert stamps[1] - stamps[0] == 9 * 3600 * 1000


def test_keys_wallets_notices_and_chance(world):
    for exchange in Exchange:
        keys = world.ask(exchange, "GET", "/v1/api_keys")[1]
        assert [row["expire_at"][-6:] for row in keys] == ["+09:00"]
        assert world.ask(exchange, "GET", "/v1/status/wallet")[1][0]["wallet_state"] == "working"
        assert (
            world.ask(exchange, "GET", "/v1/orders/chance", "market=KRW-BTC")[1]["market"]["bid"]["min_total"] == "5000"
        )
    assert world.ask(BITHUMB, "GET", "/v1/orders/chance", "market=KRW-BTC")[1]["bid_fee"] == "0.0004"
    assert world.ask(BITHUMB, "GET", "/v1/notices", "count=1")[1] == [], "nothing was announced yet"


def test_armed_faults_strike_once_each(world):
    faults = world.simulator.faults(UPBIT)
    faults.refuse_next(500, "internal_server_error")
    assert world.ask(UPBIT, "POST", "/v1/orders", body=LIMIT)[0] == 500
    faults.drop_before_accept()
    assert world.ask(UPBIT, "POST", "/v1/orders", body=LIMIT | {"identifier": "f0"})[0] == 0
    assert world.ask(UPBIT, "GET", "/v1/order", "identifier=f0")[0] == 404
    faults.drop_reply_after_accept()
    assert world.ask(UPBIT, "POST", "/v1/orders", body=LIMIT | {"identifier": "f1"})[0] == 0
    assert world.find(UPBIT, "f1")["state"] == "wait"
    faults.cancel_before_fill()
    world.pass_ms(100)
    assert world.find(UPBIT, "f1")["state"] == "wait"
    faults.delay_fills(3_000_000_000)
    world.order(UPBIT, **LIMIT, time_in_force="ioc", identifier="f2")
    world.pass_ms(2_900)
    assert world.find(UPBIT, "f2")["executed_volume"] == "0"
    world.pass_ms(200)
    assert world.find(UPBIT, "f2")["state"] == "done"
