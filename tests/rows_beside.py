"""Rows that a test asks for while a part of the desk writes them in another thread."""

import asyncio
from collections.abc import Callable
from typing import Any

from django.db import OperationalError


async def rows_beside(call: Callable[..., Any], *args: Any) -> Any:
    """Return what `call` returns; the test's database in memory turns away whoever meets another thread."""
    while True:
        try:
            return await asyncio.to_thread(call, *args)
        except OperationalError:
            await asyncio.sleep(0.02)
