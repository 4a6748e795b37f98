"""The legacy stream: filters, changes that add up, snapshots at their pace (bithumb.md §2)."""

import json
from datetime import datetime
from decimal import Decimal

import pytest
from legacy_client import LegacyClient

from arbitrage.domain.units import Exchange
from exchanges.simulator.conversation import ABNORMAL
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks, DepthEdge, TimeKind
from exchanges.simulator.kst import SECOND
from exchanges.simulator.wire import Request

BITHUMB = Exchange.BITHUMB


def opened(world):
    session = world.simulator.exchange(BITHUMB).connect(Request("GET", "/pub/ws"), world.now)
    assert [out.is_binary for out in session.outbox] == [False]
    assert heard(session) == [{"status": "0000", "resmsg": "Connected Successfully"}]
    return session


def heard(session):
    frames = [json.loads(out.data) for out in session.outbox]
    session.outbox.clear()
    return frames


def ask(world, session, **words):
    session.receive(json.dumps(words).encode(), world.now)


def apply_all(book, frames):
    for frame in frames:
        for row in frame["content"]["list"]:
            side = book[row["orderType"]]
            if row["quantity"] == "0":
                assert row["total"] == "0"
                side.pop(row["price"])
            else:
                assert int(row["total"]) >= 1
                side[row["price"]] = row["quantity"]


def snapshot(world):
    data = LegacyClient(world).read("/public/orderbook/BTC_KRW")["data"]
    return {side: {row["price"]: row["quantity"] for row in data[f"{side}s"]} for side in ("bid", "ask")}


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_changes_on_a_snapshot_give_the_shown_book_level_for_level(make_world, seed):
    world = make_world(seed=seed)
    session = opened(world)
    ask(world, session, type="orderbookdepth", symbols=["BTC_KRW"])
    assert heard(session) == [{"status": "0000", "resmsg": "Filter Registered Successfully"}], "no first book"
    book = snapshot(world)
    for step in range(200):
        world.pass_ms(97)
        if step % 20 == 0:
            LegacyClient(world).ask("/trade/market_buy", order_currency="BTC", payment_currency="KRW", units="0.05")
        frames = heard(session)
        apply_all(book, frames)
        assert book == snapshot(world)


def test_levels_pushed_out_may_be_kept_and_the_best_thirty_still_agree(make_world):
    world = make_world(bithumb_quirks=BithumbQuirks(legacy_depth_edge=DepthEdge.KEPT))
    session = opened(world)
    ask(world, session, type="orderbookdepth", symbols=["BTC_KRW"])
    heard(session)
    book = snapshot(world)
    widest = 0
    for _ in range(200):
        world.pass_ms(97)
        apply_all(book, heard(session))
        widest = max(widest, len(book["bid"]))
        shown = snapshot(world)
        for side, sign in (("bid", -1), ("ask", 1)):
            best = sorted(book[side], key=lambda price, sign=sign: sign * float(price))[: len(shown[side])]
            assert {price: book[side][price] for price in best} == shown[side]
    assert widest > 30


def test_a_frame_names_only_what_changed_with_microseconds_as_text(make_world, frame):
    levels = [("100000000", "0.5"), ("100001000", "5")], [("99000000", "5"), ("98999000", "5")]
    world = make_world([frame(BITHUMB, "KRW-BTC", *levels)])
    session = opened(world)
    ask(world, session, type="orderbookdepth", symbols=["BTC_KRW", "NOPE_KRW"])
    heard(session)
    world.pass_ms(1_000)
    assert heard(session) == [], "an unchanged book says nothing"
    LegacyClient(world).ask("/trade/market_buy", order_currency="BTC", payment_currency="KRW", units="0.1")
    world.pass_ms(100)
    (first,) = heard(session)
    assert first["type"] == "orderbookdepth"
    (row,) = first["content"]["list"]
    assert {key: row[key] for key in ("symbol", "orderType", "price", "quantity")} == {
        "symbol": "BTC_KRW",
        "orderType": "ask",
        "price": "100000000",
        "quantity": "0.4",
    }
    assert len(first["content"]["datetime"]) == 16
    LegacyClient(world).ask("/trade/market_buy", order_currency="BTC", payment_currency="KRW", units="0.4")
    world.pass_ms(100)
    gone = heard(session)[-1]["content"]["list"]
    assert {"symbol": "BTC_KRW", "orderType": "ask", "price": "100000000", "quantity": "0", "total": "0"} in gone


