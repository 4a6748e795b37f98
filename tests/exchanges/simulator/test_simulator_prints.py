"""Prints, tickers and candles in each exchange's words: members, spelling, days, zones and limits, all off the tape."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from arbitrage.domain.units import Exchange, Side
from exchanges.simulator.bars import DAY, Span
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks
from exchanges.simulator.money import plain_text
from exchanges.simulator.wire import Request

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
UNIT, MS, SECOND = 10**8, 10**6, 10**9
NINE_HOURS_MS = 9 * 3_600_000
TICKER_MEMBERS = {
    *("market", "trade_date", "trade_time", "trade_date_kst", "trade_time_kst", "trade_timestamp", "timestamp"),
    *("opening_price", "high_price", "low_price", "trade_price", "prev_closing_price", "change", "change_price"),
    *("change_rate", "signed_change_price", "signed_change_rate", "trade_volume", "acc_trade_volume"),
    *("acc_trade_volume_24h", "acc_trade_price", "acc_trade_price_24h", "highest_52_week_price"),
    *("highest_52_week_date", "lowest_52_week_price", "lowest_52_week_date"),
}


def get(world, exchange, path, query="", status=200):
    """Return the decoded answer and its text."""
    response = world.send(exchange, Request("GET", path, query))
    assert response.status == status, response.body
    return json.loads(response.body, parse_float=Decimal), response.body.decode()


def utc(at_ns, layout):
    return datetime.fromtimestamp(at_ns // SECOND, UTC).strftime(layout)


@pytest.fixture
def world(make_world):
    return make_world()


def test_ticks_are_the_prints_newest_first_in_upbits_spelling(world):
    market = world.simulator.market
    market.printed(UPBIT, "KRW-BTC", 116_500_000 * UNIT, 25_000, Side.ASK, world.now)
    fresh = market.tape(UPBIT, "KRW-BTC").last()
    rows, text = get(world, UPBIT, "/v1/trades/ticks", "market=KRW-BTC&count=3")
    assert len(rows) == 3
    assert rows[0] == {
        "market": "KRW-BTC",
        "trade_date_utc": utc(world.now, "%Y-%m-%d"),
        "trade_time_utc": utc(world.now, "%H:%M:%S"),
        "timestamp": world.now // MS,
        "trade_price": 116_500_000,
        "trade_volume": Decimal("0.00025"),
        "prev_closing_price": Decimal(market.tape(UPBIT, "KRW-BTC").previous_close(world.now)) / UNIT,
        "change_price": rows[0]["trade_price"] - rows[0]["prev_closing_price"],
        "ask_bid": "ASK",
        "sequential_id": fresh.sequential_id,
    }
    assert '"trade_price":116500000.0,"trade_volume":2.5E-4,' in text
    assert len(get(world, UPBIT, "/v1/trades/ticks", "market=KRW-BTC")[0]) == 1


@pytest.mark.parametrize(("exchange", "word"), [(UPBIT, "days_ago"), (BITHUMB, "daysAgo")])
def test_ticks_page_by_cursor_and_go_back_by_days_and_times_of_the_exchanges_clock(world, exchange, word):
    ids = [row["sequential_id"] for row in get(world, exchange, "/v1/trades/ticks", "market=KRW-ETH&count=500")[0]]
    assert ids == sorted(ids, reverse=True)
    page, _ = get(world, exchange, "/v1/trades/ticks", f"market=KRW-ETH&count=5&cursor={ids[4]}")
    assert [row["sequential_id"] for row in page] == ids[5:10]
    begin = world.now - (world.now + (0 if exchange is UPBIT else 9 * 3_600 * SECOND)) % DAY
    yesterday, _ = get(world, exchange, "/v1/trades/ticks", f"market=KRW-ETH&{word}=1")
    assert begin - DAY <= yesterday[0]["timestamp"] * MS < begin
    noon, _ = get(world, exchange, "/v1/trades/ticks", f"market=KRW-ETH&{word}=1&to=12:00:00&count=2")
    tape = world.simulator.market.tape(exchange, "KRW-ETH")
    expected = [one for one in tape.prints() if one.at_ns <= begin - DAY // 2][-2:]
    assert [row["timestamp"] for row in noon] == [one.at_ns // MS for one in reversed(expected)]
    assert noon == get(world, exchange, "/v1/trades/ticks", f"market=KRW-ETH&{word}=1&to=120000&count=2")[0]


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("count=1", 400),
        ("market=KRW-NOPE", 404),
        ("market=KRW-BTC&count=501", 400),
        ("market=KRW-BTC&count=0", 400),
        ("market=KRW-BTC&to=25:00:00", 400),
        ("market=KRW-BTC&to=noon", 400),
        ("market=KRW-BTC&cursor=-1", 400),
    ],
)
def test_wrong_questions_get_a_number_for_a_name_with_200_on_bithumb(world, query, name):
    assert get(world, UPBIT, "/v1/trades/ticks", query, status=name)[0]["error"]["name"] == name
    assert get(world, BITHUMB, "/v1/trades/ticks", query, status=200)[0]["error"]["name"] == name


@pytest.mark.parametrize("exchange", Exchange)
def test_the_ticker_says_what_the_tape_adds_up_to(world, exchange):
    world.pass_ms(3_000)
    (row,), text = get(world, exchange, "/v1/ticker", "markets=KRW-ETH")
    assert set(row) == TICKER_MEMBERS
    day = world.simulator.market.tape(exchange, "KRW-ETH").day(world.now)
    for member, units in (
        ("trade_price", day.price),
        ("opening_price", day.opening),
        ("high_price", day.high),
        ("low_price", day.low),
        ("prev_closing_price", day.previous_close),
        ("signed_change_price", day.price - day.previous_close),
        ("change_price", abs(day.price - day.previous_close)),
        ("acc_trade_volume", day.volume),
        ("acc_trade_volume_24h", day.volume_24h),
        ("acc_trade_price_24h", day.value_24h // 10**14),
        ("highest_52_week_price", day.highest),
    ):
        assert row[member] == Decimal(plain_text(units)), member
    places = Decimal("1E-10") if exchange is UPBIT else Decimal("1E-4")
    assert (
        abs(row["signed_change_rate"] - Decimal(row["signed_change_price"]) / row["prev_closing_price"]) <= places / 2
    )
    shift = 0 if exchange is UPBIT else NINE_HOURS_MS
    assert (row["timestamp"], row["trade_timestamp"]) == (world.now // MS + shift, day.last_ns // MS + shift)
    assert (row["trade_date"], row["trade_time"]) == (utc(day.last_ns, "%Y%m%d"), utc(day.last_ns, "%H%M%S"))
    assert row["trade_time_kst"] == utc(day.last_ns + 9 * 3_600 * SECOND, "%H%M%S")
    spelled = plain_text(day.price) + (".0" if exchange is UPBIT else "")
    assert f'"trade_price":{spelled},' in text


def test_bithumbs_nine_hours_are_a_setting(make_world):
    world = make_world(bithumb_quirks=BithumbQuirks(ticker_shift_ns=0))
    assert get(world, BITHUMB, "/v1/ticker", "markets=KRW-BTC")[0][0]["timestamp"] == world.now // MS


def test_all_tickers_come_on_upbit_and_two_hundred_are_the_most_on_bithumb(make_world):
    markets = tuple(f"KRW-A{number}" for number in range(201))
    world = make_world(markets=markets)
    rows, _ = get(world, UPBIT, "/v1/ticker/all", "quote_currencies=KRW,BTC")
    assert [row["market"] for row in rows] == list(markets)
    assert get(world, UPBIT, "/v1/ticker/all", "quote_currencies=BTC")[0] == []
    assert len(get(world, BITHUMB, "/v1/ticker", f"markets={','.join(markets[:200])}")[0]) == 200
    error, _ = get(world, BITHUMB, "/v1/ticker", f"markets={','.join(markets)}")
    assert error["error"]["name"] == 400
    assert "200" in error["error"]["message"]


@pytest.mark.parametrize("exchange", Exchange)
def test_candles_are_folded_off_the_tape_and_end_before_the_time_asked_for(world, exchange):
    world.pass_ms(2_000)
    tape = world.simulator.market.tape(exchange, "KRW-XRP")
    for path, span, unit in (
        ("minutes/1", Span.MINUTES, 1),
        ("minutes/240", Span.MINUTES, 240),
        ("days", Span.DAYS, 1),
    ):
        rows, _ = get(world, exchange, f"/v1/candles/{path}", "market=KRW-XRP&count=3")
        bars = tape.candles(span, unit, 3, world.now)
        assert [row["candle_date_time_utc"] for row in rows] == [utc(bar.start_ns, "%Y-%m-%dT%H:%M:%S") for bar in bars]
        kst = [utc(bar.start_ns + 9 * 3_600 * SECOND, "%Y-%m-%dT%H:%M:%S") for bar in bars]
        assert [row["candle_date_time_kst"] for row in rows] == kst
        assert [row["trade_price"] * UNIT for row in rows] == [bar.closing for bar in bars]
        assert [row["candle_acc_trade_volume"] * UNIT for row in rows] == [bar.volume for bar in bars]
        assert rows[0]["timestamp"] == bars[0].last_ns // MS
        to = rows[0]["candle_date_time_utc" if exchange is UPBIT else "candle_date_time_kst"]
        assert get(world, exchange, f"/v1/candles/{path}", f"market=KRW-XRP&count=2&to={to}")[0] == rows[1:]
        aware = rows[0]["candle_date_time_utc"] + "%2B00:00"
        assert get(world, exchange, f"/v1/candles/{path}", f"market=KRW-XRP&count=2&to={aware}")[0] == rows[1:]
    assert rows[0]["prev_closing_price"] == rows[1]["trade_price"]
    world.pass_ms(1_000)
    assert get(world, exchange, "/v1/candles/minutes/5", "market=KRW-XRP")[0][0]["unit"] == 5
    assert "first_day_of_period" in get(world, exchange, "/v1/candles/weeks", "market=KRW-XRP")[0][0]
    wanted = 400 if exchange is UPBIT else 200
    assert get(world, exchange, "/v1/candles/days", "market=KRW-XRP&count=201", status=wanted)[0]["error"]
    assert get(world, exchange, "/v1/candles/days", "market=KRW-XRP&to=x", status=wanted)[0]["error"]


def test_only_upbit_has_candles_of_seconds_and_years(world):
    world.pass_ms(3_000)
    for path in ("seconds", "years"):
        assert get(world, UPBIT, f"/v1/candles/{path}", "market=KRW-BTC")[0][0]["market"] == "KRW-BTC"
        assert get(world, BITHUMB, f"/v1/candles/{path}", "market=KRW-BTC", status=404)[0]["name"] == "not_found"
    seconds = get(world, UPBIT, "/v1/candles/seconds", "market=KRW-BTC&count=200")[0]
    assert len({row["candle_date_time_utc"] for row in seconds}) == len(seconds)
    assert "unit" not in seconds[0]


def test_bithumb_takes_lower_case_and_upbit_does_not(world):
    for path, query in (
        ("ticker", "markets=krw-btc"),
        ("trades/ticks", "market=krw-btc"),
        ("candles/days", "market=krw-btc"),
    ):
        assert get(world, BITHUMB, f"/v1/{path}", query)[0][0]["market"] == "KRW-BTC"
        assert get(world, UPBIT, f"/v1/{path}", query, status=404)[0]["error"]["name"] == 404


def test_trades_tickers_and_candles_count_apart(world):
    for _ in range(150):
        get(world, BITHUMB, "/v1/ticker", "markets=KRW-BTC")
    assert get(world, BITHUMB, "/v1/ticker", "markets=KRW-BTC", status=429)
    assert get(world, BITHUMB, "/v1/trades/ticks", "market=KRW-BTC")[0]
    assert get(world, BITHUMB, "/v1/candles/days", "market=KRW-BTC")[0]
    for _ in range(10):
        get(world, UPBIT, "/v1/trades/ticks", "market=KRW-BTC")
    response = world.send(UPBIT, Request("GET", "/v1/trades/ticks", "market=KRW-BTC"))
    assert (response.status, response.body) == (429, b"Too many API requests.")
    assert get(world, UPBIT, "/v1/candles/days", "market=KRW-BTC")[0]
