"""Upbit's REST words: shapes, types, names, lists, headers, and the settings for what is open (upbit.md §1, §2, §4)."""

import gzip
import json

import msgspec
import pytest
from upbit_still import LIMIT

from arbitrage.domain.units import Exchange
from exchanges.simulator.dialects.upbit_errors import STATUS
from exchanges.simulator.dialects.upbit_quirks import (
    BodyNumbers,
    OldList,
    OverLimitBody,
    Spelling,
    Stamp,
    StrayBody,
    Totals,
    UpbitQuirks,
    problems_of,
)
from exchanges.simulator.listing import Listing, MarketState
from exchanges.simulator.wire import Request

UPBIT = Exchange.UPBIT


def get(world, path, query=""):
    return world.ask(UPBIT, "GET", path, query)


def test_market_list_tells_warnings_and_drops_what_is_delisted(make_world):
    world = make_world()
    sim = world.simulator.exchange(UPBIT)
    plain = get(world, "/v1/market/all")[1]
    assert set(plain[0]) == {"market", "korean_name", "english_name"}
    sim.listings["KRW-BTC"] = Listing(has_warning=True, cautions=("PRICE_FLUCTUATIONS",))
    sim.listings["KRW-ETH"] = Listing(state=MarketState.DELISTED)
    rows = {row["market"]: row for row in get(world, "/v1/market/all", "is_details=true")[1]}
    assert rows["KRW-BTC"]["market_event"]["warning"] is True
    assert [name for name, up in rows["KRW-BTC"]["market_event"]["caution"].items() if up] == ["PRICE_FLUCTUATIONS"]
    assert len(rows["KRW-XRP"]["market_event"]["caution"]) == 5
    assert "KRW-ETH" not in rows


def test_book_is_cut_by_count_grouped_by_level_and_empty_for_a_level_the_market_has_not(still):
    for totals, added in ((Totals.SHOWN, 3), (Totals.THIRTY, 10)):
        world = still(totals=totals)
        book = get(world, "/v1/orderbook", "markets=KRW-BTC&count=2")[1][0]
        assert list(book) == ["market", "timestamp", "total_ask_size", "total_bid_size", "orderbook_units", "level"]
        assert [unit["ask_price"] for unit in book["orderbook_units"]] == [100001000, 100009000]
        assert (book["total_ask_size"], book["level"]) == (added, 0)
        assert all(isinstance(unit["ask_price"], int) for unit in book["orderbook_units"])
    for level in ("10000", "10000.0", "1e4"):
        grouped = get(world, "/v1/orderbook", f"markets=KRW-BTC&level={level}")[1][0]
        assert [unit["bid_size"] for unit in grouped["orderbook_units"]] == [3, 7]
    for level in ("500", "-1", "0.5"):
        assert get(world, "/v1/orderbook", f"markets=KRW-BTC&level={level}") == (200, [])
    world.pass_ms(1_000)
    for query in ("markets=KRW-BTC&count=0", "markets=KRW-BTC&count=31", "markets=KRW-BTC&level=x", "count=1"):
        status, answer = get(world, "/v1/orderbook", query)
        assert (status, answer["error"]["name"]) == (400, 400), query


def test_instruments_carry_the_captured_levels_as_text_and_the_older_call_as_numbers(still):
    world = still()
    levels = ["0", "10000", "100000", "1000000", "10000000"]
    row = {"market": "KRW-BTC", "quote_currency": "KRW", "tick_size": "1000", "supported_levels": levels}
    assert get(world, "/v1/orderbook/instruments", "markets=KRW-BTC") == (200, [row])
    old = get(world, "/v1/orderbook/supported_levels", "markets=KRW-BTC")[1]
    assert old == [{"market": "KRW-BTC", "supported_levels": [int(level) for level in levels]}]
    assert get(world, "/v1/orderbook/instruments", "markets=KRW-NOPE")[0] == 404


