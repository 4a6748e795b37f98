"""What survives the process, line by line, and what refuses to start."""

import http.client
import json
import os
import resource
import signal
import subprocess
import sys
import time
import urllib.request
from decimal import Decimal

import pytest

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import Exchange
from exchanges.simulator.config import read_keys
from exchanges.simulator.state import FILE_NAME, StateLog

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
BOOK = [("100000000", "5")], [("99000000", "5")]
BUY = {"market": "KRW-BTC", "side": "bid", "ord_type": "limit", "price": "100000000", "volume": "0.01"}


def test_balances_orders_and_burned_ids_are_there_after_a_restart(make_world, frame, tmp_path):
    frames, state = [frame(UPBIT, "KRW-BTC", *BOOK)], tmp_path / "state"
    world = make_world(frames, state_dir=state)
    world.order(UPBIT, **BUY, identifier="filled")
    world.order(UPBIT, **BUY | {"price": "90000000"}, identifier="resting")
    world.ask(UPBIT, "POST", "/v1/orders", body=BUY | {"volume": "5", "identifier": "burned"})
    world.pass_ms(100)
    world.order(UPBIT, **BUY, identifier="not-yet-matched")
    before = {name: world.find(UPBIT, name) for name in ("filled", "resting", "not-yet-matched")}
    balances, totals = world.balances(UPBIT), world.simulator.totals()
    world.simulator.close()

    again = make_world(frames, state_dir=state)
    assert again.balances(UPBIT) == balances
    assert {name: again.find(UPBIT, name) for name in before} == before
    assert again.simulator.totals() == totals
    again.pass_ms(100)
    assert again.find(UPBIT, "not-yet-matched")["state"] == "done"
    assert again.find(UPBIT, "resting")["state"] == "wait"
    for name in (*before, "burned"):
        answer = again.ask(UPBIT, "POST", "/v1/orders", body=BUY | {"identifier": name})
        assert answer[1]["error"]["name"] == "duplicated_identifier"
    assert again.ask(UPBIT, "DELETE", "/v1/order", "identifier=resting")[0] == 200
    again.pass_ms(100)
    assert again.balances(UPBIT)["KRW"] == ("97999000", "0")
    assert len({order["uuid"] for order in before.values()} | {again.order(UPBIT, **BUY)["uuid"]}) == 4


def test_cancel_that_was_announced_is_carried_out_after_a_restart(make_world, frame, tmp_path):
    frames, state = [frame(BITHUMB, "KRW-BTC", *BOOK)], tmp_path / "state"
    world = make_world(frames, state_dir=state)
    words = {"market": "KRW-BTC", "side": "bid", "order_type": "limit", "price": "90000000", "volume": "0.01"}
    world.order(BITHUMB, **words, client_order_id="c1")
    world.pass_ms(100)
    assert world.ask(BITHUMB, "DELETE", "/v2/order", "client_order_id=c1")[0] == 200
    world.simulator.close()
    again = make_world(frames, state_dir=state)
    again.pass_ms(100)
    assert again.find(BITHUMB, "c1")["state"] == "cancel"
    assert again.balances(BITHUMB)["KRW"] == ("100000000", "0")


def test_torn_last_line_is_cut_off_and_the_next_one_is_whole(tmp_path):
    log = StateLog(tmp_path)
    log.append({"line": "burned", "exchange": "upbit", "access_key": "A", "id": "1"})
    log.close()
    path = tmp_path / FILE_NAME
    path.write_bytes(path.read_bytes() + b'{"line":"burn')
    log = StateLog(tmp_path)
    assert [line["id"] for line in log.load()] == ["1"]
    log.append({"line": "burned", "exchange": "upbit", "access_key": "A", "id": "2"})
    assert [line["id"] for line in log.load()] == ["1", "2"]
    log.close()


@pytest.mark.parametrize(
    "damage", [b"{broken\n", b'{"line":"what","exchange":"upbit"}\n', b'{"line":"order","exchange":"upbit"}\n']
)
def test_damage_before_the_end_refuses_to_start(make_world, tmp_path, damage):
    (tmp_path / FILE_NAME).write_bytes(damage + b"{}\n")
    with pytest.raises(ConfigError, match=FILE_NAME):
        make_world(state_dir=tmp_path)


def test_one_state_has_one_simulator(tmp_path):
    log = StateLog(tmp_path)
    with pytest.raises(ConfigError, match="in use by another simulator"):
        StateLog(tmp_path)
    log.close()


def test_malformed_keys_file_names_every_problem(tmp_path):
    path = tmp_path / "keys.json"
    path.write_text(
        json.dumps(
            {
                "accounts": [
                    {"exchange": "binance", "access_key": "", "secret_key": "s", "balances": {"KRW": 1, "btc": "1"}},
                    {"exchange": "upbit", "access_key": "k", "secret_key": "s", "balances": {"KRW": "-1"}, "extra": 1},
                    {"exchange": "upbit", "access_key": "k2", "secret_key": "hidden-secret"},
                    {"exchange": "upbit", "access_key": "k2", "secret_key": "hidden-secret"},
                ]
            }
        )
    )
    with pytest.raises(ConfigError) as caught:
        read_keys(path)
    problems = [problem.partition("accounts")[2] for problem in caught.value.problems]
    assert problems == [
        "[0].exchange was 'binance', must be one of upbit, bithumb",
        "[0].access_key must be text, not empty",
        "[0].balances.KRW was 1, must be text",
        "[0].balances has 'btc', must look like BTC",
        "[1].extra is not a member of an account",
        "[1].balances.KRW: '-1' is not a plain decimal number",
        "[3].access_key is named twice",
    ]
    assert "hidden-secret" not in str(caught.value)


