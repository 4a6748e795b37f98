"""Rows that are evidence: shown, searched, never added, changed or deleted here."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display

from arbitrage.display import exact, krw, signed
from arbitrage.domain.units import percent_text
from arbitrage.models import Arb, ArbStep, Fill, LedgerEntry, Order

STATE_COLOURS = {
    "opening": "info",
    "unresolved": "warning",
    "legged": "warning",
    "hedging": "warning",
    "stuck": "danger",
    "closed": "success",
    "filled": "success",
    "working": "info",
    "sent": "info",
    "canceling": "info",
    "unknown": "danger",
    "refused": "warning",
}


class ReadOnly:
    """No door through which a row could be changed."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Never."""
        return False


class EvidenceAdmin(ReadOnly, ModelAdmin):
    """A read-only list and page. Exact columns cannot be sorted by: the database would compare text."""

    list_per_page = 50
    show_full_result_count = False
    list_fullwidth = True
    empty_words = ""
    """What it means that there is nothing in the list."""


class EvidenceInline(ReadOnly, TabularInline):
    """Read-only rows within another page."""

    extra = 0
    can_delete = False
    show_change_link = True


class OrderColumns:
    """An order's figures to the last digit."""

    @admin.display(description="price")
    def price_exact(self, row: Order) -> str:
        """Return the limit price."""
        return exact(row.price)

    @admin.display(description="qty")
    def qty_exact(self, row: Order) -> str:
        """Return the quantity ordered."""
        return exact(row.qty)

    @admin.display(description="executed KRW")
    def funds(self, row: Order) -> str:
        """Return the KRW moved."""
        return exact(row.executed_funds)

    @admin.display(description="fee KRW")
    def fee(self, row: Order) -> str:
        """Return the fee charged."""
        return exact(row.paid_fee)


class FillColumns:
    """A fill's figures to the last digit."""

    @admin.display(description="price")
    def price_exact(self, row: Fill) -> str:
        """Return the price of the match."""
        return exact(row.price)

    @admin.display(description="qty")
    def qty_exact(self, row: Fill) -> str:
        """Return the quantity of the match."""
        return exact(row.qty)

    @admin.display(description="KRW")
    def funds_exact(self, row: Fill) -> str:
        """Return the KRW of the match."""
        return exact(row.funds)


class EntryColumns:
    """A posting's figure to the last digit."""

    @admin.display(description="amount")
    def amount_exact(self, row: LedgerEntry) -> str:
        """Return the amount with all its digits."""
        return exact(row.amount)


class OrderInline(OrderColumns, EvidenceInline):
    """The legs and hedges of an arb."""

    model = Order
    verbose_name_plural = "legs and hedges"
    ordering = ("position",)
    fields = ("role", "exchange", "side", "state", "price_exact", "qty_exact", "executed", "funds", "fee", "refusal")
    readonly_fields = fields

    @admin.display(description="executed qty")
    def executed(self, row: Order) -> str:
        """Return the quantity executed."""
        return exact(row.executed_qty)


class FillInline(FillColumns, EvidenceInline):
    """The fills of an order."""

    model = Fill
    show_change_link = False
    hide_title = True
    fields = ("at", "trade_id", "price_exact", "qty_exact", "funds_exact")
    readonly_fields = fields


class EntryInline(EntryColumns, EvidenceInline):
    """The postings an order made."""

    model = LedgerEntry
    verbose_name_plural = "postings"
    hide_title = True
    ordering = ("id",)
    fields = ("at", "kind", "account", "amount_exact")
    readonly_fields = fields


class StepInline(EvidenceInline):
    """The arb's time line."""

    model = ArbStep
    verbose_name_plural = "time line"
    show_change_link = False
    hide_title = True
    fields = ("at", "on", "state")
    readonly_fields = fields


