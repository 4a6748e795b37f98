"""Batches, searches, histories and spread orders (bithumb.md §3.2, §3.5, §3.8, §3.8a)."""

import json
from decimal import Decimal
from urllib.parse import quote

import pytest

from arbitrage.domain.units import Exchange
from exchanges.simulator.dialects.bithumb_quirks import BatchHash, BithumbQuirks
from exchanges.simulator.wire import Request

BITHUMB = Exchange.BITHUMB
BOOK = [("100000000", "5")], [("99000000", "5")]
FAR = {"market": "KRW-BTC", "side": "bid", "order_type": "limit", "price": "90000000", "volume": "0.001"}


@pytest.fixture
def make_book_world(make_world, frame):
    # Both exchanges stand still: nobody runs ahead, nobody sweeps the level.
    return lambda **config: make_world([frame(exchange, "KRW-BTC", *BOOK) for exchange in Exchange], **config)


@pytest.fixture
def world(make_book_world):
    return make_book_world()


def names(rows):
    return [row.get("name", "taken") for row in rows]


def test_each_order_of_a_batch_is_taken_or_refused_for_itself(world):
    orders = [
        FAR | {"client_order_id": "a1"},
        FAR | {"client_order_id": "a2", "price": "90000500"},
        FAR | {"client_order_id": "a1"},
        FAR | {"volume": "5"},
        {"market": "KRW-BTC"},
    ]
    status, answer = world.ask(BITHUMB, "POST", "/v2/orders/batch", body={"batch_orders": orders})
    assert status == 200
    rows = answer["batch_orders_response"]
    assert names(rows) == [
        "taken",
        "invalid_price_bid",
        "duplicate_client_order_id",
        "insufficient_funds_bid",
        "invalid_parameter",
    ]
    assert set(rows[0]) == {"client_order_id", "order_id", "market", "side", "order_type", "created_at", "stp_type"}
    assert rows[1]["client_order_id"] == "a2"
    assert "client_order_id" not in rows[3]
    assert world.balances(BITHUMB)["KRW"] == ("99909964", "90036")


def test_thirty_orders_are_a_batch_and_one_more_is_none(world):
    most = {"batch_orders": [FAR] * 30}
    assert (
        names(world.ask(BITHUMB, "POST", "/v2/orders/batch", body=most)[1]["batch_orders_response"]) == ["taken"] * 30
    )
    status, answer = world.ask(BITHUMB, "POST", "/v2/orders/batch", body={"batch_orders": [FAR] * 31})
    assert (status, answer["error"]["name"]) == (400, "invalid_parameter")
    assert world.ask(BITHUMB, "POST", "/v2/orders/batch", body={"batch_orders": []})[0] == 400
    assert len(world.simulator.exchange(BITHUMB).matching.orders) == 30


def hashed(style):
    text = json.dumps(FAR, separators=(",", ":"))
    return {
        "indexed": "&".join(f"batch_orders[0][{key}]={value}" for key, value in FAR.items()),
        "raw": f"batch_orders[]={text}",
        "encoded": f"batch_orders[]={quote(text, safe='')}",
    }[style]


