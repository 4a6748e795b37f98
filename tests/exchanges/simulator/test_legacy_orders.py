"""Legacy orders on the one matching engine: place, market, cancel, detail, balances (bithumb.md §1.4, §1.5)."""

import pytest
from legacy_client import LegacyClient

from arbitrage.domain.units import Exchange
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks, DetailShape
from exchanges.simulator.money import FINE

BITHUMB = Exchange.BITHUMB
BOOK = [("100000000", "0.01"), ("100001000", "5")], [("99000000", "5"), ("98999000", "5")]
PAIR = {"order_currency": "BTC", "payment_currency": "KRW"}
LIMIT = {**PAIR, "type": "bid", "price": "90000000", "units": "0.001"}


@pytest.fixture
def make_client(make_world, frame):
    return lambda **config: LegacyClient(make_world([frame(BITHUMB, "KRW-BTC", *BOOK)], **config))


@pytest.fixture
def client(make_client):
    return make_client()


def test_order_of_one_generation_is_found_listed_and_cancelled_in_the_other(client):
    world = client.world
    legacy_id = client.place("bid", "90000000", "0.001")
    assert len(legacy_id) == 20
    assert legacy_id.startswith("C0101")
    world.pass_ms(100)
    status, order = world.ask(BITHUMB, "GET", "/v1/order", f"uuid={legacy_id}")
    assert (status, order["state"], order["price"], order["volume"]) == (200, "wait", "90000000", "0.001")
    jwt_id = world.order(BITHUMB, market="KRW-BTC", side="ask", order_type="limit", price="110000000", volume="0.02")[
        "order_id"
    ]
    world.pass_ms(100)
    rows = client.ask("/info/orders", **PAIR)["data"]
    assert [(row["order_id"], row["type"]) for row in rows] == [(jwt_id, "ask"), (legacy_id, "bid")]
    assert client.ask("/trade/cancel", type="ask", order_id=jwt_id, **PAIR) == {"status": "0000"}
    assert world.ask(BITHUMB, "DELETE", "/v2/order", f"order_id={legacy_id}")[0] == 200
    world.pass_ms(100)
    assert client.detail(jwt_id)["order_status"] == "Cancel"
    assert client.detail(legacy_id)["cancel_type"] == "사용자취소"
    assert world.balances(BITHUMB)["KRW"] == ("100000000", "0")