@admin.register(Arb)
class ArbAdmin(EvidenceAdmin):
    """Arbs with their legs, hedges and time line."""

    list_display = ("arb_id", "opened_at", "market", "way", "state_label", "qty_exact", "edge", "pnl", "fees", "hedges")
    list_filter = (
        "state",
        "market",
        "buy_exchange",
        "was_legged",
        "was_stuck",
        ("opened_at", admin.DateFieldListFilter),
    )
    search_fields = ("arb_id", "market", "orders__exchange_order_id")
    inlines = (OrderInline, StepInline)
    fieldsets = (
        (None, {"fields": (("arb_id", "state"), ("market", "way"), ("opened_at", "closed_at"), "why")}),
        (
            "Signal",
            {"fields": (("qty_exact", "edge"), ("buy_limit_exact", "sell_limit_exact"), ("expected", "params_epoch"))},
        ),
        ("Outcome", {"fields": (("pnl", "fees"), ("matched", "imbalance_exact"), ("hedges", "notional"))}),
    )

    @display(description="state", label=STATE_COLOURS, ordering="state")
    def state_label(self, row: Arb) -> tuple[str, str]:
        """Return the state."""
        return row.state, row.get_state_display()

    @admin.display(description="buy → sell")
    def way(self, row: Arb) -> str:
        """Return where was bought and where sold."""
        return f"{row.get_buy_exchange_display()} → {row.get_sell_exchange_display()}"

    @admin.display(description="qty")
    def qty_exact(self, row: Arb) -> str:
        """Return the quantity of the signal."""
        return exact(row.qty)

    @admin.display(description="net edge", ordering="net_edge_ppm")
    def edge(self, row: Arb) -> str:
        """Return the edge of the signal, net of fees."""
        return percent_text(row.net_edge_ppm)

    @admin.display(description="P&L KRW")
    def pnl(self, row: Arb) -> str:
        """Return what it earned; nothing while legs may still be uneven."""
        return signed(row.pnl_krw) if row.closed_at else "open"

    @admin.display(description="fees KRW")
    def fees(self, row: Arb) -> str:
        """Return the fees charged."""
        return krw(row.fees_krw)

    @admin.display(description="buy limit")
    def buy_limit_exact(self, row: Arb) -> str:
        """Return the highest price to buy at."""
        return exact(row.buy_limit)

    @admin.display(description="sell limit")
    def sell_limit_exact(self, row: Arb) -> str:
        """Return the lowest price to sell at."""
        return exact(row.sell_limit)

    @admin.display(description="expected KRW")
    def expected(self, row: Arb) -> str:
        """Return what the signal promised."""
        return exact(row.expected_krw)

    @admin.display(description="matched qty")
    def matched(self, row: Arb) -> str:
        """Return what was both bought and sold."""
        return exact(row.matched_qty)

    @admin.display(description="imbalance")
    def imbalance_exact(self, row: Arb) -> str:
        """Return base bought minus base sold."""
        return exact(row.imbalance)

    @admin.display(description="notional KRW")
    def notional(self, row: Arb) -> str:
        """Return the KRW bought for."""
        return exact(row.notional_krw)


@admin.register(Order)
class OrderAdmin(OrderColumns, EvidenceAdmin):
    """Orders with their fills and postings."""

    list_display = (
        "client_order_id",
        "planned_at",
        "exchange",
        "market",
        "side",
        "role",
        "state_label",
        "price_exact",
        "executed",
        "fee",
    )
    list_filter = ("state", "exchange", "market", "role", "side", "refusal", ("planned_at", admin.DateFieldListFilter))
    search_fields = ("client_order_id", "exchange_order_id", "arb__arb_id")
    list_select_related = ("arb",)
    inlines = (FillInline, EntryInline)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("client_order_id", "state"),
                    ("exchange_order_id", "arb"),
                    ("exchange", "market"),
                    ("side", "role"),
                )
            },
        ),
        ("Asked", {"fields": (("price_exact", "qty_exact"), ("tif", "planned_at"))}),
        ("Heard", {"fields": (("executed", "funds"), ("fee", "fee_booked"), "refusal", "detail")}),
    )

    @display(description="state", label=STATE_COLOURS, ordering="state")
    def state_label(self, row: Order) -> tuple[str, str]:
        """Return the state."""
        return row.state, row.get_state_display()

    @admin.display(description="executed qty")
    def executed(self, row: Order) -> str:
        """Return what executed, of what was ordered."""
        return f"{exact(row.executed_qty)} of {exact(row.qty)}"

    @admin.display(description="fee in the ledger")
    def fee_booked(self, row: Order) -> str:
        """Return the part of the fee that has postings."""
        return exact(row.booked_fee)


@admin.register(Fill)
class FillAdmin(FillColumns, EvidenceAdmin):
    """Fills."""

    list_display = ("trade_id", "at", "exchange", "market", "side", "price_exact", "qty_exact", "funds_exact", "order")
    list_filter = ("exchange", "market", "side", ("at", admin.DateFieldListFilter))
    search_fields = ("trade_id", "order__client_order_id")
    list_select_related = ("order",)