def test_members_of_an_order_follow_its_type(still):
    world = still()
    always = {
        *("uuid", "side", "ord_type", "state", "market", "created_at", "reserved_fee", "remaining_fee", "paid_fee"),
        *("locked", "prevented_locked", "executed_volume", "trades_count", "smp_type"),
    }
    volume = {"volume", "remaining_volume", "prevented_volume"}
    drafts = [
        ({"side": "bid", "ord_type": "limit", "price": "90000000", "volume": "0.001"}, {"price"} | volume),
        ({"side": "bid", "ord_type": "price", "price": "10000"}, {"price"}),
        ({"side": "ask", "ord_type": "market", "volume": "0.001"}, volume),
        (
            {"side": "bid", "ord_type": "best", "price": "10000", "time_in_force": "ioc", "identifier": "b1"},
            {"price", "time_in_force", "identifier"},
        ),
        ({"side": "ask", "ord_type": "best", "volume": "0.001", "time_in_force": "fok"}, {"time_in_force"} | volume),
    ]
    for draft, more in drafts:
        placed = world.order(UPBIT, market="KRW-BTC", **draft)
        assert set(placed) == always | more, draft
        assert (placed["state"], placed["executed_volume"], placed["trades_count"]) == ("wait", "0", 0)
        assert all(isinstance(value, str) for key, value in placed.items() if key != "trades_count")
        world.pass_ms(100)
        found = get(world, "/v1/order", f"uuid={placed['uuid']}")[1]
        assert set(found) == always | more | {"trades"}
        rows = get(world, "/v1/orders/uuids", f"uuids[]={placed['uuid']}")[1]
        assert set(rows[0]) == always | more | {"executed_funds"}
    trade = found["trades"][0]
    assert set(trade) == {"market", "uuid", "price", "volume", "funds", "trend", "created_at", "side"}
    assert all(isinstance(value, str) for value in trade.values())


def test_trend_says_who_took(still):
    world = still()
    for draft, trend in (({"side": "bid", "ord_type": "price", "price": "10000"}, "up"), ({"side": "ask"}, "down")):
        words = {"ord_type": "market", "volume": "0.001"} | draft
        if words["ord_type"] == "price":
            del words["volume"]
        placed = world.order(UPBIT, market="KRW-BTC", **words)
        world.pass_ms(100)
        assert [one["trend"] for one in get(world, "/v1/order", f"uuid={placed['uuid']}")[1]["trades"]] == [trend]


@pytest.mark.parametrize(
    ("stamp", "text"),
    [
        (Stamp.SECONDS, "2026-11-23T11:13:20+09:00"),
        (Stamp.MICROSECONDS, "2026-11-23T11:13:20.123456+09:00"),
        (Stamp.ZULU, "2026-11-23T02:13:20Z"),
    ],
)
def test_created_at_in_three_spellings(still, stamp, text):
    world = still(created_at=stamp)
    world.now += 123_456_789
    status, answer = world.ask(UPBIT, "POST", "/v1/orders/test", body=LIMIT)
    assert (status, answer["created_at"]) == (201, text)