def test_open_order_row_is_text_with_microseconds(client):
    order_id = client.place("bid", "90000000", "0.0015")
    assert client.ask("/info/orders", order_currency="BTC") == {
        "status": "0000",
        "data": [
            {
                "order_currency": "BTC",
                "payment_currency": "KRW",
                "order_id": order_id,
                "order_date": str(client.world.now // 1_000),
                "type": "bid",
                "watch_price": "0",
                "units": "0.0015",
                "units_remaining": "0.0015",
                "price": "90000000",
                "stp_type": "cancel_taker",
            }
        ],
    }


def test_no_open_orders_is_an_error_5600_with_its_own_text(client):
    nothing = {"status": "5600", "message": "거래 진행중인 내역이 존재하지 않습니다."}
    assert client.ask("/info/orders", **PAIR) == nothing
    client.place("bid", "90000000", "0.001")
    assert client.ask("/info/orders", **PAIR, type="ask") == nothing
    assert client.ask("/info/orders", **PAIR, order_id="C0101000000000000000") == nothing
    assert client.ask("/info/orders", **PAIR, after=str(client.world.now // 1_000_000 + 1)) == nothing


def test_filled_in_part_is_pending_with_fills_and_cancelled_keeps_them(client):
    order_id = client.place("bid", "100000000", "0.02")
    client.world.pass_ms(100)
    detail = client.detail(order_id)
    assert (detail["order_status"], detail["order_qty"], detail["cancel_date"]) == ("Pending", "0.02", "")
    assert [
        {key: row[key] for key in ("price", "units", "fee_currency", "fee", "total")} for row in detail["contract"]
    ] == [{"price": "100000000", "units": "0.01", "fee_currency": "KRW", "fee": "400", "total": "1000000"}]
    assert client.ask("/info/orders", **PAIR)["data"][0]["units_remaining"] == "0.01"
    client.ask("/trade/cancel", type="bid", order_id=order_id, **PAIR)
    client.world.pass_ms(100)
    detail = client.detail(order_id)
    assert (detail["order_status"], len(detail["contract"]), len(detail["cancel_date"])) == ("Cancel", 1, 16)
    balance = client.balance()
    assert (balance["total_krw"], balance["in_use_krw"], balance["total_btc"]) == ("98999600", "0", "1.01")


def test_market_buy_is_given_in_coins_and_pays_level_by_level(client):
    answer = client.ask("/trade/market_buy", **PAIR, units="0.02")
    assert client.balance()["in_use_krw"] == "2801120"
    client.world.pass_ms(100)
    detail = client.detail(answer["order_id"])
    assert (detail["order_status"], detail["order_price"], detail["order_qty"]) == ("Completed", "0", "0.02")
    assert [(row["price"], row["units"]) for row in detail["contract"]] == [
        ("100000000", "0.01"),
        ("100001000", "0.01"),
    ]
    balance = client.balance()
    assert (balance["total_krw"], balance["in_use_krw"], balance["available_btc"]) == ("97999190", "0", "1.02")


def test_market_buy_of_more_than_seven_tenths_of_the_krw_is_refused(client):
    refused = {"status": "5600", "message": "주문량이 사용가능 KRW을 초과하였습니다."}
    assert client.ask("/trade/market_buy", **PAIR, units="0.715") == refused
    assert client.ask("/trade/market_buy", **PAIR, units="0.714")["status"] == "0000"
    client.world.pass_ms(100)
    assert client.balance()["total_btc"] == "1.714"


def test_market_orders_are_never_among_the_open_ones(client):
    client.ask("/trade/market_sell", **PAIR, units="0.02")
    assert client.ask("/info/orders", **PAIR)["status"] == "5600"
    client.world.pass_ms(100)
    balance = client.balance()
    assert (balance["total_btc"], balance["total_krw"]) == ("0.98", "101979208")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"price": "90000000.0"}, "5500"),
        ({"price": "90000500"}, "5500"),
        ({"price": "9e7"}, "5500"),
        ({"price": ""}, "5500"),
        ({"type": "buy"}, "5500"),
        ({"units": "0"}, "5500"),
        ({"units": "0.000000001"}, "5500"),
        ({"order_currency": "NOPE"}, "5500"),
        ({"payment_currency": "USDT"}, "5500"),
        ({"units": "0.00005"}, "5600"),
        ({"units": "2"}, "5600"),
        ({"type": "ask", "units": "1.5"}, "5600"),
    ],
)
def test_refused_with_its_code_and_nothing_is_held(client, change, code):
    answer = client.ask("/trade/place", **(LIMIT | change))
    assert answer["status"] == code
    assert set(answer) == {"status", "message"}
    assert client.balance()["in_use_krw"] == "0"
    assert client.world.simulator.exchange(BITHUMB).matching.orders == {}


def test_member_in_capitals_is_a_member_that_is_missing(client):
    words = {key: text for key, text in LIMIT.items() if key != "payment_currency"} | {"Payment_currency": "KRW"}
    assert client.ask("/trade/place", **words) == {"status": "5500", "message": "Invalid Parameter"}


def test_coins_below_100_krw_take_prices_with_a_point(make_world, frame):
    client = LegacyClient(make_world([frame(BITHUMB, "KRW-LAMB", [("12.35", "900000")], [("12.34", "900000")])]))
    words = {"order_currency": "LAMB", "payment_currency": "KRW", "type": "bid", "units": "1000"}
    assert client.ask("/trade/place", **words, price="12.31")["status"] == "0000"
    assert client.ask("/trade/place", **words, price="12.315")["status"] == "5500"


