"""What an exchange tells everybody, as alerts: each told once, ever (R1.1)."""

import hashlib
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone

from arbitrage.domain.units import Exchange
from arbitrage.models_incidents import Alert, Severity
from arbitrage.services import alerts
from arbitrage.services.standing import note_title

NOTICE = "notice"
TOLD_FOR = timedelta(days=7)
"""Older notices are history: a new desk is not woken by them."""
_KST = ZoneInfo("Asia/Seoul")


class Notice(Protocol):
    """One notice as any exchange tells it."""

    @property
    def title(self) -> str:
        """Return its title."""

    @property
    def categories(self) -> tuple[str, ...]:
        """Return what it is about, in the exchange's words."""

    @property
    def url(self) -> str:
        """Return its address, empty when it has none."""

    @property
    def listed_at(self) -> str:
        """Return its time as the exchange writes it."""

    @property
    def is_maintenance(self) -> bool:
        """Return whether it is about maintenance."""


def tell(exchange: Exchange, notice: Notice) -> bool:
    """Raise an alert for a notice and return True; False for one that is old or was told before."""
    subject = notice_subject(exchange, notice)
    if not is_recent(notice) or Alert.objects.filter(kind=NOTICE, subject=subject).exists():
        return False
    severity = Severity.HIGH if notice.is_maintenance else Severity.LOW
    parts = (notice.title, ", ".join(notice.categories), notice.listed_at, notice.url)
    text = f"{exchange}: {' · '.join(part for part in parts if part)}"
    alerts.raise_alert(NOTICE, text, subject=subject, severity=severity, risk_id="R1.1")
    note_title(exchange, notice.title, settings.KARB_ENV.markets)
    return True


def notice_subject(exchange: Exchange, notice: Notice) -> str:
    """Return what a notice goes by: its address, or its title and time where it has none."""
    mark = hashlib.sha256((notice.url or f"{notice.title} {notice.listed_at}").encode()).hexdigest()[:16]
    return f"{exchange} {mark}"


def is_recent(notice: Notice) -> bool:
    """Return whether a notice is young enough to be told; one without a readable time is."""
    try:
        listed = datetime.fromisoformat(notice.listed_at)
    except ValueError:
        return True
    # KST without a zone (bithumb.md §3.3).
    listed = listed if listed.tzinfo else listed.replace(tzinfo=_KST)
    return timezone.now() - listed < TOLD_FOR
