"""Parameter sets: drafts are edited in units a person thinks in; everything else is history (R4.2)."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.forms.models import ModelFormMetaclass
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.decorators import display

from arbitrage.admin_evidence import EvidenceAdmin, EvidenceInline
from arbitrage.dashboard import epoch_context
from arbitrage.models import ParamChange, ParamEpoch, ParamSet
from arbitrage.params_form import FIELDS, GROUPS, form_field, from_text, to_text
from arbitrage.services import params

STATE_COLOURS = {"draft": "info", "valid": "warning", "active": "success", "ready": "warning", "dry_run": "warning"}
EDITABLE = frozenset({"draft", "valid", "ready"})


class ParamSetFormMeta(ModelFormMetaclass):
    """Adds one form field per parameter."""

    def __new__(mcs, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> Any:
        return super().__new__(mcs, name, bases, {**attrs, **{key: form_field(FIELDS[key]) for key in FIELDS}})


class ParamSetForm(forms.ModelForm, metaclass=ParamSetFormMeta):
    """A draft. Wrong values may be saved: their findings are shown at each field until they are mended."""

    revision = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = ParamSet
        fields = ("note",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = params.fields_of(self.instance if self.instance.pk else params.active_set())
        for name, words in FIELDS.items():
            self.fields[name].initial = to_text(words, stored[name])
        self.fields["revision"].initial = self.instance.revision if self.instance.pk else 0
        for finding in self.instance.findings:
            named = finding.partition(" ")[0].partition(".")[0]
            if named in FIELDS:
                field = self.fields[named]
                field.help_text = format_html('<span class="karb-finding">{}</span> {}', finding, field.help_text)

    def clean(self) -> dict[str, Any]:
        """Convert every field to its stored unit; refuse a form made from an older revision."""
        cleaned = super().clean() or {}
        self.values: dict[str, Any] = {}
        for name, words in FIELDS.items():
            if name not in cleaned:
                continue
            try:
                self.values[name] = from_text(words, cleaned[name])
            except ValidationError as error:
                self.add_error(name, error)
        if self.instance.pk and cleaned.get("revision") != self.instance.revision:
            self.add_error(None, "someone else saved this set meanwhile: open it again")
        return cleaned


class ChangeInline(EvidenceInline):
    """Who did what with the set."""

    model = ParamChange
    verbose_name_plural = "history"
    show_change_link = False
    hide_title = True
    fields = ("at", "on", "from_state", "to_state", "by", "reason", "detail")
    readonly_fields = fields


@admin.register(ParamSet)
class ParamSetAdmin(ModelAdmin):
    """Drafts are forms; valid, active and retired sets are tables. Buttons above the page move a set on."""

    list_display = ("__str__", "state_label", "epochs_used", "note", "created_by", "created_at", "changed_at")
    list_filter = ("state",)
    search_fields = ("note", "created_by")
    inlines = (ChangeInline,)
    change_form_outer_before_template = "arbitrage/param_steps.html"
    list_before_template = "arbitrage/param_epochs.html"
    warn_unsaved_form = True

    def get_form(self, request: HttpRequest, obj: ParamSet | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form with parameters for a set that can be edited, an empty one for the rest."""
        if obj is None or obj.state in EDITABLE:
            kwargs.setdefault("form", ParamSetForm)
            kwargs["fields"] = ("note",)
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: ParamSet | None = None) -> Any:
        """Return the groups of parameters, or one table."""
        if obj is not None and (obj.state not in EDITABLE or not self.has_change_permission(request, obj)):
            return ((None, {"fields": ("values_table", "note")}),)
        groups = [
            (title, {"fields": [tuple(words.name for words in group[n : n + 2]) for n in range(0, len(group), 2)]})
            for title, group in GROUPS
        ]
        return [(None, {"fields": ("note", "revision")}), *groups]

    def get_readonly_fields(self, request: HttpRequest, obj: ParamSet | None = None) -> tuple[str, ...]:
        """Return the table of a set past editing."""
        return ("values_table",) if obj is not None and obj.state not in EDITABLE else ()

    def has_change_permission(self, request: HttpRequest, obj: ParamSet | None = None) -> bool:
        """Return whether this set can still be edited."""
        return super().has_change_permission(request, obj) and (obj is None or obj.state in EDITABLE)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: versions are kept."""
        return False

    def get_inlines(self, request: HttpRequest, obj: ParamSet | None) -> Any:
        """Return the history of a set that has one."""
        return self.inlines if obj else ()

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        """Show what stands on record of the set's dry run, and the bytes' own mark, with the page."""
        row = ParamSet.objects.filter(pk=object_id).first() if object_id.isdigit() else None
        gate = {} if row is None else {"gate_line": params.gate_line(row), "set_sha256": params.sha256_of(row)}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **gate})

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the list with the epoch in force above it."""
        return super().changelist_view(request, {**(extra_context or {}), **epoch_context()})

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the page; a refusal of the service comes back as a message."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except params.NotAllowed as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: ParamSet, form: ParamSetForm, change: bool) -> None:
        """Submit or edit the draft through the service, and say what it finds."""
        by = request.user.get_username()
        if change:
            row = params.edit_draft(obj.pk, form.values, form.cleaned_data["revision"], by, obj.note)
        else:
            row = params.submit_draft(form.values, by, obj.note)
        obj.pk, obj.state, obj.revision, obj.findings, obj.body = (
            row.pk,
            row.state,
            row.revision,
            row.findings,
            row.body,
        )
        for finding in row.findings:
            self.message_user(request, finding, messages.WARNING)

    @display(description="state", label=STATE_COLOURS, ordering="state")
    def state_label(self, row: ParamSet) -> tuple[str, str]:
        """Return the state."""
        return row.state, row.get_state_display()

    @admin.display(description="epochs")
    def epochs_used(self, row: ParamSet) -> str:
        """Return the epochs in which the set was in force."""
        return ", ".join(str(epoch.epoch) for epoch in reversed(row.epochs.all())) or "–"

    @admin.display(description="values")
    def values_table(self, row: ParamSet) -> SafeString:
        """Return every parameter in a person's units."""
        stored = params.fields_of(row)
        groups = [(title, [(words, to_text(words, stored[words.name])) for words in group]) for title, group in GROUPS]
        return render_to_string("arbitrage/param_values.html", {"groups": groups})

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the sets with their epochs."""
        return super().get_queryset(request).prefetch_related("epochs")


@admin.register(ParamEpoch)
class ParamEpochAdmin(EvidenceAdmin):
    """Which set was in force when, by whom and why."""

    list_display = ("epoch", "param_set", "by", "reason", "at")
    list_select_related = ("param_set",)
