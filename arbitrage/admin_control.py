"""Controls and the emergency flow. Changing one is a service call; the big button is on the dashboard."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from arbitrage.admin_evidence import EvidenceAdmin, EvidenceInline
from arbitrage.dashboard import control_context, flow_context
from arbitrage.models import Control, ControlChange, Emergency, EmergencyStep

LEVEL_COLOURS = {0: "success", 1: "warning", 2: "danger"}


@admin.register(Control)
class ControlAdmin(EvidenceAdmin):
    """What is asked for now; the form above the list changes an exchange or a market."""

    list_display = ("__str__", "level_label", "reason", "by", "changed_at")
    list_before_template = "arbitrage/control_form.html"
    empty_words = "Each exchange and market trades as the whole desk does: nothing is held back by itself."

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the list with the form above it."""
        return super().changelist_view(request, {**(extra_context or {}), **control_context()})

    @display(description="level", label=LEVEL_COLOURS, ordering="level")
    def level_label(self, row: Control) -> tuple[int, str]:
        """Return the level."""
        return row.level, row.get_level_display()


@admin.register(ControlChange)
class ControlChangeAdmin(EvidenceAdmin):
    """Who asked for what, when and why."""

    list_display = ("at", "scope", "key", "from_level", "to_level", "by", "reason")
    list_filter = ("scope", "to_level", ("at", admin.DateFieldListFilter))


class StepInline(EvidenceInline):
    """The steps done."""

    model = EmergencyStep
    show_change_link = False
    hide_title = True
    fields = ("at", "state", "by", "note")
    readonly_fields = fields


@admin.register(Emergency)
class EmergencyAdmin(EvidenceAdmin):
    """Runs through the emergency flow."""

    list_display = ("__str__", "state_label", "reason", "incident", "opened_at", "resumed_at")
    list_select_related = ("incident",)
    inlines = (StepInline,)
    empty_words = "Nobody has stopped the desk."
    change_form_outer_before_template = "arbitrage/emergency_steps.html"

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        """Show the form for the next step with the page."""
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **flow_context()})

    @display(description="state", label={"resumed": "success", "stopped": "danger", "anomaly": "danger"})
    def state_label(self, row: Emergency) -> tuple[str, str]:
        """Return the state."""
        return row.state, row.get_state_display()
