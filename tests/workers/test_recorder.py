"""Behind the trader: every record becomes rows once, whatever the database does meanwhile."""

import asyncio
import os

import pytest
from desk_story import START_NS, opened_desk, trip
from django.db import OperationalError

from arbitrage.domain.errors import InvariantError
from arbitrage.domain.events import TRADER_STREAM, TraderStarted
from arbitrage.domain.units import Ns
from arbitrage.models import Arb, LedgerEntry, RecorderPlace
from fast_path.journal import Journal
from workers.django_room import DatabaseThread
from workers.process import Clock, Context
from workers.recorder import record

pytestmark = [pytest.mark.django_db(transaction=True)]
E8 = 10**8


class FailingDatabase(DatabaseThread):
    """A database that is gone for its first calls, or does the work and loses the answer."""

    def __init__(self, *, gone=0, answers_lost=0):
        super().__init__()
        self.gone = gone
        self.answers_lost = answers_lost

    async def run(self, call, *args, **kwargs):
        if self.gone:
            self.gone -= 1
            raise OperationalError("gone")
        found = await super().run(call, *args, **kwargs)
        if call.__name__ == "_keep" and self.answers_lost:
            self.answers_lost -= 1
            raise OperationalError("answer lost")
        return found


class Recording:
    """A recorder at work on a journal of this test's own."""

    def __init__(self, env):
        self.context = Context("recorder", env)
        self.journal = Journal(env.journal_path, TRADER_STREAM, "none")

    async def run_to_the_end(self, database):
        """Record until the journal's end is booked, then stop; return the exit code."""
        task = asyncio.create_task(record(self.context, database))
        while not task.done() and self.context.counters.get("position") < self.journal.path.stat().st_size:
            await asyncio.sleep(0.02)
        self.context.stopping.set()
        return await task


@pytest.fixture
def recording(desk_env):
    return Recording(desk_env)


def story():
    return [*opened_desk(), *trip("a1", buy=150_000_000, sell=150_300_000, qty=E8 // 100)]


def counts():
    return Arb.objects.count(), LedgerEntry.objects.count(), RecorderPlace.objects.get(stream=TRADER_STREAM).seq


async def test_the_journal_becomes_rows_and_the_place_is_told(recording):
    for event in story():
        recording.journal.append(event, durable=False)
    assert await recording.run_to_the_end(DatabaseThread()) == 0
    # 4 openings of 2 postings, 2 fills of 4, 2 fees of 2.
    assert await asyncio.to_thread(counts) == (1, 20, 6)
    assert recording.context.counters.get("last_seq") == 6
    assert recording.context.counters.get("position") == recording.journal.path.stat().st_size


async def test_a_database_that_is_gone_loses_nothing(recording):
    for event in story():
        recording.journal.append(event, durable=False)
    assert await recording.run_to_the_end(FailingDatabase(gone=1)) == 0
    assert await asyncio.to_thread(counts) == (1, 20, 6)
    assert recording.context.counters.get("database_failures") == 1


async def test_an_answer_that_was_lost_books_nothing_twice(recording):
    for event in story():
        recording.journal.append(event, durable=False)
    assert await recording.run_to_the_end(FailingDatabase(answers_lost=1)) == 0
    assert await asyncio.to_thread(counts) == (1, 20, 6)


async def test_a_restart_goes_on_where_the_rows_end(recording, desk_env):
    first, second = story(), trip("a2", buy=150_000_000, sell=150_300_000, qty=E8 // 50)
    for event in first:
        recording.journal.append(event, durable=False)
    await recording.run_to_the_end(DatabaseThread())
    for event in second:
        recording.journal.append(event, durable=False)
    recording.context = Context("recorder", desk_env)
    assert await recording.run_to_the_end(DatabaseThread()) == 0
    assert await asyncio.to_thread(counts) == (2, 32, 9)


class StandingClock(Clock):
    """A clock that stands: however slow the machine is, the time for the last batches is never up."""

    def mono_ns(self):
        return Ns(1)


async def test_more_than_one_batch_is_caught_up_before_the_stop(recording):
    recording.context.clock = StandingClock()
    for number in range(450):
        recording.journal.append(TraderStarted(f"r{number}", number, "simulated", (), Ns(START_NS)), durable=False)
    recording.context.stopping.set()
    assert await record(recording.context, DatabaseThread()) == 0
    assert (await asyncio.to_thread(RecorderPlace.objects.get)).seq == 450


async def test_a_missing_record_is_ours_and_ends_the_recorder(recording):
    recording.journal.append(story()[0], durable=False)
    await asyncio.to_thread(RecorderPlace.objects.create, stream=TRADER_STREAM, seq=0, offset=0)
    recording.journal.last_seq = 5
    recording.journal.append(story()[1], durable=False)
    with pytest.raises(InvariantError, match="seq was 6, must be 2"):
        await record(recording.context, DatabaseThread())


async def test_an_empty_journal_is_caught_up(recording):
    assert await recording.run_to_the_end(DatabaseThread()) == 0
    assert recording.context.counters.get("position") == recording.journal.path.stat().st_size


async def test_nothing_is_booked_that_is_not_on_the_journals_disk(recording):
    """A disk that cannot be written to the end ends the recorder; the rows wait for the next start."""

    class FullDisk(DatabaseThread):
        async def run(self, call, *args, **kwargs):
            if call.__name__ == "_keep":
                os.close(args[0]._fd)  # fdatasync on it now fails, as on a dying disk
            return await super().run(call, *args, **kwargs)

    for event in story():
        recording.journal.append(event, durable=False)
    with pytest.raises(OSError, match="Bad file descriptor"):
        await asyncio.wait_for(record(recording.context, FullDisk()), 5)
    assert await asyncio.to_thread(Arb.objects.count) == 0
    assert not await asyncio.to_thread(RecorderPlace.objects.filter(stream=TRADER_STREAM).exists)
