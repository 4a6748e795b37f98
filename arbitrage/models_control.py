"""The trading state an operator asks for, and the emergency flow."""

from django.db import models

from arbitrage.domain.controls import TradingLevel
from arbitrage.models_incidents import Incident

LEVEL_CHOICES = [(level.value, level.name) for level in TradingLevel]


class Scope(models.TextChoices):
    """What a control binds."""

    GLOBAL = "global", "Whole desk"
    EXCHANGE = "exchange", "Exchange"
    MARKET = "market", "Market"


class Control(models.Model):
    """The level asked for, for the desk, one exchange or one market. No row = ACTIVE."""

    scope = models.CharField(max_length=16, choices=Scope.choices)
    key = models.CharField(max_length=32, blank=True)
    """Empty for the desk, else `upbit` or `KRW-BTC`."""
    level = models.PositiveSmallIntegerField(choices=LEVEL_CHOICES, default=TradingLevel.ACTIVE.value)
    reason = models.CharField(max_length=500)
    by = models.CharField(max_length=150)
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ("scope", "key")
        constraints = (models.UniqueConstraint(fields=("scope", "key"), name="one_control_per_key"),)

    def __str__(self) -> str:
        return f"{self.scope} {self.key}".strip()


class ControlChange(models.Model):
    """Who asked for which level, when and why."""

    scope = models.CharField(max_length=16, choices=Scope.choices)
    key = models.CharField(max_length=32, blank=True)
    from_level = models.PositiveSmallIntegerField(choices=LEVEL_CHOICES)
    to_level = models.PositiveSmallIntegerField(choices=LEVEL_CHOICES)
    reason = models.CharField(max_length=500)
    by = models.CharField(max_length=150)
    at = models.DateTimeField()

    class Meta:
        verbose_name = "control change"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.scope} {self.key}".strip()


class EmergencyState(models.TextChoices):
    """The emergency flow: resume is refused until the steps before it are done."""

    ANOMALY = "anomaly", "Anomaly seen"
    STOPPED = "stopped", "Trading stopped"
    ANALYSED = "analysed", "Analysed"
    PLANNED = "planned", "Answer planned"
    FIXED = "fixed", "Fixed"
    VERIFIED = "verified", "Verified"
    RESUMED = "resumed", "Resumed"


class Emergency(models.Model):
    """One run through the emergency flow, from the anomaly to resume."""

    state = models.CharField(max_length=16, choices=EmergencyState.choices, default=EmergencyState.ANOMALY)
    reason = models.CharField(max_length=500)
    incident = models.ForeignKey(Incident, null=True, on_delete=models.PROTECT, related_name="emergencies")
    opened_at = models.DateTimeField()
    resumed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "emergencies"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"Emergency {self.pk}"


class EmergencyStep(models.Model):
    """One step of the flow, confirmed by a person or by the program itself."""

    emergency = models.ForeignKey(Emergency, on_delete=models.PROTECT, related_name="steps")
    state = models.CharField(max_length=16, choices=EmergencyState.choices)
    by = models.CharField(max_length=150)
    note = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.state
