"""Alerts are counted once per cause; critical ones open incidents RE-YYYY-NNN."""

from datetime import UTC, datetime

import pytest

from arbitrage.models import Alert, Incident
from arbitrage.services import alerts, incidents

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_desk")]


def test_a_repeat_counts_the_open_alert_up():
    first = alerts.raise_alert("book_stale", "Upbit is stale", subject="upbit")
    second = alerts.raise_alert("book_stale", "Upbit is still stale", subject="upbit")
    assert first.pk == second.pk
    row = Alert.objects.get()
    assert (row.count, row.text, row.severity) == (2, "Upbit is still stale", "high")
    assert not Incident.objects.exists()


def test_another_subject_is_another_alert():
    alerts.raise_alert("book_stale", "x", subject="upbit")
    alerts.raise_alert("book_stale", "x", subject="bithumb")
    assert Alert.objects.count() == 2


def test_severity_only_rises_and_rising_to_critical_opens_an_incident():
    alerts.raise_alert("disk", "90 %", severity="medium")
    alert = alerts.raise_alert("disk", "99 %", severity="critical", risk_id="R4.1")
    assert alert.incident.incident_id.startswith("RE-")
    again = alerts.raise_alert("disk", "98 %", severity="low")
    assert again.severity == "critical"
    assert Incident.objects.count() == 1


def test_a_closed_alert_that_comes_back_is_a_new_one():
    first = alerts.raise_alert("disk", "x")
    alerts.close_alert(first.pk, "kim")
    alerts.close_alert(first.pk, "lee")
    second = alerts.raise_alert("disk", "x")
    assert first.pk != second.pk
    assert Alert.objects.get(pk=first.pk).closed_by == "kim"
    assert alerts.close_alerts_of("disk") == 1
    assert alerts.close_alerts_of("disk") == 0


def test_the_outbox_hands_out_what_no_channel_carried():
    first, second = alerts.raise_alert("a", "x"), alerts.raise_alert("b", "x")
    alerts.mark_sent(first.pk)
    assert [row.pk for row in alerts.unsent()] == [second.pk]
    # Grown critical, it must be told again.
    alerts.raise_alert("a", "worse", severity="critical")
    assert {row.pk for row in alerts.unsent()} == {first.pk, second.pk}


def test_incident_numbers_count_within_their_korean_year():
    old = datetime(2025, 12, 31, 14, 59, tzinfo=UTC)
    new = datetime(2025, 12, 31, 15, 0, tzinfo=UTC)
    assert incidents.open_incident("a", "x", at=old).incident_id == "RE-2025-001"
    assert incidents.open_incident("b", "x", at=new).incident_id == "RE-2026-001"
    assert incidents.open_incident("c", "x", at=new).incident_id == "RE-2026-002"


def test_a_thousandth_incident_still_counts_on():
    row = incidents.open_incident("a", "x", at=datetime(2026, 5, 1, tzinfo=UTC))
    Incident.objects.filter(pk=row.pk).update(incident_id="RE-2026-999")
    assert incidents.open_incident("b", "x", at=datetime(2026, 5, 1, tzinfo=UTC)).incident_id == "RE-2026-1000"
    assert incidents.open_incident("c", "x", at=datetime(2026, 5, 1, tzinfo=UTC)).incident_id == "RE-2026-1001"


def test_the_same_cause_adds_to_the_open_incident():
    first = incidents.open_incident("arb_stuck", "stuck", subject="a1")
    second = incidents.open_incident("arb_stuck", "still stuck", subject="a1")
    assert first.pk == second.pk
    assert [row.text for row in first.timeline.all()] == ["stuck", "still stuck"]


def test_an_incident_closes_with_lessons_only():
    alert = alerts.raise_alert("disk", "full", severity="critical")
    name = alert.incident.incident_id
    with pytest.raises(incidents.IncidentRefused, match="lessons"):
        incidents.close_incident(name, "kim", " ")
    assert Incident.objects.get().state == "open"
    incidents.close_incident(name, "kim", "rotate the logs")
    row = Incident.objects.get()
    assert (row.state, row.lessons) == ("closed", "rotate the logs")
    assert Alert.objects.get().closed_by == "kim"
    with pytest.raises(incidents.IncidentRefused, match="no open incident"):
        incidents.close_incident(name, "kim", "again")


def test_a_waiting_file_left_by_a_crash_is_taken_up():
    path = incidents.queue_pending("emergency_stop", "Emergency stop: now", "kim")
    path.rename(path.with_suffix(".taken"))
    incidents.queue_pending("other", "later", "lee")
    assert [row.kind for row in incidents.pick_up_pending()] == ["emergency_stop"]
    assert [row.kind for row in incidents.pick_up_pending()] == ["other"]
    assert incidents.pick_up_pending() == []


def test_a_waiting_line_cut_off_by_a_crash_does_not_lose_the_others():
    path = incidents.queue_pending("emergency_stop", "Emergency stop: now", "kim")
    with path.open("a") as out:
        out.write('{"kind": "emerg')
    assert [row.kind for row in incidents.pick_up_pending()] == ["emergency_stop", "pending_unreadable"]
