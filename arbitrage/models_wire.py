"""Wire settings, their life and epochs (R1.1, R4.2), and answers that no longer had the shape we know."""

from django.db import models
from django.db.models import Q

from arbitrage.models_trading import EXCHANGE_CHOICES
from arbitrage.models_versions import VersionedChange, VersionedEpoch, VersionedSet


class WireState(models.TextChoices):
    """Where a set of wire settings stands."""

    DRAFT = "draft", "Draft"
    VALID = "valid", "Valid"
    ACTIVE = "active", "Active"
    RETIRED = "retired", "Retired"


class WireSet(VersionedSet):
    """One version of the wire settings. Only a draft can be edited."""

    state = models.CharField(max_length=16, choices=WireState.choices, default=WireState.DRAFT, editable=False)

    class Meta:
        verbose_name = "wire set"
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("state",), condition=Q(state="active"), name="one_active_wire_set"),
        )

    def __str__(self) -> str:
        return f"Wire set {self.pk}"


class WireEpoch(VersionedEpoch):
    """One activation. The highest epoch is in force; without one everything is as shipped."""

    wire_set = models.ForeignKey(WireSet, on_delete=models.PROTECT, related_name="epochs")

    class Meta:
        verbose_name = "wire epoch"
        ordering = ("-epoch",)


class WireChange(VersionedChange):
    """Who moved which set from where to where, when and why."""

    wire_set = models.ForeignKey(WireSet, on_delete=models.PROTECT, related_name="changes")

    class Meta:
        verbose_name = "wire change"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.wire_set_id}: {self.on}"


class ShapeDrift(models.Model):
    """One kind of answer or frame that no longer has the shape we know, and how often it was seen."""

    exchange = models.CharField(max_length=16, choices=EXCHANGE_CHOICES)
    where = models.CharField(max_length=48)
    """What was read: `balances`, `place`, `frame`, ..."""
    finding = models.CharField(max_length=300)
    count = models.PositiveBigIntegerField(default=0)
    sample = models.TextField(blank=True)
    """How the newest of them began, without keys and tokens."""
    sources = models.JSONField(default=dict, editable=False)
    """Process -> [its run, how many it had told of]: telling the same again counts nothing."""
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)

    class Meta:
        verbose_name = "shape drift"
        ordering = ("-last_at", "-id")
        constraints = (
            models.UniqueConstraint(fields=("exchange", "where", "finding"), name="one_shape_drift_per_finding"),
        )

    def __str__(self) -> str:
        return f"{self.exchange} {self.where}"
