"""Decoders made from a field map: our members read under the names the exchange gives them now (R1.1).

A shape says what we rely on, in our words; the map says what the exchange calls it. Pure.
"""

import functools
import operator
import types
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar, Union, get_args, get_origin

import msgspec

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import Exchange
from arbitrage.domain.wire import is_wire_key
from exchanges.field_maps import SHIPPED, FieldMaps

_MAPS_KEPT = 16
"""Every reader of an exchange uses the same maps."""
_NOT_SENT = "not sent: "
"""Begins the name of a member this exchange does not send; no name that may be given has a blank."""

Overrides = Mapping[str, Mapping[str, str]]


class Shape(msgspec.Struct, kw_only=True):
    """One object as we read it. A member without a default must be there; the rest may be absent or null."""

    object_name: ClassVar[str] = ""
    usual: ClassVar[tuple[str, ...]] = ()
    """Members whose absence is read over but noted: their name has probably changed."""

    def gaps(self) -> tuple[str, ...]:
        """Return which usual members are missing."""
        return tuple(name for name in self.usual if getattr(self, name) is None)


S = TypeVar("S", bound=Shape)


class Fields:
    """One exchange's field maps as they count now. ConfigError with every finding when an override is wrong."""

    def __init__(self, exchange: Exchange, overrides: Overrides | None = None) -> None:
        problems = field_problems(exchange, overrides or {})
        if problems:
            raise ConfigError(problems)
        self.exchange = exchange
        self._maps = merged(exchange, overrides or {})
        self._decoders = _decoders_of(msgspec.json.encode(self._maps))

    def name(self, object_name: str, member: str) -> str:
        """Return what the exchange calls one member."""
        return self._maps[object_name][member]

    def one(self, shape: type[S], data: bytes) -> S:
        """Return the object in `data`. ValueError when it is not one of this shape."""
        row: S = self._decode(shape, data, is_list=False)
        return row

    def many(self, shape: type[S], data: bytes) -> list[S]:
        """Return the array of objects in `data`. ValueError when it is none."""
        rows: list[S] = self._decode(shape, data, is_list=True)
        return rows

    def _decode(self, shape: type[Shape], data: bytes, *, is_list: bool) -> Any:
        try:
            return self._decoders.of(shape, is_list=is_list).decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"{shape.object_name}: {error}") from None


class _Decoders:
    # What reads under one exchange's names; making a decoder costs many times what it takes to use it.
    def __init__(self, maps: FieldMaps) -> None:
        self._maps = maps
        self._shapes: dict[type[Shape], type[Shape]] = {}
        self._decoders: dict[tuple[type[Shape], bool], msgspec.json.Decoder[Any]] = {}

    def of(self, shape: type[Shape], *, is_list: bool) -> msgspec.json.Decoder[Any]:
        decoder = self._decoders.get((shape, is_list))
        if decoder is None:
            renamed: Any = self._renamed(shape)
            decoder = msgspec.json.Decoder(list[renamed] if is_list else renamed)
            self._decoders[(shape, is_list)] = decoder
        return decoder

    def _renamed(self, shape: type[Shape]) -> type[Shape]:
        """Return `shape` reading under the map's names, nested shapes included."""
        known = self._shapes.get(shape)
        if known is not None:
            return known
        names = self._maps.get(shape.object_name, {})
        fields: list[Any] = []
        rename: dict[str, str] = {}
        for field in msgspec.structs.fields(shape):
            kind = self._kind(field.type)
            fields.append((field.name, kind) if field.required else (field.name, kind, field.default))
            rename[field.name] = names.get(field.name, _NOT_SENT + field.name)
        made: Any = msgspec.defstruct(shape.__name__, fields, bases=(shape,), rename=rename, kw_only=True)
        self._shapes[shape] = made
        return made  # type: ignore[no-any-return]

    def _kind(self, kind: Any) -> Any:
        if isinstance(kind, type) and issubclass(kind, Shape):
            return self._renamed(kind)
        args = get_args(kind)
        if not args:
            return kind
        inner = tuple(self._kind(arg) for arg in args)
        origin = get_origin(kind)
        if origin is Union or origin is types.UnionType:
            return functools.reduce(operator.or_, inner)
        return origin[inner]


@functools.lru_cache(maxsize=_MAPS_KEPT)
def _decoders_of(maps: bytes) -> _Decoders:
    return _Decoders(msgspec.json.decode(maps))


def field_problems(exchange: Exchange, overrides: Overrides) -> list[str]:
    """Return every finding about an override, all at once; none = it may be used.

    Findings: an object or a member that is not read, a name no member can have, and two members of
    one object that would read the same name.
    """
    found: list[str] = []
    shipped = SHIPPED[exchange]
    for name, members in overrides.items():
        known = shipped.get(name)
        if known is None:
            found.append(f"{exchange}.{name}: no such object, must be one of {', '.join(sorted(shipped))}")
            continue
        for ours, theirs in members.items():
            where = f"{exchange}.{name}.{ours}"
            if ours not in known:
                found.append(f"{where}: no such member, must be one of {', '.join(known)}")
            elif not is_wire_key(theirs):
                found.append(f"{where} was {theirs[:70]!r}, must be 1 to 64 characters without blanks or quotes")
        found += _doubles(f"{exchange}.{name}", known | {ours: members[ours] for ours in members if ours in known})
    return found


def merged(exchange: Exchange, overrides: Overrides) -> FieldMaps:
    """Return the shipped maps with `overrides` laid over them; the caller asked `field_problems` before."""
    shipped = SHIPPED[exchange]
    if not overrides:
        return shipped
    return {name: {**members, **overrides.get(name, {})} for name, members in shipped.items()}


def _doubles(where: str, members: Mapping[str, str]) -> list[str]:
    takers: dict[str, list[str]] = {}
    for ours, theirs in members.items():
        takers.setdefault(theirs, []).append(ours)
    return [f"{where}: {' and '.join(ours)} would both read {theirs!r}" for theirs, ours in takers.items() if ours[1:]]
