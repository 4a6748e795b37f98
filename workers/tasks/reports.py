"""Reports from the ledger: daily by schedule, others on demand. Safe to run twice: one row per period."""

from datetime import date, timedelta

from celery import shared_task
from django.utils import timezone

from arbitrage import reports


@shared_task(name="workers.tasks.reports.daily", ignore_result=True)
def daily(day_text: str = "") -> str:
    """Make the report of a day (`2026-11-22`, KST), of yesterday when none is named; return the day."""
    day = date.fromisoformat(day_text) if day_text else timezone.localdate() - timedelta(days=1)
    reports.daily(day)
    return day.isoformat()
