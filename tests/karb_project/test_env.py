import subprocess
import sys
from pathlib import Path

import pytest

from arbitrage.domain.errors import ConfigError
from karb_project.env import DEFAULT_MARKETS, Env, read_env, split_address

ROOT = Path(__file__).resolve().parents[2]


def _problems(**environ):
    with pytest.raises(ConfigError) as caught:
        read_env(environ)
    return caught.value.problems


def test_nothing_given_is_the_simulated_desk():
    env = read_env({"PATH": "/bin"})
    assert env.mode == "simulated"
    assert env.markets == DEFAULT_MARKETS
    assert env.var_dir == ROOT / "var"
    assert env.journal_path == ROOT / "var" / "journal" / "trader.journal"
    assert env.latch_path == ROOT / "var" / "trading_state.json"
    assert env.wakeup_path == env.shm_dir / "wakeup.sock"
    assert env.journal_fsync == "intent"


def test_two_desks_do_not_share_memory():
    one, other = read_env({"KARB_VAR_DIR": "/a"}), read_env({"KARB_VAR_DIR": "/b"})
    assert one.shm_dir != other.shm_dir
    assert one.shm_dir == read_env({"KARB_VAR_DIR": "/a"}).shm_dir


def test_paths_become_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    env = read_env({"KARB_VAR_DIR": "v", "KARB_SHM_DIR": "s"})
    assert (env.var_dir, env.shm_dir) == (tmp_path / "v", tmp_path / "s")


def test_values_are_typed():
    env = read_env({"KARB_MARKETS": " KRW-BTC, KRW-XRP ,", "KARB_SEED": "12", "KARB_MODE": "live"})
    assert (env.markets, env.seed, env.mode) == (("KRW-BTC", "KRW-XRP"), 12, "live")


def test_an_empty_variable_is_an_absent_one():
    assert read_env({"KARB_MODE": "", "KARB_SEED": ""}) == read_env({})


def test_an_unknown_variable_is_refused():
    assert _problems(KARB_MARKTES="KRW-BTC") == (
        "KARB_MARKTES is not a variable K-Arb knows; see docs/configuration.md",
    )


def test_every_problem_is_told_at_once():
    assert _problems(KARB_MODE="fast", KARB_SEED="-1", KARB_WEB_ADDRESS="8000", KARB_REDIS_URL="http://x") == (
        "KARB_SEED was '-1', must be a whole number from 0",
        "KARB_MODE was 'fast', must be one of simulated, observe, live",
        "KARB_WEB_ADDRESS: '8000' is not host:port with a port between 1 and 65535",
        "KARB_REDIS_URL must start with redis://, rediss://, unix://",
    )


def test_a_number_longer_than_int_reads_is_a_problem_not_a_crash():
    assert _problems(KARB_SEED="9" * 5_000)[0].endswith("must be a whole number from 0")


@pytest.mark.parametrize(
    ("markets", "problem"),
    [
        (",", "KARB_MARKETS has 0 markets, must have 1 to 256"),
        ("BTC-ETH", "KARB_MARKETS has 'BTC-ETH', must look like KRW-BTC"),
        ("KRW-btc", "KARB_MARKETS has 'KRW-btc', must look like KRW-BTC"),
        ("KRW-BTC,KRW-BTC", "KARB_MARKETS names a market twice"),
        ("KRW-BTC;DROP", "KARB_MARKETS has 'KRW-BTC;DROP', must look like KRW-BTC"),
    ],
)
def test_markets_are_checked(markets, problem):
    assert _problems(KARB_MARKETS=markets) == (problem,)


@pytest.mark.parametrize(
    "text", ["", "host", "host:", ":80", "host:0", "host:65536", "host:8o", "host:٣", "host:" + "9" * 5_000]
)
def test_an_address_needs_host_and_port(text):
    with pytest.raises(ValueError, match="is not host:port"):
        split_address(text)


def test_an_address_is_split_at_its_last_colon():
    assert split_address("127.0.0.1:8000") == ("127.0.0.1", 8000)
    assert split_address("::1:65535") == ("::1", 65535)


def test_secrets_are_not_in_its_text():
    env = read_env({"KARB_UPBIT_SECRET_KEY": "very-secret", "KARB_DATABASE_URL": "postgres://u:very-secret@h/d"})
    assert "very-secret" not in repr(env) + str(env) + f"{env}"


def test_it_cannot_be_changed():
    with pytest.raises(AttributeError):
        Env().mode = "live"


def test_it_loads_no_django():
    code = "import sys, karb_project.env, karb_project.logs; print('django' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "False\n"
