"""Deposits and withdrawals on Bithumb's wire (bithumb.md §3.8a); Upbit's are in test_upbit_cash.py."""

import pytest

from arbitrage.domain.units import Exchange
from exchanges.simulator.keys import Scope
from exchanges.simulator.money import FINE

BITHUMB = Exchange.BITHUMB
OUT = {"currency": "BTC", "net_type": "BTC", "amount": "0.25", "address": "bc1q"}


@pytest.fixture
def world(make_world):
    return make_world(markets=("KRW-BTC", "KRW-ETH"))


@pytest.fixture
def cash(world):
    cash = world.simulator.exchange(BITHUMB).cash
    cash.addresses["AK-B"] = [("BTC", "BTC", "bc1q")]
    return cash


@pytest.fixture
def account(world):
    return world.simulator.exchange(BITHUMB).accounts["AK-B"]


def test_deposit_of_a_coin_is_listed_before_and_after_it_is_credited(world, cash, account):
    one = cash.deposit(account, "BTC", FINE // 2, world.now, delay_ns=10**9, txid="0xabc")
    (row,) = world.ask(BITHUMB, "GET", "/v1/deposits")[1]
    assert row | {"created_at": ""} == {
        "type": "deposit",
        "uuid": one.movement_id,
        "currency": "BTC",
        "net_type": "BTC",
        "txid": "0xabc",
        "state": "DEPOSIT_PROCESSING",
        "created_at": "",
        "done_at": None,
        "amount": "0.5",
        "fee": "0",
        "transaction_type": "default",
    }
    world.pass_ms(1_000)
    row = world.ask(BITHUMB, "GET", "/v1/deposit", "txid=0xabc")[1]
    assert (row["state"], row["done_at"][-6:]) == ("DEPOSIT_ACCEPTED", "+09:00")
    assert world.balances(BITHUMB)["BTC"] == ("1.5", "0")
    assert world.ask(BITHUMB, "GET", "/v1/deposits", "currency=ETH")[1] == []
    assert world.ask(BITHUMB, "GET", "/v1/deposits", "state=DEPOSIT_ACCEPTED")[1] == [row]
    assert world.ask(BITHUMB, "GET", "/v1/deposits", "state=DEPOSIT_PROCESSING")[1] == []
    assert world.ask(BITHUMB, "GET", "/v1/deposits", "limit=101")[0] == 400


def test_withdrawal_to_an_address_of_the_list_holds_then_leaves_or_is_cancelled(world, cash):
    cash.withdraw_fees["BTC"] = FINE // 1_000
    (allowed,) = world.ask(BITHUMB, "GET", "/v1/withdraws/coin_addresses")[1]
    assert (allowed["net_type"], allowed["withdraw_address"]) == ("BTC", "bc1q")
    status, row = world.ask(BITHUMB, "POST", "/v1/withdraws/coin", body=OUT)
    assert (status, row["state"], row["fee"]) == (201, "PROCESSING", "0.001")
    assert world.balances(BITHUMB)["BTC"] == ("0.749", "0.251")
    status, gone = world.ask(BITHUMB, "DELETE", "/v1/withdraws/coin", f"uuid={row['uuid']}")
    assert (status, gone["state"], world.balances(BITHUMB)["BTC"]) == (200, "CANCELLED", ("1", "0"))
    row = world.ask(BITHUMB, "POST", "/v1/withdraws/coin", body=OUT)[1]
    world.pass_ms(30_000)
    assert world.ask(BITHUMB, "GET", "/v1/withdraw", f"uuid={row['uuid']}")[1]["state"] == "DONE"
    assert world.balances(BITHUMB)["BTC"] == ("0.749", "0")
    status, answer = world.ask(BITHUMB, "DELETE", "/v1/withdraws/coin", f"uuid={row['uuid']}")
    assert (status, answer["error"]["name"]) == (404, "withdraw_not_found")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"address": "other"}, "invalid_parameter"),
        ({"amount": "2"}, "withdraw_insufficient_balance"),
        ({"amount": "0"}, "invalid_parameter"),
        ({"amount": "1e3"}, "invalid_parameter"),
        ({"currency": "XYZ"}, "invalid_parameter"),
    ],
)
def test_withdrawal_that_may_not_be_moves_nothing(world, cash, change, name):
    status, answer = world.ask(BITHUMB, "POST", "/v1/withdraws/coin", body=OUT | change)
    assert (status, answer["error"]["name"]) == (400, name)
    assert (world.balances(BITHUMB)["BTC"], cash.movements) == (("1", "0"), {})


def test_key_without_withdraw_rights_learns_and_moves_nothing(world, cash):
    keys = world.simulator.exchange(BITHUMB).keys
    keys.limit("AK-B", scopes=[Scope.VIEW_ASSETS, Scope.VIEW_ORDERS, Scope.MAKE_ORDERS])
    for method, path, query, body in (
        ("GET", "/v1/withdraws", "", None),
        ("GET", "/v1/withdraws/chance", "currency=BTC&net_type=BTC", None),
        ("POST", "/v1/withdraws/coin", "", OUT),
    ):
        status, answer = world.ask(BITHUMB, method, path, query, body)
        assert (status, answer["error"]["name"]) == (401, "out_of_scope")
    assert cash.movements == {}


def test_krw_is_listed_apart_and_moves_only_with_a_second_factor(world, cash, account):
    for path in ("/v1/deposits/krw", "/v1/withdraws/krw"):
        status, answer = world.ask(BITHUMB, "POST", path, body={"amount": "5000"})
        assert (status, answer["error"]["name"]) == (400, "two_factor_auth_required")
    cash.deposit(account, "KRW", 5_000 * FINE, world.now, delay_ns=10**9)
    (row,) = world.ask(BITHUMB, "GET", "/v1/deposits/krw")[1]
    assert (row["state"], row["net_type"]) == ("PROCESSING", None)
    assert world.ask(BITHUMB, "GET", "/v1/withdraws/krw")[1] == []
