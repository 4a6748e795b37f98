"""Upbit's WebSocket beyond the plain book: grouped books, lists, own orders, announcements (upbit.md §3)."""

import json
from decimal import Decimal

import pytest

from arbitrage.domain.units import Exchange
from exchanges.simulator.conversation import ABNORMAL, NORMAL
from exchanges.simulator.dialects.upbit_quirks import AbsentAmount, AfterWsError, FrameKind, Padding, UpbitQuirks
from exchanges.simulator.kst import SECOND
from exchanges.simulator.stream import Session
from exchanges.simulator.wire import Request, Response

UPBIT = Exchange.UPBIT


def opened(world, path="/websocket/v1", headers=None):
    session = world.simulator.exchange(UPBIT).connect(Request("GET", path, "", headers or {}), world.now)
    assert isinstance(session, Session), session
    return session


def say(world, session, *parts):
    session.receive(json.dumps([{"ticket": "t"}, *parts]).encode(), world.now)


def heard(session):
    frames = [json.loads(out.data, parse_float=Decimal) for out in session.outbox]
    session.outbox.clear()
    return frames


@pytest.fixture
def private(sign):
    """Return a maker of private connections."""

    def open_private(world, path="/websocket/v1/private"):
        secret = world.simulator.exchange(UPBIT).accounts["AK-U"].secret.decode()
        return opened(world, path, {"authorization": sign("AK-U", secret, "")})

    return open_private


def test_level_gives_buckets_rounded_away_from_the_touch_and_an_unsupported_one_stays_silent(still):
    world = still()
    session = opened(world)
    say(world, session, {"type": "orderbook", "codes": ["KRW-BTC"], "level": 10000})
    book = heard(session)[0]
    assert book["level"] == 10000
    assert [(unit["ask_price"], unit["ask_size"]) for unit in book["orderbook_units"]] == [
        (100010000, 6),
        (100020000, 4),
    ]
    assert [(unit["bid_price"], unit["bid_size"]) for unit in book["orderbook_units"]] == [(99990000, 3), (99980000, 7)]
    assert (book["total_ask_size"], book["total_bid_size"]) == (10, 10)
    world.pass_ms(1_000)
    assert {frame["level"] for frame in heard(session)} == {10000}
    say(world, session, {"type": "orderbook", "codes": ["KRW-BTC"], "level": 500})
    world.pass_ms(1_000)
    assert heard(session) == [], "500 is no level of this market: nothing comes and nothing is said"


def test_two_levels_of_one_pair_need_two_objects_and_come_side_by_side(still):
    world = still()
    session = opened(world)
    book = {"type": "orderbook", "codes": ["KRW-BTC"]}
    say(world, session, book | {"level": 0}, book | {"level": 100000})
    assert [frame["level"] for frame in heard(session)] == [0, 100000]
    world.pass_ms(300)
    assert {frame["level"] for frame in heard(session)} == {0, 100000}


def test_thin_side_ends_in_zeros_or_both_end_where_it_does(make_world, frame):
    thin = frame(UPBIT, "KRW-BTC", [("100001000", "1"), ("0", "0")], [("99999000", "1"), ("99998000", "2")])
    for padding, ranks in ((Padding.ZEROS, 2), (Padding.CUT, 1)):
        world = make_world([thin], upbit_quirks=UpbitQuirks(padding=padding))
        session = opened(world)
        say(world, session, {"type": "orderbook", "codes": ["KRW-BTC"]})
        units = heard(session)[0]["orderbook_units"]
        assert len(units) == ranks
        assert (units[-1]["ask_price"] == 0) is (padding is Padding.ZEROS)


def test_list_of_subscriptions_in_short_keys_switches_the_whole_stream(still):
    world = still()
    session = opened(world)
    say(world, session, {"type": "orderbook", "codes": ["KRW-BTC.5"]}, {"type": "trade", "codes": ["KRW-BTC"]})
    heard(session)
    say(world, session, {"method": "LIST_SUBSCRIPTIONS"}, {"format": "SIMPLE"})
    rows = [{"ty": "orderbook", "cds": ["KRW-BTC.5"], "lv": 0}, {"ty": "trade", "cds": ["KRW-BTC"]}]
    assert heard(session) == [{"mthd": "LIST_SUBSCRIPTIONS", "rslt": rows, "tckt": "t"}]
    world.pass_ms(300)
    frames = heard(session)
    assert {frame["ty"] for frame in frames} >= {"orderbook"}
    assert {len(frame["obu"]) for frame in frames if frame["ty"] == "orderbook"} == {4}


