"""A desk's environment of its own for each test, with short paths for its sockets."""

import shutil
import tempfile
from pathlib import Path

import pytest

from karb_project.env import Env, read_env


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
