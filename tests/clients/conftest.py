"""Whether other people's clients are installed, and the exchanges they are run against."""

import os
from collections.abc import AsyncIterator

import pytest
from clients.client_bench import PYTHON, ClientBench, absence, serving


@pytest.fixture(autouse=True)
def _clients_installed() -> None:
    reason = absence(PYTHON, os.environ)
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture
async def bench() -> AsyncIterator[ClientBench]:
    """Return both exchanges with their shipped settings."""
    async with serving() as running:
        yield running
