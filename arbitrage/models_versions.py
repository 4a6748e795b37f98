"""What every kind of versioned settings keeps: the sets, their activations, and who moved which (R4.2). Abstract."""

from django.db import models


class VersionedSet(models.Model):
    """One version of some settings. Only a draft can be edited. A kind adds its states."""

    state: "models.CharField[str, str]"
    body = models.TextField(editable=False)
    """JSON in the kind's one canonical form: ints of any length stay exact."""
    note = models.CharField(max_length=200, blank=True)
    revision = models.PositiveIntegerField(default=1, editable=False)
    """Rises with each edit: an edit based on an older one is refused."""
    findings = models.JSONField(default=list, editable=False)
    based_on = models.ForeignKey("self", null=True, blank=True, editable=False, on_delete=models.PROTECT)
    created_by = models.CharField(max_length=150, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class VersionedEpoch(models.Model):
    """One activation. The highest epoch is in force. A kind adds the set."""

    epoch = models.PositiveBigIntegerField(primary_key=True)
    by = models.CharField(max_length=150)
    reason = models.CharField(max_length=500)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"Epoch {self.epoch}"


class VersionedChange(models.Model):
    """Who moved which set from where to where, when and why. A kind adds the set."""

    on = models.CharField(max_length=32)
    from_state = models.CharField(max_length=16, blank=True)
    to_state = models.CharField(max_length=16)
    detail = models.TextField(blank=True)
    by = models.CharField(max_length=150)
    reason = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True
