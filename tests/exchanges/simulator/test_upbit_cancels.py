"""Upbit's cancels of one, several and all orders, and cancel-and-new (upbit.md §1.7, §1.8)."""

import pytest
from upbit_still import ASKS, BIDS, LIMIT

from arbitrage.domain.units import SCALE, Exchange, Side
from exchanges.simulator.dialects.upbit_quirks import HaltedCancel, UpbitQuirks
from exchanges.simulator.orders import Draft, OrdType

UPBIT = Exchange.UPBIT


def get(world, path, query=""):
    return world.ask(UPBIT, "GET", path, query)


def test_cancel_by_ids_answers_last_asked_first_and_names_what_failed(still):
    world = still()
    ids = [world.order(UPBIT, **LIMIT, identifier=f"c{number}")["uuid"] for number in range(2)]
    world.pass_ms(100)
    query = "&".join(f"uuids[]={one}" for one in [*ids, "nobody"])
    status, answer = world.ask(UPBIT, "DELETE", "/v1/orders/uuids", query)
    assert (status, answer["success"]["count"]) == (200, 2)
    assert [row["identifier"] for row in answer["success"]["orders"]] == ["c1", "c0"]
    assert answer["failed"] == {"count": 1, "orders": [{"uuid": "nobody"}]}
    world.pass_ms(100)
    assert [world.find(UPBIT, f"c{number}")["state"] for number in range(2)] == ["cancel", "cancel"]
    again = world.ask(UPBIT, "DELETE", "/v1/orders/uuids", f"uuids[]={ids[0]}")[1]
    assert again["failed"]["orders"] == [{"uuid": ids[0], "market": "KRW-BTC", "identifier": "c0"}]
    too_many = "&".join(["uuids[]=x"] * 21)
    assert world.ask(UPBIT, "DELETE", "/v1/orders/uuids", too_many)[1]["error"]["name"] == "validation_error"


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("", set()),
        ("cancel_side=ask", {"b0", "b1", "e0"}),
        ("pairs=KRW-ETH", {"b0", "b1", "a0"}),
        ("pairs=KRW-BTC,KRW-ETH&excluded_pairs=KRW-ETH", {"e0"}),
        ("quote_currencies=BTC,USDT", {"b0", "b1", "a0", "e0"}),
        ("count=1&cancel_side=bid&pairs=KRW-BTC", {"b0", "a0", "e0"}),
        ("count=1&cancel_side=bid&pairs=KRW-BTC&order_by=asc", {"b1", "a0", "e0"}),
    ],
)
def test_cancel_of_all_open_orders_chooses_by_its_parameters(make_world, frame, query, left):
    world = make_world(
        [
            frame(UPBIT, "KRW-BTC", ASKS, BIDS),
            frame(UPBIT, "KRW-ETH", [("3001000", "9")], [("3000000", "9")]),
        ]
    )
    for number in range(2):
        world.order(UPBIT, **LIMIT, identifier=f"b{number}")
        world.pass_ms(100)
    world.order(UPBIT, **LIMIT | {"side": "ask", "price": "110000000"}, identifier="a0")
    world.order(UPBIT, **LIMIT | {"market": "KRW-ETH", "price": "2000000", "volume": "0.01"}, identifier="e0")
    world.pass_ms(100)
    assert world.ask(UPBIT, "DELETE", "/v1/orders/open", query)[0] == 200
    world.pass_ms(100)
    assert {row["identifier"] for row in get(world, "/v1/orders/open")[1]} == left


@pytest.mark.parametrize(
    "query",
    [
        "cancel_side=buy",
        "pairs=KRW-BTC&quote_currencies=KRW",
        "count=301",
        "order_by=x",
        "pairs=" + ",".join(["KRW-BTC"] * 21),
        "excluded_pairs=" + ",".join(["KRW-BTC"] * 21),
    ],
)
def test_cancel_of_all_with_wrong_parameters_cancels_nothing(still, query):
    world = still()
    world.order(UPBIT, **LIMIT)
    world.pass_ms(100)
    assert world.ask(UPBIT, "DELETE", "/v1/orders/open", query)[1]["error"]["name"] == "validation_error"
    world.pass_ms(100)
    assert len(get(world, "/v1/orders/open")[1]) == 1


