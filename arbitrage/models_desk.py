"""What the desk says of itself: heartbeats, counters, latency, and the reports made of them."""

from django.db import models

from arbitrage.models_control import LEVEL_CHOICES


class Heartbeat(models.Model):
    """The last sign of life of one process, as the bridge read it from shared memory."""

    process = models.CharField(max_length=48, primary_key=True)
    pid = models.BigIntegerField()
    beat_at = models.DateTimeField()
    detail = models.JSONField(default=dict)
    """What the process adds of itself, such as the fresh books of a feed."""
    wire_epoch = models.PositiveBigIntegerField(default=0)
    """The wire settings it works with; 0 = as shipped."""

    class Meta:
        ordering = ("process",)

    def __str__(self) -> str:
        return self.process


class StageLatency(models.Model):
    """Quantiles of one stage of the hot path, in ns, over everything measured so far."""

    stage = models.CharField(max_length=32, primary_key=True)
    count = models.BigIntegerField()
    p50_ns = models.BigIntegerField()
    p90_ns = models.BigIntegerField()
    p99_ns = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        verbose_name = "stage latency"
        verbose_name_plural = "stage latencies"
        ordering = ("stage",)

    def __str__(self) -> str:
        return self.stage


class Counter(models.Model):
    """The newest reading of one counter in shared memory."""

    process = models.CharField(max_length=48)
    name = models.CharField(max_length=64)
    value = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        ordering = ("process", "name")
        constraints = (models.UniqueConstraint(fields=("process", "name"), name="one_counter_per_name"),)

    def __str__(self) -> str:
        return f"{self.process} {self.name}"


class DailyCount(models.Model):
    """By how much a counter rose on one day (KST)."""

    day = models.DateField()
    process = models.CharField(max_length=48)
    name = models.CharField(max_length=64)
    value = models.BigIntegerField(default=0)

    class Meta:
        ordering = ("-day", "process", "name")
        constraints = (models.UniqueConstraint(fields=("day", "process", "name"), name="one_daily_count_per_name"),)

    def __str__(self) -> str:
        return f"{self.day} {self.process} {self.name}"


class DeskView(models.Model):
    """What the control block really says right now; one row, written by the bridge."""

    applied_epoch = models.PositiveBigIntegerField(default=0)
    level = models.PositiveSmallIntegerField(choices=LEVEL_CHOICES)
    reason = models.CharField(max_length=500, blank=True)
    by = models.CharField(max_length=150, blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return "Desk"


class Report(models.Model):
    """One report of one period, with the figures it was made of."""

    class Kind(models.TextChoices):
        DAILY = "daily", "Daily"
        WEEKLY = "weekly", "Weekly"
        MONTHLY = "monthly", "Monthly"

    kind = models.CharField(max_length=8, choices=Kind.choices)
    day = models.DateField()
    """First day of the period, KST."""
    figures = models.JSONField()
    """Money as decimal text; units in the names."""
    made_at = models.DateTimeField()

    class Meta:
        ordering = ("-day", "kind")
        constraints = (models.UniqueConstraint(fields=("kind", "day"), name="one_report_per_period"),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} report {self.day}"
