"""Incidents `RE-YYYY-NNN`: opened by critical alerts or people, with a time line, closed by people."""

import json
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from arbitrage.domain.errors import KArbError
from arbitrage.models_incidents import Incident, IncidentEvent, Severity
from arbitrage.services.arming import mode_word


class IncidentRefused(KArbError):
    """An incident cannot be closed, or not changed any more."""


def open_incident(
    kind: str,
    title: str,
    *,
    subject: str = "",
    severity: str = Severity.CRITICAL,
    risk_id: str = "",
    by: str = "program",
    at: datetime | None = None,
) -> Incident:
    """Return the open incident of this kind and subject: a new one, or the open one with a line added."""
    at = at or timezone.now()
    with transaction.atomic():
        row = Incident.objects.select_for_update().filter(kind=kind, subject=subject, state="open").first()
        if row is None:
            row = Incident.objects.create(
                incident_id=_next_id(at),
                kind=kind,
                subject=subject,
                severity=severity,
                risk_id=risk_id,
                title=title[:200],
                description=title,
                mode=mode_word(),
                opened_at=at,
            )
        add_event(row, title, by, at)
    return row


def add_event(incident: Incident, text: str, by: str, at: datetime | None = None) -> IncidentEvent:
    """Add one line to the time line."""
    return IncidentEvent.objects.create(incident=incident, text=text, by=by, at=at or timezone.now())


def close_incident(incident_id: str, by: str, lessons: str) -> None:
    """Close an incident; IncidentRefused without lessons, or when it is not open."""
    if not lessons.strip():
        raise IncidentRefused("lessons are needed to close an incident")
    with transaction.atomic():
        row = Incident.objects.select_for_update().filter(incident_id=incident_id, state="open").first()
        if row is None:
            raise IncidentRefused(f"there is no open incident {incident_id}")
        row.state, row.closed_at, row.lessons = Incident.State.CLOSED, timezone.now(), lessons
        row.save()
        row.alerts.filter(closed_at=None).update(closed_at=row.closed_at, closed_by=by)
        add_event(row, "closed", by, row.closed_at)


def pending_path() -> Path:
    """Return where incidents wait that could not be written while the database was down."""
    return Path(settings.KARB_ENV.var_dir) / "pending_incidents.jsonl"


def queue_pending(kind: str, title: str, by: str, risk_id: str = "") -> Path:
    """Keep an incident in a file, for `pick_up_pending`; returns the file."""
    path = pending_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    line = {"kind": kind, "title": title, "by": by, "risk_id": risk_id, "at": timezone.now().isoformat()}
    with path.open("a", encoding="utf-8") as out:
        out.write(json.dumps(line, ensure_ascii=False) + "\n")
    return path


def pick_up_pending() -> list[Incident]:
    """Return the incidents opened from the waiting file, which is put aside only after they are stored.

    A line that cannot be read (cut off by a crash) becomes an incident of its own: nothing is dropped.
    """
    path = pending_path()
    taken = path.with_suffix(".taken")
    if not taken.exists():
        if not path.exists():
            return []
        path.rename(taken)
    opened = []
    with transaction.atomic():
        for text in taken.read_text(encoding="utf-8").splitlines():
            opened.append(_open_pending(text))
    taken.unlink()
    return opened


def _open_pending(text: str) -> Incident:
    try:
        line = json.loads(text)
        return open_incident(
            line["kind"], line["title"], by=line["by"], risk_id=line["risk_id"], at=parse_datetime(line["at"])
        )
    except (ValueError, KeyError, TypeError):
        return open_incident("pending_unreadable", f"A waiting incident could not be read: {text[:150]}")


def _next_id(at: datetime) -> str:
    year = timezone.localtime(at).year
    head = f"RE-{year}-"
    numbers = Incident.objects.filter(incident_id__startswith=head).values_list("incident_id", flat=True)
    return f"{head}{max((int(found.removeprefix(head)) for found in numbers), default=0) + 1:03d}"
