"""Keys that may not, may no longer, or not from here (upbit.md §1.9, §2, bithumb.md §3.2, §3.10)."""

import json

import pytest

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import Exchange
from exchanges.simulator.auth import AuthFault, NonceMemory
from exchanges.simulator.config import read_keys
from exchanges.simulator.keys import Scope, scope_of
from exchanges.simulator.wire import Request

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
KEY = {UPBIT: "AK-U", BITHUMB: "AK-B"}
ORDER = {"market": "KRW-BTC", "side": "bid", "price": "10000000", "volume": "0.001"}
PLACE = {UPBIT: ("/v1/orders", {"ord_type": "limit"}), BITHUMB: ("/v2/orders", {"order_type": "limit"})}


def place(world, exchange):
    """Return status and error name of one order."""
    path, words = PLACE[exchange]
    status, answer = world.ask(exchange, "POST", path, body=ORDER | words)
    return status, answer.get("error", {}).get("name")


@pytest.mark.parametrize(("exchange", "status"), [(UPBIT, 403), (BITHUMB, 401)])
def test_key_without_the_right_to_order_reads_but_places_nothing(make_world, exchange, status):
    world = make_world()
    keys = world.simulator.exchange(exchange).keys
    keys.limit(KEY[exchange], scopes=[Scope.VIEW_ASSETS, Scope.VIEW_ORDERS])
    assert place(world, exchange) == (status, "out_of_scope")
    assert world.simulator.exchange(exchange).matching.orders == {}
    assert world.balances(exchange)["KRW"] == ("100000000", "0")
    assert world.ask(exchange, "GET", "/v1/orders/chance", "market=KRW-BTC")[0] == 200
    keys.limit(KEY[exchange], scopes=[Scope.MAKE_ORDERS])
    assert place(world, exchange) == (201, None)
    assert world.ask(exchange, "GET", "/v1/accounts")[1]["error"]["name"] == "out_of_scope"


@pytest.mark.parametrize(("exchange", "path"), [(UPBIT, "/websocket/v1/private"), (BITHUMB, "/websocket/v2/private")])
def test_private_stream_tells_only_what_the_key_may_see(make_world, sign, exchange, path):
    world = make_world()
    sim = world.simulator.exchange(exchange)
    sim.keys.limit(KEY[exchange], scopes=[Scope.VIEW_ASSETS, Scope.MAKE_ORDERS])
    claims = {"timestamp": world.now // 1_000_000} if exchange is BITHUMB else {}
    header = sign(KEY[exchange], sim.accounts[KEY[exchange]].secret.decode(), "", **claims)
    session = sim.connect(Request("GET", path, "", {"authorization": header}), world.now)
    session.receive(b'[{"ticket":"t"},{"type":"myAsset"}]', world.now)
    assert place(world, exchange) == (201, None)
    world.pass_ms(100)
    assert {json.loads(out.data)["type"] for out in session.outbox} == {"myAsset"}
    session.outbox.clear()
    session.receive(b'[{"ticket":"t"},{"type":"myAsset"},{"type":"myOrder"}]', world.now)
    assert [json.loads(out.data)["error"]["name"] for out in session.outbox] == ["INVALID_AUTH"]


def test_bithumb_may_say_jwt_verification_to_a_missing_right(make_world):
    world = make_world()
    sim = world.simulator.exchange(BITHUMB)
    sim.set_rules(missing_scope=AuthFault.SIGNATURE)
    sim.keys.limit("AK-B", scopes=[])
    assert place(world, BITHUMB) == (401, "jwt_verification")


@pytest.mark.parametrize(("exchange", "name"), [(UPBIT, "no_authorization_ip"), (BITHUMB, "NotAllowIP")])
def test_key_opens_nothing_from_an_address_that_is_not_on_its_list(make_world, exchange, name):
    world = make_world()
    world.simulator.exchange(exchange).keys.limit(KEY[exchange], ips=["10.0.0.1"])
    assert place(world, exchange) == (401, name)
    world.simulator.exchange(exchange).keys.limit(KEY[exchange], ips=["10.0.0.1", "127.0.0.1"])
    assert place(world, exchange) == (201, None)


@pytest.mark.parametrize(("exchange", "name"), [(UPBIT, "expired_access_key"), (BITHUMB, "invalid_access_key")])
def test_key_is_no_good_from_its_end_on(make_world, exchange, name):
    world = make_world()
    world.simulator.exchange(exchange).keys.limit(KEY[exchange], expires_ns=world.now + 1_000_000)
    assert world.ask(exchange, "GET", "/v1/api_keys")[0] == 200
    world.pass_ms(1)
    assert world.ask(exchange, "GET", "/v1/accounts")[:1] == (401,)
    assert place(world, exchange) == (401, name)


def test_revoked_key_is_unknown_and_stays_so_after_a_restart(make_world, tmp_path):
    world = make_world(state_dir=tmp_path)
    keys = world.simulator.exchange(UPBIT).keys
    keys.limit("AK-U", scopes=[Scope.VIEW_ASSETS], ips=["127.0.0.1"], expires_ns=world.now + 10**15)
    keys.revoke("AK-U")
    assert place(world, UPBIT) == (401, "invalid_access_key")
    world.simulator.close()
    again = make_world(state_dir=tmp_path)
    assert place(again, UPBIT) == (401, "invalid_access_key")
    assert place(again, BITHUMB) == (201, None)


def test_new_upbit_key_with_withdraw_rights_is_locked_at_first(make_world):
    world = make_world()
    world.simulator.exchange(UPBIT).keys.limit("AK-U", withdraw_locked=True)
    body = {"currency": "BTC", "net_type": "BTC", "amount": "0.1", "address": "x"}
    status, answer = world.ask(UPBIT, "POST", "/v1/withdraws/coin", body=body)
    assert (status, answer["error"]["name"]) == (403, "open_api_withdraw_locked")
    assert place(world, UPBIT) == (201, None)


def test_second_key_of_an_account_sees_and_moves_the_same_money(make_world, sign):
    world = make_world()
    sim = world.simulator.exchange(UPBIT)
    sim.keys.add("AK-2", b"another-secret-of-more-than-sixty-four-characters-so-that-none-warns", sim.accounts["AK-U"])
    header = sign("AK-2", "another-secret-of-more-than-sixty-four-characters-so-that-none-warns", "")
    response = world.send(UPBIT, Request("GET", "/v1/accounts", "", {"authorization": header}))
    assert [row["balance"] for row in json.loads(response.body)] == ["100000000", "1", "10"]
    rows = world.ask(UPBIT, "GET", "/v1/api_keys")[1]
    assert [row["access_key"] for row in rows] == ["AK-U", "AK-2"]


def test_keys_file_may_give_an_account_a_second_key_with_fewer_rights(make_world, sign, tmp_path):
    secret = "a-secret-of-more-than-sixty-four-characters-so-that-none-of-them-warns-here"
    first = {"exchange": "upbit", "access_key": "A", "secret_key": secret, "balances": {"KRW": "5"}}
    second = {"exchange": "upbit", "access_key": "B", "secret_key": secret, "account": "A", "scopes": ["view_assets"]}
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"accounts": [first, second]}))
    world = make_world(accounts=read_keys(path), state_dir=tmp_path / "state")
    world.simulator.close()
    world = make_world(accounts=read_keys(path), state_dir=tmp_path / "state")
    assert list(world.simulator.exchange(UPBIT).accounts) == ["A"]
    header = sign("B", secret, "")
    answer = world.send(UPBIT, Request("GET", "/v1/accounts", "", {"authorization": header}))
    assert json.loads(answer.body)[0]["balance"] == "5"
    header = sign("B", secret, "market=KRW-BTC")
    answer = world.send(UPBIT, Request("GET", "/v1/orders/chance", "market=KRW-BTC", {"authorization": header}))
    assert answer.status == 403


