"""Trade, ticker and candle frames on the streams: a snapshot, then one at each print, in each exchange's words."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from arbitrage.domain.units import Exchange, Side
from exchanges.simulator.dialects.upbit_quirks import OldTickerFields
from exchanges.simulator.listing import Listing, MarketState
from exchanges.simulator.money import plain_text
from exchanges.simulator.wire import Request

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
UNIT, MS, SECOND = 10**8, 10**6, 10**9
UPBIT_SHORT_TRADE = "ty cd tms td ttm ttms tp tv ab pcp c cp sid bap bas bbp bbs st"
"""upbit.md §3.5."""
UPBIT_SHORT_TICKER = (
    "ty cd op hp lp tp pcp c cp scp cr scr tv atv atv24h atp atp24h tdt ttm ttms ab aav abv "
    "h52wp h52wdt l52wp l52wdt ms its dd mw tms st"
)
"""upbit.md §3.6."""


def subscribed(world, exchange, *parts):
    session = world.simulator.exchange(exchange).connect(Request("GET", "/websocket/v1"), world.now)
    session.receive(json.dumps([{"ticket": "a"}, *parts]).encode(), world.now)
    return session


def heard(session):
    assert all(out.is_binary for out in session.outbox)
    frames = [json.loads(out.data, parse_float=Decimal) for out in session.outbox]
    session.outbox.clear()
    return frames


def zoned(exchange, at_ns, layout):
    moved = at_ns // SECOND + (0 if exchange is UPBIT else 9 * 3_600)
    return datetime.fromtimestamp(moved, UTC).strftime(layout)


@pytest.fixture
def world(make_world):
    return make_world()


@pytest.mark.parametrize("exchange", Exchange)
def test_a_trade_comes_as_a_snapshot_of_the_last_and_then_at_each_print(world, exchange):
    tape = world.simulator.market.tape(exchange, "KRW-BTC")
    session = subscribed(world, exchange, {"type": "trade", "codes": ["KRW-BTC", "KRW-NOPE"]})
    (first,) = heard(session)
    assert (first["stream_type"], first["sequential_id"]) == ("SNAPSHOT", tape.last().stream_id)
    world.pass_ms(5_000)
    frames = heard(session)
    assert frames
    assert [frame["sequential_id"] for frame in frames] == [one.stream_id for one in tape.prints()[-len(frames) :]]
    assert {frame["stream_type"] for frame in frames} == {"REALTIME"}
    one, frame = tape.last(), frames[-1]
    previous = Decimal(plain_text(tape.previous_close(one.at_ns)))
    assert (frame["type"], frame["code"]) == ("trade", "KRW-BTC")
    assert (frame["trade_price"], frame["trade_volume"]) == (one.price // UNIT, Decimal(plain_text(one.qty)))
    assert frame["ask_bid"] == ("BID" if one.taker_side is Side.BID else "ASK")
    assert (frame["prev_closing_price"], frame["change_price"]) == (previous, abs(frame["trade_price"] - previous))
    assert frame["change"] == ("RISE" if frame["trade_price"] > previous else "FALL")
    assert frame["trade_date"] == zoned(exchange, one.at_ns, "%Y-%m-%d")
    assert frame["trade_time"] == zoned(exchange, one.at_ns, "%H:%M:%S")
    assert frame["trade_timestamp"] == one.at_ns // MS
    if exchange is UPBIT:
        best = (one.best_ask, one.best_ask_qty, one.best_bid, one.best_bid_qty)
        names = ("best_ask_price", "best_ask_size", "best_bid_price", "best_bid_size")
        assert [frame[name] for name in names] == [Decimal(plain_text(units)) for units in best]
    else:
        assert "best_ask_price" not in frame


def test_numbers_of_one_upbit_frame_are_spelled_in_several_ways(world):
    session = subscribed(world, UPBIT, {"type": "trade", "codes": ["KRW-BTC"]})
    world.simulator.market.printed(UPBIT, "KRW-BTC", 116_500_000 * UNIT, 25_000, Side.BID, world.now)
    text = session.outbox[-1].data.decode()
    assert '"trade_price":116500000.0,"trade_volume":2.5E-4,' in text
    assert '.00000000,"change":' in text
    assert '"best_ask_price":' in text
    assert ".0" not in text.split('"best_ask_price":')[1].split(",")[0]


@pytest.mark.parametrize("exchange", Exchange)
def test_own_fills_are_printed_to_everyone_level_by_level(make_world, frame, exchange):
    units = [("100000000", "1"), ("100001000", "2")], [("99999000", "3"), ("99998000", "4")]
    world = make_world([frame(exchange, "KRW-BTC", *units)])
    world.simulator.market.closed.add((exchange, "KRW-BTC"))
    session = subscribed(world, exchange, {"type": "trade", "codes": ["KRW-BTC"]})
    session.outbox.clear()
    word = "ord_type" if exchange is UPBIT else "order_type"
    world.order(exchange, market="KRW-BTC", side="ask", price="99998000", volume="0.9", **{word: "limit"})
    world.order(exchange, market="KRW-BTC", side="bid", price="100000000", volume="0.5", **{word: "limit"})
    world.pass_ms(200)
    frames = heard(session)
    rows = [(shown["trade_price"], shown["trade_volume"], shown["ask_bid"]) for shown in frames]
    assert sorted(rows) == [(99_999_000, Decimal("0.9"), "ASK"), (100_000_000, Decimal("0.5"), "BID")]
    assert frames[-1]["sequential_id"] == world.simulator.market.tape(exchange, "KRW-BTC").last().stream_id


@pytest.mark.parametrize("exchange", Exchange)
def test_the_ticker_frame_adds_up_to_the_tape_and_says_what_is_wrong_with_the_market(world, exchange):
    sim = world.simulator.exchange(exchange)
    session = subscribed(world, exchange, {"type": "ticker", "codes": ["KRW-ETH"]})
    world.pass_ms(4_000)
    frame = heard(session)[-1]
    day = sim.market.tape(exchange, "KRW-ETH").day(world.now)
    for member, units in (
        ("trade_price", day.price),
        ("high_price", day.high),
        ("acc_trade_volume_24h", day.volume_24h),
        ("acc_bid_volume", day.bought),
        ("acc_ask_volume", day.volume - day.bought),
        ("acc_trade_price", day.value // 10**14),
    ):
        assert frame[member] == Decimal(plain_text(units)), member
    assert frame["trade_date"] == zoned(exchange, day.last_ns, "%Y%m%d")
    assert frame["trade_time"] == zoned(exchange, day.last_ns, "%H%M%S")
    assert frame["timestamp"] == day.last_ns // MS, "true on the stream of both"
    assert (frame["market_state"], frame["is_trading_suspended"], frame["market_warning"]) == ("ACTIVE", False, "NONE")
    assert frame["delisting_date"] == (None if exchange is UPBIT else "")
    sim.listings["KRW-ETH"] = Listing(MarketState.DELISTED, True, "2026-12-24", True)
    world.pass_ms(4_000)
    frame = heard(session)[-1]
    assert (frame["market_state"], frame["is_trading_suspended"]) == ("DELISTED", True)
    assert frame["market_warning"] == "CAUTION"
    dated = {"year": 2026, "month": 12, "day": 24} if exchange is UPBIT else "2026-12-24"
    assert frame["delisting_date"] == dated


def test_short_keys_are_those_of_the_documents_and_old_members_can_be_gone(world):
    session = subscribed(world, UPBIT, {"type": "ticker", "codes": ["KRW-BTC"]}, {"format": "SIMPLE"})
    assert set(heard(session)[0]) == set(UPBIT_SHORT_TICKER.split())
    world.simulator.exchange(UPBIT).dialect.old_ticker_fields = OldTickerFields.GONE
    world.pass_ms(4_000)
    assert set(heard(session)[0]) == set(UPBIT_SHORT_TICKER.split()) - {"its", "mw"}
    session = subscribed(world, UPBIT, {"type": "trade", "codes": ["KRW-BTC"]}, {"format": "SIMPLE_LIST"})
    ((frame,),) = heard(session)
    assert set(frame) == set(UPBIT_SHORT_TRADE.split())


def test_flags_choose_the_snapshot_or_the_later_frames_and_a_new_request_replaces_all(world):
    session = subscribed(world, UPBIT, {"type": "trade", "codes": ["KRW-BTC"], "is_only_snapshot": True})
    assert len(heard(session)) == 1
    world.pass_ms(3_000)
    assert heard(session) == []
    parts = [
        {"type": "trade", "codes": ["KRW-BTC"], "is_only_realtime": True},
        {"type": "orderbook", "codes": ["KRW-ETH"]},
    ]
    session.receive(json.dumps([{"ticket": "b"}, *parts]).encode(), world.now)
    assert [frame["type"] for frame in heard(session)] == ["orderbook"]
    world.pass_ms(3_000)
    assert {(frame["type"], frame["code"]) for frame in heard(session)} == {
        ("trade", "KRW-BTC"),
        ("orderbook", "KRW-ETH"),
    }
    session.receive(json.dumps([{"ticket": "c"}, {"type": "ticker", "codes": ["KRW-SOL"]}]).encode(), world.now)
    world.pass_ms(3_000)
    assert {(frame["type"], frame["code"]) for frame in heard(session)} == {("ticker", "KRW-SOL")}


def test_candles_stream_on_upbit_and_are_refused_on_bithumb(world):
    parts = [{"type": f"candle.{unit}", "codes": ["KRW-BTC"]} for unit in ("1s", "240m")]
    session = subscribed(world, UPBIT, *parts)
    assert [frame["stream_type"] for frame in heard(session)] == ["SNAPSHOT"] * 2
    world.pass_ms(5_000)
    frames = heard(session)
    tape = world.simulator.market.tape(UPBIT, "KRW-BTC")
    assert len({frame["candle_date_time_utc"] for frame in frames if frame["type"] == "candle.1s"}) > 1
    last = frames[-1]
    assert (last["type"], last["code"]) == ("candle.240m", "KRW-BTC")
    begin = tape.last().at_ns - tape.last().at_ns % (240 * 60 * SECOND)
    assert last["candle_date_time_utc"] == zoned(UPBIT, begin, "%Y-%m-%dT%H:%M:%S")
    inside = [one for one in tape.prints() if one.at_ns >= begin]
    assert last["candle_acc_trade_volume"] == Decimal(plain_text(sum(one.qty for one in inside)))
    assert last["high_price"] == max(one.price for one in inside) // UNIT
    session = world.simulator.exchange(BITHUMB).connect(Request("GET", "/websocket/v1"), world.now)
    session.receive(json.dumps([{"ticket": "a"}, parts[0]]).encode(), world.now)
    assert json.loads(session.outbox[-1].data)["error"]["name"] == "INVALID_PARAM"


def test_two_connections_of_one_format_share_the_bytes(world):
    one, two = (subscribed(world, UPBIT, {"type": "ticker", "codes": ["KRW-BTC"]}) for _ in range(2))
    world.pass_ms(4_000)
    assert len(one.outbox) == len(two.outbox) > 2
    assert all(mine.data is yours.data for mine, yours in zip(one.outbox[1:], two.outbox[1:], strict=True))


def test_the_legacy_stream_tells_trades_with_numbers_for_sides(world):
    session = world.simulator.exchange(BITHUMB).connect(Request("GET", "/pub/ws"), world.now)
    session.receive(b'{"type":"transaction","symbols":["BTC_KRW"]}', world.now)
    session.outbox.clear()
    world.simulator.market.printed(BITHUMB, "KRW-BTC", 116_500_000 * UNIT, 25_000, Side.ASK, world.now)
    (row,) = json.loads(session.outbox[-1].data)["content"]["list"]
    assert row == {
        "buySellGb": "1",
        "contPrice": "116500000",
        "contQty": "0.00025",
        "contAmt": "29125",
        "contDtm": zoned(BITHUMB, world.now, "%Y-%m-%d %H:%M:%S") + ".000000",
        "updn": "dn",
        "symbol": "BTC_KRW",
    }
