"""The form of a wire set: every spec and field map with what is shipped beside it; an empty field is as shipped."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec
from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from arbitrage.domain.frame_spec import FrameSpec
from arbitrage.domain.units import EXCHANGES, Exchange
from arbitrage.domain.wire import GENERATIONS, Duty, Shipped

ABSENT = "-"
"""Typed for a key of a spec that must not be there."""
_NOT_TYPED = ("name", "version")
"""The name chooses the spec; the version is one more than the shipped one's."""


class Place(msgspec.Struct, frozen=True):
    """Where one input of the form belongs in the settings: `frames`, `fields`, `generations` or `compare`."""

    exchange: Exchange
    part: str
    group: str
    member: str
    shipped: str = ""
    kind: type[StrEnum] | None = None
    """The words to choose from, where they are few."""

    @property
    def input(self) -> str:
        """Return the input's name."""
        return "--".join((self.exchange.value, self.part, self.group, self.member)).replace(".", "_")

    @property
    def path(self) -> str:
        """Return how a finding about it begins."""
        parts = (self.exchange.value, self.part, self.group, self.member)
        return ".".join(part for part in parts if part)


def places(shipped: Mapping[Exchange, Shipped]) -> list[Place]:
    """Return every input of the form, in the order in which they are shown."""
    found = []
    for exchange in EXCHANGES:
        if len(GENERATIONS[exchange]) > 1:
            found += [Place(exchange, "generations", "", duty.value, "jwt") for duty in Duty]
            found += [Place(exchange, "compare", "", duty.value) for duty in Duty]
        for name, spec in shipped[exchange].frames.items():
            found += _spec_places(exchange, name, spec)
        for name, members in shipped[exchange].fields.items():
            found += [Place(exchange, "fields", name, ours, theirs) for ours, theirs in members.items()]
    return found


def _spec_places(exchange: Exchange, name: str, spec: FrameSpec) -> list[Place]:
    found = []
    for field in spec.__struct_fields__:
        value = getattr(spec, field)
        if field in _NOT_TYPED or value == "":
            continue
        kind = type(value) if isinstance(value, StrEnum) else None
        found.append(Place(exchange, "frames", name, field, ABSENT if value is None else str(value), kind))
    return found


def form_field(place: Place) -> forms.Field:
    """Return the form field of one input."""
    if place.part == "compare":
        return forms.BooleanField(label=f"compare {place.member}", required=False)
    words = [word.value for word in place.kind] if place.kind is not None else []
    if place.part == "generations":
        words = [generation.value for generation in GENERATIONS[place.exchange]]
    label, shipped = place.member.replace("_", " "), f"{place.shipped} – shipped"
    if words:
        choices = [("", shipped), *((word, word) for word in words if word != place.shipped)]
        return forms.ChoiceField(
            label=label, required=False, choices=choices, widget=UnfoldAdminSelectWidget(choices=choices)
        )
    return forms.CharField(
        label=label,
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": place.shipped, "autocomplete": "off"}),
    )


def fieldsets(
    all_places: Sequence[Place], overrides: Mapping[str, Any], findings: Sequence[str]
) -> list[tuple[str, dict[str, Any]]]:
    """Return the inputs by exchange and object, three in a row: generations first, and what nobody touched folded."""
    groups: dict[tuple[Exchange, str, str], list[Place]] = {}
    for place in all_places:
        part = "generations" if place.part == "compare" else place.part
        groups.setdefault((place.exchange, part, place.group), []).append(place)
    order = ("generations", "frames", "fields")
    found = []
    for (exchange, part, group), members in sorted(groups.items(), key=lambda item: order.index(item[0][1])):
        title = {"generations": "generation of each duty", "frames": "book frame", "fields": "fields of"}[part]
        names = [place.input for place in members]
        rows = [tuple(names[n : n + 3]) for n in range(0, len(names), 3)]
        is_open = part == "generations" or any(
            to_input(place, overrides) != "" or any(finding.startswith(f"{place.path} ") for finding in findings)
            for place in members
        )
        heading = f"{exchange.value.capitalize()} · {title} {group.replace('_', ' ')}".strip()
        found.append((heading, {"fields": rows, "classes": [] if is_open else ["collapse"]}))
    return found


def to_input(place: Place, overrides: Mapping[str, Any]) -> Any:
    """Return what the input shows for the overrides of a set (plain JSON); "" where they say nothing."""
    part = _dict(_dict(overrides, place.exchange.value), place.part)
    match place.part:
        case "compare":
            kept = overrides.get(place.exchange.value)
            named = kept.get("compare", []) if isinstance(kept, dict) else []
            return isinstance(named, list) and place.member in named
        case "generations":
            return part.get(place.member, "")
        case _:
            group = _dict(part, place.group)
            if place.member not in group:
                return ""
            value = group[place.member]
            text = ABSENT if value is None else str(value)
            return "" if place.part == "frames" and text == place.shipped else text


def to_overrides(typed: Mapping[Place, Any], shipped: Mapping[Exchange, Shipped]) -> dict[str, Any]:
    """Return the settings in plain JSON: what was typed, laid over what is shipped; a spec goes whole."""
    found: dict[str, dict[str, Any]] = {}
    for place, value in typed.items():
        if value in ("", False, None):
            continue
        exchange = found.setdefault(place.exchange.value, {})
        match place.part:
            case "compare":
                exchange.setdefault("compare", []).append(place.member)
            case "generations":
                exchange.setdefault("generations", {})[place.member] = value
            case "frames":
                specs = exchange.setdefault("frames", {})
                spec = specs.setdefault(place.group, _whole(shipped[place.exchange].frames[place.group]))
                spec[place.member] = None if value == ABSENT else value
            case _:
                exchange.setdefault("fields", {}).setdefault(place.group, {})[place.member] = value
    return {"exchanges": found}


def _whole(spec: FrameSpec) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(spec)
    return {**plain, "version": spec.version + 1}


def _dict(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def differences(overrides: Mapping[str, Any], shipped: Mapping[Exchange, Shipped]) -> list[tuple[str, str, str]]:
    """Return (where, shipped, now) of everything a set overrides, in a person's words."""
    rows = []
    for place in places(shipped):
        value = to_input(place, overrides)
        if value not in ("", False):
            rows.append((place.path, place.shipped or "–", "compared" if value is True else str(value)))
    return rows
