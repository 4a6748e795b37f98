"""WebSocket conversations without sockets: subscriptions, frames, keep-alive, errors (upbit.md §3, bithumb.md §6)."""

import json
from decimal import Decimal
from itertools import pairwise

import pytest

from arbitrage.domain.units import Exchange
from exchanges.simulator.conversation import ABNORMAL
from exchanges.simulator.stream import Session
from exchanges.simulator.wire import Request

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
PRIVATE = {UPBIT: "/websocket/v1/private", BITHUMB: "/websocket/v2/private"}


def open_public(world, exchange):
    session = world.simulator.exchange(exchange).connect(Request("GET", "/websocket/v1"), world.now)
    assert isinstance(session, Session)
    return session


def open_private(world, exchange, sign):
    key, claims = ("AK-U", {}) if exchange is UPBIT else ("AK-B", {"timestamp": world.now // 1_000_000})
    account = world.simulator.exchange(exchange).accounts[key]
    headers = {"authorization": sign(key, account.secret.decode(), "", **claims)}
    session = world.simulator.exchange(exchange).connect(Request("GET", PRIVATE[exchange], "", headers), world.now)
    assert isinstance(session, Session)
    return session


def say(world, session, *parts):
    session.receive(json.dumps(list(parts)).encode(), world.now)


def heard(session):
    frames = [json.loads(out.data, parse_float=Decimal) for out in session.outbox]
    session.outbox.clear()
    return frames


@pytest.fixture
def world(make_world):
    return make_world()


def test_upbit_snapshot_comes_first_then_realtime_and_a_new_request_replaces_all(world):
    session = open_public(world, UPBIT)
    say(world, session, {"ticket": "a"}, {"type": "orderbook", "codes": ["KRW-BTC.5", "KRW-ETH"]})
    first = heard(session)
    assert [(frame["code"], frame["stream_type"]) for frame in first] == [
        ("KRW-BTC", "SNAPSHOT"),
        ("KRW-ETH", "SNAPSHOT"),
    ]
    assert [len(frame["orderbook_units"]) for frame in first] == [5, 30]
    world.pass_ms(400)
    later = heard(session)
    assert {(frame["code"], frame["stream_type"]) for frame in later} == {
        ("KRW-BTC", "REALTIME"),
        ("KRW-ETH", "REALTIME"),
    }
    say(world, session, {"ticket": "b"}, {"type": "orderbook", "codes": ["KRW-SOL.7"]}, {"format": "SIMPLE"})
    world.pass_ms(400)
    frames = heard(session)
    assert {frame["cd"] for frame in frames} == {"KRW-SOL"}
    assert len(frames[0]["obu"]) == 30, "an unsupported unit gives 30"
    assert frames[0]["tms"] // 1_000_000_000 == 1_795


def test_data_is_binary_and_flags_choose_snapshot_or_realtime(world):
    session = open_public(world, UPBIT)
    say(world, session, {"ticket": "a"}, {"type": "orderbook", "codes": ["KRW-BTC"], "is_only_snapshot": True})
    assert [out.is_binary for out in session.outbox] == [True]
    world.pass_ms(500)
    assert len(heard(session)) == 1
    say(world, session, {"ticket": "a"}, {"type": "orderbook", "codes": ["KRW-BTC"], "is_only_realtime": True})
    assert heard(session) == []
    bithumb = open_public(world, BITHUMB)
    say(world, bithumb, {"ticket": "a"}, {"type": "orderbook", "codes": ["KRW-BTC"], "is_only_snapshot": True})
    world.pass_ms(500)
    assert len(heard(bithumb)) > 3, "Bithumb ignores the snake_case flag"
    say(world, bithumb, {"ticket": "a"}, {"type": "orderbook", "codes": ["KRW-BTC"], "isOnlySnapshot": True})
    world.pass_ms(500)
    assert len(heard(bithumb)) == 1


def test_bithumb_frames_have_fifteen_levels_microseconds_and_repeat_themselves(world):
    session = open_public(world, BITHUMB)
    say(world, session, {"ticket": "a"}, {"type": "orderbook", "codes": ["KRW-BTC", "krw-eth"]})
    world.pass_ms(20_000)
    frames = heard(session)
    assert {frame["code"] for frame in frames} == {"KRW-BTC"}, "a lower-case code is ignored in silence"
    assert all(len(frame["orderbook_units"]) == 15 for frame in frames)
    assert len(str(frames[0]["timestamp"])) == 16
    assert all(-unit["ask_size"].as_tuple().exponent <= 4 for unit in frames[0]["orderbook_units"] if unit["ask_size"])
    repeats = sum(before["orderbook_units"] == after["orderbook_units"] for before, after in pairwise(frames))
    assert 0.35 < repeats / len(frames) < 0.6
    assert 8 < len(frames) / 20 < 14


def test_every_market_is_published_at_least_every_300_ms(world):
    session = {exchange: open_public(world, exchange) for exchange in Exchange}
    codes = list(world.simulator.markets)
    for exchange in Exchange:
        say(world, session[exchange], {"ticket": "a"}, {"type": "orderbook", "codes": codes})
        heard(session[exchange])
    for _ in range(40):
        world.pass_ms(300)
        for exchange in Exchange:
            assert {frame["code"] for frame in heard(session[exchange])} == set(codes)


def test_short_sides_are_padded_with_zeros(make_world, frame):
    units = [("100000000", "1"), ("0", "0")], [("99000000", "1"), ("98999000", "2")]
    world = make_world([frame(UPBIT, "KRW-BTC", *units)])
    session = open_public(world, UPBIT)
    say(world, session, {"ticket": "a"}, {"type": "orderbook", "codes": ["KRW-BTC"]})
    rows = heard(session)[0]["orderbook_units"]
    assert (rows[1]["ask_price"], rows[1]["ask_size"], rows[1]["bid_price"]) == (0, 0, 98999000)


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        ([], "NO_TICKET"),
        ([{"type": "orderbook", "codes": ["KRW-BTC"]}], "NO_TICKET"),
        ([{"ticket": "a"}], "NO_TYPE"),
        ([{"ticket": "a"}, {"codes": ["KRW-BTC"]}], "NO_TYPE"),
        ([{"ticket": "a"}, {"type": "orderbook"}], "NO_CODES"),
        ([{"ticket": "a"}, {"type": "orderbook", "codes": []}], "NO_CODES"),
        ([{"ticket": "a"}, {"type": "nope", "codes": ["KRW-BTC"]}], "INVALID_PARAM"),
        ([{"ticket": "a"}, {"type": "myOrder"}], "INVALID_PARAM"),
        ([{"ticket": "a"}, {"type": "orderbook", "codes": "KRW-BTC"}], "WRONG_FORMAT"),
    ],
)
def test_error_frames_keep_upbit_open_and_close_bithumb_with_1000(world, parts, name):
    for exchange, closes in ((UPBIT, None), (BITHUMB, 1000)):
        session = open_public(world, exchange)
        say(world, session, *parts)
        assert [frame["error"]["name"] for frame in heard(session)] == [name]
        assert session.close_code == closes