@pytest.mark.parametrize(
    ("setting", "taken"),
    [
        (BatchHash.EITHER, {"indexed", "raw", "encoded"}),
        (BatchHash.INDEXED, {"indexed"}),
        (BatchHash.JSON_TEXT, {"raw", "encoded"}),
    ],
)
def test_both_styles_of_hashing_a_batch_are_a_setting(make_book_world, sign, setting, taken):
    world = make_book_world(bithumb_quirks=BithumbQuirks(batch_hash=setting))
    secret = world.simulator.exchange(BITHUMB).accounts["AK-B"].secret.decode()
    body = json.dumps({"batch_orders": [FAR]}, separators=(",", ":")).encode()
    for style in ("indexed", "raw", "encoded"):
        header = sign("AK-B", secret, hashed(style), timestamp=world.now // 1_000_000)
        headers = {"authorization": header, "content-type": "application/json"}
        response = world.send(BITHUMB, Request("POST", "/v2/orders/batch", "", headers, body))
        assert (response.status == 200) == (style in taken), style
        if style not in taken:
            assert json.loads(response.body)["error"]["name"] == "invalid_query_payload"


def test_batch_cancel_tells_what_went_and_what_did_not(world):
    orders = [FAR | {"client_order_id": f"b{number}"} for number in range(2)]
    rows = world.ask(BITHUMB, "POST", "/v2/orders/batch", body={"batch_orders": orders})[1]["batch_orders_response"]
    early = world.ask(BITHUMB, "POST", "/v2/orders/cancel", body={"order_ids": [rows[0]["order_id"]]})[1]
    assert [row["error"]["name"] for row in early["fail"]] == ["order_not_ready"]
    world.pass_ms(100)
    ids = [rows[0]["order_id"], "C0101000000000000000"]
    status, answer = world.ask(BITHUMB, "POST", "/v2/orders/cancel", body={"order_ids": ids})
    assert status == 200
    assert [(row["order_id"], row["client_order_id"]) for row in answer["success"]] == [(ids[0], "b0")]
    assert [(row["order_id"], row["error"]["name"]) for row in answer["fail"]] == [(ids[1], "order_not_found")]
    answer = world.ask(BITHUMB, "POST", "/v2/orders/cancel", body={"client_order_ids": ["b1", "b9"]})[1]
    assert [row["client_order_id"] for row in answer["success"]] == ["b1"]
    assert [row["client_order_id"] for row in answer["fail"]] == ["b9"]
    world.pass_ms(100)
    assert world.balances(BITHUMB)["KRW"] == ("100000000", "0")


def test_search_pending_and_history_use_the_newer_names(world):
    for number in range(3):
        world.order(BITHUMB, **FAR, client_order_id=f"p{number}")
        world.pass_ms(1_000)
    world.order(BITHUMB, **FAR | {"price": "100000000"}, client_order_id="full")
    world.pass_ms(100)
    found = world.ask(BITHUMB, "POST", "/v2/orders/search", body={"client_order_ids": ["p1", "full", "nope"]})[1]
    assert [(row["client_order_id"], row["state"], row["order_type"]) for row in found["data"]] == [
        ("p1", "wait", "limit"),
        ("full", "done", "limit"),
    ]
    assert not found["data"][0].keys() & {"uuid", "ord_type"}
    page = world.ask(BITHUMB, "GET", "/v2/orders/pending", "limit=2")[1]
    assert [row["client_order_id"] for row in page["data"]] == ["p2", "p1"]
    assert page["has_next"] is True
    rest = world.ask(BITHUMB, "GET", "/v2/orders/pending", f"limit=2&next_key={page['next_key']}")[1]
    assert [row["client_order_id"] for row in rest["data"]] == ["p0"]
    assert (rest["has_next"], rest["next_key"]) == (False, None)
    history = world.ask(BITHUMB, "GET", "/v2/orders/history")[1]
    assert [row["client_order_id"] for row in history["data"]] == ["full"]
    assert world.ask(BITHUMB, "GET", "/v2/orders/history", "state=cancel")[1]["data"] == []


def test_history_spans_at_most_seven_days(world):
    now = world.now // 1_000_000
    week = 7 * 86_400_000
    assert world.ask(BITHUMB, "GET", "/v2/orders/history", f"start_time={now - week}&end_time={now}")[0] == 200
    for query in (
        f"start_time={now - week - 1}&end_time={now}",
        f"start_time={now + 1}&end_time={now}",
        "start_time=x",
    ):
        status, answer = world.ask(BITHUMB, "GET", "/v2/orders/history", query)
        assert (status, answer["error"]["name"]) == (400, "invalid_parameter")


def test_spread_buy_spends_all_in_equal_parts_and_ends_done(world):
    body = {"market": "KRW-BTC", "side": "bid", "price": "100000", "duration": "300", "frequency": "30"}
    status, answer = world.ask(BITHUMB, "POST", "/v1/twap", body=body)
    assert status == 201
    world.pass_ms(100_000)
    plans = world.ask(BITHUMB, "GET", "/v1/twap")[1]["orders"]
    assert [(row["uuid"], row["progress_count"], row["total_order_count"]) for row in plans] == [
        (answer["algo_order_id"], 4, 10)
    ]
    world.pass_ms(200_000)
    assert world.ask(BITHUMB, "GET", "/v1/twap")[1]["orders"] == []
    (done,) = world.ask(BITHUMB, "GET", "/v1/twap", "state=done")[1]["orders"]
    assert (done["total_executed_amount"], done["total_executed_volume"]) == ("100000", "0.001")
    assert done["avg_trade_price"] == "100000000"
    assert world.balances(BITHUMB) == {"KRW": ("99899960", "0"), "BTC": ("1.001", "0"), "ETH": ("10", "0")}


def test_spread_sell_stops_when_cancelled_and_keeps_what_it_sold(world):
    body = {"market": "KRW-BTC", "side": "ask", "volume": "0.01", "duration": "300", "frequency": "30"}
    plan = world.ask(BITHUMB, "POST", "/v1/twap", body=body)[1]["algo_order_id"]
    world.pass_ms(65_000)
    assert world.ask(BITHUMB, "DELETE", "/v1/twap", f"algo_order_id={plan}") == (200, {"algo_order_id": plan})
    world.pass_ms(300_000)
    (row,) = world.ask(BITHUMB, "GET", "/v1/twap", "state=cancel")[1]["orders"]
    assert (row["cancel_type"], row["progress_count"], row["total_executed_volume"]) == ("user", 3, "0.003")
    assert Decimal(world.balances(BITHUMB)["BTC"][0]) == Decimal("0.997")
    assert world.ask(BITHUMB, "DELETE", "/v1/twap", f"algo_order_id={plan}")[0] == 400


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"duration": "299"}, "invalid_parameter"),
        ({"duration": "43201"}, "invalid_parameter"),
        ({"side": "ask"}, "invalid_parameter"),
        ({"market": "BTC-ETH"}, "invalid_parameter"),
        ({"price": "10000"}, "under_min_total"),
        ({"price": "100000001"}, "insufficient_funds_bid"),
    ],
)
def test_plan_that_cannot_be_is_refused_and_nothing_is_placed(world, change, name):
    body = {"market": "KRW-BTC", "side": "bid", "price": "100000", "duration": "300", "frequency": "30"} | change
    status, answer = world.ask(BITHUMB, "POST", "/v1/twap", body=body)
    assert (status, answer["error"]["name"]) == (400, name)
    world.pass_ms(1_000)
    assert world.simulator.exchange(BITHUMB).matching.orders == {}
