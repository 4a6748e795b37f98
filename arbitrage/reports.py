"""Daily, weekly and monthly reports from the ledger's rows: P&L, fees, lone legs, denials, latency.

A report is made of what the tables hold now; making it again replaces the figures of that period.
"""

import calendar
from datetime import date, datetime, timedelta
from typing import Any

from django.utils import timezone

from arbitrage import earnings, selectors
from arbitrage.fields import decimal_text
from arbitrage.models_desk import Report
from arbitrage.models_incidents import Alert, Incident
from arbitrage.models_reconciliation import Break
from arbitrage.services.postings import ledger_problems

LATENCY_KEPT = timedelta(hours=1)
"""How long after its end a period is still told what the stages are measured at now."""


def daily(day: date) -> Report:
    """Return the report of one day (KST), made now."""
    return _keep(Report.Kind.DAILY, day, day)


def weekly(day: date) -> Report:
    """Return the report of the week, Monday to Sunday, in which `day` lies."""
    first = day - timedelta(days=day.weekday())
    return _keep(Report.Kind.WEEKLY, first, first + timedelta(days=6))


def monthly(day: date) -> Report:
    """Return the report of the month in which `day` lies."""
    last = calendar.monthrange(day.year, day.month)[1]
    return _keep(Report.Kind.MONTHLY, day.replace(day=1), day.replace(day=last))


def _keep(kind: str, first: date, last: date) -> Report:
    figures = _figures(first, last)
    row, _ = Report.objects.update_or_create(
        kind=kind, day=first, defaults={"figures": figures, "made_at": timezone.now()}
    )
    return row


def _figures(first: date, last: date) -> dict[str, Any]:
    # Plain JSON: money as text with all its digits, units in the names.
    start, end = selectors.day_bounds(first)[0], selectors.day_bounds(last)[1]
    seen = selectors.figures(start, end)
    counted = selectors.counts(first, last)
    return {
        "first_day": first.isoformat(),
        "last_day": last.isoformat(),
        "arbs_closed": seen.arbs,
        "arbs_won": seen.wins,
        "arbs_empty": seen.empty,
        "lone_legs": seen.lone_legs,
        "lone_leg_notional_krw": decimal_text(seen.lone_leg_notional_krw),
        "stuck": seen.stuck,
        "hedges": seen.hedges,
        "notional_krw": decimal_text(seen.notional_krw),
        "fees_krw": decimal_text(seen.fees_krw),
        "pnl_krw": decimal_text(seen.pnl_krw),
        "expected_krw": decimal_text(seen.expected_krw),
        "signals": counted.get("signals", 0),
        "orders_sent": counted.get("orders_sent", 0),
        "fills": counted.get("fills", 0),
        "denials": selectors.denials(first, last),
        "latency_us": _latencies(start, end),
        "alerts": Alert.objects.filter(first_at__gte=start, first_at__lt=end).count(),
        "incidents": Incident.objects.filter(opened_at__gte=start, opened_at__lt=end).count(),
        "breaks": Break.objects.filter(run__at__gte=start, run__at__lt=end).count(),
        "ledger_problems": ledger_problems(),
        "earnings": earnings.words_of(earnings.earnings_between(start, end)),
        "by_hour": [{"hour": row.hour, "arbs": row.arbs, "pnl_krw": decimal_text(row.pnl_krw)} for row in seen.hours],
        "by_day": _by_day(first, last) if last > first else [],
    }


def _latencies(start: datetime, end: datetime) -> dict[str, dict[str, int]]:
    # The stages are timed since their counting began, not by the day: a report of long ago has none of its own.
    if not start <= timezone.now() < end + LATENCY_KEPT:
        return {}
    return {
        row.stage: {
            "count": row.count,
            "p50": row.p50_ns // 1_000,
            "p90": row.p90_ns // 1_000,
            "p99": row.p99_ns // 1_000,
        }
        for row in selectors.latencies()
    }


def _by_day(first: date, last: date) -> list[dict[str, Any]]:
    rows = []
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        seen = selectors.figures(*selectors.day_bounds(day))
        rows.append({"day": day.isoformat(), "arbs": seen.arbs, "pnl_krw": decimal_text(seen.pnl_krw)})
    return rows
