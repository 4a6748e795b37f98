"""Bithumb's newer streams: the book's spelling, the two private versions, self-trades, idle ends (bithumb.md §6)."""

import json
from decimal import Decimal

import pytest

from arbitrage.domain.units import Exchange
from exchanges.simulator.conversation import ABNORMAL
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks, TimeKind
from exchanges.simulator.kst import SECOND
from exchanges.simulator.wire import Request, Response

BITHUMB = Exchange.BITHUMB
BOOK = [("100000000", "0.001"), ("100001000", "5")], [("99000000", "5"), ("98999000", "5")]
V1, V2 = "/websocket/v1/private", "/websocket/v2/private"


@pytest.fixture
def make_book_world(make_world, frame):
    return lambda **config: make_world([frame(exchange, "KRW-BTC", *BOOK) for exchange in Exchange], **config)


def opened(world, path="/websocket/v1", sign=None):
    headers = {}
    if sign is not None:
        secret = world.simulator.exchange(BITHUMB).accounts["AK-B"].secret.decode()
        headers["authorization"] = sign("AK-B", secret, "", timestamp=world.now // 1_000_000)
    return world.simulator.exchange(BITHUMB).connect(Request("GET", path, "", headers), world.now)


def heard(session):
    frames = [json.loads(out.data, parse_float=Decimal) for out in session.outbox]
    session.outbox.clear()
    return frames


def say(world, session, *parts):
    session.receive(json.dumps([{"ticket": "t"}, *parts]).encode(), world.now)


def test_a_fill_is_told_in_the_words_of_each_version(make_book_world, sign):
    world = make_book_world()
    older, newer = opened(world, V1, sign), opened(world, V2, sign)
    for session in (older, newer):
        say(world, session, {"type": "myOrder", "codes": ["KRW-BTC"]})
    world.order(
        BITHUMB,
        market="KRW-BTC",
        side="bid",
        order_type="limit",
        price="100000000",
        volume="0.003",
        client_order_id="o",
    )
    world.pass_ms(100)
    old, new = heard(older), heard(newer)
    assert [frame["state"] for frame in old] == [frame["state"] for frame in new] == ["wait", "trade"]
    wait, trade = old
    assert (wait["price"], wait["volume"], wait["trades_count"]) == (100000000, Decimal("0.003"), 0)
    assert (trade["price"], trade["volume"]) == (100000000, Decimal("0.001")), "the fill's"
    assert (trade["ask_bid"], trade["trades_count"], trade["executed_funds"]) == ("BID", 1, 100000)
    assert {"trade_uuid", "uuid", "remaining_volume", "executed_volume"} <= trade.keys()
    assert not trade.keys() & {"order_id", "side", "order_price", "time_in_force", "trade_id"}
    assert "trade_uuid" not in wait
    wait, trade = new
    assert (trade["order_price"], trade["order_quantity"], trade["order_amount"]) == (
        100000000,
        Decimal("0.003"),
        300000,
    )
    assert (trade["trade_price"], trade["trade_quantity"], trade["trade_amount"]) == (
        100000000,
        Decimal("0.001"),
        100000,
    )
    assert (trade["side"], trade["remaining_quantity"]) == ("buy", Decimal("0.002"))
    assert not trade.keys() & {"uuid", "ask_bid", "price", "trades_count", "cancel_type", "time_in_force"}
    assert trade["order_id"] == old[1]["uuid"]


@pytest.mark.parametrize("path", [V1, V2])
def test_short_keys_say_the_same(make_book_world, sign, path):
    world = make_book_world()
    long, short = opened(world, path, sign), opened(world, path, sign)
    say(world, long, {"type": "myOrder"}, {"type": "myAsset"})
    say(world, short, {"type": "myOrder"}, {"type": "myAsset"}, {"format": "SIMPLE"})
    world.order(BITHUMB, market="KRW-BTC", side="ask", order_type="market", volume="0.001", client_order_id="s")
    world.pass_ms(100)
    for one, two in zip(heard(long), heard(short), strict=True):
        if one["type"] == "myOrder":
            assert list(one.values()) == list(two.values())
            assert two["cd"] == "KRW-BTC"
            assert max(map(len, two)) <= 5
        else:
            assert [row["b"] for row in two["ast"]] == [row["balance"] for row in one["assets"]]


def test_self_trade_cancels_what_collides_of_the_newer_order_and_names_the_older(make_book_world, sign):
    world = make_book_world()
    session, older = opened(world, V2, sign), opened(world, V1, sign)
    for each in (session, older):
        say(world, each, {"type": "myOrder"})
    words = {"market": "KRW-BTC", "order_type": "limit", "volume": "0.01"}
    resting = world.order(BITHUMB, **words, side="bid", price="99500000", client_order_id="rests")["order_id"]
    world.pass_ms(100)
    taker = world.order(BITHUMB, **words, side="ask", price="99500000", client_order_id="takes")["order_id"]
    world.pass_ms(100)
    last = [frame for frame in heard(session) if frame["order_id"] == taker][-1]
    assert (last["state"], last["cancel_type"], last["canceling_order_id"]) == ("cancel", "stp_cancel", resting)
    last = [frame for frame in heard(older) if frame["uuid"] == taker][-1]
    assert (last["cancel_type"], last["canceling_uuid"]) == ("stp_cancel", resting)
    order = world.find(BITHUMB, "takes")
    assert (order["state"], order["cancel_type"], order["canceling_uuid"]) == ("cancel", "stp_cancel", resting)
    row = world.ask(BITHUMB, "POST", "/v2/orders/search", body={"order_ids": [taker]})[1]["data"][0]
    assert (row["canceling_order_id"], row["executed_volume"]) == (resting, "0")
    assert world.find(BITHUMB, "rests")["state"] == "wait", "own resting quotes survive here"


def test_before_may_2026_a_colliding_order_was_refused_and_named_the_orders_in_its_way(make_book_world):
    world = make_book_world()
    exchange = world.simulator.exchange(BITHUMB)
    exchange.set_rules(smp_eras=exchange.rules.smp_eras[:1])
    assert exchange.rules.smp_eras[0].default is None
    words = {"market": "KRW-BTC", "order_type": "limit", "volume": "0.01"}
    resting = world.order(BITHUMB, **words, side="bid", price="99500000", client_order_id="rests")["order_id"]
    world.pass_ms(100)
    body = {**words, "side": "ask", "price": "99500000"}
    status, answer = world.ask(BITHUMB, "POST", "/v2/orders", body=body)
    assert (status, answer["error"]["name"]) == (400, "cross_trading")
    assert resting in answer["error"]["message"]


def test_older_private_stream_ends_by_date_when_one_is_set(make_book_world, sign):
    world = make_book_world()
    assert not isinstance(opened(world, V1, sign), Response), "put off without a date"
    world = make_book_world(bithumb_quirks=BithumbQuirks(private_v1_until_ns=world.now + SECOND))
    assert not isinstance(opened(world, V1, sign), Response)
    world.pass_ms(1_000)
    assert opened(world, V1, sign).status == 404
    assert not isinstance(opened(world, V2, sign), Response)


def test_books_stamp_microseconds_as_a_number_or_as_text(make_book_world):
    for kind, made in ((TimeKind.NUMBER, int), (TimeKind.TEXT, str)):
        world = make_book_world(bithumb_quirks=BithumbQuirks(book_time=kind))
        session = opened(world)
        say(world, session, {"type": "orderbook", "codes": ["KRW-BTC"]})
        stamp = heard(session)[0]["timestamp"]
        assert isinstance(stamp, made)
        assert int(stamp) == world.now // 1_000


def test_idle_connection_ends_after_sixty_or_as_documented_a_hundred_and_twenty_seconds(make_world):
    for idle_s in (60, 120):
        world = make_world(bithumb_quirks=BithumbQuirks(stream_idle_ns=idle_s * SECOND))
        session = opened(world)
        world.pass_ms((idle_s - 1) * 1_000)
        assert session.close_code is None
        world.pass_ms(2_000)
        assert session.close_code == ABNORMAL


def test_sizes_have_four_decimals_and_dust_reads_zero(make_world, frame):
    asks = [("100000000", "0.00004"), ("100001000", "1.23456")]
    world = make_world([frame(BITHUMB, "KRW-BTC", asks, [("99000000", "1"), ("98999000", "1")])])
    session = opened(world)
    say(world, session, {"type": "orderbook", "codes": ["KRW-BTC"]})
    units = heard(session)[0]["orderbook_units"]
    assert [unit["ask_size"] for unit in units[:2]] == [0, Decimal("1.2346")]


@pytest.mark.parametrize("level", [0, 2, 1000, "1"])
def test_level_that_does_not_exist_is_a_wrong_format_and_ends_the_connection(make_world, level):
    world = make_world()
    session = opened(world)
    say(world, session, {"type": "orderbook", "codes": ["KRW-BTC"], "level": level})
    assert heard(session)[0]["error"]["name"] == "WRONG_FORMAT"
    assert session.close_code == 1000
    session = opened(world)
    say(world, session, {"type": "orderbook", "codes": ["KRW-BTC.5"], "level": 1})
    assert len(heard(session)[0]["orderbook_units"]) == 5
    assert session.close_code is None
