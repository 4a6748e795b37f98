"""Answers and frames of the wrong shape: the drift ideas of upbit.md §6 as changes of what is on the wire."""

from enum import StrEnum
from typing import Annotated, ClassVar

import msgspec

from exchanges.simulator.trouble.fault import LONGEST_NS, Fault, Place, Seen

Word = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Spelling(StrEnum):
    """Ways to write the same number (upbit.md §6 idea 6)."""

    INT = "int"
    FLOAT = "float"
    EXPONENT = "exponent"
    LONG = "long"
    """More than 20 significant digits."""
    TEXT = "text"


class TimeSpelling(StrEnum):
    """Ways to write the same moment (upbit.md §6 idea 10)."""

    UTC = "utc"
    SUB_SECOND = "sub_second"
    MICROSECONDS = "microseconds"


class NameSpelling(StrEnum):
    """An error name is text or a number (upbit.md §6 idea 7)."""

    NUMBER = "number"
    TEXT = "text"


class Shape(Fault, frozen=True, kw_only=True):
    """A change of shape. `object`: a path without its version (`accounts`, `market/all`), a frame's type, or all."""

    place: ClassVar[Place] = Place.SHAPE
    usual_count: ClassVar[int] = 0
    object: Annotated[str, msgspec.Meta(max_length=64)] = ""

    def concerns(self, seen: Seen) -> bool:
        """Return whether this is the object meant."""
        return self.object in ("", *seen.objects)


class ExtraField(Shape, frozen=True, kw_only=True, tag="extra_field"):
    """Idea 1: every object has one member more."""

    name: Word = "something_new"


class NewEnumValue(Shape, frozen=True, kw_only=True, tag="new_enum_value"):
    """Idea 2: a member has a value never seen."""

    field: Word
    value: Word = "never_seen_before"


class KeyMissing(Shape, frozen=True, kw_only=True, tag="key_missing"):
    """Idea 4: a member is absent."""

    field: Word


class KeyNull(Shape, frozen=True, kw_only=True, tag="key_null"):
    """Idea 5: a member is null, also where it was absent."""

    field: Word


class NullAbsent(Shape, frozen=True, kw_only=True, tag="null_absent"):
    """Idea 5, the reverse: members that are null are absent."""


class NumberRespelled(Shape, frozen=True, kw_only=True, tag="number_respelled"):
    """Idea 6: numbers, or one member, in another spelling of the same value."""

    field: Annotated[str, msgspec.Meta(max_length=64)] = ""
    spelling: Spelling = Spelling.TEXT


class ErrorRenamed(Shape, frozen=True, kw_only=True, tag="error_renamed"):
    """Idea 7: an error's name is a number instead of text, or text instead of a number."""

    spelling: NameSpelling = NameSpelling.NUMBER


class ArrayAsObject(Shape, frozen=True, kw_only=True, tag="array_as_object"):
    """An object instead of an array: rows under the value of their member `key`, or under their index."""

    key: Word = "currency"


class FieldRenamed(Shape, frozen=True, kw_only=True, tag="field_renamed"):
    """A member has another name."""

    from_: Word = msgspec.field(name="from")
    to: Word


class ArrayReversed(Shape, frozen=True, kw_only=True, tag="array_reversed"):
    """Idea 13: rows come in another order than asked."""


class LadderLength(Shape, frozen=True, kw_only=True, tag="ladder_length"):
    """Idea 3: this many levels, padded with zeros where there are not enough."""

    levels: Annotated[int, msgspec.Meta(ge=0, le=100)]


class PricesOffTick(Shape, frozen=True, kw_only=True, tag="prices_off_tick"):
    """Idea 9: book prices between two ticks: a tenth of the last digit more."""


class TimesRespelled(Shape, frozen=True, kw_only=True, tag="times_respelled"):
    """Idea 10: `..._at` members with another precision or zone."""

    spelling: TimeSpelling = TimeSpelling.UTC


class TimestampShifted(Shape, frozen=True, kw_only=True, tag="timestamp_shifted"):
    """Idea 11: times of books and frames lie in the past or the future."""

    by_ns: Annotated[int, msgspec.Meta(ge=-LONGEST_NS, le=LONGEST_NS)]


class MarketVanished(Shape, frozen=True, kw_only=True, tag="market_vanished"):
    """Idea 15: a market is no longer listed."""

    gone: Word


class MarketAppeared(Shape, frozen=True, kw_only=True, tag="market_appeared"):
    """Idea 15: a market is listed that is not traded here."""

    fresh: Word = "KRW-NEW"


class WarningFlipped(Shape, frozen=True, kw_only=True, tag="warning_flipped"):
    """Idea 15: every warning and caution flag of the market list says the opposite."""


class RemainingReqOdd(Fault, frozen=True, kw_only=True, tag="remaining_req_odd"):
    """Idea 8: `Remaining-Req` names an unknown group, or has no `min`."""

    usual_count: ClassVar[int] = 0
    text: Annotated[str, msgspec.Meta(max_length=100)] = "group=Crix_trades.v2; sec=3"


SHAPES: tuple[type[Fault], ...] = (
    ExtraField,
    NewEnumValue,
    KeyMissing,
    KeyNull,
    NullAbsent,
    NumberRespelled,
    ErrorRenamed,
    ArrayAsObject,
    FieldRenamed,
    ArrayReversed,
    LadderLength,
    PricesOffTick,
    TimesRespelled,
    TimestampShifted,
    MarketVanished,
    MarketAppeared,
    WarningFlipped,
    RemainingReqOdd,
)