def test_cancel_needs_the_side_of_the_order_and_an_open_one(client):
    order_id = client.place("bid", "90000000", "0.001")
    assert client.ask("/trade/cancel", order_id=order_id, **PAIR)["status"] == "5500"
    assert client.ask("/trade/cancel", order_id=order_id, type="ask", **PAIR)["status"] == "5500"
    assert client.ask("/info/orders", **PAIR)["status"] == "0000"
    client.ask("/trade/cancel", order_id=order_id, type="bid", **PAIR)
    client.world.pass_ms(100)
    assert client.ask("/trade/cancel", order_id=order_id, type="bid", **PAIR)["status"] == "5600"
    assert client.ask("/info/order_detail", order_id="C0101", **PAIR)["status"] == "5600"


def test_detail_as_an_array_and_four_decimals_are_settings(make_client):
    client = make_client(bithumb_quirks=BithumbQuirks(legacy_detail_shape=DetailShape.ARRAY, legacy_unit_decimals=4))
    order_id = client.place("bid", "90000000", "0.001")
    assert [row["order_price"] for row in client.detail(order_id)] == ["90000000"]
    assert client.ask("/trade/place", **LIMIT | {"units": "0.00101"})["status"] == "5500"


def test_account_and_all_balances(client):
    account = client.ask("/info/account", **PAIR)["data"]
    assert account["trade_fee"] == "0.0004"
    assert account["created"] == client.world.now // 1_000_000
    assert account["balance"] == "1"
    everything = client.balance("ALL")
    assert (everything["total_krw"], everything["available_btc"], everything["in_use_btc"]) == ("100000000", "1", "0")
    assert everything["xcoin_last_btc"] == client.read("/public/ticker/BTC_KRW")["data"]["closing_price"]


@pytest.mark.parametrize("path", ["/trade/btc_withdrawal", "/trade/krw_withdrawal", "/trade/krw_deposit"])
def test_money_neither_leaves_nor_enters_by_the_legacy_words(client, path):
    answer = client.ask(path, units="1", address="x", currency="BTC")
    assert answer == {"status": "5302", "message": "Method Not Allowed.(Access)"}
    assert client.balance()["total_btc"] == "1"


def test_transactions_are_the_fills_of_one_side_newest_first_a_page_at_a_time(client):
    for units in ("0.001", "0.002"):
        client.place("bid", "100000000", units)
        client.world.pass_ms(100)
    client.place("ask", "99000000", "0.003")
    client.world.pass_ms(100)

    def rows(**members):
        return client.ask("/info/user_transactions", **PAIR, **members)["data"]

    assert [(row["search"], row["units"]) for row in rows()] == [("2", "0.003"), ("1", "0.002"), ("1", "0.001")]
    assert [row["units"] for row in rows(searchGb="1", count="1", offset="1")] == ["0.001"]
    (sale,) = rows(searchGb="2")
    assert (sale["price"], sale["amount"], sale["fee_currency"]) == ("99000000", "297000", "KRW")
    assert 0 <= client.world.now // 1_000 - sale["transfer_date"] < 1_000_000
    assert rows(searchGb="4") == []
    sim = client.world.simulator.exchange(Exchange.BITHUMB)
    account, now = sim.accounts["AK-B"], client.world.now
    sim.cash.deposit(account, "BTC", FINE // 2, now)
    sim.cash.deposit(account, "KRW", 7_000 * FINE, now, delay_ns=10**12)
    sim.cash.withdraw(account, "BTC", FINE // 4, now, delay_ns=0)
    sim.cash.withdraw(account, "BTC", FINE // 8, now)
    client.world.pass_ms(10)
    found = {kind: [(row["units"], row["amount"]) for row in rows(searchGb=kind)] for kind in "3459"}
    assert found == {"3": [("0.125", "0")], "4": [("0.5", "0")], "5": [("0.25", "0")], "9": [("0", "7000")]}
    for broken in ({"count": "51"}, {"offset": "-1"}, {"searchGb": "7"}):
        assert client.ask("/info/user_transactions", **PAIR, **broken)["status"] == "5500"
