"""The durable alert outbox: one open row per kind and subject, repeats counted, critical ones open an incident."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from arbitrage.models_incidents import Alert, Severity
from arbitrage.services import incidents
from arbitrage.services.arming import mode_word


def raise_alert(
    kind: str,
    text: str,
    *,
    subject: str = "",
    severity: str = Severity.HIGH,
    risk_id: str = "",
    at: datetime | None = None,
) -> Alert:
    """Return the open alert of this kind and subject, new or counted up.

    Severity only rises on a repeat. A critical alert opens an incident, or adds to the open one.
    """
    at, mode = at or timezone.now(), mode_word()
    with transaction.atomic():
        row, is_new = Alert.objects.select_for_update().get_or_create(
            kind=kind,
            subject=subject,
            closed_at=None,
            defaults={
                "text": text,
                "severity": severity,
                "risk_id": risk_id,
                "mode": mode,
                "first_at": at,
                "last_at": at,
            },
        )
        was_critical = not is_new and row.severity == Severity.CRITICAL
        if not is_new:
            row.count += 1
            row.text, row.mode, row.last_at = text, mode, max(at, row.last_at)
            row.severity = _worse(row.severity, severity)
        if row.severity == Severity.CRITICAL and not was_critical:
            row.incident = incidents.open_incident(
                kind, text, subject=subject, severity=row.severity, risk_id=risk_id, at=at
            )
            row.sent_at = None
        row.save()
    return row


def close_alert(alert_id: int, by: str) -> None:
    """Close one alert; closing it again changes nothing."""
    Alert.objects.filter(pk=alert_id, closed_at=None).update(closed_at=timezone.now(), closed_by=by)


def close_alerts_of(kind: str, subject: str = "", by: str = "program") -> int:
    """Return how many open alerts of this kind and subject were closed: the cause is gone."""
    return Alert.objects.filter(kind=kind, subject=subject, closed_at=None).update(
        closed_at=timezone.now(), closed_by=by
    )


def unsent() -> QuerySet[Alert]:
    """Return the open alerts that no channel has carried yet, oldest first."""
    return Alert.objects.filter(sent_at=None, closed_at=None).order_by("pk")


def mark_sent(alert_id: int) -> None:
    """Note that the channels carried it."""
    Alert.objects.filter(pk=alert_id, sent_at=None).update(sent_at=timezone.now())


def _worse(one: str, other: str) -> str:
    order = [choice.value for choice in Severity]
    return min(one, other, key=order.index)