def test_lists_wrap_every_data_frame_and_no_status(still):
    world = still()
    session = opened(world)
    say(world, session, {"type": "orderbook", "codes": ["KRW-BTC"]}, {"format": "SIMPLE_LIST"})
    assert [row["ty"] for row in heard(session)[0]] == ["orderbook"]
    session.receive(b"PING", world.now)
    assert heard(session) == [{"status": "UP"}]


def test_own_orders_of_two_subscriptions_add_up(still, private):
    world = still()
    session = private(world)
    order = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "90000000", "volume": "0.001"}
    say(world, session, {"type": "myOrder", "codes": ["KRW-ETH"]}, {"type": "myOrder", "codes": ["KRW-BTC"]})
    world.order(UPBIT, **order)
    world.pass_ms(100)
    assert [frame["state"] for frame in heard(session)] == ["wait"]
    say(world, session, {"type": "myOrder"}, {"type": "myOrder", "codes": ["KRW-ETH"]})
    world.order(UPBIT, **order)
    world.pass_ms(100)
    assert [frame["state"] for frame in heard(session)] == ["wait"], "one without codes wants all markets"


def test_own_order_frame_has_every_member_in_both_spellings(still, private):
    world = still()
    session = private(world)
    say(world, session, {"type": "myOrder"}, {"type": "myAsset"})
    world.order(UPBIT, market="KRW-BTC", side="ask", ord_type="market", volume="0.001", identifier="m1")
    world.pass_ms(100)
    frames = heard(session)
    orders = [frame for frame in frames if frame["type"] == "myOrder"]
    assert [frame["state"] for frame in orders] == ["wait", "trade", "done"]
    assert list(orders[1]) == [
        *("type", "code", "uuid", "ask_bid", "order_type", "state", "trade_uuid", "price", "avg_price", "volume"),
        *("remaining_volume", "executed_volume", "trades_count", "reserved_fee", "remaining_fee", "paid_fee"),
        *("locked", "executed_funds", "time_in_force", "trade_fee", "is_maker", "identifier", "smp_type"),
        *("prevented_volume", "prevented_locked", "trade_timestamp", "order_timestamp", "timestamp", "stream_type"),
    ]
    nulls = {key for key, value in orders[0].items() if value is None}
    assert nulls == {"trade_uuid", "time_in_force", "trade_fee", "is_maker", "trade_timestamp"}
    assert {key for key, value in orders[1].items() if value is None} == {"time_in_force"}
    assert (orders[1]["is_maker"], orders[1]["ask_bid"], orders[1]["smp_type"]) == (False, "ASK", "cancel_maker")
    assert (orders[1]["trade_fee"], orders[1]["executed_funds"]) == (Decimal("49.9995"), 99999)
    assert orders[0]["order_timestamp"] % 1_000 == 0
    assert [row["currency"] for row in frames[0]["assets"]] == ["BTC"], "only what changed"
    say(world, session, {"type": "myOrder"}, {"format": "SIMPLE"})
    world.order(UPBIT, market="KRW-BTC", side="bid", ord_type="price", price="10000")
    world.pass_ms(100)
    short = heard(session)
    assert [frame["s"] for frame in short] == ["wait", "trade", "cancel"]
    assert list(short[1])[:10] == ["ty", "cd", "uid", "ab", "ot", "s", "tuid", "p", "ap", "v"]
    assert (short[1]["id"], short[1]["pv"], short[1]["pl"], short[1]["st"]) == (None, 0, 0, "REALTIME")


def test_absent_price_reads_zero_or_null(still, private):
    for answer, expected in ((AbsentAmount.ZERO, 0), (AbsentAmount.NULL, None)):
        world = still(absent_amount=answer)
        session = private(world)
        say(world, session, {"type": "myOrder"})
        world.order(UPBIT, market="KRW-BTC", side="ask", ord_type="market", volume="0.001")
        world.pass_ms(100)
        assert [frame["price"] for frame in heard(session)] == [expected, 99999000, expected]


def test_own_order_that_meets_the_own_account_is_prevented_and_says_so(still, private):
    world = still()
    session = private(world)
    words = {"market": "KRW-BTC", "ord_type": "limit", "price": "100000000", "volume": "0.001"}
    world.order(UPBIT, side="ask", identifier="maker", **words)
    world.pass_ms(100)
    say(world, session, {"type": "myOrder"})
    world.order(UPBIT, side="bid", identifier="taker", **words)
    world.pass_ms(100)
    frames = [frame for frame in heard(session) if frame["identifier"] == "maker"]
    assert [frame["state"] for frame in frames] == ["prevented", "cancel"]
    assert (frames[0]["prevented_volume"], frames[0]["prevented_locked"]) == (Decimal("0.001"), Decimal("0.001"))
    assert world.find(UPBIT, "maker")["prevented_volume"] == "0.001"
    assert world.find(UPBIT, "taker")["state"] == "wait"


