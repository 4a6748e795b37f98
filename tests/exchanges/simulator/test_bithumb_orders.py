"""Bithumb's order paths in both document versions: names flip, acceptances, lists, ends (bithumb.md §3.1 to §3.9)."""

import pytest

from arbitrage.domain.units import Exchange
from exchanges.simulator.dialects.bithumb_errors import AUTH_FAULTS, ORDER_FAULTS, Source
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks

BITHUMB = Exchange.BITHUMB
BOOK = [("100000000", "0.01"), ("100001000", "5")], [("99000000", "5"), ("98999000", "5")]
FAR = {"market": "KRW-BTC", "side": "bid", "price": "90000000", "volume": "0.001"}


@pytest.fixture
def world(make_world, frame):
    return make_world([frame(BITHUMB, "KRW-BTC", *BOOK)])


def test_older_placement_answers_with_the_whole_order_under_the_older_names(world):
    status, order = world.ask(BITHUMB, "POST", "/v1/orders", body={**FAR, "ord_type": "limit"})
    assert status == 201
    assert {name: order[name] for name in ("side", "ord_type", "price", "state", "volume", "remaining_volume")} == {
        "side": "bid",
        "ord_type": "limit",
        "price": "90000000",
        "state": "wait",
        "volume": "0.001",
        "remaining_volume": "0.001",
    }
    assert (order["reserved_fee"], order["locked"], order["stp_type"]) == ("36", "90036", "cancel_taker")
    assert len(order["uuid"]) == 20
    assert not order.keys() & {"order_id", "order_type", "trades", "time_in_force", "client_order_id"}
    world.pass_ms(100)
    status, gone = world.ask(BITHUMB, "DELETE", "/v1/order", f"uuid={order['uuid']}")
    assert (status, gone["uuid"], gone["state"]) == (200, order["uuid"], "wait")
    world.pass_ms(100)
    assert world.ask(BITHUMB, "GET", "/v1/order", f"uuid={order['uuid']}")[1]["cancel_type"] == "user_cancel"


def test_each_version_takes_only_its_own_name_for_the_type(world):
    assert world.ask(BITHUMB, "POST", "/v1/orders", body={**FAR, "order_type": "limit"})[0] == 400
    assert world.ask(BITHUMB, "POST", "/v2/orders", body={**FAR, "ord_type": "limit"})[0] == 400
    assert world.simulator.exchange(BITHUMB).matching.orders == {}


def test_status_of_a_placement_and_the_word_for_a_cancel_by_the_user_are_settings(make_world, frame):
    quirks = BithumbQuirks(place_status=200, user_cancel="user")
    world = make_world([frame(BITHUMB, "KRW-BTC", *BOOK)], bithumb_quirks=quirks)
    status, placed = world.ask(BITHUMB, "POST", "/v2/orders", body={**FAR, "order_type": "limit"})
    assert status == 200
    world.pass_ms(100)
    world.ask(BITHUMB, "DELETE", "/v2/order", f"order_id={placed['order_id']}")
    world.pass_ms(100)
    order = world.ask(BITHUMB, "GET", "/v1/order", f"uuid={placed['order_id']}")[1]
    assert (order["state"], order["cancel_type"]) == ("cancel", "user")


def test_server_id_wins_when_both_are_given(world):
    one = world.order(BITHUMB, **FAR, order_type="limit", client_order_id="one")
    two = world.order(BITHUMB, **FAR, order_type="limit", client_order_id="two")
    world.pass_ms(100)
    found = world.ask(BITHUMB, "GET", "/v1/order", f"uuid={one['order_id']}&client_order_id=two")[1]
    assert (found["uuid"], found["client_order_id"]) == (one["order_id"], "one")
    world.ask(BITHUMB, "DELETE", "/v2/order", f"order_id={two['order_id']}&client_order_id=one")
    world.pass_ms(100)
    assert (world.find(BITHUMB, "one")["state"], world.find(BITHUMB, "two")["state"]) == ("wait", "cancel")