def test_text_that_is_not_json_is_a_wrong_format(world):
    session = open_public(world, UPBIT)
    session.receive(b"\xff{", world.now)
    assert heard(session)[0]["error"]["name"] == "WRONG_FORMAT"


def test_ping_starts_a_status_frame_every_ten_seconds_that_keeps_the_connection_open(world):
    session = open_public(world, UPBIT)
    session.receive(b"PING", world.now)
    session.receive(b"PING", world.now)
    world.pass_ms(150_000)
    assert heard(session) == [{"status": "UP"}] * 16
    assert session.close_code is None


@pytest.mark.parametrize(("exchange", "seconds"), [(UPBIT, 120), (BITHUMB, 60)])
def test_idle_connection_just_ends(world, exchange, seconds):
    session = open_public(world, exchange)
    world.pass_ms(10_000)
    session.touch(world.now)
    world.pass_ms((seconds - 1) * 1_000)
    assert session.close_code is None
    world.pass_ms(2_000)
    assert session.close_code == ABNORMAL


def test_upbit_limits_messages_and_connections(world):
    session = open_public(world, UPBIT)
    for _ in range(5):
        say(world, session, {"ticket": "a"}, {"type": "orderbook", "codes": ["KRW-BTC.1"]})
    assert all("error" not in frame for frame in heard(session))
    say(world, session, {"ticket": "a"}, {"type": "orderbook", "codes": ["KRW-BTC.1"]})
    assert heard(session)[0]["error"]["name"] == "Too Many Requests"
    for _ in range(4):
        open_public(world, UPBIT)
    assert world.simulator.exchange(UPBIT).connect(Request("GET", "/websocket/v1"), world.now).status == 429


