"""Parameter sets, their life, and which of them each epoch used (R4.2)."""

from django.db import models
from django.db.models import Q


class ParamState(models.TextChoices):
    """Where a parameter set stands (design.md §7)."""

    DRAFT = "draft", "Draft"
    VALID = "valid", "Valid"
    DRY_RUN = "dry_run", "Dry run"
    READY = "ready", "Ready"
    ACTIVE = "active", "Active"
    RETIRED = "retired", "Retired"


class ParamSet(models.Model):
    """One version of the desk's settings. Only a draft can be edited."""

    state = models.CharField(max_length=16, choices=ParamState.choices, default=ParamState.DRAFT, editable=False)
    body = models.TextField(editable=False)
    """JSON as `params_to_bytes` writes it: ints of any length stay exact."""
    note = models.CharField(max_length=200, blank=True)
    revision = models.PositiveIntegerField(default=1, editable=False)
    """Rises with each edit: an edit based on an older one is refused."""
    findings = models.JSONField(default=list, editable=False)
    based_on = models.ForeignKey("self", null=True, blank=True, editable=False, on_delete=models.PROTECT)
    created_by = models.CharField(max_length=150, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "parameter set"
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("state",), condition=Q(state="active"), name="one_active_param_set"),
        )

    def __str__(self) -> str:
        return f"Parameter set {self.pk}"


class ParamEpoch(models.Model):
    """One activation. The highest epoch is in force; arbs keep the epoch they were opened with."""

    epoch = models.PositiveBigIntegerField(primary_key=True)
    param_set = models.ForeignKey(ParamSet, on_delete=models.PROTECT, related_name="epochs")
    by = models.CharField(max_length=150)
    reason = models.CharField(max_length=500)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "parameter epoch"
        ordering = ("-epoch",)

    def __str__(self) -> str:
        return f"Epoch {self.epoch}"


class ParamChange(models.Model):
    """Who moved which set from where to where, when and why."""

    param_set = models.ForeignKey(ParamSet, on_delete=models.PROTECT, related_name="changes")
    on = models.CharField(max_length=32)
    from_state = models.CharField(max_length=16, blank=True)
    to_state = models.CharField(max_length=16)
    detail = models.TextField(blank=True)
    by = models.CharField(max_length=150)
    reason = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "parameter change"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.param_set_id}: {self.on}"