def test_lists_are_bounded_and_either_ids_or_identifiers(still):
    world = still()
    ids = [world.order(UPBIT, **LIMIT, identifier=f"i{number}")["uuid"] for number in range(3)]
    world.pass_ms(100)
    newest = get(world, "/v1/orders/uuids", "&".join(f"uuids[]={one}" for one in ids))[1]
    assert [row["identifier"] for row in newest] != []
    ordered = get(world, "/v1/orders/uuids", "identifiers[]=i1&identifiers[]=i0&order_by=asc")[1]
    assert {row["identifier"] for row in ordered} == {"i0", "i1"}
    assert get(world, "/v1/orders/uuids", f"uuids[]={ids[0]}&market=KRW-ETH")[1] == []
    for query in (
        "",
        f"uuids[]={ids[0]}&identifiers[]=i1",
        "&".join(["uuids[]=x"] * 101),
        f"uuids[]={ids[0]}&order_by=up",
    ):
        assert get(world, "/v1/orders/uuids", query)[1]["error"]["name"] == "validation_error", query
    for query in ("state=wait&states[]=wait", "state=done", "limit=101", "limit=0", "page=0", "order_by=x"):
        assert get(world, "/v1/orders/open", query)[1]["error"]["name"] == "validation_error", query
    assert len(get(world, "/v1/orders/open", "limit=2")[1]) == 2
    assert len(get(world, "/v1/orders/open", "limit=2&page=2")[1]) == 1
    assert get(world, "/v1/orders/open", "state=watch") == (200, [])
    assert get(world, "/v1/orders/closed", "state=wait")[1]["error"]["name"] == "validation_error"
    assert get(world, "/v1/orders/closed", "limit=1001")[1]["error"]["name"] == "validation_error"


def test_brackets_count_encoded_or_not(still, sign):
    world = still()
    order_id = world.order(UPBIT, **LIMIT)["uuid"]
    secret = world.simulator.exchange(UPBIT).accounts["AK-U"].secret.decode()
    for query in (f"uuids[]={order_id}", f"uuids%5B%5D={order_id}"):
        headers = {"authorization": sign("AK-U", secret, f"uuids[]={order_id}")}
        answer = world.send(UPBIT, Request("GET", "/v1/orders/uuids", query, headers))
        assert (answer.status, len(json.loads(answer.body))) == (200, 1)


def test_window_of_closed_orders_in_milliseconds_or_iso_and_a_bare_plus_breaks_the_hash(still, sign):
    world = still()
    world.order(UPBIT, market="KRW-BTC", side="ask", ord_type="market", volume="0.001")
    world.pass_ms(100)
    end = world.now // 1_000_000
    week = 7 * 86_400_000
    assert len(get(world, "/v1/orders/closed", f"start_time={end - week}&end_time={end}")[1]) == 1
    assert len(get(world, "/v1/orders/closed", "start_time=2026-11-20T00:00:00+09:00")[1]) == 1
    assert get(world, "/v1/orders/closed", f"end_time={end - week}")[1] == []
    assert get(world, "/v1/orders/closed", f"start_time={end - week - 1}&end_time={end}")[0] == 400
    assert get(world, "/v1/orders/closed", "start_time=yesterday")[1]["error"]["name"] == "validation_error"
    secret = world.simulator.exchange(UPBIT).accounts["AK-U"].secret.decode()
    query = "start_time=2026-11-20T00:00:00+09:00"
    bare = Request("GET", "/v1/orders/closed", query, {"authorization": sign("AK-U", secret, query)})
    assert json.loads(world.send(UPBIT, bare).body)["error"]["name"] == "invalid_query_payload"


def test_old_list_is_gone_unless_it_is_to_be_served(still):
    assert get(still(), "/v1/orders")[0] == 404
    world = still(old_list=OldList.SERVED)
    order_id = world.order(UPBIT, **LIMIT)["uuid"]
    world.pass_ms(100)
    assert [row["uuid"] for row in get(world, "/v1/orders", "market=KRW-BTC&state=wait")[1]] == [order_id]
    assert [row["uuid"] for row in get(world, "/v1/orders", f"uuids[]={order_id}")[1]] == [order_id]


