"""Reports say what the rows say, exactly; a second making replaces the first."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from desk_story import opened_desk, records, trip
from django.utils import timezone

from arbitrage import reports, selectors
from arbitrage.models import Report
from arbitrage.services import health, recording
from arbitrage.wall_time import moment

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_desk")]
E8 = 10**8
NOON = 1_795_402_800 * 10**9
"""2026-11-23 12:00 KST."""
DAY = date(2026, 11, 23)
HOUR = 3_600 * 10**9


@pytest.fixture
def traded():
    events = opened_desk()
    # Closed one second after it opened, each: 1648.8 won at noon, lost just before midnight, next day's.
    events += trip("a1", buy=150_000_000, sell=150_300_000, qty=E8 // 100, at_ns=NOON)
    events += trip("a2", buy=150_000_000, sell=150_000_000, qty=E8 // 100, at_ns=NOON + 12 * HOUR - 2 * 10**9)
    events += trip("a3", buy=150_000_000, sell=150_300_000, qty=E8 // 100, at_ns=NOON + 12 * HOUR)
    recording.record_batch(records(events))


def test_noon_is_noon():
    assert timezone.localtime(moment(NOON)).isoformat() == "2026-11-23T12:00:00+09:00"


def test_a_day_ends_at_midnight_in_korea(traded):
    figures = reports.daily(DAY).figures
    assert (figures["arbs_closed"], figures["arbs_won"]) == (2, 1)
    assert figures["pnl_krw"] == "298.8"
    assert figures["fees_krw"] == "2701.2"
    assert figures["notional_krw"] == "3000000"
    assert figures["expected_krw"] == "298.8"
    assert figures["ledger_problems"] == []
    by_hour = {row["hour"]: (row["arbs"], row["pnl_krw"]) for row in figures["by_hour"] if row["arbs"]}
    assert by_hour == {12: (1, "1648.8"), 23: (1, "-1350")}
    assert reports.daily(date(2026, 11, 24)).figures["arbs_closed"] == 1
    assert reports.daily(date(2026, 11, 25)).figures["pnl_krw"] == "0"


def test_made_again_it_is_one_row(traded):
    first = reports.daily(DAY)
    second = reports.daily(DAY)
    assert first.pk == second.pk
    assert Report.objects.count() == 1


def test_week_and_month_hold_their_days(traded):
    week = reports.weekly(date(2026, 11, 26)).figures
    assert (week["first_day"], week["last_day"], week["arbs_closed"]) == ("2026-11-23", "2026-11-29", 3)
    assert [row["arbs"] for row in week["by_day"]] == [2, 1, 0, 0, 0, 0, 0]
    month = reports.monthly(DAY).figures
    assert (month["first_day"], month["last_day"], month["arbs_closed"]) == ("2026-11-01", "2026-11-30", 3)


def test_denials_and_latency_stand_in_it():
    today = timezone.localdate()
    health.keep_counters({"trader": {"denied.book_stale": 2, "denied.no_edge": 7, "signals": 9}})
    health.keep_latency({"frame_to_wire": health.LatencySeen(5, 70_999, 90_000, 500_000)})
    figures = reports.daily(today).figures
    assert figures["denials"] == {"no_edge": 7, "book_stale": 2}
    assert figures["signals"] == 9
    assert figures["latency_us"] == {"frame_to_wire": {"count": 5, "p50": 70, "p90": 90, "p99": 500}}
    # What is measured now says nothing about days on which it was not.
    assert reports.daily(today - timedelta(days=2)).figures["latency_us"] == {}
    assert reports.monthly(today).figures["latency_us"] == figures["latency_us"]


def test_figures_of_an_empty_day_have_24_hours():
    figures = selectors.figures(*selectors.day_bounds(DAY))
    assert len(figures.hours) == 24
    assert figures.pnl_krw == Decimal(0)


def test_traded_arbs_serve_the_strategy(traded):
    rows = selectors.traded_arbs(NOON + 2 * 10**9)
    assert [row.pnl_krw for row in rows] == [Decimal("1648.8"), Decimal(-1350)]
    assert rows[0].notional_krw == Decimal(1_500_000)
