"""Arbs, orders and fills: evidence, written by the recorder alone."""

from decimal import Decimal

from django.db import models

from arbitrage.domain.arb import ArbState
from arbitrage.domain.order import OrderRole, OrderState
from arbitrage.domain.units import Exchange, Side
from arbitrage.fields import ExactDecimalField

EXCHANGE_CHOICES = [(exchange.value, exchange.value.capitalize()) for exchange in Exchange]
SIDE_CHOICES = [(Side.BID.value, "Buy"), (Side.ASK.value, "Sell")]


class Arb(models.Model):
    """One arb, as its newest journal image tells it. Money in KRW, quantities in the base asset."""

    arb_id = models.CharField("arb", max_length=64, primary_key=True)
    market = models.CharField(max_length=32)
    state = models.CharField(max_length=16, choices=[(state.value, state.value.upper()) for state in ArbState])
    params_epoch = models.PositiveBigIntegerField()
    buy_exchange = models.CharField(max_length=16, choices=EXCHANGE_CHOICES)
    sell_exchange = models.CharField(max_length=16, choices=EXCHANGE_CHOICES)
    qty = ExactDecimalField()
    buy_limit = ExactDecimalField()
    sell_limit = ExactDecimalField()
    net_edge_ppm = models.BigIntegerField()
    expected_krw = ExactDecimalField()
    """What the signal promised net of fees."""
    matched_qty = ExactDecimalField(default=Decimal(0))
    imbalance = ExactDecimalField(default=Decimal(0))
    """Base bought minus base sold."""
    notional_krw = ExactDecimalField(default=Decimal(0))
    """Bought, hedges included, without fees."""
    fees_krw = ExactDecimalField(default=Decimal(0))
    pnl_krw = ExactDecimalField(default=Decimal(0))
    is_split = models.BooleanField(default=False)
    """Whether the parts below were worked out; they sum to `pnl_krw` then, to the last digit."""
    edge_krw = ExactDecimalField(default=Decimal(0))
    discount_krw = ExactDecimalField(default=Decimal(0))
    leg_fees_krw = ExactDecimalField(default=Decimal(0))
    slippage_krw = ExactDecimalField(default=Decimal(0))
    hedge_krw = ExactDecimalField(default=Decimal(0))
    dust_krw = ExactDecimalField(default=Decimal(0))
    hedges = models.PositiveIntegerField(default=0)
    was_legged = models.BooleanField(default=False)
    was_stuck = models.BooleanField(default=False)
    why = models.CharField(max_length=200, blank=True)
    opened_ns = models.BigIntegerField()
    opened_at = models.DateTimeField()
    closed_ns = models.BigIntegerField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    seq = models.PositiveBigIntegerField()
    """Journal place of the image these values come from."""

    class Meta:
        ordering = ("-opened_ns",)
        indexes = (
            models.Index(fields=("-opened_ns",), name="arb_opened"),
            models.Index(fields=("closed_at",), name="arb_closed"),
            models.Index(fields=("state",), name="arb_state"),
        )

    @property
    def had_lone_leg(self) -> bool:
        """Return whether one leg was left to hedge or to a person; what was only dust does not count."""
        return self.hedges > 0 or self.was_stuck

    def __str__(self) -> str:
        return self.arb_id


class ArbStep(models.Model):
    """One transition of an arb: its time line."""

    stream = models.CharField(max_length=64)
    seq = models.PositiveBigIntegerField()
    arb = models.ForeignKey(Arb, on_delete=models.PROTECT, related_name="steps")
    on = models.CharField(max_length=32)
    state = models.CharField(max_length=16)
    at = models.DateTimeField()

    class Meta:
        ordering = ("seq",)
        constraints = (models.UniqueConstraint(fields=("stream", "seq"), name="one_step_per_record"),)

    def __str__(self) -> str:
        return f"{self.on} -> {self.state}"


class Order(models.Model):
    """One order and all that was heard of it."""

    client_order_id = models.CharField(max_length=64, primary_key=True)
    arb = models.ForeignKey(Arb, on_delete=models.PROTECT, related_name="orders")
    position = models.PositiveSmallIntegerField()
    """0 = buy leg, 1 = sell leg, then hedges in order."""
    role = models.CharField(max_length=16, choices=[(role.value, role.value.replace("_", " ")) for role in OrderRole])
    exchange = models.CharField(max_length=16, choices=EXCHANGE_CHOICES)
    market = models.CharField(max_length=32)
    side = models.CharField(max_length=4, choices=SIDE_CHOICES)
    price = ExactDecimalField()
    qty = ExactDecimalField()
    tif = models.CharField(max_length=16)
    state = models.CharField(max_length=16, choices=[(state.value, state.value.upper()) for state in OrderState])
    exchange_order_id = models.CharField(max_length=64, blank=True, db_index=True)
    executed_qty = ExactDecimalField(default=Decimal(0))
    executed_funds = ExactDecimalField(default=Decimal(0))
    paid_fee = ExactDecimalField(default=Decimal(0))
    booked_fee = ExactDecimalField(default=Decimal(0))
    """The part of `paid_fee` the ledger has postings for."""
    refusal = models.CharField(max_length=32, blank=True)
    detail = models.TextField(blank=True)
    planned_ns = models.BigIntegerField()
    planned_at = models.DateTimeField()

    class Meta:
        ordering = ("-planned_ns", "position")
        indexes = (
            models.Index(fields=("-planned_ns",), name="order_planned"),
            models.Index(fields=("exchange", "state"), name="order_exchange_state"),
        )

    def __str__(self) -> str:
        return self.client_order_id


class Fill(models.Model):
    """One match. Unique within its order: an exchange may name one match to both of its sides."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="fill_rows")
    exchange = models.CharField(max_length=16, choices=EXCHANGE_CHOICES)
    market = models.CharField(max_length=32)
    trade_id = models.CharField(max_length=128)
    side = models.CharField(max_length=4, choices=SIDE_CHOICES)
    price = ExactDecimalField()
    qty = ExactDecimalField()
    funds = ExactDecimalField()
    at_ns = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        ordering = ("-at_ns",)
        constraints = (models.UniqueConstraint(fields=("order", "trade_id"), name="one_fill_per_match"),)
        indexes = (models.Index(fields=("exchange", "trade_id"), name="fill_trade_id"),)

    def __str__(self) -> str:
        return self.trade_id
