"""Each idea is tried on both exchanges unless it is one's own."""

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from drift_bench import Drifting, drifting

from arbitrage.domain.units import EXCHANGES
from karb_project.env import read_env


@pytest.fixture(params=EXCHANGES, ids=[exchange.value for exchange in EXCHANGES])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[Drifting]:
    home = Path(tempfile.mkdtemp(prefix="karb-"))
    (home / "var").mkdir()
    (home / "shm").mkdir(mode=0o700)
    env = read_env({"KARB_VAR_DIR": str(home / "var"), "KARB_SHM_DIR": str(home / "shm")})
    async with drifting(request.param, env) as made:
        yield made
    shutil.rmtree(home)