def test_snapshots_come_four_times_a_second_whether_or_not_anything_changed(make_world):
    world = make_world()
    session = opened(world)
    ask(world, session, type="orderbooksnapshot", symbols=["BTC_KRW"])
    heard(session)
    world.pass_ms(15_000)
    frames = heard(session)
    assert len(frames) == 60
    content = frames[-1]["content"]
    assert (content["symbol"], len(content["asks"]), len(content["bids"])) == ("BTC_KRW", 30, 30)
    assert dict(content["bids"]) == snapshot(world)["bid"]
    assert content["datetime"] == str(world.now // 1_000)


@pytest.mark.parametrize(
    "words",
    [
        {"type": "orderbook", "symbols": ["BTC_KRW"]},
        {"type": "orderbookdepth"},
        {"type": "orderbookdepth", "symbols": []},
        {"type": "orderbookdepth", "symbols": "BTC_KRW"},
        {"type": "ticker", "symbols": ["BTC_KRW"], "tickTypes": ["5M"]},
        {},
    ],
)
def test_filter_of_another_shape_is_refused_and_the_connection_stays(make_world, words):
    world = make_world()
    session = opened(world)
    ask(world, session, **words)
    session.receive(b"[", world.now)
    session.receive(b"PING", world.now)
    assert heard(session) == [{"status": "5100", "resmsg": "Invalid Filter Syntax"}] * 3
    assert session.close_code is None


def test_time_as_a_number_and_an_idle_end_are_settings(make_world):
    quirks = BithumbQuirks(legacy_depth_time=TimeKind.NUMBER, legacy_idle_ns=60 * SECOND)
    world = make_world(bithumb_quirks=quirks)
    session, idle = opened(world), opened(world)
    ask(world, session, type="orderbookdepth", symbols=["BTC_KRW"])
    heard(session)
    world.pass_ms(500)
    assert isinstance(heard(session)[0]["content"]["datetime"], int)
    world.pass_ms(60_000)
    assert (session.close_code, idle.close_code) == (None, ABNORMAL)


def test_trades_tell_who_took_as_a_number_and_time_in_korea(make_world, frame):
    world = make_world([frame(BITHUMB, "KRW-BTC", [("100000000", "5")], [("99000000", "5")])])
    session = opened(world)
    ask(world, session, type="transaction", symbols=["BTC_KRW"])
    heard(session)
    LegacyClient(world).ask("/trade/market_buy", order_currency="BTC", payment_currency="KRW", units="0.00134567")
    world.pass_ms(100)
    LegacyClient(world).ask("/trade/market_sell", order_currency="BTC", payment_currency="KRW", units="0.00234567")
    world.pass_ms(100)
    rows = [row for frame in heard(session) for row in frame["content"]["list"]]
    mine = {row["contQty"]: row for row in rows if row["contQty"].endswith("34567")}
    assert [(row["buySellGb"], row["updn"]) for row in mine.values()] == [("2", "up"), ("1", "dn")]
    for row in mine.values():
        assert row["symbol"] == "BTC_KRW"
        at = datetime.strptime(row["contDtm"] + "+0900", "%Y-%m-%d %H:%M:%S.%f%z")
        assert abs(at.timestamp() - world.now / 1e9) < 1


def test_ticker_frames_come_once_for_each_window_asked_for(make_world):
    world = make_world()
    session = opened(world)
    ask(world, session, type="ticker", symbols=["BTC_KRW"], tickTypes=["30M", "MID"])
    heard(session)
    LegacyClient(world).ask("/trade/market_sell", order_currency="BTC", payment_currency="KRW", units="0.00234567")
    world.pass_ms(100)
    frames = [frame["content"] for frame in heard(session)]
    assert [content["tickType"] for content in frames[-2:]] == ["30M", "MID"]
    last = frames[-1]
    day = world.simulator.market.tape(BITHUMB, "KRW-BTC").day(world.now)
    assert last["closePrice"] == str(day.price // 10**8)
    assert last["prevClosePrice"] == str(day.previous_close // 10**8)
    assert Decimal(last["buyVolume"]) + Decimal(last["sellVolume"]) == Decimal(last["volume"])
    assert (len(last["date"]), len(last["time"])) == (8, 6)
    assert all(isinstance(text, str) for text in last.values())
