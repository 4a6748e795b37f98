"""Answers and frames of the wrong shape: the drift ideas of upbit.md §6."""

import json
from decimal import Decimal

from fault_bench import UPBIT, asked, heard, open_stream, story

from exchanges.simulator.trouble import shapes
from exchanges.simulator.wire import Request


def shaped(bench, *faults):
    """Return a world of still books with these shapes armed on Upbit."""
    world = bench.book()
    for fault in faults:
        world.simulator.faults(UPBIT).arm(fault)
    return world


def book(world):
    return asked(world, "/v1/orderbook", "markets=KRW-BTC")[0]


def order(world, client_order_id="a"):
    words = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "90000000", "volume": "0.001"}
    return world.ask(UPBIT, "POST", "/v1/orders", body=words | {"identifier": client_order_id})[1]


@story("extra_field")
def extra_field(bench):
    world = shaped(bench, shapes.ExtraField(name="novelty"))
    zipped = {"accept-encoding": "gzip"}
    assert world.send(UPBIT, Request("GET", "/v1/market/all", "", zipped)).body.endswith(b'"novelty":"?"}]')
    row = book(world)
    assert row["novelty"] == row["orderbook_units"][0]["novelty"] == "?"
    assert heard(open_stream(world))[0]["novelty"] == "?"


@story("new_enum_value")
def new_enum_value(bench):
    world = shaped(bench, shapes.NewEnumValue(field="state", object="orders"))
    assert order(world)["state"] == "never_seen_before"
    assert world.find(UPBIT, "a")["state"] == "wait", "another object"


@story("key_missing")
def key_missing(bench):
    world = shaped(bench, shapes.KeyMissing(field="timestamp"))
    assert "timestamp" not in book(world)
    assert "timestamp" not in heard(open_stream(world))[0]


@story("key_null")
def key_null(bench):
    world = shaped(bench, shapes.KeyNull(field="time_in_force", object="orders"))
    assert order(world)["time_in_force"] is None
    assert "time_in_force" not in world.find(UPBIT, "a")


@story("null_absent")
def null_absent(bench):
    world = shaped(bench, shapes.KeyNull(field="identifier"), shapes.NullAbsent())
    assert "identifier" not in order(world)


@story("number_respelled")
def number_respelled(bench):
    price = b'"ask_price":100000000'
    spelled = {
        shapes.Spelling.INT: price,
        shapes.Spelling.FLOAT: price + b".0",
        shapes.Spelling.EXPONENT: b'"ask_price":1.00000000E8',
        shapes.Spelling.LONG: price + b"." + b"0" * 24,
        shapes.Spelling.TEXT: b'"ask_price":"100000000"',
    }
    for spelling, text in spelled.items():
        world = shaped(bench, shapes.NumberRespelled(field="ask_price", spelling=spelling))
        body = world.send(UPBIT, Request("GET", "/v1/orderbook", "markets=KRW-BTC")).body
        assert text + b"," in body, spelling
        assert Decimal(json.loads(body, parse_float=Decimal)[0]["orderbook_units"][0]["ask_price"]) == 100_000_000
        assert b'"bid_price":99000000,' in body


@story("error_renamed")
def error_renamed(bench):
    world = shaped(bench, shapes.ErrorRenamed())
    assert world.ask(UPBIT, "GET", "/v1/order", "identifier=a")[1]["error"]["name"] == 400
    world = shaped(bench, shapes.ErrorRenamed(spelling=shapes.NameSpelling.TEXT))
    assert asked(world, "/v1/orderbook", "markets=KRW-NOPE")["error"]["name"] == "404"


@story("array_as_object")
def array_as_object(bench):
    world = shaped(bench, shapes.ArrayAsObject(object="accounts"))
    told = world.ask(UPBIT, "GET", "/v1/accounts")[1]
    assert told["KRW"]["balance"] == "100000000"
    assert isinstance(asked(world, "/v1/market/all"), list)


@story("field_renamed")
def field_renamed(bench):
    world = shaped(bench, shapes.FieldRenamed(object="orderbook", from_="ask_price", to="offer"))
    unit = book(world)["orderbook_units"][0]
    assert (unit["offer"], "ask_price" in unit) == (100_000_000, False)
    unit = heard(open_stream(world))[0]["orderbook_units"][0]
    assert (unit["offer"], "ask_price" in unit) == (100_000_000, False)


@story("array_reversed")
def array_reversed(bench):
    world = bench.make_world()
    right = asked(world, "/v1/market/all")
    world.simulator.faults(UPBIT).arm(shapes.ArrayReversed(object="market/all"))
    assert asked(world, "/v1/market/all") == right[::-1] != right


@story("ladder_length")
def ladder_length(bench):
    for levels in (31, 30, 15, 1, 0):
        world = shaped(bench, shapes.LadderLength(levels=levels))
        for row in (book(world), heard(open_stream(world))[0]):
            prices = [unit["ask_price"] for unit in row["orderbook_units"]]
            assert prices == ([100_000_000, 100_001_000] + [0] * 29)[:levels]


@story("prices_off_tick")
def prices_off_tick(bench):
    unit = book(shaped(bench, shapes.PricesOffTick()))["orderbook_units"][0]
    assert (unit["ask_price"], unit["ask_size"]) == (Decimal("100000000.12345678"), 1)


@story("times_respelled")
def times_respelled(bench):
    right = order(bench.book())["created_at"]
    assert right.endswith("+09:00")
    found = {}
    for spelling in shapes.TimeSpelling:
        world = shaped(bench, shapes.TimesRespelled(spelling=spelling))
        found[spelling.value] = order(world)["created_at"]
    assert found == {
        "utc": "2026-11-23T02:13:20Z",
        "sub_second": "2026-11-23T11:13:20.123+09:00",
        "microseconds": "2026-11-23T11:13:20.123456+09:00",
    }


@story("timestamp_shifted")
def timestamp_shifted(bench):
    right = book(bench.book())["timestamp"]
    world = shaped(bench, shapes.TimestampShifted(by_ns=-5_000_000_000))
    assert book(world)["timestamp"] == right - 5_000
    assert heard(open_stream(world))[0]["timestamp"] == right - 5_000


@story("market_vanished")
def market_vanished(bench):
    assert asked(shaped(bench, shapes.MarketVanished(gone="KRW-BTC")), "/v1/market/all") == []


@story("market_appeared")
def market_appeared(bench):
    rows = asked(shaped(bench, shapes.MarketAppeared()), "/v1/market/all")
    assert [row["market"] for row in rows] == ["KRW-BTC", "KRW-NEW"]


@story("warning_flipped")
def warning_flipped(bench):
    event = asked(shaped(bench, shapes.WarningFlipped()), "/v1/market/all", "is_details=true")[0]["market_event"]
    assert event["warning"] is True
    assert set(event["caution"].values()) == {True}


@story("remaining_req_odd")
def remaining_req_odd(bench):
    world = shaped(bench, shapes.RemainingReqOdd())
    headers = dict(world.send(UPBIT, Request("GET", "/v1/market/all")).headers)
    assert headers["Remaining-Req"] == "group=Crix_trades.v2; sec=3"
