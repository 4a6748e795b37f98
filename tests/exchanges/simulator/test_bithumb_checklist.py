"""The simulator checklist of bithumb.md §8, a test for each row, and the rows of §7 that are about behaviour."""

import json
from itertools import pairwise

import pytest
from legacy_client import LegacyClient, signed

from arbitrage.domain.units import Exchange
from exchanges.simulator.conversation import ABNORMAL
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks
from exchanges.simulator.kst import SECOND
from exchanges.simulator.wire import Request

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
PAIR = {"order_currency": "BTC", "payment_currency": "KRW"}
BOOK = [("100000000", "0.01"), ("100001000", "5")], [("99000000", "5"), ("98999000", "5")]
BID = {"market": "KRW-BTC", "side": "bid", "order_type": "limit", "price": "100000000", "volume": "0.001"}


@pytest.fixture
def still(make_world, frame):
    return make_world([frame(exchange, "KRW-BTC", *BOOK) for exchange in Exchange])


@pytest.fixture
def lively(make_world):
    return make_world()


def stream(world, *parts, path="/websocket/v1", exchange=BITHUMB):
    session = world.simulator.exchange(exchange).connect(Request("GET", path), world.now)
    if parts:
        session.receive(json.dumps([{"ticket": "t"}, *parts]).encode(), world.now)
    return session


def heard(session):
    frames = [json.loads(out.data) for out in session.outbox]
    session.outbox.clear()
    return frames


def read(world, path, query="", exchange=BITHUMB):
    response = world.send(exchange, Request("GET", path, query))
    return response.status, json.loads(response.body)


def test_8_1_both_generations_share_orders_ids_and_balances(still):
    client = LegacyClient(still)
    one = client.place("bid", "90000000", "0.001")
    two = still.order(BITHUMB, **BID | {"price": "91000000"})["order_id"]
    still.pass_ms(100)
    assert [row["uuid"] for row in still.ask(BITHUMB, "GET", "/v1/orders", "order_by=asc")[1]] == [one, two]
    assert {row["order_id"] for row in client.ask("/info/orders", **PAIR)["data"]} == {one, two}
    assert one[:5] == two[:5] == "C0101"
    free, locked = still.balances(BITHUMB)["KRW"]
    assert (client.balance()["available_krw"], client.balance()["in_use_krw"]) == (free, locked)


def test_8_2_acceptance_first_and_not_ready_until_it_met_the_book(still):
    placed = still.order(BITHUMB, **BID)
    assert not placed.keys() & {"price", "volume", "state"}
    query = f"uuid={placed['order_id']}"
    assert still.ask(BITHUMB, "GET", "/v1/order", query)[0] == 422
    still.pass_ms(100)
    assert still.ask(BITHUMB, "GET", "/v1/order", query)[1]["state"] == "done"


def test_8_3_book_frames_are_whole_fifteen_levels_binary_and_repeat(lively):
    session = stream(lively, {"type": "orderbook", "codes": ["KRW-BTC"]})
    lively.pass_ms(20_000)
    assert all(out.is_binary for out in session.outbox)
    frames = heard(session)
    assert 160 < len(frames) < 280
    assert {len(frame["orderbook_units"]) for frame in frames} == {15}
    assert all(len(str(frame["timestamp"])) == 16 for frame in frames)
    repeats = sum(one["orderbook_units"] == two["orderbook_units"] for one, two in pairwise(frames))
    assert 0.35 < repeats / len(frames) < 0.6
    sizes = [unit[side] for frame in frames for unit in frame["orderbook_units"] for side in ("ask_size", "bid_size")]
    assert 0 in sizes
    assert all(round(size, 4) == size for size in sizes)


def test_8_4_legacy_depth_tells_changes_only_and_no_first_book(still):
    session = still.simulator.exchange(BITHUMB).connect(Request("GET", "/pub/ws"), still.now)
    session.receive(json.dumps({"type": "orderbookdepth", "symbols": ["BTC_KRW"]}).encode(), still.now)
    still.pass_ms(1_000)
    assert [frame.get("resmsg") for frame in heard(session)] == [
        "Connected Successfully",
        "Filter Registered Successfully",
    ]
    LegacyClient(still).ask("/trade/market_sell", **PAIR, units="1")
    still.pass_ms(100)
    content = heard(session)[0]["content"]
    assert [(row["price"], row["quantity"]) for row in content["list"]] == [("99000000", "4")]
    assert content["datetime"].isdigit()
    assert len(content["datetime"]) == 16


