"""What about an exchange's wire can change at run time, as one set checked as a whole (R1.1).

Per exchange: which API generation serves which duty, where both are read and compared, how a book
frame is laid out, and under which name a response carries each of our fields. Empty = as shipped.
What is shipped is handed in: the domain knows no exchange's words.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from arbitrage.domain.frame_spec import FrameSpec, used_keys
from arbitrage.domain.units import EXCHANGES, Exchange

WIRE_MAX = 64 * 1024
"""Bytes a set may have: what the control block has room for."""
_KEY_MAX = 64


class Duty(StrEnum):
    """What an exchange's API is used for; each can run on a generation of its own."""

    BOOKS = "books"
    ORDERS = "orders"
    READS = "reads"


class Generation(StrEnum):
    """An exchange's API generation. LEGACY is Bithumb's v1.2 alone (bithumb.md §0.2)."""

    JWT = "jwt"
    LEGACY = "legacy"


GENERATIONS: dict[Exchange, tuple[Generation, ...]] = {
    Exchange.UPBIT: (Generation.JWT,),
    Exchange.BITHUMB: (Generation.JWT, Generation.LEGACY),
}


class ExchangeWire(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One exchange's settings; whatever is not named is as shipped."""

    generations: dict[Duty, Generation] = msgspec.field(default_factory=dict)
    compare: frozenset[Duty] = frozenset()
    """Duties for which both generations are read and their differences reported, before a switch."""
    frames: dict[str, FrameSpec] = msgspec.field(default_factory=dict)
    """Spec name -> the whole spec to use instead of the shipped one."""
    fields: dict[str, dict[str, str]] = msgspec.field(default_factory=dict)
    """Object name -> our member -> their member, for the members that differ from what is shipped."""

    def generation(self, duty: Duty) -> Generation:
        """Return the generation that serves `duty`."""
        return self.generations.get(duty, Generation.JWT)

    def spec(self, shipped: FrameSpec) -> FrameSpec:
        """Return the spec to read frames with: the override of this name, or `shipped`."""
        return self.frames.get(shipped.name, shipped)


SHIPPED_WIRE = ExchangeWire()
"""Nothing overridden."""


class Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of every exchange; one not named is as shipped."""

    exchanges: dict[Exchange, ExchangeWire] = msgspec.field(default_factory=dict)

    def of(self, exchange: Exchange) -> ExchangeWire:
        """Return one exchange's settings."""
        return self.exchanges.get(exchange, SHIPPED_WIRE)


class Shipped(msgspec.Struct, frozen=True):
    """What one exchange's adapters are shipped with: what a set may override, and the defaults shown beside it."""

    frames: dict[str, FrameSpec]
    fields: dict[str, dict[str, str]]


def wire_problems(wire: Wire, shipped: Mapping[Exchange, Shipped]) -> list[str]:
    """Return every finding about `wire`, each with field, value found and bound; empty = usable."""
    found: list[str] = []
    for exchange in EXCHANGES:
        settings, known = wire.of(exchange), shipped.get(exchange, Shipped({}, {}))
        found += _generation_problems(exchange, settings)
        for name, spec in settings.frames.items():
            at = f"{exchange}.frames.{name}"
            if name not in known.frames:
                found.append(f"{at} is unknown, must be one of {_listed(known.frames)}")
            else:
                found += [f"{at}.{finding}" for finding in spec_problems(name, spec)]
        for name, overrides in settings.fields.items():
            at = f"{exchange}.fields.{name}"
            if name not in known.fields:
                found.append(f"{at} is unknown, must be one of {_listed(known.fields)}")
            else:
                found += [f"{at}.{finding}" for finding in _map_problems(overrides, known.fields[name])]
    size = len(wire_to_bytes(wire))
    if size > WIRE_MAX:
        found.append(f"wire has {size} bytes, must have at most {WIRE_MAX}")
    return found


def _generation_problems(exchange: Exchange, settings: ExchangeWire) -> list[str]:
    served = GENERATIONS[exchange]
    found = [
        f"{exchange}.generations.{duty} was {generation}, must be one of {_listed(served)}"
        for duty, generation in settings.generations.items()
        if generation not in served
    ]
    if settings.compare and len(served) < 2:
        duties = _listed(settings.compare)
        found.append(f"{exchange}.compare was {duties}, must be empty: there is one generation to read")
    return found


def spec_problems(name: str, spec: FrameSpec) -> list[str]:
    """Return what is wrong in one spec that goes by `name`: each finding begins with the field."""
    found = []
    if spec.name != name:
        found.append(f"name was {spec.name!r}, must be {name!r}")
    if spec.version < 1:
        found.append(f"version was {spec.version}, must be at least 1")
    objects = [{field: getattr(spec, field) for field in fields} for fields in used_keys(spec)]
    keys: dict[str, str | None] = {field: value for fields in objects for field, value in fields.items()}
    found += [
        f"{field} was {value!r}, must be 1 to {_KEY_MAX} characters without blanks or quotes"
        for field, value in keys.items()
        if value is not None and not is_wire_key(value)
    ]
    if spec.type_key is None and spec.type_value is not None:
        found.append(f"type_value was {spec.type_value!r}, must be absent when type_key is")
    if spec.type_key is not None and not spec.type_value:
        found.append(f"type_value was {spec.type_value!r}, must be there when type_key is")
    for fields in objects:
        found += _twins({field: value for field, value in fields.items() if value is not None})
    return found


def _map_problems(overrides: Mapping[str, str], shipped: Mapping[str, str]) -> list[str]:
    found = []
    for ours, theirs in overrides.items():
        if ours not in shipped:
            found.append(f"{ours} is unknown, must be one of {_listed(shipped)}")
        elif not is_wire_key(theirs):
            found.append(f"{ours} was {theirs!r}, must be 1 to {_KEY_MAX} characters without blanks or quotes")
    return found + _twins({**shipped, **{ours: theirs for ours, theirs in overrides.items() if ours in shipped}})


def _twins(keys: Mapping[str, str]) -> list[str]:
    # Two of our fields cannot be read from one of theirs.
    first: dict[str, str] = {}
    found = []
    for field, value in keys.items():
        if value in first:
            found.append(f"{field} was {value!r}, must differ from {first[value]}")
        first.setdefault(value, field)
    return found


def is_wire_key(text: str) -> bool:
    """Return whether `text` can be a member's name on the wire."""
    return 1 <= len(text) <= _KEY_MAX and text.isprintable() and not any(letter in " \"'\\" for letter in text)


def _listed(names: "Mapping[str, object] | frozenset[Duty] | tuple[Generation, ...]") -> str:
    return ", ".join(sorted(str(name) for name in names)) or "none"


def wire_to_bytes(wire: Wire) -> bytes:
    """Return the form that travels: JSON, the same bytes for the same settings."""
    return msgspec.json.encode(wire, order="deterministic")


def wire_from_bytes(data: bytes, shipped: Mapping[Exchange, Shipped]) -> tuple[Wire | None, list[str]]:
    """Return `(wire, [])`, or `(None, findings)` when `data` is malformed or has problems."""
    try:
        wire = msgspec.json.decode(data, type=Wire)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return None, [str(error)]
    found = wire_problems(wire, shipped)
    return (None, found) if found else (wire, [])
