"""The life of API keys, known by their fingerprints only (R5.1)."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from arbitrage.models_incidents import KeyRecord, Severity
from arbitrage.services import alerts

REMIND_AFTER = timedelta(days=25)
MAX_AGE = timedelta(days=30)


def keep_keys(exchange: str, seen: Mapping[str, datetime | None]) -> None:
    """Keep the fingerprints in use on one exchange, each with its expiry or None; others are retired."""
    now = timezone.now()
    with transaction.atomic():
        for mark, expires_at in seen.items():
            KeyRecord.objects.update_or_create(
                exchange=exchange,
                fingerprint=mark,
                defaults={"last_seen_at": now, "expires_at": expires_at, "retired_at": None},
                create_defaults={"first_seen_at": now, "last_seen_at": now, "expires_at": expires_at},
            )
        KeyRecord.objects.filter(exchange=exchange, retired_at=None).exclude(fingerprint__in=seen).update(
            retired_at=now
        )


def check_ages() -> list[str]:
    """Return the keys that are to be rotated; each has an alert: a reminder at 25 days, high at 30."""
    now = timezone.now()
    found = []
    for row in KeyRecord.objects.filter(retired_at=None):
        age = now - row.first_seen_at
        until = row.expires_at - now if row.expires_at else None
        subject = f"{row.exchange} {row.fingerprint}"
        if age < REMIND_AFTER and (until is None or until > MAX_AGE - REMIND_AFTER):
            alerts.close_alerts_of("key_old", subject)
            continue
        is_late = age >= MAX_AGE or (until is not None and until <= timedelta(days=1))
        text = f"API key {row.fingerprint} of {row.exchange} is {age.days} days old"
        if row.expires_at:
            text += f" and expires {timezone.localtime(row.expires_at):%Y-%m-%d %H:%M} KST"
        severity = Severity.HIGH if is_late else Severity.LOW
        alerts.raise_alert("key_old", text, subject=subject, severity=severity, risk_id="R5.1")
        found.append(text)
    return found
