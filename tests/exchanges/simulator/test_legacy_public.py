"""The legacy public paths (bithumb.md §1.1, §1.3)."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from legacy_client import LegacyClient

from arbitrage.domain.units import Exchange, Side
from exchanges.simulator.bars import Span
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks, HourText
from exchanges.simulator.money import plain_text
from exchanges.simulator.wire import Request

BITHUMB = Exchange.BITHUMB


@pytest.fixture
def client(make_world):
    return LegacyClient(make_world())


def test_book_has_thirty_levels_of_text_and_the_same_prices_as_the_other_generation(client):
    book = client.read("/public/orderbook/BTC_KRW")["data"]
    assert (len(book["bids"]), len(book["asks"])) == (30, 30)
    assert book["timestamp"] == str(client.world.now // 1_000_000)
    assert (book["payment_currency"], book["order_currency"]) == ("KRW", "BTC")
    units = client.world.ask(BITHUMB, "GET", "/v1/orderbook", "markets=KRW-BTC")[1][0]["orderbook_units"]
    assert [float(row["price"]) for row in book["bids"]] == [unit["bid_price"] for unit in units]
    assert [float(row["quantity"]) for row in book["asks"]] == [unit["ask_size"] or 0.0001 for unit in units]
    assert len(client.read("/public/orderbook/BTC_KRW", "count=7")["data"]["asks"]) == 7
    assert client.read("/public/orderbook/BTC")["data"]["order_currency"] == "BTC"


def test_all_books_have_five_levels_keyed_by_coin(client):
    data = client.read("/public/orderbook/ALL_KRW")["data"]
    assert set(data) == {"timestamp", "payment_currency", "BTC", "DOGE", "ETH", "SOL", "XRP"}
    assert (len(data["ETH"]["bids"]), len(data["ETH"]["asks"])) == (5, 5)


def test_all_tickers_carry_a_date_beside_the_coins_and_a_dead_coin_as_an_array(make_world):
    client = LegacyClient(make_world(bithumb_quirks=BithumbQuirks(legacy_dead_coins=("GONE",))))
    data = client.read("/public/ticker/ALL_KRW")["data"]
    assert data["date"] == str(client.world.now // 1_000_000)
    assert data["GONE"] == []
    assert all(isinstance(text, str) for text in data["BTC"].values())
    one = client.read("/public/ticker/BTC_KRW")["data"]
    assert one.pop("date") == data["date"]
    assert one == data["BTC"]


@pytest.mark.parametrize(
    "path",
    ["/public/orderbook/NOPE_KRW", "/public/ticker/ALL_USDT", "/public/ticker/BTC_USDT", "/public/assetsstatus/X"],
)
def test_unlisted_coin_is_5500_with_http_200(client, path):
    response = client.send(Request("GET", path))
    assert (response.status, json.loads(response.body)["status"]) == (200, "5500")


def test_bad_count_is_5500_and_an_unknown_path_never_reaches_the_exchange(client):
    assert client.read("/public/orderbook/BTC_KRW", "count=31")["status"] == "5500"
    response = client.send(Request("GET", "/public/btci"))
    assert (response.status, json.loads(response.body)["name"]) == (404, "not_found")


def test_wallets_networks_and_minimums(client):
    assert client.read("/public/assetsstatus/BTC")["data"] == {"deposit_status": 1, "withdrawal_status": 1}
    assert client.read("/public/assetsstatus/ALL")["data"]["ETH"] == {"deposit_status": 1, "withdrawal_status": 1}
    assert client.read("/public/assetsstatus/multichain/XRP")["data"] == [
        {"currency": "XRP", "net_type": "XRP", "deposit_status": 1, "withdrawal_status": 1}
    ]
    assert {"net_type": "BTC", "net_name": "Bitcoin"} in client.read("/public/network-info")["data"]
    assert [row["currency"] for row in client.read("/public/withdraw/minimum/BTC")["data"]] == ["BTC"]


def test_both_generations_draw_from_the_same_request_budget(client):
    for _ in range(150):
        client.send(Request("GET", "/public/orderbook/BTC_KRW"))
    assert client.send(Request("GET", "/public/orderbook/BTC_KRW")).status == 429
    assert client.world.ask(BITHUMB, "GET", "/v1/orderbook", "markets=KRW-BTC")[0] == 429


def test_trades_are_korean_time_without_ids_and_the_taker_s_side(make_world):
    client = LegacyClient(make_world())
    client.world.pass_ms(20_000)
    client.ask("/trade/market_sell", order_currency="BTC", payment_currency="KRW", units="0.0121")
    client.world.pass_ms(100)
    rows = client.read("/public/transaction_history/BTC_KRW", "count=100")["data"]
    print_ = client.world.simulator.market.tape(BITHUMB, "KRW-BTC").prints()[-len(rows) :]
    assert [row["price"] for row in rows] == [str(one.price // 10**8) for one in print_]
    sold = [row for row in rows if row["units_traded"] == "0.0121"]
    assert [row["type"] for row in sold] == ["ask"]
    assert sold[0]["total"] == str(int(sold[0]["price"]) * 121 // 10_000)
    assert set(sold[0]) == {"transaction_date", "type", "units_traded", "price", "total"}
    moment = datetime.fromtimestamp(client.world.now // 10**9, timezone(timedelta(hours=9)))
    assert rows[-1]["transaction_date"][:16] == moment.strftime("%Y-%m-%d %H:%M")
    assert len(client.read("/public/transaction_history/BTC_KRW")["data"]) == 20
    assert client.read("/public/transaction_history/BTC_KRW", "count=101")["status"] == "5500"


@pytest.mark.parametrize(("text", "hour"), [(HourText.PADDED, "01"), (HourText.BARE, "1")])
def test_leading_zero_of_the_hour_is_a_setting(make_world, text, hour):
    client = LegacyClient(make_world(bithumb_quirks=BithumbQuirks(legacy_hour_text=text)))
    tape = client.world.simulator.market.tape(BITHUMB, "KRW-BTC")
    at = client.world.now + 14 * 3_600 * 10**9
    tape.add(100_000 * 10**8, 10**8, Side.ASK, at, (1, 1), (2, 1))
    row = client.read("/public/transaction_history/BTC_KRW", "count=1")["data"][0]
    assert row["transaction_date"] == f"2026-11-24 {hour}:13:20"


def test_candles_say_close_before_high_and_low(client):
    client.world.pass_ms(180_000)
    rows = client.read("/public/candlestick/BTC_KRW/1m")["data"]
    assert len(rows) >= 3
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert all(row[0] % 60_000 == 0 for row in rows)
    tape = client.world.simulator.market.tape(BITHUMB, "KRW-BTC")
    for row, bar in zip(rows[::-1], tape.candles(Span.MINUTES, 1, 3, client.world.now + 1), strict=False):
        expected = (bar.opening, bar.closing, bar.high, bar.low, bar.volume)
        assert row == [bar.start_ns // 10**6, *map(plain_text, expected)]
    for interval in ("3m", "5m", "10m", "30m", "1h", "6h", "12h", "24h"):
        assert client.read(f"/public/candlestick/BTC_KRW/{interval}")["status"] == "0000"
    assert client.read("/public/candlestick/BTC_KRW/2m")["status"] == "5500"
    assert client.read("/public/candlestick/BTC_KRW")["data"] == client.read("/public/candlestick/BTC_KRW/24h")["data"]


def test_ticker_is_added_up_from_the_tape(client):
    client.world.pass_ms(10_000)
    one = client.read("/public/ticker/BTC_KRW")["data"]
    day = client.world.simulator.market.tape(BITHUMB, "KRW-BTC").day(client.world.now)
    assert (one["closing_price"], one["opening_price"]) == (plain_text(day.price), plain_text(day.opening))
    assert (one["units_traded"], one["units_traded_24H"]) == (plain_text(day.volume), plain_text(day.volume_24h))
    assert one["prev_closing_price"] == plain_text(day.previous_close)
