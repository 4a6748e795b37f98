"""Upbit's deposits, withdrawals, wallets and pockets, and what is announced of them (upbit.md §1.9, §3.8)."""

import pytest

from arbitrage.domain.units import Exchange
from exchanges.simulator.dialects.upbit_cash import allowed_address
from exchanges.simulator.keys import Scope
from exchanges.simulator.money import fine_of_text
from exchanges.simulator.wallets import WalletState

UPBIT = Exchange.UPBIT


@pytest.fixture
def world(make_world):
    return make_world()


def sim_of(world):
    return world.simulator.exchange(UPBIT)


def get(world, path, query=""):
    return world.ask(UPBIT, "GET", path, query)


def test_deposits_are_listed_newest_first_by_state_currency_and_cursor(world):
    sim, account = sim_of(world), sim_of(world).accounts["AK-U"]
    one = sim.cash.deposit(account, "BTC", fine_of_text("0.25"), world.now, txid="abc", net_type="BTC")
    world.pass_ms(1_000)
    two = sim.cash.deposit(account, "ETH", fine_of_text("1"), world.now, delay_ns=3_600 * 10**9)
    world.pass_ms(1_000)
    status, rows = get(world, "/v1/deposits")
    assert (status, [row["uuid"] for row in rows]) == (200, [two.movement_id, one.movement_id])
    assert [row["state"] for row in rows] == ["PROCESSING", "ACCEPTED"]
    assert (rows[1]["amount"], rows[1]["fee"], rows[1]["txid"], rows[1]["net_type"]) == ("0.25", "0", "abc", "BTC")
    assert (rows[0]["done_at"], rows[1]["type"], rows[1]["transaction_type"]) == (None, "deposit", "default")
    assert [row["uuid"] for row in get(world, "/v1/deposits", "state=ACCEPTED")[1]] == [one.movement_id]
    assert [row["uuid"] for row in get(world, "/v1/deposits", "currency=ETH")[1]] == [two.movement_id]
    assert [row["uuid"] for row in get(world, "/v1/deposits", "txids[]=abc")[1]] == [one.movement_id]
    assert [row["uuid"] for row in get(world, "/v1/deposits", f"from={one.movement_id}")[1]] == [two.movement_id]
    assert [row["uuid"] for row in get(world, "/v1/deposits", "order_by=asc&limit=1&page=2")[1]] == [two.movement_id]
    assert get(world, "/v1/deposit", f"uuid={one.movement_id}")[1]["txid"] == "abc"
    for query, name in (("uuid=nobody", "deposit_not_found"),):
        status, answer = get(world, "/v1/deposit", query)
        assert (status, answer["error"]["name"]) == (404, name)
    assert get(world, "/v1/deposits", "state=GONE")[0] == 400
    assert world.balances(UPBIT)["BTC"] == ("1.25", "0")


def test_withdrawal_needs_a_registered_address_holds_the_coins_and_can_be_taken_back(world):
    body = {"currency": "BTC", "net_type": "BTC", "amount": "0.4", "address": "somewhere"}
    status, answer = world.ask(UPBIT, "POST", "/v1/withdraws/coin", body=body)
    assert (status, answer["error"]["name"]) == (400, "withdraw_address_not_registered")
    assert world.balances(UPBIT)["BTC"] == ("1", "0")
    registered = [row for row in get(world, "/v1/withdraws/coin_addresses")[1] if row["currency"] == "BTC"]
    body["address"] = registered[0]["withdraw_address"]
    assert body["address"] == allowed_address("AK-U", "BTC", "BTC")
    status, row = world.ask(UPBIT, "POST", "/v1/withdraws/coin", body=body)
    assert (status, row["state"], row["is_cancelable"], row["txid"]) == (201, "WAITING", True, None)
    assert world.balances(UPBIT)["BTC"] == ("0.6", "0.4")
    status, taken_back = world.ask(UPBIT, "DELETE", "/v1/withdraws/coin", f"uuid={row['uuid']}")
    assert (status, taken_back["state"]) == (200, "CANCELLED")
    assert world.balances(UPBIT)["BTC"] == ("1", "0")
    assert world.ask(UPBIT, "DELETE", "/v1/withdraws/coin", f"uuid={row['uuid']}")[0] == 404
    world.ask(UPBIT, "POST", "/v1/withdraws/krw", body={"amount": "1000000"})
    world.pass_ms(60_000)
    done = get(world, "/v1/withdraws", "state=DONE")[1]
    assert [(row["currency"], row["amount"]) for row in done] == [("KRW", "1000000")]
    assert world.balances(UPBIT)["KRW"] == ("99000000", "0")


