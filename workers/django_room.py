"""The door to Django for the few workers that may open it, and the one thread their database work runs on.

A database that is slow or gone must not stop a worker's heartbeat, so its calls leave the event loop.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import django
from django.db import Error, connections

from karb_project.env import Env
from workers.process import Context, run_process

P = ParamSpec("P")
T = TypeVar("T")

DatabaseDown = Error
"""Whatever the database raises: the caller waits and tries the same again."""
ANSWER_WITHIN_S = 25.0
"""SQLite may wait 20 s for another writer; whatever takes longer will never answer."""


def open_django() -> None:
    """Load Django's settings and models; a second call does nothing. ConfigError for a wrong environment."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "karb_project.settings")
    django.setup()


class DatabaseThread:
    """One thread with one connection, so that transactions never meet another of the same worker."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="database")

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `call` returns. `DatabaseDown` leaves the connection closed, the next call opens it anew."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: self._call(call, *args, **kwargs))

    @staticmethod
    def _call(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return call(*args, **kwargs)
        except Error:
            connections.close_all()
            raise

    async def close(self) -> None:
        """Close the connection and the thread."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._pool, connections.close_all)
        self._pool.shutdown()


def run_with_database(name: str, work: Callable[[Context, DatabaseThread], Awaitable[int]], env: Env) -> int:
    """Run a process that works on the database and return its exit code; a failed one ends here and now.

    Its thread may be in a call that never returns, which must not keep the process.
    """
    code = run_process(name, lambda context: work(context, DatabaseThread()), env)
    if code:
        os._exit(code)
    return code