def test_bodies_where_none_belongs_are_refused_or_read(still, sign):
    form, text = b"market=KRW-BTC&state=wait", "market=KRW-BTC&state=wait"
    for rule, status in ((StrayBody.REFUSED, 400), (StrayBody.READ, 200)):
        world = still(stray_body=rule, old_list=OldList.SERVED)
        secret = world.simulator.exchange(UPBIT).accounts["AK-U"].secret.decode()
        headers = {"authorization": sign("AK-U", secret, text), "content-type": "application/x-www-form-urlencoded"}
        answer = world.send(UPBIT, Request("GET", "/v1/orders", "", headers, form))
        assert answer.status == status
        order_id = world.order(UPBIT, **LIMIT)["uuid"]
        headers = {"authorization": sign("AK-U", secret, f"uuid={order_id}"), "content-type": "application/json"}
        body = json.dumps({"uuid": order_id}).encode()
        assert world.send(UPBIT, Request("DELETE", "/v1/order", "", headers, body)).status == status
        world.pass_ms(200)
        assert len(get(world, "/v1/orders/open")[1]) == (1 if status == 400 else 0)


def test_numbers_in_an_order_are_taken_or_refused(still, sign):
    for rule, status in ((BodyNumbers.ACCEPTED, 201), (BodyNumbers.REFUSED, 400)):
        world = still(body_numbers=rule)
        secret = world.simulator.exchange(UPBIT).accounts["AK-U"].secret.decode()
        body = b'{"market":"KRW-BTC","side":"bid","ord_type":"limit","price":90000000,"volume":0.001}'
        text = "market=KRW-BTC&side=bid&ord_type=limit&price=90000000&volume=0.001"
        headers = {"authorization": sign("AK-U", secret, text), "content-type": "application/json"}
        assert world.send(UPBIT, Request("POST", "/v1/orders", "", headers, body)).status == status
        assert len(world.simulator.exchange(UPBIT).matching.orders) == (1 if status == 201 else 0)


def test_error_names_in_the_spellings_of_three_times(still):
    for spelling, expected in (
        (Spelling.TODAY, {"name": "withdraw_address_not_registered"}),
        (Spelling.OLDER, {"name": "withdraw_address_not_registerd"}),
        (Spelling.OF_2019, {"name": "V1::Exceptions::WithdrawAddressNotRegistered", "dialog": "client"}),
    ):
        world = still(spelling=spelling)
        body = {"currency": "BTC", "net_type": "BTC", "amount": "1", "address": "x"}
        error = world.ask(UPBIT, "POST", "/v1/withdraws/coin", body=body)[1]["error"]
        assert {key: value for key, value in error.items() if key != "message"} == expected
    world = still(spelling=Spelling.OLDER, out_of_scope_status=401)
    keys = world.simulator.exchange(UPBIT).keys
    keys.limit("AK-U", ips=["10.9.9.9"])
    assert get(world, "/v1/accounts")[1]["error"]["name"] == "no_authorization_i_p"
    keys.limit("AK-U", ips=[], scopes=[])
    status, answer = get(world, "/v1/accounts")
    assert (status, answer["error"]["name"]) == (401, "out_of_scope")


def test_every_documented_name_has_its_status_and_can_be_answered(still):
    assert set(STATUS.values()) == {400, 401, 403, 404, 500}
    world = still()
    for name, status in STATUS.items():
        world.simulator.faults(UPBIT).refuse_next(status, name)
        got, answer = world.ask(UPBIT, "POST", "/v1/orders", body=LIMIT)
        assert (got, answer["error"]["name"]) == (status, name)
        world.pass_ms(200)
    assert world.simulator.exchange(UPBIT).matching.orders == {}


def test_quotation_is_zipped_for_who_takes_it_and_nothing_else_is(still, sign):
    world = still(gzip_from_bytes=100)
    takes = {"accept-encoding": "gzip, deflate"}
    plain = world.send(UPBIT, Request("GET", "/v1/orderbook", "markets=KRW-BTC"))
    zipped = world.send(UPBIT, Request("GET", "/v1/orderbook", "markets=KRW-BTC", takes))
    assert gzip.decompress(zipped.body) == plain.body
    assert dict(zipped.headers)["Content-Encoding"] == "gzip"
    assert dict(zipped.headers)["ETag"] == dict(plain.headers)["ETag"]
    assert "Content-Encoding" not in dict(plain.headers)
    secret = world.simulator.exchange(UPBIT).accounts["AK-U"].secret.decode()
    private = world.send(
        UPBIT, Request("GET", "/v1/accounts", "", {"authorization": sign("AK-U", secret, ""), **takes})
    )
    assert (private.status, "Content-Encoding" in dict(private.headers)) == (200, False)
    short = still().send(UPBIT, Request("GET", "/v1/orderbook/instruments", "markets=KRW-BTC", takes))
    assert "Content-Encoding" not in dict(short.headers)


