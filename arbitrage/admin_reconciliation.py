"""Reconciliation on the screen: runs, breaks, and what was or may be booked because of them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display

from arbitrage.admin_evidence import EvidenceAdmin, EvidenceInline
from arbitrage.admin_watch import SeverityColumn
from arbitrage.display import exact
from arbitrage.models import Adjustment, Break, ReconciliationPlace, ReconciliationRun
from arbitrage.services import adjustments, reconciliation

STATE_COLOURS = {"proposed": "warning", "booked": "success", "dismissed": "info"}


class BreakColumns:
    """A break's figures to the last digit."""

    @admin.display(description="ours")
    def ours_exact(self, row: Break) -> str:
        """Return our figure."""
        return exact(row.ours)

    @admin.display(description="theirs")
    def theirs_exact(self, row: Break) -> str:
        """Return the exchange's figure."""
        return exact(row.theirs)

    @admin.display(description="difference")
    def difference_exact(self, row: Break) -> str:
        """Return theirs minus ours."""
        return exact(row.difference)


class BreakInline(BreakColumns, EvidenceInline):
    """The breaks that a run opened."""

    model = Break
    hide_title = True
    fields = ("kind", "severity", "subject", "ref", "ours_exact", "theirs_exact", "difference_exact")
    readonly_fields = fields


@admin.register(ReconciliationRun)
class ReconciliationRunAdmin(EvidenceAdmin):
    """Runs with the breaks they opened."""

    list_display = ("run_key", "at", "exchange", "orders_compared", "balances_compared", "breaks_found")
    list_filter = ("exchange", ("at", admin.DateFieldListFilter))
    inlines = (BreakInline,)


@admin.register(Break)
class BreakAdmin(BreakColumns, SeverityColumn, ModelAdmin):
    """Breaks; a person notes how one was resolved, once."""

    list_display = (
        "kind",
        "severity_label",
        "exchange",
        "subject",
        "ref",
        "ours_exact",
        "theirs_exact",
        "difference_exact",
        "opened_at",
        "resolved_at",
    )
    list_filter = ("severity", "kind", "exchange", ("resolved_at", admin.EmptyFieldListFilter))
    search_fields = ("subject", "ref")
    empty_words = "Wherever ledger and exchange were compared, they agree."
    fieldsets = (
        (None, {"fields": (("kind", "severity"), ("exchange", "subject"), "ref", "detail")}),
        ("Figures", {"fields": (("ours_exact", "theirs_exact", "difference_exact"),)}),
        ("Life", {"fields": (("opened_at", "last_seen_at"), ("resolved_at", "resolved_by"), "resolution", "run")}),
    )
    list_fullwidth = True

    def get_readonly_fields(self, request: HttpRequest, obj: Break | None = None) -> tuple[str, ...]:
        """Return all but the resolution."""
        return (
            *("run", "kind", "severity", "exchange", "subject", "ref", "detail"),
            *("ours_exact", "theirs_exact", "difference_exact"),
            *("opened_at", "last_seen_at", "resolved_at", "resolved_by"),
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never: breaks come from reconciliation."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Break | None = None) -> bool:
        """Return whether there is still something to note."""
        return super().has_change_permission(request, obj) and (obj is None or obj.resolved_at is None)

    def save_model(self, request: HttpRequest, obj: Break, form: Any, change: bool) -> None:
        """Note the resolution through the service."""
        if obj.resolution.strip():
            reconciliation.resolve_break(obj.pk, request.user.get_username(), obj.resolution)


@admin.register(Adjustment)
class AdjustmentAdmin(EvidenceAdmin):
    """What moved without a fill of ours: booked from history, or waiting for a person's word."""

    list_display = ("at", "exchange", "kind", "state_label", "moved", "market", "ref", "by")
    empty_words = "Nothing has moved but by orders of the desk."
    list_filter = ("state", "kind", "exchange", ("at", admin.DateFieldListFilter))
    search_fields = ("ref", "text", "reason")
    fieldsets = (
        (None, {"fields": (("exchange", "kind", "state"), "moved", "text", ("ref", "revision", "market"))}),
        ("Who and when", {"fields": (("at", "noted_at", "booked_at"), ("by", "reason"), "is_final")}),
    )
    readonly_fields = ("moved",)
    change_form_outer_before_template = "arbitrage/adjustment_steps.html"

    @display(description="state", label=STATE_COLOURS, ordering="state")
    def state_label(self, row: Adjustment) -> tuple[str, str]:
        """Return the state."""
        return row.state, row.get_state_display()

    @admin.display(description="moved")
    def moved(self, row: Adjustment) -> SafeString:
        """Return what it moves, to the last digit."""
        lines = [
            (exact(move.amount), move.asset, " (fee)" if move.is_fee else "") for move in adjustments.moves_of(row)
        ]
        return format_html_join(" · ", '<span class="karb-num">{}</span> {}{}', lines) or SafeString("–")


@admin.register(ReconciliationPlace)
class ReconciliationPlaceAdmin(EvidenceAdmin):
    """How far each exchange's history is in the ledger."""

    list_display = ("exchange", "at")
