"""Journal events into rows: read behind the trader, hand on in small batches, keep the place with the rows.

Dies anywhere: the place moved in the same transaction as the rows, so nothing is booked twice or left out.
Power cut: what is booked was brought to the journal's disk first, so the journal never knows less than the rows.
Database gone: waits with back-off, the journal only grows. A gap or damage is ours: exit, a person must look.
"""

import asyncio

from arbitrage.domain.events import TRADER_STREAM, Record
from fast_path.journal import JournalTail
from fast_path.journal_format import START
from karb_project.env import read_env
from workers.django_room import ANSWER_WITHIN_S, DatabaseDown, DatabaseThread, open_django, run_with_database
from workers.process import Backoff, Context

BATCH = 200
IDLE_S = 0.05
LAST_S = 3.0
"""How long a recorder that is told to stop goes on catching up."""


def main(_argv: list[str]) -> int:
    """Record until told to stop."""
    env = read_env()
    open_django()
    return run_with_database("recorder", record, env)


async def record(context: Context, database: DatabaseThread) -> int:
    """Keep the tables at the journal's end until told to stop; 1 when the database never answers."""
    tail, backoff = JournalTail(context.env.journal_path), Backoff()
    offset: int | None = None
    end_ns: int | None = None
    try:
        while True:
            if context.stopping.is_set():
                end_ns = end_ns or context.clock.mono_ns() + int(LAST_S * 1e9)
                if context.clock.mono_ns() >= end_ns:
                    return 0
            try:
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    if offset is None:
                        offset = await database.run(_place, context)
                    batch = tail.read(offset, BATCH)
                    if batch:
                        await database.run(_keep, tail, batch)
            except TimeoutError:
                context.log.error("database_never_answered")
                return 1
            except DatabaseDown as error:
                await _wait(context, backoff, error)
                offset = None
                continue
            backoff.reset()
            if batch:
                offset = batch[-1][1]
                context.counters.add("records", len(batch))
                context.counters.set("last_seq", batch[-1][0].seq)
            context.counters.set("position", max(offset, min(START, tail.size())))
            if not batch:
                if context.stopping.is_set():
                    await database.close()
                    return 0
                await asyncio.sleep(IDLE_S)
    finally:
        tail.close()


def _place(context: Context) -> int:
    from arbitrage.services import recording

    seq, offset = recording.place(TRADER_STREAM)
    context.counters.set("last_seq", seq)
    return offset


def _keep(tail: JournalTail, batch: list[tuple[Record, int]]) -> None:
    from arbitrage.services import recording

    tail.secure()
    recording.record_batch(batch)


async def _wait(context: Context, backoff: Backoff, error: BaseException) -> None:
    wait_s = backoff.next_s()
    context.counters.add("database_failures")
    context.log.warning("database_not_written", error=type(error).__name__, wait_ms=int(wait_s * 1000))
    await context.sleep(wait_s)