def test_list_shows_waiting_ones_unless_asked_and_pages_and_filters(world):
    ids = []
    for number in range(3):
        ids.append(world.order(BITHUMB, **FAR, order_type="limit", client_order_id=f"c{number}")["order_id"])
        world.pass_ms(100)
    done = world.order(BITHUMB, **FAR | {"price": "100000000"}, order_type="limit", client_order_id="full")["order_id"]
    world.pass_ms(100)

    def listed(query):
        return [row["uuid"] for row in world.ask(BITHUMB, "GET", "/v1/orders", query)[1]]

    assert listed("") == ids[::-1]
    assert listed("order_by=asc") == ids
    assert listed("limit=2&page=2&order_by=asc") == ids[2:]
    assert listed("state=done") == [done]
    assert listed("states[]=done&states[]=wait") == [done, *ids[::-1]]
    assert listed(f"uuids[]={ids[0]}&uuids[]={done}") == [ids[0]], "without a state a filled order vanishes"
    assert listed("client_order_ids[]=c1&client_order_ids[]=nope") == [ids[1]]
    assert listed("market=KRW-ETH") == []
    assert "trades" not in world.ask(BITHUMB, "GET", "/v1/orders", "state=done")[1][0]


@pytest.mark.parametrize(
    "query",
    [
        "state=wait&states[]=done",
        "states[]=watch&states[]=wait",
        "state=trade",
        "limit=101",
        "page=0",
        "order_by=up",
        "&".join(f"uuids[]={number}" for number in range(101)),
    ],
)
def test_list_refuses_what_cannot_be_asked_together(world, query):
    status, answer = world.ask(BITHUMB, "GET", "/v1/orders", query)
    assert (status, answer["error"]["name"]) == (400, "invalid_parameter")


def test_ioc_filled_in_part_is_done_and_one_without_a_fill_is_cancelled(world):
    part = {"market": "KRW-BTC", "side": "bid", "order_type": "limit", "price": "100000000", "volume": "0.03"}
    world.order(BITHUMB, **part, time_in_force="ioc", client_order_id="part")
    world.pass_ms(100)
    order = world.find(BITHUMB, "part")
    assert (order["state"], order["executed_volume"], order["remaining_volume"]) == ("done", "0.01", "0.02")
    assert "cancel_type" not in order
    assert world.balances(BITHUMB)["KRW"] == ("98999600", "0")
    world.order(BITHUMB, **part | {"price": "99999000"}, time_in_force="ioc", client_order_id="none")
    world.pass_ms(100)
    order = world.find(BITHUMB, "none")
    assert (order["state"], order["cancel_type"], order["executed_volume"]) == ("cancel", "tif_cancel", "0")


@pytest.mark.parametrize(
    ("words", "state", "why", "volume"),
    [
        (
            {"order_type": "limit", "price": "100000000", "volume": "0.02", "time_in_force": "fok"},
            "cancel",
            "tif_cancel",
            "0",
        ),
        ({"order_type": "limit", "price": "100001000", "volume": "0.02", "time_in_force": "fok"}, "done", None, "0.02"),
        (
            {"order_type": "limit", "price": "100000000", "volume": "0.01", "time_in_force": "post_only"},
            "cancel",
            "tif_cancel",
            "0",
        ),
        (
            {"order_type": "limit", "price": "99999000", "volume": "0.01", "time_in_force": "post_only"},
            "wait",
            None,
            "0",
        ),
        ({"order_type": "best", "price": "1500000", "time_in_force": "ioc"}, "done", None, "0.01"),
        ({"order_type": "best", "price": "1500000", "time_in_force": "fok"}, "cancel", "tif_cancel", "0"),
        ({"order_type": "price", "price": "1000000"}, "done", None, "0.01"),
    ],
)
def test_each_time_in_force_ends_as_the_table_says(world, words, state, why, volume):
    placed = world.order(BITHUMB, market="KRW-BTC", side="bid", client_order_id="t", **words)
    assert placed.get("time_in_force") == words.get("time_in_force"), "taken first, whatever becomes of it"
    world.pass_ms(100)
    order = world.find(BITHUMB, "t")
    assert (order["state"], order.get("cancel_type"), order["executed_volume"]) == (state, why, volume)