def _started(tmp_path, keys, *words):
    environ = {key: value for key, value in os.environ.items() if not key.startswith("KARB_")}
    environ |= {"KARB_VAR_DIR": str(tmp_path / "var"), "KARB_SHM_DIR": str(tmp_path / "shm")}
    argv = [sys.executable, "-m", "workers", "simulate", "--upbit", "127.0.0.1:0", "--bithumb", "127.0.0.1:0"]
    return subprocess.Popen(
        [*argv, "--keys", str(keys), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ
    )


def _ask(address, sign, method, path, query="", body=None):
    text = query if body is None else "&".join(f"{key}={value}" for key, value in body.items())
    request = urllib.request.Request(
        f"http://{address}{path}{'?' + query if query else ''}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": sign("AK-U", "S" * 64, text), "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read())


def test_killed_process_forgets_nothing_it_answered(tmp_path, sign):
    keys = tmp_path / "keys.json"
    account = {"exchange": "upbit", "access_key": "AK-U", "secret_key": "S" * 64, "balances": {"KRW": "100000000"}}
    keys.write_text(json.dumps({"accounts": [account]}))
    words = ("--state", str(tmp_path / "state"), "--markets", "KRW-BTC,KRW-ETH")
    process = _started(tmp_path, keys, *words)
    try:
        ready = json.loads(process.stdout.readline())
        assert ready["ready"] is True
        assert ready["markets"] == ["KRW-BTC", "KRW-ETH"]
        far = {"market": "KRW-ETH", "side": "bid", "ord_type": "limit", "price": "1000000", "volume": "0.01"}
        near = far | {"price": "5000000", "time_in_force": "ioc"}
        ids = []
        for number in range(5):
            for order in (far, near):
                name = f"o{number}-{order['price']}"
                ids.append(_ask(ready["upbit"], sign, "POST", "/v1/orders", body=order | {"identifier": name})["uuid"])
        time.sleep(0.2)
        seen = {order_id: _ask(ready["upbit"], sign, "GET", "/v1/order", f"uuid={order_id}") for order_id in ids}
        accounts = _ask(ready["upbit"], sign, "GET", "/v1/accounts")
        last = _ask(ready["upbit"], sign, "POST", "/v1/orders", body=near | {"identifier": "last"})
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=10)
    assert sorted({order["state"] for order in seen.values()}) == ["done", "wait"]

    account["balances"] = {"KRW": "1"}
    keys.write_text(json.dumps({"accounts": [account]}))
    process = _started(tmp_path, keys, *words)
    try:
        ready = json.loads(process.stdout.readline())
        again = {order_id: _ask(ready["upbit"], sign, "GET", "/v1/order", f"uuid={order_id}") for order_id in ids}
        assert again == seen
        time.sleep(0.2)
        late = _ask(ready["upbit"], sign, "GET", "/v1/order", f"uuid={last['uuid']}")
        assert late["state"] == "done"
        spent = sum(Decimal(trade["funds"]) for trade in late["trades"]) + Decimal(late["paid_fee"])
        left = _ask(ready["upbit"], sign, "GET", "/v1/accounts")
        assert Decimal(accounts[0]["balance"]) - Decimal(left[0]["balance"]) == spent
        assert spent > 0
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 0, errors


def test_full_disk_ends_the_process_before_anything_unsaved_is_announced(tmp_path, sign):
    keys = tmp_path / "keys.json"
    account = {"exchange": "upbit", "access_key": "AK-U", "secret_key": "S" * 64, "balances": {"KRW": "100000000"}}
    keys.write_text(json.dumps({"accounts": [account]}))
    state = tmp_path / "state"
    order = {"market": "KRW-ETH", "side": "bid", "ord_type": "limit", "price": "1000000", "volume": "0.01"}
    process = _started(tmp_path, keys, "--state", str(state))
    try:
        ready = json.loads(process.stdout.readline())
        room = (state / FILE_NAME).stat().st_size + 10
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (room, room))
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            _ask(ready["upbit"], sign, "POST", "/v1/orders", body=order | {"identifier": "lost"})
        assert process.wait(timeout=10) == 1
    finally:
        process.kill()
        process.communicate(timeout=10)
    process = _started(tmp_path, keys, "--state", str(state))
    try:
        ready = json.loads(process.stdout.readline())
        assert _ask(ready["upbit"], sign, "GET", "/v1/orders/open") == []
        assert _ask(ready["upbit"], sign, "POST", "/v1/orders", body=order | {"identifier": "lost"})["state"] == "wait"
    finally:
        process.kill()
        process.communicate(timeout=10)


def test_what_cannot_start_says_so_in_one_line_each_and_exits_2(tmp_path):
    keys = tmp_path / "keys.json"
    keys.write_text('{"accounts":[{"exchange":"upbit"},{"exchange":"nowhere"}]}')
    process = _started(tmp_path, keys)
    out, errors = process.communicate(timeout=20)
    assert (process.returncode, out) == (2, "")
    assert len(errors.splitlines()) == 5
    keys.write_text('{"accounts":[]}')
    process = _started(tmp_path, keys, "--recording", str(tmp_path))
    assert process.wait(timeout=20) == 2
    assert "no usable order book" in process.stderr.read()
