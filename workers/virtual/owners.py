"""Whose task is whose, in a loop that holds several processes: so that one of them can be killed alone."""

import asyncio
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import Any
from weakref import WeakKeyDictionary

OWNER: ContextVar[str] = ContextVar("owner", default="")
"""The made-up process that runs right now; tasks and connections inherit it from who made them."""


class Owners:
    """Remembers for every task of a loop which process it belongs to."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.gone: set[str] = set()
        """Processes that were killed."""
        self._owners: WeakKeyDictionary[asyncio.Task[Any], str] = WeakKeyDictionary()
        loop.set_task_factory(self._make)  # type: ignore[arg-type]

    def _make(self, loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **words: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=loop, **words)
        context = words.get("context")
        self._owners[task] = OWNER.get() if context is None else context.get(OWNER, "")
        return task

    def owner_of(self, task: asyncio.Task[Any]) -> str:
        """Return whose task this is."""
        return self._owners.get(task, "")

    def tasks_of(self, owner: str) -> list[asyncio.Task[Any]]:
        """Return the tasks of one process that still run."""
        return [task for task, one in self._owners.items() if one == owner and not task.done()]
