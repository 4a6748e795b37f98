"""The legacy ledger: what moved, newest first, with the balance after it (bithumb.md §1.4)."""

import pytest
from legacy_client import LegacyClient

from arbitrage.domain.units import Exchange
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks, Grouping
from exchanges.simulator.kst import SECOND
from exchanges.simulator.money import fine_of_text

BITHUMB = Exchange.BITHUMB
PAIR = {"order_currency": "BTC", "payment_currency": "KRW"}


@pytest.fixture
def make_client(make_world, frame):
    frames = [
        frame(exchange, market, [("100000000", "5")], [("99000000", "5")])
        for exchange in Exchange
        for market in ("KRW-BTC", "KRW-ETH")
    ]

    def make(**config):
        client = LegacyClient(make_world(frames, **config))
        client.ask("/trade/market_buy", **PAIR, units="0.02")
        client.world.pass_ms(1_000)
        client.ask("/trade/market_sell", **PAIR, units="0.01")
        client.world.order(BITHUMB, market="KRW-ETH", side="bid", order_type="price", price="10000")
        client.world.pass_ms(1_000)
        exchange = client.world.simulator.exchange(BITHUMB)
        account = exchange.accounts["AK-B"]
        exchange.cash.deposit(account, "BTC", fine_of_text("0.5"), client.world.now)
        exchange.cash.deposit(account, "KRW", fine_of_text("5000"), client.world.now, delay_ns=3_600 * SECOND)
        exchange.cash.withdraw(account, "BTC", fine_of_text("0.1"), client.world.now, delay_ns=3_600 * SECOND)
        client.world.pass_ms(1_000)
        return client

    return make


def test_each_row_says_what_was_held_after_it(make_client):
    rows = make_client().ask("/info/user_transactions", **PAIR)["data"]
    moved = {row["search"]: row for row in rows}
    assert [row["search"] for row in rows][-2:] == ["2", "1"]
    assert {row["search"] for row in rows} == {"1", "2", "3", "4", "9"}
    assert [row["transfer_date"] for row in rows] == sorted((row["transfer_date"] for row in rows), reverse=True)
    buy, sell, deposit = moved["1"], moved["2"], moved["4"]
    assert (buy["units"], buy["price"], buy["amount"], buy["fee"]) == ("0.02", "100000000", "2000000", "800")
    assert (buy["order_balance"], buy["payment_balance"]) == ("1.02", "97999200")
    assert (sell["order_balance"], sell["payment_balance"]) == ("1.01", "98988804")
    assert (deposit["order_balance"], deposit["payment_balance"]) == ("1.51", "98978800"), "less what ETH cost"
    assert isinstance(buy["transfer_date"], int)
    assert len(str(buy["transfer_date"])) == 16


def test_kind_offset_and_count_choose_rows(make_client):
    client = make_client()
    whole = client.ask("/info/user_transactions", **PAIR)["data"]
    for search in ("1", "2", "3", "4", "9"):
        chosen = client.ask("/info/user_transactions", **PAIR, searchGb=search)["data"]
        assert chosen == [row for row in whole if row["search"] == search]
    assert client.ask("/info/user_transactions", **PAIR, offset="1", count="2")["data"] == whole[1:3]
    for bad in ({"searchGb": "7"}, {"count": "51"}, {"offset": "-1"}):
        assert client.ask("/info/user_transactions", **PAIR, **bad)["status"] == "5500"
    assert client.ask("/info/user_transactions", order_currency="NOPE")["status"] == "5500"


def test_commas_between_thousands_are_a_setting(make_client):
    client = make_client(bithumb_quirks=BithumbQuirks(legacy_ledger_grouping=Grouping.COMMAS))
    (buy,) = client.ask("/info/user_transactions", **PAIR, searchGb="1")["data"]
    assert (buy["price"], buy["amount"], buy["payment_balance"]) == ("100,000,000", "2,000,000", "97,999,200")
