"""The only reader of the mode: addresses, keys, instruments."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from order_makers import RealClock, make_order

from arbitrage.domain.arming import Mode, mode_of
from arbitrage.domain.errors import ConfigError
from arbitrage.domain.order import RefusalReason
from arbitrage.domain.ports import MarketRules, Refused
from arbitrage.domain.units import EXCHANGES, SCALE, Exchange
from exchanges import gateways, registry
from exchanges.doors import REAL
from karb_project.env import Env, read_env


def env_of(tmp_path: Path, **variables: str) -> Env:
    return read_env(
        {"KARB_VAR_DIR": str(tmp_path)} | {f"KARB_{name.upper()}": text for name, text in variables.items()}
    )


def test_simulated_mode_talks_to_the_simulator_in_plain_text(tmp_path: Path) -> None:
    env = env_of(tmp_path, sim_upbit_address="127.0.0.1:9001", sim_bithumb_address="127.0.0.1:9002")
    assert registry.addresses(Exchange.UPBIT, env) == ("http://127.0.0.1:9001", "ws://127.0.0.1:9001")
    assert registry.addresses(Exchange.BITHUMB, env) == ("http://127.0.0.1:9002", "ws://127.0.0.1:9002")


def test_live_mode_talks_to_the_exchanges_over_tls(tmp_path: Path) -> None:
    env = env_of(tmp_path, mode="live")
    assert registry.addresses(Exchange.UPBIT, env) == ("https://api.upbit.com", "wss://api.upbit.com")
    assert registry.addresses(Exchange.BITHUMB, env) == ("https://api.bithumb.com", "wss://ws-api.bithumb.com")


def test_live_mode_refuses_plain_text(tmp_path: Path) -> None:
    env = env_of(tmp_path, mode="live", upbit_url="http://127.0.0.1:1", upbit_ws_url="ws://127.0.0.1:1")
    with pytest.raises(ConfigError) as caught:
        registry.addresses(Exchange.UPBIT, env)
    assert len(caught.value.problems) == 2


def test_live_mode_without_keys_names_every_missing_one(tmp_path: Path) -> None:
    env = env_of(tmp_path, mode="live", bithumb_access_key="a")
    assert len(registry.config_problems(EXCHANGES, env)) == 3
    with pytest.raises(ConfigError, match="KARB_UPBIT_ACCESS_KEY"):
        gateways.gateway(Exchange.UPBIT, env, RealClock())
    with pytest.raises(ConfigError, match="KARB_BITHUMB_SECRET_KEY"):
        registry.sync_reader(Exchange.BITHUMB, env, RealClock())


def test_simulated_mode_takes_the_simulators_own_keys(tmp_path: Path) -> None:
    folder = tmp_path / "simulator"
    folder.mkdir()
    account = {"exchange": "upbit", "access_key": "ak", "secret_key": "sk", "balances": {}}
    (folder / "keys.json").write_text(json.dumps({"accounts": [account]}))
    assert registry.credentials(Exchange.UPBIT, env_of(tmp_path)).access_key == "ak"
    named = env_of(tmp_path, upbit_access_key="mine", upbit_secret_key="own")
    assert registry.credentials(Exchange.UPBIT, named).access_key == "mine"


def test_feed_needs_no_keys(tmp_path: Path) -> None:
    for exchange in EXCHANGES:
        feed = registry.feed(exchange, env_of(tmp_path), RealClock())
        assert feed.exchange is exchange
        assert feed.spec == registry.frame_decoder(exchange).spec


def test_instrument_takes_the_exchanges_figures_against_us() -> None:
    rules = MarketRules("KRW-BTC", Decimal("0.0004"), Decimal("0.00040001"), Decimal("5000.5"), Decimal("1e9"), True)
    found = registry.instrument(Exchange.BITHUMB, "KRW-BTC", rules)
    assert found.fee_ppm == 401
    assert found.min_notional == 500_050_000_000
    assert found.max_notional == 10**9 * SCALE
    assert found.fee_step_dec == Decimal("0.01")


@pytest.mark.parametrize(
    ("exchange", "fee_ppm", "price", "tick"),
    [
        (Exchange.UPBIT, 500, "137001500", "1000"),
        (Exchange.UPBIT, 500, "999999", "500"),
        (Exchange.UPBIT, 500, "5", "0.01"),
        (Exchange.UPBIT, 500, "55", "0.1"),
        (Exchange.UPBIT, 500, "999", "1"),
        (Exchange.UPBIT, 500, "0.000005", "0.00000001"),
        (Exchange.BITHUMB, 2500, "55", "0.01"),
        (Exchange.BITHUMB, 2500, "5", "0.001"),
        (Exchange.BITHUMB, 2500, "0.5", "0.0001"),
        (Exchange.BITHUMB, 2500, "9620", "5"),
        (Exchange.BITHUMB, 2500, "1000000", "1000"),
    ],
)
def test_tick_tables_of_the_documents(exchange: Exchange, fee_ppm: int, price: str, tick: str) -> None:
    found = registry.instrument(exchange, "KRW-X", None)
    assert found.fee_ppm == fee_ppm
    assert found.ticks.tick_at(int(Decimal(price) * SCALE)) == int(Decimal(tick) * SCALE)  # type: ignore[arg-type]
    assert found.min_notional == 5000 * SCALE


KEYS = {f"{one}_{part}_key": f"{one}-{part}" for one in ("upbit", "bithumb") for part in ("access", "secret")}


@pytest.mark.parametrize(
    ("variables", "mode"),
    [
        ({}, Mode.SIMULATED),
        ({"mode": "observe"}, Mode.OBSERVE),
        ({"mode": "live"}, Mode.LIVE),
        ({"mode": "live", "upbit_url": "https://127.0.0.1:1"}, None),
        ({"mode": "live", "upbit_url": "https://127.0.0.1:1", "bithumb_url": "https://127.0.0.1:2"}, Mode.SIMULATED),
        ({"mode": "observe", "bithumb_url": "https://api.upbit.com"}, None),
        ({"sim_upbit_address": "api.upbit.com:443"}, None),
        ({"sim_bithumb_address": "api.bithumb.com:80", "sim_upbit_address": "api.upbit.com:80"}, None),
        ({"bithumb_legacy_access_key": "old", "bithumb_legacy_secret_key": "own"}, Mode.SIMULATED),
    ],
)
def test_the_mode_told_is_that_of_the_transports_themselves(tmp_path: Path, variables, mode) -> None:
    env = env_of(tmp_path, **KEYS, **variables)
    doors = [door for exchange in EXCHANGES for door in gateways.gateway(exchange, env, RealClock()).doors]
    assert mode_of(doors, REAL) is mode
    assert registry.transport_mode(env) is mode
    assert sorted(registry.order_doors(env)) == sorted(doors)
    agrees = mode is not None and mode.value == env.mode
    assert (registry.mode_problems(env) == []) is agrees
    assert (registry.config_problems(EXCHANGES, env) == []) is agrees


async def test_a_desk_that_observes_lets_no_order_leave_whatever_its_last_check_says(tmp_path: Path) -> None:
    env = env_of(tmp_path, mode="observe", **KEYS)
    asked = []
    for exchange in EXCHANGES:
        made = gateways.gateway(exchange, env, RealClock(), last_check=lambda at, order: asked.append(order))
        answer = await made.place(make_order(exchange))
        assert answer == Refused(RefusalReason.STOPPED, "this transport lets no order leave")
        await made.close()
    assert asked == []
