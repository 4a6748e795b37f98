"""Alerts, incidents, check lists and keys: what people work through."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display

from arbitrage.admin_evidence import EvidenceAdmin, EvidenceInline, ReadOnly
from arbitrage.admin_watch import SeverityColumn
from arbitrage.display import age
from arbitrage.models import Alert, CheckItem, CheckList, Improvement, Incident, IncidentEvent, KeyRecord
from arbitrage.services import alerts, checklists, incidents


@admin.register(Alert)
class AlertAdmin(SeverityColumn, EvidenceAdmin):
    """Alerts; selected ones can be closed."""

    list_display = ("kind", "severity_label", "mode", "subject", "text", "count", "last_at", "incident", "closed_at")
    list_filter = (("closed_at", admin.EmptyFieldListFilter), "severity", "kind")
    search_fields = ("text", "subject", "kind")
    list_select_related = ("incident",)
    actions = ("close_selected",)
    empty_words = "Nothing has asked for attention."

    def has_close_permission(self, request: HttpRequest) -> bool:
        """Return whether this person may change alerts."""
        return request.user.has_perm("arbitrage.change_alert")

    @admin.action(description="Close selected alerts", permissions=["close"])
    def close_selected(self, request: HttpRequest, rows: QuerySet[Alert]) -> None:
        """Close each through the service."""
        for row in rows:
            alerts.close_alert(row.pk, request.user.get_username())


class EventInline(EvidenceInline):
    """The time line so far."""

    model = IncidentEvent
    verbose_name_plural = "time line"
    show_change_link = False
    hide_title = True
    fields = ("at", "by", "text")
    readonly_fields = fields


class ImprovementInline(TabularInline):
    """What is to be done so that it does not happen again."""

    model = Improvement
    extra = 1
    can_delete = False
    fields = ("text", "owner", "is_done")


@admin.register(Incident)
class IncidentAdmin(SeverityColumn, ModelAdmin):
    """Incidents. People complete them; the time line is written by the services."""

    list_display = (
        "incident_id",
        "severity_label",
        "state_label",
        "mode",
        "title",
        "risk_id",
        "owner",
        "opened_at",
        "closed_at",
    )
    list_filter = ("state", "severity", "kind", ("opened_at", admin.DateFieldListFilter))
    search_fields = ("incident_id", "title", "description", "impact", "lessons", "risk_id")
    empty_words = "Nothing has gone wrong that had to be written down."
    list_fullwidth = True
    readonly_fields = ("incident_id", "state", "mode", "kind", "subject", "opened_at", "closed_at")
    fieldsets = (
        (None, {"fields": (("incident_id", "state", "mode"), ("kind", "subject"), ("opened_at", "closed_at"))}),
        ("What happened", {"fields": (("severity", "risk_id", "owner"), "title", "description", "impact", "lessons")}),
    )
    inlines = (EventInline, ImprovementInline)
    actions = ("close_selected",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Incidents open through alerts or an emergency stop."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Incident | None = None) -> bool:
        """Return whether it is still open."""
        return super().has_change_permission(request, obj) and (obj is None or obj.state == Incident.State.OPEN)

    def save_model(self, request: HttpRequest, obj: Incident, form: Any, change: bool) -> None:
        """Keep what a person wrote, and note in the time line that they did."""
        super().save_model(request, obj, form, change)
        if form.changed_data:
            incidents.add_event(obj, f"edited: {', '.join(form.changed_data)}", request.user.get_username())

    @admin.action(description="Close selected incidents (each needs its lessons)", permissions=["change"])
    def close_selected(self, request: HttpRequest, rows: QuerySet[Incident]) -> None:
        """Close each through the service, and say which were refused."""
        for row in rows:
            try:
                incidents.close_incident(row.incident_id, request.user.get_username(), row.lessons)
            except incidents.IncidentRefused as error:
                self.message_user(request, f"{row.incident_id}: {error}", messages.ERROR)

    @display(description="state", label={"open": "danger", "closed": "success"}, ordering="state")
    def state_label(self, row: Incident) -> tuple[str, str]:
        """Return the state."""
        return row.state, row.get_state_display()


class CheckItemInline(EvidenceInline):
    """The lines of a list."""

    model = CheckItem
    show_change_link = False
    hide_title = True
    fields = ("text", "is_done", "is_automatic", "detail", "done_by", "done_at")
    readonly_fields = fields


@admin.register(CheckList)
class CheckListAdmin(ReadOnly, ModelAdmin):
    """Check lists; a person opens today's and ticks lines in the list of checks."""

    list_display = ("__str__", "day", "done")
    list_filter = ("kind",)
    inlines = (CheckItemInline,)

    @admin.display(description="done")
    def done(self, row: CheckList) -> str:
        """Return how many lines are ticked."""
        items = list(row.items.all())
        return f"{sum(1 for item in items if item.is_done)} of {len(items)}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[CheckList]:
        """Return the lists with their lines."""
        return super().get_queryset(request).prefetch_related("items")


@admin.register(CheckItem)
class CheckItemAdmin(EvidenceAdmin):
    """Single checks; selected ones can be ticked."""

    list_display = ("text", "check_list", "is_done", "is_automatic", "detail", "done_by", "done_at")
    list_filter = ("is_done", "check_list__kind")
    list_select_related = ("check_list",)
    actions = ("tick_selected",)

    def has_tick_permission(self, request: HttpRequest) -> bool:
        """Return whether this person may change checks."""
        return request.user.has_perm("arbitrage.change_checkitem")

    @admin.action(description="Tick selected checks", permissions=["tick"])
    def tick_selected(self, request: HttpRequest, rows: QuerySet[CheckItem]) -> None:
        """Tick each through the service."""
        for row in rows:
            checklists.tick(row.pk, request.user.get_username())


@admin.register(KeyRecord)
class KeyRecordAdmin(EvidenceAdmin):
    """Keys by fingerprint."""

    list_display = ("exchange", "fingerprint", "key_age", "expires_at", "last_seen_at", "retired_at")
    list_filter = ("exchange", ("retired_at", admin.EmptyFieldListFilter))

    @admin.display(description="age", ordering="first_seen_at")
    def key_age(self, row: KeyRecord) -> str:
        """Return how long the key has been in use."""
        return age(row.first_seen_at)
