"""Reconciliation runs, breaks, what was booked because of them, and book checks against REST (R1.3)."""

from django.db import models

from arbitrage.domain.adjustment import AdjustmentKind
from arbitrage.fields import ExactDecimalField
from arbitrage.models_incidents import Severity
from arbitrage.models_trading import EXCHANGE_CHOICES

KINDS = tuple(AdjustmentKind)


class ReconciliationRun(models.Model):
    """One comparison of our orders and balances with an exchange's."""

    exchange = models.CharField(max_length=16, choices=EXCHANGE_CHOICES)
    run_key = models.CharField(max_length=96, unique=True)
    """Given by the caller: keeping the same run twice keeps it once."""
    orders_compared = models.PositiveIntegerField(default=0)
    balances_compared = models.PositiveIntegerField(default=0)
    breaks_found = models.PositiveIntegerField(default=0)
    at = models.DateTimeField()

    class Meta:
        verbose_name = "reconciliation run"
        ordering = ("-at", "-id")

    def __str__(self) -> str:
        return self.run_key


class Break(models.Model):
    """One difference between the exchange's word and ours: one row from its first sight to its end."""

    exchange = models.CharField(max_length=16, choices=EXCHANGE_CHOICES)
    key = models.CharField(max_length=200)
    """What makes it the same break in the next run: one open row each."""
    run = models.ForeignKey(ReconciliationRun, on_delete=models.PROTECT, related_name="breaks")
    kind = models.CharField(max_length=48)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    subject = models.CharField(max_length=96)
    ours = ExactDecimalField()
    theirs = ExactDecimalField()
    difference = ExactDecimalField()
    """Theirs minus ours, in the subject's own unit."""
    ref = models.CharField("row", max_length=300, blank=True)
    """The row it is located at, by the exchange's own id or ours."""
    detail = models.CharField(max_length=300, blank=True)
    opened_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=150, blank=True)
    resolution = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("exchange", "key"), condition=models.Q(resolved_at=None), name="one_open_break_per_key"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class Adjustment(models.Model):
    """A typed change of the ledger that no fill in the journal made: booked from history, or proposed to a person.

    Revisions of one row of history (`ref`) sum to what that row has moved.
    """

    class State(models.TextChoices):
        PROPOSED = "proposed", "Proposed"
        BOOKED = "booked", "Booked"
        DISMISSED = "dismissed", "Dismissed"

    exchange = models.CharField(max_length=16, choices=EXCHANGE_CHOICES)
    ref = models.CharField("row", max_length=150)
    """`deposit:<id>`, `withdrawal:<id>`, `foreign:<order id>`, `order:<our id>`, `reversal:…`, `person:…`."""
    revision = models.PositiveIntegerField(default=0)
    kind = models.CharField(max_length=24, choices=[(kind.value, kind.value.replace("_", " ")) for kind in KINDS])
    state = models.CharField(max_length=12, choices=State.choices)
    moves = models.JSONField(default=list)
    """Rows of asset, amount as exact text, and `fee` or an empty word."""
    market = models.CharField(max_length=32, blank=True)
    text = models.CharField(max_length=300, blank=True)
    is_final = models.BooleanField(default=True)
    """False while the row may still change at the exchange."""
    at_ns = models.BigIntegerField()
    at = models.DateTimeField()
    """When it happened, by the exchange's clock where that is known."""
    noted_at = models.DateTimeField()
    booked_at = models.DateTimeField(null=True, blank=True)
    by = models.CharField(max_length=150)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("exchange", "ref", "revision"), name="one_adjustment_per_revision"),
        )
        indexes = (models.Index(fields=("exchange", "state", "is_final"), name="adjustment_open"),)

    def __str__(self) -> str:
        return f"{self.exchange} {self.ref}"


class ReconciliationPlace(models.Model):
    """How far one exchange's history is in the ledger; also the lock under which runs take turns."""

    exchange = models.CharField(max_length=16, choices=EXCHANGE_CHOICES, primary_key=True)
    look_ns = models.BigIntegerField(default=0)
    """When the newest look that was kept began: an older one changes nothing any more."""
    history_ns = models.BigIntegerField(default=0)
    """History up to here was compared with balances at rest."""
    agreed_ns = models.BigIntegerField(default=0)
    """When balances last agreed."""
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.exchange} {self.at}"


class BookCheck(models.Model):
    """One comparison of a book in shared memory with the same book by REST."""

    class Outcome(models.TextChoices):
        SAME = "same", "Same"
        DIFFERENT = "different", "Different"
        NO_BOOK = "no_book", "No book in shared memory"
        NO_ANSWER = "no_answer", "No answer by REST"

    exchange = models.CharField(max_length=16, choices=EXCHANGE_CHOICES)
    market = models.CharField(max_length=32)
    outcome = models.CharField(max_length=16, choices=Outcome.choices)
    detail = models.CharField(max_length=300, blank=True)
    did_resync = models.BooleanField(default=False)
    at = models.DateTimeField()

    class Meta:
        verbose_name = "book check"
        ordering = ("-id",)
        indexes = (models.Index(fields=("exchange", "market", "-at"), name="book_check_newest"),)

    def __str__(self) -> str:
        return f"{self.exchange} {self.market} {self.outcome}"
