"""What tests of the Django shell share: a desk of their own, and a switch that can be watched."""

import gc
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from django.core.cache import cache

from arbitrage.domain.controls import TradingLevel
from karb_project.env import Env


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--full`: tests that try many made-up cases try as many as were once promised."""
    parser.addoption("--full", action="store_true", help="try every case a property was ever held against: minutes")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the collector never look again at thousands of collected tests: they stay to the end anyway."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def full_size(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """Return what picks the number of cases: the first figure usually, the second with `--full`."""
    is_full = request.config.getoption("--full")
    return lambda usual, full: full if is_full else usual


class RecordedSwitch:
    """A kill switch that keeps what it was told; told to fail, it does."""

    told: list[tuple[TradingLevel, str, str]] = []  # noqa: RUF012  one list for the instances services make
    now = TradingLevel.ACTIVE
    failure: Exception | None = None

    def __init__(self, env: Env) -> None:
        self.env = env

    def set_level(self, level: TradingLevel, reason: str, by: str) -> None:
        """Keep it, or fail."""
        if RecordedSwitch.failure is not None:
            raise RecordedSwitch.failure
        RecordedSwitch.told.append((level, reason, by))
        RecordedSwitch.now = level

    def level(self) -> TradingLevel:
        """Return the last level set."""
        return RecordedSwitch.now


@pytest.fixture
def own_desk(settings, tmp_path: Path) -> Env:
    """Return an environment whose var_dir and shm_dir belong to this test alone; the settings use it."""
    env = msgspec.structs.replace(settings.KARB_ENV, var_dir=tmp_path / "var", shm_dir=tmp_path / "shm")
    env.var_dir.mkdir()
    settings.KARB_ENV = env
    cache.clear()
    return env


@pytest.fixture
def switch(settings, own_desk: Env) -> type[RecordedSwitch]:
    """Return the recorded switch, which the services use in this test."""
    settings.KARB_SWITCH = f"{__name__}.RecordedSwitch"
    RecordedSwitch.told, RecordedSwitch.now, RecordedSwitch.failure = [], TradingLevel.ACTIVE, None
    return RecordedSwitch
