"""Reconciliation runs with their breaks, and book checks against REST (R1.3)."""

from django.db import models

from arbitrage.fields import ExactDecimalField
from arbitrage.models_incidents import Severity
from arbitrage.models_trading import EXCHANGE_CHOICES


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
    """One difference between the exchange's word and ours."""

    run = models.ForeignKey(ReconciliationRun, on_delete=models.PROTECT, related_name="breaks")
    kind = models.CharField(max_length=48)
    severity = models.CharField(max_length=8, choices=Severity.choices)
    subject = models.CharField(max_length=96)
    ours = ExactDecimalField()
    theirs = ExactDecimalField()
    difference = ExactDecimalField()
    """Theirs minus ours, in the subject's own unit."""
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=150, blank=True)
    resolution = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


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