def test_sell_over_two_levels_as_captured_truncates_the_fee_of_the_whole(make_world, frame):
    bids = [("114325000", "0.00004374"), ("114304000", "5")]
    world = make_world([frame(BITHUMB, "KRW-BTC", [("114400000", "1"), ("114401000", "1")], bids)])
    world.order(BITHUMB, market="KRW-BTC", side="ask", order_type="market", volume="0.00059997", client_order_id="sell")
    world.pass_ms(100)
    order = world.find(BITHUMB, "sell")
    assert [(row["price"], row["volume"]) for row in order["trades"]] == [
        ("114325000", "0.00004374"),
        ("114304000", "0.00055623"),
    ]
    assert (order["executed_funds"], order["paid_fee"], order["state"]) == ("68579.88942", "27.43", "done")
    assert world.balances(BITHUMB)["KRW"] == ("100068552.45942", "0")


@pytest.mark.parametrize(
    ("funds", "price", "rate_ppm", "fee"),
    [("46096", "46096000", 400, "18.43"), ("5275", "5275000", 100, "0.52"), ("9500", "9500000", 2500, "23.75")],
)
def test_fees_are_cut_down_to_a_hundredth(make_world, frame, funds, price, rate_ppm, fee):
    world = make_world([frame(BITHUMB, "KRW-BTC", [(price, "5")], [("1000000", "5")])], bithumb_fee_ppm=rate_ppm)
    world.order(BITHUMB, market="KRW-BTC", side="bid", order_type="price", price=funds, client_order_id="f")
    world.pass_ms(100)
    order = world.find(BITHUMB, "f")
    assert (order["executed_funds"], order["paid_fee"]) == (funds, fee)


def test_resting_bid_reserves_a_quarter_percent_where_that_is_the_rate(make_world, frame):
    world = make_world([frame(BITHUMB, "KRW-BTC", *BOOK)], bithumb_fee_ppm=2500)
    world.order(BITHUMB, **FAR | {"price": "9500000"}, order_type="limit", client_order_id="r")
    world.pass_ms(100)
    order = world.find(BITHUMB, "r")
    assert (order["reserved_fee"], order["locked"]) == ("23.75", "9523.75")


def test_ask_locks_coins_and_reserves_no_fee(world):
    world.order(BITHUMB, **FAR | {"side": "ask", "price": "110000000"}, order_type="limit", client_order_id="a")
    world.pass_ms(100)
    order = world.find(BITHUMB, "a")
    assert (order["reserved_fee"], order["remaining_fee"], order["locked"]) == ("0", "0", "0.001")


def test_ids_of_orders_and_fills_count_apart_and_begin_with_the_market(world):
    order_id = world.order(BITHUMB, **FAR | {"price": "100000000"}, order_type="limit", client_order_id="i")["order_id"]
    world.pass_ms(100)
    trade_id = world.find(BITHUMB, "i")["trades"][0]["uuid"]
    assert order_id.startswith("C0101")
    assert trade_id.startswith("C0101")
    assert (len(order_id), len(trade_id)) == (20, 20)
    assert abs(int(order_id[5:]) - int(trade_id[5:])) > 10**9


def test_every_error_name_says_whether_it_is_documented():
    guessed = {
        named.name
        for table in (ORDER_FAULTS, AUTH_FAULTS)
        for named in table.values()
        if named.source is Source.GUESSED
    }
    assert guessed >= {
        "duplicate_client_order_id",
        "under_min_total",
        "insufficient_funds_{side}",
        "invalid_access_key",
    }
    documented = {
        "invalid_parameter",
        "invalid_price_{side}",
        "under_price_limit_{side}",
        "cross_trading",
        "jwt_verification",
        "expired_jwt",
        "invalid_query_payload",
        "NotAllowIP",
        "out_of_scope",
        "blocked_member_id",
        "order_not_found",
    }
    named = {named.name for table in (ORDER_FAULTS, AUTH_FAULTS) for named in table.values()}
    assert named - guessed <= documented