def test_cancel_and_new_answers_the_old_order_and_the_id_of_the_new(still):
    world = still()
    old = world.order(UPBIT, **LIMIT, identifier="old")
    world.pass_ms(100)
    body = {"prev_order_identifier": "old", "new_ord_type": "limit", "new_price": "91000000"}
    body |= {"new_volume": "remain_only", "new_identifier": "new", "new_smp_type": "reduce"}
    status, answer = world.ask(UPBIT, "POST", "/v1/orders/cancel_and_new", body=body)
    assert (status, answer["uuid"], answer["state"], answer["new_order_identifier"]) == (
        200,
        old["uuid"],
        "wait",
        "new",
    )
    world.pass_ms(200)
    new = world.find(UPBIT, "new")
    assert (new["uuid"], new["price"], new["volume"], new["smp_type"]) == (
        *(answer["new_order_uuid"], "91000000", "0.001", "reduce"),
    )
    assert world.find(UPBIT, "old")["state"] == "cancel"
    for change, name in (
        ({"new_identifier": "new"}, "duplicated_identifier"),
        ({"new_price": "91000500"}, "invalid_price_bid"),
        ({"new_time_in_force": "day"}, "invalid_time_in_force"),
        ({"prev_order_identifier": "nobody"}, "order_not_found"),
    ):
        refused = body | {"prev_order_identifier": "new", "new_identifier": f"n{name}"} | change
        assert world.ask(UPBIT, "POST", "/v1/orders/cancel_and_new", body=refused)[1]["error"]["name"] == name
    world.pass_ms(200)
    assert [row["identifier"] for row in get(world, "/v1/orders/open")[1]] == ["new"], "a refused one changes nothing"


def test_cancel_and_new_may_answer_201(still):
    world = still(cancel_and_new_status=201)
    world.order(UPBIT, **LIMIT, identifier="old")
    body = {"prev_order_identifier": "old", "new_ord_type": "limit", "new_price": "91000000", "new_volume": "0.002"}
    status, answer = world.ask(UPBIT, "POST", "/v1/orders/cancel_and_new", body=body)
    assert (status, "new_order_identifier" in answer) == (201, False)


def test_closed_order_is_not_found_or_a_bad_request(still):
    for name, status in (("order_not_found", 404), ("bad_request", 400)):
        world = still(closed_cancel_name=name)
        world.order(UPBIT, market="KRW-BTC", side="ask", ord_type="market", volume="0.001", identifier="m")
        world.pass_ms(100)
        got, answer = world.ask(UPBIT, "DELETE", "/v1/order", "identifier=m")
        assert (got, answer["error"]["name"]) == (status, name)


def test_cancel_on_a_halted_market_waits_or_is_refused(make_world):
    for rule, status, state in ((HaltedCancel.WAITS, 200, "cancel"), (HaltedCancel.REFUSED, 403, "wait")):
        world = make_world(upbit_quirks=UpbitQuirks(halted_cancel=rule))
        closing = world.simulator.exchange(UPBIT).closing
        world.order(UPBIT, **LIMIT, identifier="h")
        world.pass_ms(100)
        closing.begin(world.now, "KRW-BTC")
        assert world.ask(UPBIT, "DELETE", "/v1/order", "identifier=h")[0] == status
        by_ids = world.ask(UPBIT, "DELETE", "/v1/orders/uuids", "identifiers[]=h")[1]
        assert (by_ids["success"]["count"], by_ids["failed"]["count"]) == ((1, 0) if status == 200 else (0, 1))
        world.pass_ms(1_000)
        assert world.find(UPBIT, "h")["state"] == "wait"
        closing.end(world.now, "KRW-BTC")
        world.pass_ms(100)
        assert world.find(UPBIT, "h")["state"] == state


def test_order_reserved_in_the_app_is_in_watch_and_no_sweep_touches_it(still):
    world = still()
    sim = world.simulator.exchange(UPBIT)
    price, trigger = 90_000_000 * SCALE, 95_000_000 * SCALE
    app = Draft("KRW-BTC", Side.BID, OrdType.LIMIT, price, SCALE // 1_000, None, None, watch_price=trigger)
    sim.matching.place(sim.accounts["AK-U"], app, world.now)
    world.pass_ms(100)
    assert get(world, "/v1/orders/open") == (200, [])
    rows = get(world, "/v1/orders/open", "states[]=wait&states[]=watch")[1]
    assert [(row["state"], row["price"]) for row in rows] == [("watch", "90000000")]
    assert world.ask(UPBIT, "DELETE", "/v1/orders/open")[1]["success"]["count"] == 0
    assert world.ask(UPBIT, "DELETE", "/v1/order", f"uuid={rows[0]['uuid']}")[0] == 200
    world.pass_ms(100)
    assert get(world, "/v1/order", f"uuid={rows[0]['uuid']}")[1]["state"] == "cancel"
    assert world.balances(UPBIT)["KRW"] == ("100000000", "0")
