"""Own orders and balances as they happen, from one exchange's private stream."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TypeVar
from uuid import uuid4

from arbitrage.domain.errors import FrameInvalid
from arbitrage.domain.ports import StreamNews, StreamState
from exchanges.drift import DriftLog
from exchanges.stream import Ready, Stream, StreamTiming
from exchanges.transport import Clock, Socket

N = TypeVar("N")
"""What one kind of private frame says."""


async def private_news(
    *,
    url: str,
    token: Callable[[], str],
    subscription: Callable[[str], str],
    read: Callable[[bytes], N | None],
    clock: Clock,
    drift: DriftLog,
    timing: StreamTiming,
) -> AsyncIterator[N | StreamNews]:
    """Yield news until closed; reconnects by itself, with a token of its own for each connection.

    No snapshot comes at (re)connect (upbit.md §3.7, bithumb.md §6.3): after UP, what was missed must
    be asked for. A frame that cannot be read is kept as drift and skipped; the order it spoke of is
    asked for by its owner when the news stays away.
    """
    queue: asyncio.Queue[N | StreamNews | None] = asyncio.Queue()
    stream = Stream(
        lambda: Socket.open(url, {"Authorization": f"Bearer {token()}"}),
        lambda: subscription(uuid4().hex),
        clock,
        timing,
        Ready.CONFIRMED,
    )

    def data_came(data: bytes, wall_ns: int, mono_ns: int) -> None:
        try:
            news = read(data)
        except FrameInvalid as problem:
            drift.note("private_news", str(problem), data, wall_ns)
            return
        if news is not None:
            queue.put_nowait(news)

    def state_changed(state: StreamState, cause: str) -> None:
        queue.put_nowait(StreamNews(state))

    running = asyncio.create_task(stream.run(data_came, state_changed))
    # Only a bug ends the stream's task: the reader must not then wait for ever.
    running.add_done_callback(lambda _: queue.put_nowait(None))
    try:
        while (news := await queue.get()) is not None:
            yield news
        running.result()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
