"""Alerts, incidents, check lists and keys: what people work through (requirements.md, Practices)."""

from django.db import models
from django.db.models import Q

from arbitrage.models_trading import EXCHANGE_CHOICES


class Severity(models.TextChoices):
    """How bad, in the register's words."""

    CRITICAL = "critical", "Critical"
    HIGH = "high", "High"
    MEDIUM = "medium", "Medium"
    LOW = "low", "Low"


class Incident(models.Model):
    """One incident `RE-YYYY-NNN`. Opens by itself on a critical alert; people complete it."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        CLOSED = "closed", "Closed"

    incident_id = models.CharField("incident", max_length=16, unique=True, editable=False)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN, editable=False)
    kind = models.CharField(max_length=48, editable=False)
    """A constant word such as `arb_stuck`; one open incident per kind and subject."""
    subject = models.CharField(max_length=96, blank=True, editable=False)
    risk_id = models.CharField("risk", max_length=8, blank=True)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    impact = models.TextField(blank=True)
    lessons = models.TextField(blank=True)
    owner = models.CharField(max_length=150, blank=True)
    mode = models.CharField(max_length=16, blank=True, editable=False)
    """What the desk was connected to when it opened, as its transport told; empty in older rows."""
    opened_at = models.DateTimeField(editable=False)
    closed_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("-opened_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("kind", "subject"), condition=Q(state="open"), name="one_open_incident_per_subject"
            ),
        )

    def __str__(self) -> str:
        return self.incident_id


class IncidentEvent(models.Model):
    """One line of an incident's time line."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="timeline")
    at = models.DateTimeField()
    by = models.CharField(max_length=150)
    text = models.TextField()

    class Meta:
        ordering = ("at", "id")

    def __str__(self) -> str:
        return self.text[:60]


class Improvement(models.Model):
    """One thing to do so that it does not happen again."""

    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="improvements")
    text = models.CharField(max_length=300)
    owner = models.CharField(max_length=150, blank=True)
    is_done = models.BooleanField(default=False)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.text[:60]


class Alert(models.Model):
    """One thing a person should know: a durable outbox row. Repeats raise `count` on the open row."""

    kind = models.CharField(max_length=48)
    subject = models.CharField(max_length=96, blank=True)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    risk_id = models.CharField("risk", max_length=8, blank=True)
    text = models.TextField()
    mode = models.CharField(max_length=16, blank=True, editable=False)
    """What the desk was connected to at the last repeat, as its transport told; empty in older rows."""
    count = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    """When it left for the channels; None = still to be sent."""
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.CharField(max_length=150, blank=True)
    incident = models.ForeignKey(Incident, null=True, blank=True, on_delete=models.PROTECT, related_name="alerts")

    class Meta:
        ordering = ("-last_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("kind", "subject"), condition=Q(closed_at__isnull=True), name="one_open_alert_per_subject"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}".strip()


class CheckList(models.Model):
    """A named list for one day: before going live, daily or weekly."""

    class Kind(models.TextChoices):
        GO_LIVE = "go_live", "Before going live"
        DAILY = "daily", "Daily"
        WEEKLY = "weekly", "Weekly"

    kind = models.CharField(max_length=16, choices=Kind.choices)
    day = models.DateField()

    class Meta:
        verbose_name = "check list"
        ordering = ("-day", "kind")
        constraints = (models.UniqueConstraint(fields=("kind", "day"), name="one_check_list_per_day"),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.day}"


class CheckItem(models.Model):
    """One line of a check list: a program's finding or a person's tick."""

    check_list = models.ForeignKey(CheckList, on_delete=models.CASCADE, related_name="items")
    word = models.CharField(max_length=48)
    text = models.CharField(max_length=200)
    is_automatic = models.BooleanField(default=False)
    is_done = models.BooleanField(default=False)
    detail = models.CharField(max_length=300, blank=True)
    done_by = models.CharField(max_length=150, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "check"
        ordering = ("id",)
        constraints = (models.UniqueConstraint(fields=("check_list", "word"), name="one_check_per_word"),)

    def __str__(self) -> str:
        return self.text


class KeyRecord(models.Model):
    """An API key by its fingerprint. The key itself is never here (R5.1)."""

    exchange = models.CharField(max_length=16, choices=EXCHANGE_CHOICES)
    fingerprint = models.CharField(max_length=32)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API key"
        ordering = ("exchange", "-first_seen_at")
        constraints = (models.UniqueConstraint(fields=("exchange", "fingerprint"), name="one_row_per_key"),)

    def __str__(self) -> str:
        return f"{self.exchange} {self.fingerprint}"