def test_8_5_ticker_runs_nine_hours_ahead_unless_switched_off(make_world):
    stamps = []
    for quirks in (BithumbQuirks(), BithumbQuirks(ticker_shift_ns=0)):
        world = make_world(bithumb_quirks=quirks)
        stamps.append(read(world, "/v1/ticker", "markets=KRW-BTC")[1][0]["timestamp"] - world.now // 10**6)
    assert stamps == [9 * 3_600_000, 0]


def test_8_6_idle_ends_at_sixty_seconds_and_a_text_ping_starts_a_status(lively):
    quiet, pinged = stream(lively), stream(lively)
    pinged.receive(b"PING", lively.now)
    lively.pass_ms(61_000)
    assert (quiet.close_code, pinged.close_code) == (ABNORMAL, None)
    assert heard(pinged) == [{"status": "UP"}] * 7


def test_8_7_a_request_replaces_all_unknown_codes_are_silent_and_malformed_ends_with_1000(lively):
    session = stream(lively, {"type": "orderbook", "codes": ["KRW-BTC", "KRW-NOPE", "krw-eth"]})
    session.receive(json.dumps([{"ticket": "t"}, {"type": "orderbook", "codes": ["KRW-ETH"]}]).encode(), lively.now)
    heard(session)
    lively.pass_ms(500)
    assert {frame["code"] for frame in heard(session)} == {"KRW-ETH"}
    session.receive(b"{}", lively.now)
    assert heard(session)[0]["error"]["name"] == "WRONG_FORMAT"
    assert session.close_code == 1000


def test_8_8_fees_are_cut_volumes_floored_bids_lock_krw_and_asks_lock_coins(still):
    still.order(BITHUMB, market="KRW-BTC", side="bid", order_type="price", price="10000.005", client_order_id="b")
    still.pass_ms(100)
    order = still.find(BITHUMB, "b")
    assert (order["executed_volume"], order["executed_funds"], order["paid_fee"]) == ("0.0001", "10000", "4")
    still.order(BITHUMB, **BID | {"price": "90000000"}, client_order_id="bid")
    still.order(BITHUMB, **BID | {"side": "ask", "price": "110000000"}, client_order_id="ask")
    still.pass_ms(100)
    assert (still.find(BITHUMB, "bid")["locked"], still.find(BITHUMB, "ask")["locked"]) == ("90036", "0.001")


def test_8_9_self_trade_cancels_the_newer_order_and_names_the_older(still):
    older = still.order(BITHUMB, **BID | {"price": "99500000"}, client_order_id="older")["order_id"]
    still.pass_ms(100)
    still.order(BITHUMB, **BID | {"side": "ask", "price": "99500000"}, client_order_id="newer")
    still.pass_ms(100)
    newer = still.find(BITHUMB, "newer")
    assert (newer["state"], newer["cancel_type"], newer["canceling_uuid"]) == ("cancel", "stp_cancel", older)
    assert still.find(BITHUMB, "older")["state"] == "wait"


def test_8_10_ioc_filled_in_part_is_done(still):
    still.order(BITHUMB, **BID | {"volume": "0.02"}, time_in_force="ioc", client_order_id="i")
    still.pass_ms(100)
    order = still.find(BITHUMB, "i")
    assert (order["state"], order["remaining_volume"]) == ("done", "0.01")


def test_8_11_both_generations_count_in_one_bucket_per_category_and_a_legacy_asset_is_throttled_too(still):
    headers = dict(still.send(BITHUMB, Request("GET", "/v1/market/all")).headers)
    assert headers["x-ratelimit-burst-capacity"] == "150"
    client = LegacyClient(still)
    answers = [client.ask("/trade/place", **PAIR, type="bid", price="90000000", units="0.0001") for _ in range(21)]
    assert [answer["status"] for answer in answers] == ["0000"] * 20 + ["5600"]
    assert still.ask(BITHUMB, "POST", "/v2/orders", body=BID)[0] == 429
    streams = [still.simulator.exchange(BITHUMB).connect(Request("GET", "/pub/ws"), still.now) for _ in range(11)]
    assert [getattr(session, "status", None) for session in streams] == [None] * 10 + [429]


def test_8_12_legacy_errors_have_codes_and_its_clock_a_window_of_twenty_seconds(still):
    client = LegacyClient(still)
    assert client.ask("/info/orders", **PAIR)["status"] == "5600"
    late = signed("/info/balance", still.now - 20 * SECOND - 10**6, {})
    assert json.loads(client.send(late).body)["status"] == "5100"


def test_8_13_public_errors_come_with_200_and_a_number_for_a_name(still):
    error = {"error": {"name": 404, "message": "Code not found"}}
    assert read(still, "/v1/orderbook", "markets=KRW-NOPE") == (200, error)


def test_8_14_finished_orders_are_not_found_and_unknown_paths_have_no_wrapper(still):
    placed = still.order(BITHUMB, **BID)
    still.pass_ms(100)
    status, answer = still.ask(BITHUMB, "DELETE", "/v2/order", f"order_id={placed['order_id']}")
    assert (status, answer["error"]["name"]) == (404, "order_not_found")
    unknown = {"name": "not_found", "message": "No Route matched with those values"}
    assert read(still, "/v9/nothing") == read(still, "/public/nothing") == (404, unknown)


def test_8_15_maintenance_freezes_streams_refuses_orders_and_is_announced(still):
    session = stream(still, {"type": "orderbook", "codes": ["KRW-BTC"]})
    still.simulator.exchange(BITHUMB).closing.begin(still.now)
    heard(session)
    still.pass_ms(5_000)
    assert heard(session) == []
    assert session.close_code is None
    assert still.ask(BITHUMB, "POST", "/v2/orders", body=BID)[1]["error"]["name"] == "market_offline"
    assert LegacyClient(still).ask("/trade/market_sell", **PAIR, units="0.1")["status"] == "5600"
    assert read(still, "/v1/notices")[1][0]["categories"] == ["점검"]


def test_7_1_and_7_2_a_token_needs_a_timestamp_and_hs256_here(still, sign):
    secret = still.simulator.exchange(BITHUMB).accounts["AK-B"].secret.decode()
    now = still.now // 10**6
    for header in (sign("AK-B", secret, ""), sign("AK-B", secret, "", "HS512", timestamp=now)):
        response = still.send(BITHUMB, Request("GET", "/v1/accounts", "", {"authorization": header}))
        assert (response.status, json.loads(response.body)["error"]["name"]) == (401, "jwt_verification")


def test_7_4_names_flip_between_the_versions(still):
    placed = still.order(BITHUMB, **BID)
    assert {"order_id", "order_type"} <= placed.keys()
    still.pass_ms(100)
    found = still.ask(BITHUMB, "GET", "/v1/order", f"uuid={placed['order_id']}")[1]
    assert {"uuid", "ord_type"} <= found.keys()


def test_7_10_and_7_15_clocks_differ_from_upbit_s(lively):
    stamps = {}
    for exchange in Exchange:
        session = stream(lively, {"type": "orderbook", "codes": ["KRW-BTC"]}, exchange=exchange)
        book = heard(session)[0]
        ticker = read(lively, "/v1/ticker", "markets=KRW-BTC", exchange)[1][0]
        stamps[exchange] = (book["timestamp"], len(book["orderbook_units"]), ticker["timestamp"])
    assert stamps[BITHUMB][0] // 1_000 == stamps[UPBIT][0]
    assert (stamps[UPBIT][1], stamps[BITHUMB][1]) == (30, 15)
    assert stamps[BITHUMB][2] - stamps[UPBIT][2] == 9 * 3_600_000


def test_7_11_snake_case_flags_are_not_understood(lively):
    session = stream(lively, {"type": "orderbook", "codes": ["KRW-BTC"], "is_only_snapshot": True})
    lively.pass_ms(500)
    assert len(heard(session)) > 2


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/orders/test"),
        ("POST", "/v1/orders/cancel_and_new"),
        ("DELETE", "/v1/orders/open"),
        ("GET", "/v1/orders/open"),
        ("GET", "/v1/orders/closed"),
        ("GET", "/v1/orderbook/instruments"),
    ],
)
def test_7_19_7_21_and_7_22_upbit_s_paths_do_not_exist_here(still, method, path):
    assert still.ask(BITHUMB, method, path)[0] == 404


def test_7_21_the_price_step_below_a_hundred_krw_is_finer_here(make_world, frame):
    level = [("12.35", "900000")], [("12.34", "900000")]
    world = make_world([frame(exchange, "KRW-LAMB", *level) for exchange in Exchange])
    words = {"market": "KRW-LAMB", "side": "bid", "price": "12.31", "volume": "1000"}
    assert world.ask(BITHUMB, "POST", "/v2/orders", body={**words, "order_type": "limit"})[0] == 201
    assert world.ask(UPBIT, "POST", "/v1/orders", body={**words, "ord_type": "limit"})[0] == 400