def test_headers_of_both_kinds_of_endpoint(still):
    world = still()
    quoted = world.send(UPBIT, Request("GET", "/v1/orderbook", "markets=KRW-BTC"))
    headers = dict(quoted.headers)
    assert headers["ETag"].startswith('W/"0')
    assert (headers["Limit-By-Ip"], headers["Content-Type"]) == ("Yes", "application/json;charset=UTF-8")
    assert headers["Cache-Control"] == "no-cache, no-store, max-age=0, must-revalidate"
    assert headers["Remaining-Req"] == "group=orderbook; min=600; sec=9"
    groups = {
        "/v1/market/all": "market",
        "/v1/trades/ticks?market=KRW-BTC": "crix-trades",
        "/v1/candles/days?market=KRW-BTC": "candles",
        "/v1/ticker?markets=KRW-BTC": "ticker",
    }
    for target, group in groups.items():
        path, _, query = target.partition("?")
        answer = world.send(UPBIT, Request("GET", path, query))
        assert dict(answer.headers)["Remaining-Req"] == f"group={group}; min=600; sec=9", target
    body = json.dumps(LIMIT).encode()
    refused = world.send(UPBIT, Request("POST", "/v1/orders", "", {"content-type": "application/json"}, body))
    assert refused.status == 401


def test_remaining_requests_count_down_by_group_and_account(still, sign):
    world = still(order_minute_left=720)
    secret = world.simulator.exchange(UPBIT).accounts["AK-U"].secret.decode()

    def headers_of(method, path, text="", body=b""):
        headers = {"authorization": sign("AK-U", secret, text), "content-type": "application/json"}
        query = text if method != "POST" else ""
        return dict(world.send(UPBIT, Request(method, path, query, headers, body)).headers)

    text = "&".join(f"{key}={value}" for key, value in LIMIT.items())
    placed = headers_of("POST", "/v1/orders", text, json.dumps(LIMIT).encode())
    assert placed["Remaining-Req"] == "group=order; min=720; sec=11"
    assert "ETag" not in placed
    assert "Limit-By-Ip" not in placed
    assert headers_of("GET", "/v1/accounts")["Remaining-Req"] == "group=default; min=1800; sec=29"
    tested = headers_of("POST", "/v1/orders/test", text, json.dumps(LIMIT).encode())
    assert tested["Remaining-Req"] == "group=order-test; min=720; sec=7"
    swept = headers_of("DELETE", "/v1/orders/open")
    assert swept["Remaining-Req"] == "group=order-cancel-all; min=30; sec=0"


def test_429_may_have_an_error_object(still):
    world = still(over_limit_body=OverLimitBody.JSON)
    for _ in range(10):
        get(world, "/v1/market/all")
    assert get(world, "/v1/market/all")[1]["error"]["name"] == "too_many_requests"


def test_settings_out_of_bounds_are_all_named():
    found = problems_of(UpbitQuirks(out_of_scope_status=400, cancel_and_new_status=500, life_ns=0, idle_ns=0))
    assert found == [
        "out_of_scope_status was 400, must be 401 or 403",
        "cancel_and_new_status was 500, must be 200 or 201",
        "idle_ns was 0, must be at least 1",
        "life_ns was 0, must be at least 1 or absent",
    ]
    assert problems_of(UpbitQuirks()) == []
    assert msgspec.structs.asdict(UpbitQuirks())["orders_per_second"] == 12
