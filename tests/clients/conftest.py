"""Whether other people's clients are installed, and the exchanges they are run against."""

import os
from collections.abc import AsyncIterator

import pytest
from clients.client_bench import PYTHON, ClientBench, serving


@pytest.fixture(autouse=True)
def _clients_installed() -> None:
    if PYTHON.exists():
        return
    if os.environ.get("CI"):
        pytest.fail(f"{PYTHON} is missing: requirements/install.py clients makes it")
    pytest.skip("no .venv-clients: `make test` makes it")


@pytest.fixture
async def bench() -> AsyncIterator[ClientBench]:
    """Return both exchanges with their shipped settings."""
    async with serving() as running:
        yield running
