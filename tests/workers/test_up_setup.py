"""What is looked at and made before anything starts."""

import json
import os
import socket
from decimal import Decimal

import msgspec
import pytest

from arbitrage.domain.errors import ConfigError
from workers.up_setup import make_directories, make_keys, port_problems, take_lock


def with_free_ports(env):
    """Return the environment with four ports that nothing listens on."""
    with socket.socket() as one, socket.socket() as two, socket.socket() as three, socket.socket() as four:
        names = ("web_address", "flower_address", "sim_upbit_address", "sim_bithumb_address")
        found = {}
        for name, probe in zip(names, (one, two, three, four), strict=True):
            probe.bind(("127.0.0.1", 0))
            found[name] = f"127.0.0.1:{probe.getsockname()[1]}"
    return msgspec.structs.replace(env, **found)


def test_free_ports_are_no_problem(desk_env):
    assert port_problems(with_free_ports(desk_env)) == []


def test_a_busy_port_names_part_address_and_variable(desk_env):
    env = with_free_ports(desk_env)
    with socket.create_server(("127.0.0.1", int(env.flower_address.rpartition(":")[2]))):
        found = port_problems(env)
    assert found == [
        f"flower cannot listen on {env.flower_address} (Address already in use):"
        " stop what uses it, or set KARB_FLOWER_ADDRESS to a free host:port"
    ]


def test_one_address_for_two_parts_is_a_problem(desk_env):
    env = with_free_ports(desk_env)
    env = msgspec.structs.replace(env, sim_bithumb_address=env.sim_upbit_address)
    assert port_problems(env) == [
        f"simulator (Bithumb) and simulator (Upbit) would both listen on {env.sim_upbit_address}:"
        " change KARB_SIM_BITHUMB_ADDRESS"
    ]


def test_in_live_mode_the_simulators_ports_do_not_matter(desk_env):
    env = msgspec.structs.replace(with_free_ports(desk_env), mode="live")
    with socket.create_server(("127.0.0.1", int(env.sim_upbit_address.rpartition(":")[2]))):
        assert port_problems(env) == []


def test_a_second_supervisor_is_refused_and_told_by_whom(desk_env):
    held = take_lock(desk_env)
    with pytest.raises(ConfigError) as refused:
        take_lock(desk_env)
    assert refused.value.problems == (
        f"another `up` (process {os.getpid()}) already runs on {desk_env.var_dir}: stop it, or set KARB_VAR_DIR",
    )
    os.close(held)
    os.close(take_lock(desk_env))


def test_directories_are_open_to_nobody_else(desk_env):
    make_directories(desk_env)
    for path in (desk_env.var_dir, desk_env.shm_dir, desk_env.var_dir / "logs", desk_env.var_dir / "simulator"):
        assert path.stat().st_mode & 0o777 == 0o700, path


def test_first_start_drops_shared_memory_of_an_earlier_desk_and_later_ones_keep_it(desk_env):
    desk_env.shm_dir.mkdir(parents=True, exist_ok=True)
    left = desk_env.shm_dir / "control.shm"
    left.write_bytes(b"REDUCING, and no latch file to explain it")
    make_directories(desk_env)
    assert not left.exists()
    os.close(take_lock(desk_env))
    left.write_bytes(b"mine")
    make_directories(desk_env)
    assert left.read_bytes() == b"mine"


def test_a_directory_that_cannot_be_made_is_one_line(desk_env, tmp_path):
    (tmp_path / "file").write_text("")
    env = msgspec.structs.replace(desk_env, var_dir=tmp_path / "file" / "var")
    with pytest.raises(ConfigError, match=r"Not a directory.*set KARB_VAR_DIR"):
        make_directories(env)


def test_simulated_keys_are_made_once(desk_env):
    make_directories(desk_env)
    path = make_keys(desk_env)
    first = path.read_bytes()
    assert make_keys(desk_env) == path
    assert path.read_bytes() == first
    assert path.stat().st_mode & 0o777 == 0o600
    accounts = json.loads(first)["accounts"]
    assert [account["exchange"] for account in accounts] == ["upbit", "bithumb"]
    assert accounts[0]["secret_key"] != accounts[1]["secret_key"]
    assert all(len(account["secret_key"]) >= 64 for account in accounts)
    for account in accounts:
        assert set(account["balances"]) == {"KRW", "BTC", "ETH"}
        assert account["balances"]["KRW"] == "1000000000"
        assert Decimal(account["balances"]["BTC"]) > 0


def test_older_simulated_keys_lose_the_right_to_withdraw_and_nothing_else(desk_env):
    make_directories(desk_env)
    path = make_keys(desk_env)
    fresh = json.loads(path.read_bytes())
    older = {"accounts": [{k: v for k, v in account.items() if k != "scopes"} for account in fresh["accounts"]]}
    path.write_text(json.dumps(older))
    assert json.loads(make_keys(desk_env).read_bytes()) == fresh
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["{", "[]", '{"accounts": 3}'])
def test_unreadable_simulated_keys_are_left_as_they_are(desk_env, text):
    make_directories(desk_env)
    path = make_keys(desk_env)
    path.write_text(text)
    make_keys(desk_env)
    assert path.read_text() == text


def test_a_named_keys_file_must_be_there(desk_env):
    env = msgspec.structs.replace(desk_env, keys_file="/nowhere/keys.json")
    with pytest.raises(ConfigError, match=r"KARB_KEYS_FILE was '/nowhere/keys\.json', which does not exist"):
        make_keys(env)