def test_list_subscriptions_tells_what_is_asked_for(world):
    session = open_public(world, UPBIT)
    asked = {"type": "orderbook", "codes": ["KRW-BTC.15"], "level": 0}
    say(world, session, {"ticket": "a"}, asked)
    heard(session)
    say(world, session, {"ticket": "q"}, {"method": "LIST_SUBSCRIPTIONS"})
    assert heard(session) == [{"method": "LIST_SUBSCRIPTIONS", "result": [asked], "ticket": "q"}]


def test_private_stream_needs_a_token(world):
    for exchange in Exchange:
        refused = world.simulator.exchange(exchange).connect(Request("GET", PRIVATE[exchange]), world.now)
        assert refused.status == 401


@pytest.mark.parametrize("exchange", list(Exchange))
def test_private_stream_tells_each_step_with_exact_numbers(make_world, frame, sign, exchange):
    asks = [("100000000", "0.001"), ("100001000", "0.001")]
    world = make_world([frame(exchange, "KRW-BTC", asks, [("99000000", "1"), ("98999000", "1")])])
    session = open_private(world, exchange, sign)
    say(world, session, {"ticket": "a"}, {"type": "myOrder"}, {"type": "myAsset"})
    assert heard(session) == [], "no snapshot"
    upbit = exchange is UPBIT
    words = {"market": "KRW-BTC", "side": "bid", "price": "100001000", "volume": "0.003", "time_in_force": "ioc"}
    words |= {"ord_type": "limit", "identifier": "p1"} if upbit else {"order_type": "limit", "client_order_id": "p1"}
    world.order(exchange, **words)
    world.pass_ms(100)
    frames = heard(session)
    orders = [one for one in frames if one["type"] == "myOrder"]
    last = "cancel" if upbit else "done"
    assert [one["state"] for one in orders] == ["wait", "trade", "trade", last]
    one, two = orders[1], orders[2]
    if upbit:
        assert (one["uuid"], one["identifier"], one["ask_bid"]) == (two["uuid"], "p1", "BID")
        assert [(t["price"], t["volume"], t["trade_fee"]) for t in (one, two)] == [
            (100000000, Decimal("0.001"), 50),
            (100001000, Decimal("0.001"), Decimal("50.0005")),
        ]
        assert (two["executed_volume"], two["executed_funds"]) == (Decimal("0.002"), 200001)
        assert two["paid_fee"] == Decimal("100.0005")
        assert (orders[0]["trade_uuid"], orders[0]["smp_type"]) == (None, "cancel_maker")
        assert [(row["price"], row["volume"]) for row in (orders[0], orders[3])] == [(100001000, Decimal("0.003"))] * 2
        krw = Decimal("99799898.9995")
    else:
        assert (one["client_order_id"], one["side"]) == ("p1", "buy")
        assert (one["trade_price"], one["trade_quantity"], one["trade_amount"]) == (100000000, Decimal("0.001"), 100000)
        assert (two["executed_quantity"], two["executed_amount"]) == (Decimal("0.002"), 200001)
        assert two["paid_fee"] == Decimal("80")
        assert "trade_id" not in orders[0]
        assert two["remaining_quantity"] == Decimal("0.001")
        krw = Decimal("99799919")
    assets = [row for one in frames if one["type"] == "myAsset" for row in one["assets"]]
    final = {row["currency"]: (Decimal(row["balance"]), Decimal(row["locked"])) for row in assets}
    assert final == {"KRW": (krw, 0), "BTC": (Decimal("1.002"), 0)}
    assert isinstance(assets[0]["balance"], str) is not upbit


def test_private_stream_is_silent_about_other_accounts_and_other_markets(world, sign):
    session = open_private(world, UPBIT, sign)
    say(world, session, {"ticket": "a"}, {"type": "myOrder", "codes": ["KRW-ETH"]})
    world.order(UPBIT, market="KRW-BTC", side="ask", ord_type="market", volume="0.001")
    world.pass_ms(100)
    assert heard(session) == []
    say(world, session, {"ticket": "a"}, {"type": "myAsset", "codes": ["KRW-BTC"]})
    assert heard(session)[0]["error"]["name"] == "WRONG_FORMAT"
