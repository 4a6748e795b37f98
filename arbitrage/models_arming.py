"""What a live desk is armed on: dry runs, checks of the exchanges, accepted disclosures, and who armed it (R4.2, R6.2).

Each row carries the desk's signature over what it says: a row that somebody else put here is no ground for anything.
"""

from django.db import models


class SignedRow(models.Model):
    """A row this desk vouches for."""

    by = models.CharField(max_length=150, editable=False)
    at = models.DateTimeField(editable=False)
    signature = models.CharField(max_length=64, editable=False)

    class Meta:
        abstract = True


class DryRunRecord(SignedRow):
    """One dry run of one parameter set's very bytes, and what came of it."""

    params_sha256 = models.CharField("parameter set's SHA-256", max_length=64, editable=False, db_index=True)
    has_passed = models.BooleanField("passed", editable=False)
    from_at = models.DateTimeField("from", editable=False)
    to_at = models.DateTimeField("to", editable=False)
    frames = models.PositiveBigIntegerField(editable=False)
    arbs_seen = models.PositiveBigIntegerField(editable=False)
    denials = models.JSONField(default=dict, editable=False)
    """Reason -> count."""
    problems = models.JSONField(default=list, editable=False)

    class Meta:
        verbose_name = "dry run"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"Dry run {self.pk}"


class PreflightRecord(SignedRow):
    """One look at both exchanges before real money is risked: what was checked, with which keys, for which markets."""

    has_passed = models.BooleanField("passed", editable=False)
    doors = models.JSONField(default=list, editable=False)
    """Address and key fingerprint of every way an order can leave."""
    markets = models.JSONField(default=list, editable=False)
    checks = models.JSONField(default=list, editable=False)
    """[name, found, problem] of each check."""

    class Meta:
        verbose_name = "preflight"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"Preflight {self.pk}"


class RiskAcceptance(SignedRow):
    """Who accepted which version of the risk disclosure."""

    version = models.CharField(max_length=32, editable=False)

    class Meta:
        verbose_name = "risk acceptance"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.version} by {self.by}"


class ArmChange(models.Model):
    """Who armed or disarmed the desk, for what, until when and why."""

    class On(models.TextChoices):
        ARMED = "armed", "Armed"
        DISARMED = "disarmed", "Disarmed"

    on = models.CharField(max_length=16, choices=On.choices, editable=False)
    token_id = models.CharField(max_length=32, blank=True, editable=False)
    until_at = models.DateTimeField("until", null=True, blank=True, editable=False)
    params_sha256 = models.CharField("parameter set's SHA-256", max_length=64, blank=True, editable=False)
    preflight = models.ForeignKey(PreflightRecord, null=True, blank=True, editable=False, on_delete=models.PROTECT)
    mode = models.CharField(max_length=16, editable=False)
    by = models.CharField(max_length=150, editable=False)
    reason = models.CharField(max_length=500, editable=False)
    at = models.DateTimeField(editable=False)

    class Meta:
        verbose_name = "arming"
        verbose_name_plural = "arming"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.get_on_display()} by {self.by}"