@pytest.mark.parametrize("row", [{"account": "X"}, {"account": "A", "balances": {"KRW": "1"}}, {"account": 7}])
def test_second_key_of_nobody_or_with_money_of_its_own_refuses_to_start(tmp_path, row):
    first = {"exchange": "upbit", "access_key": "A", "secret_key": "s"}
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"accounts": [first, first | {"access_key": "B"} | row]}))
    with pytest.raises(ConfigError, match=r"accounts\[1\]\.account"):
        read_keys(path)


def test_a_key_nobody_has_cannot_be_changed(make_world):
    keys = make_world().simulator.exchange(UPBIT).keys
    with pytest.raises(ConfigError, match="has no key 'AK-X'"):
        keys.revoke("AK-X")


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v1/accounts", Scope.VIEW_ASSETS),
        ("GET", "/v1/orders/chance", Scope.VIEW_ORDERS),
        ("POST", "/v1/orders/cancel_and_new", Scope.MAKE_ORDERS),
        ("DELETE", "/v1/order", Scope.MAKE_ORDERS),
        ("POST", "/v2/orders/search", Scope.VIEW_ORDERS),
        ("POST", "/v2/orders/batch", Scope.MAKE_ORDERS),
        ("POST", "/v1/withdraws/coin", Scope.WITHDRAW),
        ("GET", "/v1/withdraws/chance", Scope.VIEW_WITHDRAWALS),
        ("POST", "/info/balance", Scope.VIEW_ASSETS),
        ("POST", "/info/orders", Scope.VIEW_ORDERS),
        ("POST", "/trade/market_buy", Scope.MAKE_ORDERS),
        ("POST", "/trade/btc_withdrawal", Scope.WITHDRAW),
        ("GET", "/v1/api_keys", None),
        ("GET", "/v1/status/wallet", None),
    ],
)
def test_each_path_needs_its_right(method, path, scope):
    assert scope_of(method, path) is scope


def test_nonce_may_come_again_after_its_window_or_when_too_many_came_since():
    memory = NonceMemory()
    memory.window_ns = 100
    assert [memory.is_new("k", "a", at) for at in (0, 100, 101)] == [True, False, True]
    memory = NonceMemory()
    memory.most = 2
    assert [memory.is_new("k", nonce) for nonce in ("a", "a", "b", "c", "a")] == [True, False, True, True, True]
