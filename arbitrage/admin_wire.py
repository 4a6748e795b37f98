"""Wire sets and shape drift: what of an exchange's wire is overridden, and what no longer fits it (R1.1, R4.2)."""

from functools import lru_cache
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.forms.models import ModelFormMetaclass
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display

from arbitrage import wire_form
from arbitrage.admin_evidence import EvidenceAdmin, EvidenceInline
from arbitrage.dashboard import wire_context
from arbitrage.models import ShapeDrift, WireChange, WireEpoch, WireSet
from arbitrage.services import wire

STATE_COLOURS = {"draft": "info", "valid": "warning", "active": "success"}
EDITABLE = frozenset({"draft", "valid"})


class WireSetForm(forms.ModelForm):
    """A draft. Wrong values may be saved: their findings are shown at each field until they are mended."""

    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = WireSet
        fields = ("note",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        overrides = wire.overrides_of(self.instance if self.instance.pk else wire.active_set())
        self.fields["revision"].initial = self.instance.revision if self.instance.pk else 0
        for place in all_places():
            field = self.fields[place.input]
            field.initial = wire_form.to_input(place, overrides)
            for finding in self.instance.findings:
                if finding.startswith(f"{place.path} "):
                    field.help_text = format_html('<span class="karb-finding">{}</span>', finding)

    def clean(self) -> dict[str, Any]:
        """Gather the overrides; refuse a form made from an older revision."""
        cleaned = super().clean() or {}
        typed = {place: cleaned.get(place.input, "") for place in all_places()}
        self.overrides = wire_form.to_overrides(typed, wire.shipped())
        if self.instance.pk and cleaned.get("revision") != self.instance.revision:
            self.add_error(None, "someone else saved this set meanwhile: open it again")
        return cleaned


@lru_cache(maxsize=1)
def all_places() -> tuple[wire_form.Place, ...]:
    """Return every input of the form."""
    return tuple(wire_form.places(wire.shipped()))


@lru_cache(maxsize=1)
def whole_form() -> type[WireSetForm]:
    """Return the form with an input for everything that is shipped."""
    inputs = {place.input: wire_form.form_field(place) for place in all_places()}
    made: Any = ModelFormMetaclass("WholeWireSetForm", (WireSetForm,), {"__module__": __name__, **inputs})
    form: type[WireSetForm] = made
    return form


class ChangeInline(EvidenceInline):
    """Who did what with the set."""

    model = WireChange
    verbose_name_plural = "history"
    show_change_link = False
    hide_title = True
    fields = ("at", "on", "from_state", "to_state", "by", "reason", "detail")
    readonly_fields = fields


@admin.register(WireSet)
class WireSetAdmin(ModelAdmin):
    """Drafts are forms; active and retired sets are tables. Buttons above the page move a set on."""

    list_display = ("__str__", "state_label", "overrides", "epochs_used", "note", "created_by", "changed_at")
    list_filter = ("state",)
    search_fields = ("note", "created_by")
    inlines = (ChangeInline,)
    change_form_outer_before_template = "arbitrage/wire_steps.html"
    list_before_template = "arbitrage/wire_epochs.html"
    warn_unsaved_form = True

    def get_form(self, request: HttpRequest, obj: WireSet | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the whole form for a set that can be edited, an empty one for the rest."""
        if obj is None or obj.state in EDITABLE:
            kwargs.setdefault("form", whole_form())
            kwargs["fields"] = ("note",)
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: WireSet | None = None) -> Any:
        """Return the inputs by exchange and object, or one table."""
        if obj is not None and (obj.state not in EDITABLE or not self.has_change_permission(request, obj)):
            return ((None, {"fields": ("values_table", "note")}),)
        row = obj or wire.active_set()
        groups = wire_form.fieldsets(all_places(), wire.overrides_of(row), row.findings if row else ())
        return [(None, {"fields": ("note", "revision")}), *groups]

    def get_readonly_fields(self, request: HttpRequest, obj: WireSet | None = None) -> tuple[str, ...]:
        """Return the table of a set past editing."""
        return ("values_table",) if obj is not None and obj.state not in EDITABLE else ()

    def has_change_permission(self, request: HttpRequest, obj: WireSet | None = None) -> bool:
        """Return whether this set can still be edited."""
        return super().has_change_permission(request, obj) and (obj is None or obj.state in EDITABLE)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: versions are kept."""
        return False

    def get_inlines(self, request: HttpRequest, obj: WireSet | None) -> Any:
        """Return the history of a set that has one."""
        return self.inlines if obj else ()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the list with the epoch in force, wanted and applied, above it."""
        return super().changelist_view(request, {**(extra_context or {}), **wire_context()})

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the page; a refusal of the service comes back as a message."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except wire.WireRefused as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: WireSet, form: WireSetForm, change: bool) -> None:
        """Submit or edit the draft through the service, and say what it finds."""
        by = request.user.get_username()
        if change:
            row = wire.edit_draft(obj.pk, form.overrides, form.cleaned_data["revision"], by, obj.note)
        else:
            row = wire.submit_draft(form.overrides, by, obj.note)
        for name in ("pk", "state", "revision", "findings", "body"):
            setattr(obj, name, getattr(row, name))
        for finding in row.findings:
            self.message_user(request, finding, messages.WARNING)

    @display(description="state", label=STATE_COLOURS, ordering="state")
    def state_label(self, row: WireSet) -> tuple[str, str]:
        """Return the state."""
        return row.state, row.get_state_display()

    @admin.display(description="overrides")
    def overrides(self, row: WireSet) -> str:
        """Return how much differs from what is shipped."""
        count = len(wire_form.differences(wire.overrides_of(row), wire.shipped()))
        return str(count) if count else "as shipped"

    @admin.display(description="epochs")
    def epochs_used(self, row: WireSet) -> str:
        """Return the epochs in which the set was in force."""
        return ", ".join(str(epoch.epoch) for epoch in reversed(row.epochs.all())) or "–"

    @admin.display(description="overrides")
    def values_table(self, row: WireSet) -> SafeString:
        """Return what the set overrides, with what is shipped beside it."""
        rows = wire_form.differences(wire.overrides_of(row), wire.shipped())
        return render_to_string("arbitrage/wire_values.html", {"rows": rows})

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the sets with their epochs."""
        return super().get_queryset(request).prefetch_related("epochs")


@admin.register(WireEpoch)
class WireEpochAdmin(EvidenceAdmin):
    """Which set was in force when, by whom and why."""

    list_display = ("epoch", "wire_set", "by", "reason", "at")
    list_select_related = ("wire_set",)


@admin.register(ShapeDrift)
class ShapeDriftAdmin(EvidenceAdmin):
    """Answers and frames that no longer have the shape we know; a person acknowledges each."""

    list_display = ("last_at", "exchange", "where", "finding", "count", "seen_label", "first_at")
    empty_words = "Every message had the shape the desk knows."
    list_filter = ("exchange", "where", ("acknowledged_at", admin.EmptyFieldListFilter))
    search_fields = ("finding", "sample")
    fieldsets = (
        (None, {"fields": (("exchange", "where", "count"), "finding", "sample_text")}),
        ("Seen", {"fields": (("first_at", "last_at"), ("acknowledged_at", "acknowledged_by"))}),
    )
    readonly_fields = ("sample_text",)
    change_form_outer_before_template = "arbitrage/drift_steps.html"

    @display(description="seen by a person", label={"yes": "success", "no": "danger"}, ordering="acknowledged_at")
    def seen_label(self, row: ShapeDrift) -> tuple[str, str]:
        """Return who has acknowledged it."""
        return ("yes", row.acknowledged_by) if row.acknowledged_at else ("no", "not yet")

    @admin.display(description="sample, redacted")
    def sample_text(self, row: ShapeDrift) -> SafeString:
        """Return how the newest of them began."""
        return format_html('<pre class="karb-sample">{}</pre>', row.sample or "–")
