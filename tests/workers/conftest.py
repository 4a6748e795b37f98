"""A desk's environment of its own for each test, with short paths for its sockets."""

import shutil
import tempfile
from pathlib import Path

import pytest

from arbitrage.domain.units import EXCHANGES
from exchanges.simulator import server
from exchanges.simulator.config import AccountSpec, SimConfig
from exchanges.simulator.money import fine_of_text
from karb_project.env import Env, read_env

SECRET = "a-secret-of-decent-length-for-tests-0123456789-0123456789-01234567"


@pytest.fixture
def desk_env() -> Env:
    """Return an environment whose directories exist and belong to this test alone."""
    home = Path(tempfile.mkdtemp(prefix="karb-"))
    (home / "var" / "journal").mkdir(parents=True)
    (home / "shm").mkdir(mode=0o700)
    yield read_env(
        {"KARB_VAR_DIR": str(home / "var"), "KARB_SHM_DIR": str(home / "shm"), "KARB_MARKETS": "KRW-BTC,KRW-ETH"}
    )
    shutil.rmtree(home)


@pytest.fixture
async def sim(desk_env, settings):
    """Return both simulated exchanges with an account each, and let the settings name them."""
    accounts = tuple(
        AccountSpec(exchange, f"{exchange}-access", SECRET, {"KRW": fine_of_text("1000000")}) for exchange in EXCHANGES
    )
    running = await server.start(SimConfig(markets=("KRW-BTC", "KRW-ETH"), accounts=accounts))
    settings.KARB_ENV = read_env(
        {
            "KARB_VAR_DIR": str(desk_env.var_dir),
            "KARB_SHM_DIR": str(desk_env.shm_dir),
            "KARB_MARKETS": "KRW-BTC,KRW-ETH",
            "KARB_SIM_UPBIT_ADDRESS": running.upbit_address,
            "KARB_SIM_BITHUMB_ADDRESS": running.bithumb_address,
            **{f"KARB_{name}_ACCESS_KEY": f"{name.lower()}-access" for name in ("UPBIT", "BITHUMB")},
            **{f"KARB_{name}_SECRET_KEY": SECRET for name in ("UPBIT", "BITHUMB")},
        }
    )
    yield running
    await running.stop()