def test_announcements_come_by_category_with_or_without_body_and_never_as_a_snapshot(still, private):
    world = still()
    board = world.simulator.exchange(UPBIT).board
    board.post("notice", "before", "nobody hears this", world.now)
    all_of_them, some = private(world), private(world)
    say(world, all_of_them, {"type": "announcement", "include_body": True})
    say(world, some, {"type": "announcement", "categories": ["maintenance"]}, {"format": "SIMPLE"})
    assert heard(all_of_them) == []
    posted = board.post("wallet", "BTC wallets stop", "from 10:00", world.now)
    board.post("maintenance", "Works on Monday", "02:00 to 07:00", world.now)
    board.revise(posted.announcement_id, "BTC wallets stopped", "since 10:00", world.now)
    frames = heard(all_of_them)
    assert [(frame["event_type"], frame["category"], frame["body"]) for frame in frames] == [
        ("CREATED", "wallet", "from 10:00"),
        ("CREATED", "maintenance", "02:00 to 07:00"),
        ("UPDATED", "wallet", "since 10:00"),
    ]
    assert frames[0]["uuid"] == frames[2]["uuid"]
    assert frames[0]["listed_at"].endswith("+09:00")
    short = heard(some)
    assert [(frame["ty"], frame["cat"], frame["tt"]) for frame in short] == [
        ("announcement", "maintenance", "Works on Monday")
    ]
    assert "bd" not in short[0]
    with pytest.raises(ValueError, match="category"):
        board.post("gossip", "x", "y", world.now)


def test_info_path_needs_a_token_takes_indicators_and_stays_silent(still, private):
    world = still()
    refused = world.simulator.exchange(UPBIT).connect(Request("GET", "/websocket/v1/info"), world.now)
    assert isinstance(refused, Response)
    assert refused.status == 401
    session = private(world, "/websocket/v1/info")
    for kind in ("indicator", "indicator_signal"):
        say(world, session, {"type": kind, "codes": ["KRW-BTC"], "timeframe": "1m", "indicators": [{"type": "rsi"}]})
        world.pass_ms(1_000)
        assert heard(session) == []
    say(world, session, {"type": "myOrder"})
    assert heard(session)[0]["error"]["name"] == "INVALID_PARAM"


def test_what_the_documents_leave_open_about_connections_is_a_setting(still):
    world = still(
        after_ws_error=AfterWsError.CLOSES,
        control_frame=FrameKind.BINARY,
        private_on_public_name="INVALID_AUTH",
        connections_most=2,
        codes_most=1,
        data_frame=FrameKind.TEXT,
        life_ns=30 * SECOND,
    )
    first, second = opened(world), opened(world)
    third = world.simulator.exchange(UPBIT).connect(Request("GET", "/websocket/v1"), world.now)
    assert isinstance(third, Response)
    assert third.status == 429
    say(world, first, {"type": "orderbook", "codes": ["KRW-BTC", "KRW-ETH"]})
    assert [(out.is_binary, json.loads(out.data)["error"]["name"]) for out in first.outbox] == [(True, "WRONG_FORMAT")]
    assert first.close_code == NORMAL
    say(world, second, {"type": "orderbook", "codes": ["KRW-BTC"]})
    assert [out.is_binary for out in second.outbox] == [False]
    world.pass_ms(30_000)
    assert second.close_code == ABNORMAL


def test_first_ever_subscription_to_balances_may_be_silent_for_minutes(still, private):
    world = still(first_assets_ns=120 * SECOND)
    order = {"market": "KRW-BTC", "side": "ask", "ord_type": "market", "volume": "0.001"}
    session = private(world)
    say(world, session, {"type": "myAsset"})
    world.order(UPBIT, **order)
    world.pass_ms(60_000)
    assert heard(session) == []
    session.receive(b"PING", world.now)
    world.pass_ms(61_000)
    heard(session)
    world.order(UPBIT, **order)
    again = private(world)
    say(world, again, {"type": "myAsset"})
    world.pass_ms(100)
    assert {frame["type"] for frame in heard(session) if "type" in frame} == {"myAsset"}
    assert {frame["type"] for frame in heard(again)} == {"myAsset"}, "only the first one of an account waits"
