"""Each idea is tried on both exchanges unless it is one's own."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from drift_bench import Drifting, drifting

from arbitrage.domain.units import EXCHANGES, Exchange
from arbitrage.domain.wire import Generation
from karb_project.env import Env, read_env


@pytest.fixture
def home_env() -> Iterator[Env]:
    home = Path(tempfile.mkdtemp(prefix="karb-"))
    (home / "var").mkdir()
    (home / "shm").mkdir(mode=0o700)
    env = read_env({"KARB_VAR_DIR": str(home / "var"), "KARB_SHM_DIR": str(home / "shm")})
    yield env
    shutil.rmtree(home)


@pytest.fixture(params=EXCHANGES, ids=[exchange.value for exchange in EXCHANGES])
async def world(request: pytest.FixtureRequest, home_env: Env) -> AsyncIterator[Drifting]:
    async with drifting(request.param, home_env) as made:
        yield made


@pytest.fixture
async def legacy(home_env: Env) -> AsyncIterator[Drifting]:
    async with drifting(Exchange.BITHUMB, home_env, Generation.LEGACY) as made:
        yield made
