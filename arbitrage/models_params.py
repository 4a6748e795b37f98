"""Parameter sets, their life, and which of them each epoch used (R4.2)."""

from django.db import models
from django.db.models import Q

from arbitrage.models_versions import VersionedChange, VersionedEpoch, VersionedSet


class ParamState(models.TextChoices):
    """Where a parameter set stands (design.md §7)."""

    DRAFT = "draft", "Draft"
    VALID = "valid", "Valid"
    DRY_RUN = "dry_run", "Dry run"
    READY = "ready", "Ready"
    ACTIVE = "active", "Active"
    RETIRED = "retired", "Retired"


class ParamSet(VersionedSet):
    """One version of the desk's settings. Only a draft can be edited."""

    state = models.CharField(max_length=16, choices=ParamState.choices, default=ParamState.DRAFT, editable=False)

    class Meta:
        verbose_name = "parameter set"
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("state",), condition=Q(state="active"), name="one_active_param_set"),
        )

    def __str__(self) -> str:
        return f"Parameter set {self.pk}"


class ParamEpoch(VersionedEpoch):
    """One activation. The highest epoch is in force; arbs keep the epoch they were opened with."""

    param_set = models.ForeignKey(ParamSet, on_delete=models.PROTECT, related_name="epochs")

    class Meta:
        verbose_name = "parameter epoch"
        ordering = ("-epoch",)


class ParamChange(VersionedChange):
    """Who moved which set from where to where, when and why."""

    param_set = models.ForeignKey(ParamSet, on_delete=models.PROTECT, related_name="changes")

    class Meta:
        verbose_name = "parameter change"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.param_set_id}: {self.on}"
