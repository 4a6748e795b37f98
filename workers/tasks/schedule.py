"""The first beat schedule. Seeded into django-celery-beat by name; a row that is there is never touched.

To stop a job, disable its row: a deleted one is made again at the next start.
"""

import msgspec
from django.db import transaction
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

KST = "Asia/Seoul"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table: every so many seconds, or daily at hour:minute KST."""

    name: str
    task: str
    every_s: int = 0
    hour: str = "*"
    minute: str = "0"
    about: str


JOBS = (
    Job(
        name="Check books against REST",
        task="workers.tasks.resync.check_books",
        every_s=300,
        about="R1.3: a row for each book, a resync where they differ",
    ),
    Job(
        name="Reconcile orders and balances",
        task="workers.tasks.reconciliation.reconcile",
        every_s=60,
        about="Ledger and orders beside the exchanges' own, to the last digit",
    ),
    Job(
        name="Check the desk's health",
        task="workers.tasks.health.check_health",
        every_s=30,
        about="R4.1, R2.2: heartbeats, memory, disk, the recorder's lag",
    ),
    Job(
        name="Check where stock lies",
        task="workers.tasks.stock.check_stock",
        every_s=60,
        about="R3.3: what runs short where, what to top up or move",
    ),
    Job(
        name="Daily report",
        task="workers.tasks.reports.daily",
        hour="0",
        minute="5",
        about="Yesterday, KST, from the ledger",
    ),
    Job(
        name="Check the strategy",
        task="workers.tasks.strategy.check_strategy",
        minute="10",
        about="R6.1: seven-day win rate, profit, slippage; proposals",
    ),
    Job(
        name="Check the keys' age",
        task="workers.tasks.keys.check_key_age",
        hour="9",
        minute="0",
        about="R5.1: a reminder from 25 days on",
    ),
    Job(
        name="Read announcements",
        task="workers.tasks.announcements.read_announcements",
        minute="20",
        about="R1.1: notices of maintenance and change, warnings of our markets",
    ),
    Job(
        name="Read wallets",
        task="workers.tasks.wallets.read_wallets",
        every_s=60,
        about="R3.3: coins that cannot come in or go out; the gate is told",
    ),
    Job(
        name="Drop old rows",
        task="workers.tasks.retention.drop_old_rows",
        hour="4",
        minute="30",
        about="Book checks and empty reconciliation runs older than 30 days",
    ),
)


def seed_beat() -> str:
    """Make the rows that are missing; return a line to print, or "" when none was."""
    made = 0
    with transaction.atomic():
        known = set(PeriodicTask.objects.values_list("name", flat=True))
        for job in JOBS:
            if job.name not in known:
                _make(job)
                made += 1
    return f"{made} scheduled jobs made" if made else ""


def _make(job: Job) -> None:
    row = PeriodicTask(name=job.name, task=job.task, description=job.about)
    if job.every_s:
        # Not worth running late: the next one comes soon.
        row.expire_seconds = max(job.every_s - 5, 10)
        wanted = {"every": job.every_s, "period": IntervalSchedule.SECONDS}
        row.interval = IntervalSchedule.objects.filter(**wanted).first() or IntervalSchedule.objects.create(**wanted)
    else:
        wanted = {"minute": job.minute, "hour": job.hour, "day_of_week": "*", "day_of_month": "*", "month_of_year": "*"}
        found = CrontabSchedule.objects.filter(timezone=KST, **wanted).first()
        row.crontab = found or CrontabSchedule.objects.create(timezone=KST, **wanted)
    row.save()
