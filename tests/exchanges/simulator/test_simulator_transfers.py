"""Deposits and withdrawals on the wire of both JWT generations (upbit.md §1.9, bithumb.md §3.8a)."""

import pytest

from arbitrage.domain.units import Exchange
from exchanges.simulator.keys import Scope
from exchanges.simulator.money import FINE

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
KEY = {UPBIT: "AK-U", BITHUMB: "AK-B"}
OUT = {"currency": "BTC", "net_type": "BTC", "amount": "0.25", "address": "bc1q"}


@pytest.fixture
def world(make_world):
    return make_world(markets=("KRW-BTC", "KRW-ETH"))


@pytest.mark.parametrize(
    ("exchange", "states"), [(UPBIT, ("PROCESSING", "ACCEPTED")), (BITHUMB, ("DEPOSIT_PROCESSING", "DEPOSIT_ACCEPTED"))]
)
def test_deposit_of_a_coin_is_listed_before_and_after_it_is_credited(world, exchange, states):
    sim = world.simulator.exchange(exchange)
    one = sim.cash.deposit(sim.accounts[KEY[exchange]], "BTC", FINE // 2, world.now, delay_ns=10**9, txid="0xabc")
    (row,) = world.ask(exchange, "GET", "/v1/deposits")[1]
    assert row | {"created_at": ""} == {
        "type": "deposit",
        "uuid": one.movement_id,
        "currency": "BTC",
        "net_type": "BTC",
        "txid": "0xabc",
        "state": states[0],
        "created_at": "",
        "done_at": None,
        "amount": "0.5",
        "fee": "0",
        "transaction_type": "default",
    }
    world.pass_ms(1_000)
    row = world.ask(exchange, "GET", "/v1/deposit", "txid=0xabc")[1]
    assert (row["state"], row["done_at"][-6:]) == (states[1], "+09:00")
    assert world.balances(exchange)["BTC"] == ("1.5", "0")
    assert world.ask(exchange, "GET", "/v1/deposits", "currency=ETH")[1] == []
    assert world.ask(exchange, "GET", "/v1/deposits", f"state={states[1]}")[1] == [row]
    assert world.ask(exchange, "GET", "/v1/deposits", "limit=101")[0] == 400


@pytest.mark.parametrize(("exchange", "waiting"), [(UPBIT, "WAITING"), (BITHUMB, "PROCESSING")])
def test_withdrawal_to_an_address_of_the_list_holds_then_leaves_or_is_cancelled(world, exchange, waiting):
    sim = world.simulator.exchange(exchange)
    sim.cash.addresses[KEY[exchange]] = [("BTC", "BTC", "bc1q")]
    sim.cash.withdraw_fees["BTC"] = FINE // 1_000
    assert [row["withdraw_address"] for row in world.ask(exchange, "GET", "/v1/withdraws/coin_addresses")[1]] == [
        "bc1q"
    ]
    status, row = world.ask(exchange, "POST", "/v1/withdraws/coin", body=OUT)
    assert (status, row["state"], row["fee"], world.balances(exchange)["BTC"]) == (
        201,
        waiting,
        "0.001",
        ("0.749", "0.251"),
    )
    status, gone = world.ask(exchange, "DELETE", "/v1/withdraws/coin", f"uuid={row['uuid']}")
    assert (status, gone["state"], world.balances(exchange)["BTC"]) == (200, "CANCELLED", ("1", "0"))
    row = world.ask(exchange, "POST", "/v1/withdraws/coin", body=OUT)[1]
    world.pass_ms(30_000)
    assert world.ask(exchange, "GET", "/v1/withdraw", f"uuid={row['uuid']}")[1]["state"] == "DONE"
    assert world.balances(exchange)["BTC"] == ("0.749", "0")
    status, answer = world.ask(exchange, "DELETE", "/v1/withdraws/coin", f"uuid={row['uuid']}")
    assert (status, answer["error"]["name"]) == (404, "withdraw_not_found")


@pytest.mark.parametrize(
    ("exchange", "change", "name"),
    [
        (UPBIT, {"address": "other"}, "withdraw_address_not_registered"),
        (BITHUMB, {"address": "other"}, "invalid_parameter"),
        (UPBIT, {"amount": "2"}, "invalid_parameter"),
        (BITHUMB, {"amount": "2"}, "withdraw_insufficient_balance"),
        (UPBIT, {"amount": "0"}, "validation_error"),
        (BITHUMB, {"currency": "XYZ"}, "invalid_parameter"),
    ],
)
def test_withdrawal_that_may_not_be_moves_nothing(world, exchange, change, name):
    sim = world.simulator.exchange(exchange)
    sim.cash.addresses[KEY[exchange]] = [("BTC", "BTC", "bc1q")]
    status, answer = world.ask(exchange, "POST", "/v1/withdraws/coin", body=OUT | change)
    assert (status, answer["error"]["name"]) == (400, name)
    assert (world.balances(exchange)["BTC"], sim.cash.movements) == (("1", "0"), {})


@pytest.mark.parametrize(("exchange", "status"), [(UPBIT, 403), (BITHUMB, 401)])
def test_key_without_withdraw_rights_learns_and_moves_nothing(world, exchange, status):
    sim = world.simulator.exchange(exchange)
    sim.keys.limit(KEY[exchange], scopes=[Scope.VIEW_ASSETS, Scope.VIEW_ORDERS, Scope.MAKE_ORDERS])
    for method, path, query, body in (
        ("GET", "/v1/withdraws", "", None),
        ("GET", "/v1/withdraws/chance", "currency=BTC&net_type=BTC", None),
        ("POST", "/v1/withdraws/coin", "", OUT),
    ):
        answer = world.ask(exchange, method, path, query, body)
        assert (answer[0], answer[1]["error"]["name"]) == (status, "out_of_scope")


def test_new_upbit_key_with_withdraw_rights_is_locked_at_first(world):
    world.simulator.exchange(UPBIT).keys.limit("AK-U", withdraw_locked=True)
    status, answer = world.ask(UPBIT, "POST", "/v1/withdraws/coin", body=OUT)
    assert (status, answer["error"]["name"]) == (403, "open_api_withdraw_locked")


def test_krw_moves_by_a_call_on_upbit_and_only_with_a_second_factor_on_bithumb(world):
    assert world.ask(UPBIT, "POST", "/v1/deposits/krw", body={"amount": "5000"})[0] == 201
    assert world.ask(UPBIT, "POST", "/v1/withdraws/krw", body={"amount": "2000"})[0] == 201
    world.pass_ms(60_000)
    assert world.balances(UPBIT)["KRW"] == ("100003000", "0")
    rows = world.ask(UPBIT, "GET", "/v1/deposits", "currency=KRW")[1]
    assert [(row["net_type"], row["state"]) for row in rows] == [(None, "ACCEPTED")]
    for path in ("/v1/deposits/krw", "/v1/withdraws/krw"):
        status, answer = world.ask(BITHUMB, "POST", path, body={"amount": "5000"})
        assert (status, answer["error"]["name"]) == (400, "two_factor_auth_required")
    sim = world.simulator.exchange(BITHUMB)
    sim.cash.deposit(sim.accounts["AK-B"], "KRW", 5_000 * FINE, world.now, delay_ns=10**9)
    assert [row["state"] for row in world.ask(BITHUMB, "GET", "/v1/deposits/krw")[1]] == ["PROCESSING"]
    assert world.ask(BITHUMB, "GET", "/v1/withdraws/krw")[1] == []


def test_what_may_be_withdrawn_is_told_with_the_wallet_as_it_is(world):
    chance = world.ask(UPBIT, "GET", "/v1/withdraws/chance", "currency=BTC&net_type=BTC")[1]
    assert (chance["account"]["balance"], chance["withdraw_limit"]["can_withdraw"]) == ("1", True)
    status, answer = world.ask(UPBIT, "GET", "/v1/withdraws/chance", "currency=NOPE")
    assert (status, answer["error"]["name"]) == (404, "currency_not_found")
