"""Bithumb's public and account reads of the JWT generation (bithumb.md §3.3 to §3.5, §3.8a)."""

import json

import pytest
from legacy_client import LegacyClient

from arbitrage.domain.units import Exchange
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks
from exchanges.simulator.keys import Scope
from exchanges.simulator.kst import SECOND
from exchanges.simulator.wire import Request

BITHUMB = Exchange.BITHUMB


@pytest.fixture
def world(make_world):
    return make_world()


def read(world, path, query=""):
    response = world.send(BITHUMB, Request("GET", path, query))
    return response.status, json.loads(response.body)


def test_warned_markets_are_told_in_both_lists(make_world):
    world = make_world(bithumb_quirks=BithumbQuirks(warnings=(("KRW-XRP", "PRICE_SUDDEN_FLUCTUATION", "WARNING"),)))
    (row,) = read(world, "/v1/market/virtual_asset_warning")[1]
    assert {key: row[key] for key in ("market", "warning_type", "warning_step")} == {
        "market": "KRW-XRP",
        "warning_type": "PRICE_SUDDEN_FLUCTUATION",
        "warning_step": "WARNING",
    }
    rows = {row["market"]: row for row in read(world, "/v1/market/all", "isDetails=true")[1]}
    assert (rows["KRW-XRP"]["market_warning"], rows["KRW-BTC"]["market_warning"]) == ("CAUTION", "NONE")
    assert "market_warning" not in read(world, "/v1/market/all")[1][0]


def test_one_bad_code_fails_the_whole_call_and_lower_case_is_taken_for_books(world):
    assert read(world, "/v1/orderbook", "markets=krw-btc,KRW-eth")[0] == 200
    for path in ("/v1/orderbook", "/v1/ticker"):
        status, answer = read(world, path, "markets=KRW-BTC,KRW-NOPE")
        assert (status, answer) == (200, {"error": {"name": 404, "message": "Code not found"}})
        missing = {"name": 400, "message": "Missing request parameter error. Check the required parameters!"}
        assert read(world, path) == (200, {"error": missing})


def test_more_than_two_hundred_tickers_at_once_are_too_many(world):
    most = "markets=" + ",".join(["KRW-BTC"] * 200)
    assert len(read(world, "/v1/ticker", most)[1]) >= 1
    error = read(world, "/v1/ticker", most + ",KRW-BTC")[1]["error"]
    assert (error["name"], "'markets'" in error["message"]) == (400, True)


def test_nine_hours_ahead_is_a_switch(make_world):
    stamps = [
        read(make_world(bithumb_quirks=BithumbQuirks(ticker_shift_ns=shift)), "/v1/ticker", "markets=KRW-BTC")[1][0]
        for shift in (0, 9 * 3600 * SECOND)
    ]
    assert stamps[1]["timestamp"] - stamps[0]["timestamp"] == 9 * 3600 * 1000


def test_fees_per_network_for_one_coin_and_for_all(world):
    (one,) = read(world, "/v2/fee/inout/BTC")[1]
    assert (one["currency"], one["networks"][0]["net_type"]) == ("BTC", "BTC")
    assert len(read(world, "/v2/fee/inout/ALL")[1]) == len(world.simulator.markets)
    assert read(world, "/v2/fee/inout/NOPE")[0] == 404


def test_money_neither_leaves_nor_enters_by_a_key_without_that_scope(world):
    world.simulator.exchange(BITHUMB).keys.limit("AK-B", scopes=[Scope.VIEW_ASSETS, Scope.MAKE_ORDERS])
    body = {"currency": "BTC", "net_type": "BTC", "amount": "0.1", "address": "x"}
    for path, words in (
        ("/v1/withdraws/coin", body),
        ("/v1/withdraws/krw", {"amount": "5000"}),
        ("/v1/deposits/krw", {"amount": "5000"}),
    ):
        status, answer = world.ask(BITHUMB, "POST", path, body=words)
        assert (status, answer["error"]["name"]) == (401, "out_of_scope"), path
    assert world.balances(BITHUMB)["BTC"] == ("1", "0")


def test_maintenance_refuses_orders_in_both_generations_and_posts_a_notice(world):
    exchange = world.simulator.exchange(BITHUMB)
    assert read(world, "/v1/notices")[1] == []
    exchange.board.post("notice", "안녕하세요", "", world.now)
    world.pass_ms(1_000)
    exchange.closing.begin(world.now)
    rows = read(world, "/v1/notices")[1]
    assert rows[0]["categories"] == ["점검"]
    assert read(world, "/v1/notices", "count=1")[1] == rows[:1]
    other = rows[-1]
    assert other["categories"] == ["안내"]
    assert other["published_at"] == "2026-11-23 11:13:20"
    body = {"market": "KRW-BTC", "side": "bid", "order_type": "price", "price": "10000"}
    status, answer = world.ask(BITHUMB, "POST", "/v2/orders", body=body)
    assert (status, answer["error"]["name"]) == (403, "market_offline")
    client = LegacyClient(world)
    pair = {"order_currency": "BTC", "payment_currency": "KRW"}
    assert client.ask("/trade/market_sell", **pair, units="0.01")["status"] == "5600"
    assert exchange.matching.orders == {}
    world.pass_ms(180_000)
    assert client.read("/public/assetsstatus/BTC")["data"] == {"deposit_status": 0, "withdrawal_status": 0}
    exchange.closing.end(world.now)
    assert client.ask("/trade/market_sell", **pair, units="0.01")["status"] == "0000"


def test_transfers_addresses_and_what_could_be_withdrawn_can_be_read(world):
    for path in (
        "/v1/deposits",
        "/v1/deposits/krw",
        "/v1/withdraws",
        "/v1/withdraws/krw",
        "/v1/withdraws/coin_addresses",
    ):
        assert world.ask(BITHUMB, "GET", path) == (200, []), path
    for path, name in (("/v1/deposit", "deposit_not_found"), ("/v1/withdraw", "withdraw_not_found")):
        status, answer = world.ask(BITHUMB, "GET", path, "currency=BTC&uuid=1")
        assert (status, answer["error"]["name"]) == (404, name)
    one = world.ask(BITHUMB, "GET", "/v1/deposits/coin_address", "currency=BTC&net_type=BTC")[1]
    assert (one["currency"], one["secondary_address"]) == ("BTC", None)
    assert one in world.ask(BITHUMB, "GET", "/v1/deposits/coin_addresses")[1]
    chance = world.ask(BITHUMB, "GET", "/v1/withdraws/chance", "currency=BTC")[1]
    assert (chance["account"]["balance"], chance["withdraw_limit"]["can_withdraw"]) == ("1", True)
    status, answer = world.ask(BITHUMB, "GET", "/v1/withdraws/chance", "currency=NOPE")
    assert (status, answer["error"]["name"]) == (400, "currency does not have a valid value")