def test_key_without_the_right_or_still_locked_moves_nothing(world):
    keys = sim_of(world).keys
    body = {"amount": "1000000"}
    keys.limit("AK-U", withdraw_locked=True)
    status, answer = world.ask(UPBIT, "POST", "/v1/withdraws/krw", body=body)
    assert (status, answer["error"]["name"]) == (403, "open_api_withdraw_locked")
    keys.limit("AK-U", scopes=[Scope.VIEW_ASSETS, Scope.VIEW_WITHDRAWALS], withdraw_locked=False)
    status, answer = world.ask(UPBIT, "POST", "/v1/withdraws/krw", body=body)
    assert (status, answer["error"]["name"]) == (403, "out_of_scope")
    assert get(world, "/v1/withdraws") == (200, [])
    assert get(world, "/v1/deposits")[1]["error"]["name"] == "out_of_scope"
    assert world.balances(UPBIT)["KRW"] == ("100000000", "0")


def test_chances_and_addresses_follow_the_wallet(world):
    address = get(world, "/v1/deposits/coin_address", "currency=BTC&net_type=BTC")[1]
    assert address in get(world, "/v1/deposits/coin_addresses")[1]
    body = {"currency": "BTC", "net_type": "BTC"}
    assert world.ask(UPBIT, "POST", "/v1/deposits/generate_coin_address", body=body) == (201, address)
    assert get(world, "/v1/deposits/coin_address", "currency=NOPE")[1]["error"]["name"] == "currency_not_found"
    assert get(world, "/v1/deposits/chance/coin", "currency=BTC&net_type=BTC")[1]["is_deposit_possible"] is True
    assert get(world, "/v1/withdraws/chance", "currency=BTC")[1]["currency"]["wallet_support"] == [
        "deposit",
        "withdraw",
    ]
    sim_of(world).wallets.change("BTC", WalletState.WITHDRAW_ONLY, world.now)
    chance = get(world, "/v1/deposits/chance/coin", "currency=BTC&net_type=BTC")[1]
    assert chance["is_deposit_possible"] is False
    assert chance["deposit_impossible_reason"]
    assert get(world, "/v1/withdraws/chance", "currency=BTC")[1]["currency"]["wallet_support"] == ["withdraw"]


def test_deposit_is_verified_once_in_ten_minutes(world):
    sim, account = sim_of(world), sim_of(world).accounts["AK-U"]
    one = sim.cash.deposit(account, "BTC", fine_of_text("0.25"), world.now)
    world.pass_ms(10)
    assert [row["depositable"] for row in get(world, "/v1/travel_rule/vasps")[1]] == [True]
    ask = {"deposit_uuid": one.movement_id, "vasp_uuid": "00000000-0000-4000-8000-000000000001"}
    status, answer = world.ask(UPBIT, "POST", "/v1/travel_rule/deposit/uuid", body=ask)
    assert (status, answer["verification_result"], answer["deposit_state"]) == (201, "verified", "ACCEPTED")
    assert world.ask(UPBIT, "POST", "/v1/travel_rule/deposit/uuid", body=ask)[0] == 400
    world.pass_ms(600_000)
    assert world.ask(UPBIT, "POST", "/v1/travel_rule/deposit/uuid", body=ask)[0] == 201
    ask["deposit_uuid"] = "nobody"
    assert world.ask(UPBIT, "POST", "/v1/travel_rule/deposit/uuid", body=ask)[0] == 404


def test_account_is_one_main_pocket(world):
    pocket = get(world, "/v1/pockets")[1][0]
    assert pocket["type"] == "main"
    groups = get(world, "/v1/pockets/api_keys", f"uuids[]={pocket['uuid']}")[1]
    assert [key["access_key"] for key in groups[0]["keys"]] == ["AK-U"]
    assert set(groups[0]["keys"][0]["permissions"]) >= {"view_account", "make_orders", "withdraw"}
    assert get(world, "/v1/pockets/assets", f"uuid={pocket['uuid']}")[1] == get(world, "/v1/accounts")[1]
    assert get(world, "/v1/pockets/assets", "uuid=other")[1]["error"]["name"] == "pocket_not_found"
    assert (get(world, "/v1/pockets/transfers"), get(world, "/v1/pockets/universal_transfers")) == ((200, []),) * 2
    body = {"currency": "KRW", "amount": "1"}
    assert world.ask(UPBIT, "POST", "/v1/pockets/transfers", body=body)[1]["error"]["name"] == "pocket_not_found"


def test_operations_are_announced_and_wallets_reopen_without_a_word(still):
    # An hour passes: markets that stand still make it short.
    world = still()
    sim = sim_of(world)
    sim.wallets.change("BTC", WalletState.PAUSED, world.now)
    sim.closing.begin(world.now, "KRW-ETH")
    sim.closing.end(world.now, "KRW-ETH")
    sim.closing.begin(world.now)
    sim.closing.end(world.now)
    world.pass_ms(3_600_000)
    assert [notice.category for notice in sim.board.notices] == [
        *("wallet", "trade", "trade", "maintenance", "maintenance")
    ]
    assert sim.wallets.real("ETH").state is WalletState.WORKING
