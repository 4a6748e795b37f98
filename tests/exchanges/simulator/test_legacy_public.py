"""The legacy public paths (bithumb.md §1.1, §1.3)."""

import json

import pytest

from arbitrage.domain.units import Exchange
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks
from exchanges.simulator.wire import Request
from tests.exchanges.simulator.legacy_client import LegacyClient

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
