"""Double-entry accounts, what the exchanges say they hold, and how far the recorder has read."""

from decimal import Decimal

from django.db import models

from arbitrage.domain.ledger import AccountKind
from arbitrage.fields import ExactDecimalField
from arbitrage.models_trading import EXCHANGE_CHOICES, Order


class Account(models.Model):
    """One ledger account of one asset. `balance` is the sum of its entries, kept in the same transaction."""

    kind = models.CharField(max_length=16, choices=[(kind.value, kind.value.capitalize()) for kind in AccountKind])
    exchange = models.CharField(max_length=16, choices=EXCHANGE_CHOICES)
    asset = models.CharField(max_length=16)
    balance = ExactDecimalField(default=Decimal(0))

    class Meta:
        ordering = ("exchange", "asset", "kind")
        constraints = (models.UniqueConstraint(fields=("kind", "exchange", "asset"), name="one_account_per_asset"),)

    def __str__(self) -> str:
        return f"{self.exchange}:{self.asset}:{self.kind}"


class LedgerEntry(models.Model):
    """One posting. The postings of a `group` sum to zero per asset. Never changed, never deleted."""

    group = models.CharField(max_length=200)
    line = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=32)
    """opening, fill, fee, or the kind of an adjustment (`manual_trade`, `manual_trade_fee`)."""
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="entries")
    amount = ExactDecimalField()
    order = models.ForeignKey(Order, null=True, blank=True, on_delete=models.PROTECT, related_name="entries")
    at_ns = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        verbose_name = "ledger entry"
        verbose_name_plural = "ledger entries"
        ordering = ("-id",)
        constraints = (models.UniqueConstraint(fields=("group", "line"), name="one_posting_per_line"),)
        indexes = (models.Index(fields=("account", "-id"), name="entry_account"),)

    def __str__(self) -> str:
        return self.group


class Balance(models.Model):
    """What an exchange last said it holds for us of one asset."""

    exchange = models.CharField(max_length=16, choices=EXCHANGE_CHOICES)
    asset = models.CharField(max_length=16)
    exchange_free = ExactDecimalField()
    exchange_locked = ExactDecimalField()
    settled = models.BooleanField()
    """Whether no order of ours was open there when it was read."""
    read_ns = models.BigIntegerField()
    read_at = models.DateTimeField()

    class Meta:
        ordering = ("exchange", "asset")
        constraints = (models.UniqueConstraint(fields=("exchange", "asset"), name="one_balance_per_asset"),)

    def __str__(self) -> str:
        return f"{self.exchange} {self.asset}"


class RecorderPlace(models.Model):
    """How far one journal stream is in the tables; moves in the same transaction as the rows."""

    stream = models.CharField(max_length=64, primary_key=True)
    seq = models.PositiveBigIntegerField(default=0)
    offset = models.PositiveBigIntegerField(default=0)
    at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.stream} {self.seq}"


class TraderRun(models.Model):
    """One start of the trader. `fence` only ever rises."""

    run_id = models.CharField(max_length=64, primary_key=True)
    fence = models.BigIntegerField()
    mode = models.CharField(max_length=16)
    markets = models.JSONField()
    started_at = models.DateTimeField()

    class Meta:
        ordering = ("-started_at",)

    def __str__(self) -> str:
        return self.run_id
