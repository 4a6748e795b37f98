"""A world for each story."""

from collections.abc import AsyncIterator

import pytest
from story_exchange import Story, told


@pytest.fixture
async def story() -> AsyncIterator[Story]:
    async with told() as one:
        yield one
