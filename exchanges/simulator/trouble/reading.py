"""Frozen structs read from JSON with every problem named at once: the member, what was found, what is allowed."""

from typing import Any, TypeVar

import msgspec

_Kind = TypeVar("_Kind", bound=msgspec.Struct)
_MISSING = msgspec.UNSET


def member_names(kind: type[msgspec.Struct]) -> set[str]:
    """Return the members a struct has on the wire."""
    return {field.encode_name for field in msgspec.structs.fields(kind)}


def read_struct(kind: type[_Kind], row: dict[str, Any], where: str, problems: list[str]) -> _Kind | None:
    """Return `kind` made of the members of `row` it knows; None after adding each problem found.

    Members of `row` that `kind` does not know are not looked at: see `strangers`.
    """
    before = len(problems)
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        value = row.get(field.encode_name, _MISSING)
        if value is _MISSING:
            if field.required:
                problems.append(f"{where}.{field.encode_name} is missing")
            continue
        try:
            values[field.name] = msgspec.convert(value, field.type)
        except msgspec.ValidationError as error:
            problems.append(f"{where}.{field.encode_name} was {shown(value)}: {error}")
    return None if len(problems) > before else kind(**values)


def strangers(row: dict[str, Any], known: set[str], where: str) -> list[str]:
    """Return a problem for each member nothing knows."""
    return [f"{where}.{name} is not known here" for name in sorted(row.keys() - known)]


def shown(value: Any) -> str:
    """Return a value as a problem shows it, never longer than a line."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def described(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return each member's JSON schema, and its default where it has one."""
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        (schema,), parts = msgspec.json.schema_components([field.type])
        schema = parts.get(str(schema.get("$ref", "")).rpartition("/")[2], schema)
        found[field.encode_name] = (
            schema if field.required else {**schema, "default": msgspec.to_builtins(field.default)}
        )
    return found
