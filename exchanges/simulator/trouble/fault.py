"""What every fault is: a frozen struct with a name, a place where it acts, and a scope that says whom it strikes."""

from enum import StrEnum
from typing import Annotated, ClassVar

import msgspec

from arbitrage.domain.units import PPM
from exchanges.simulator.kst import SECOND

LONGEST_NS = 86_400 * SECOND
"""No span of time in a fault, a scenario or an operation is longer than a day."""

Span = Annotated[int, msgspec.Meta(ge=0, le=LONGEST_NS)]
"""Nanoseconds, up to a day."""


class Place(StrEnum):
    """Where a fault acts, from the wire inwards."""

    LISTEN = "listen"
    ACCEPT = "accept"
    ARRIVAL = "arrival"
    """Before a request reaches the exchange."""
    HTTP = "http"
    SHAPE = "shape"
    """Both answers and frames."""
    HANDSHAKE = "handshake"
    STREAM = "stream"
    FRAME = "frame"
    ORDER = "order"
    MATCH = "match"
    LOOKUP = "lookup"
    AUTH = "auth"


class Lane(StrEnum):
    """Groups of paths, and the two kinds of stream."""

    ANY = "any"
    PUBLIC = "public"
    ORDER = "order"
    CANCEL = "cancel"
    LOOKUP = "lookup"
    """An order or lists of orders."""
    ACCOUNT = "account"
    """Balances, chance, keys, wallets, and what else needs a key."""
    STREAM = "stream"
    EVENTS = "events"
    """The private stream."""


class Effect(StrEnum):
    """Whether the exchange did what was asked, whatever it answers."""

    TAKEN = "taken"
    NOT_TAKEN = "not_taken"


class Fault(msgspec.Struct, frozen=True, kw_only=True, tag_field="fault"):
    """One kind of trouble; its members say how it looks."""

    place: ClassVar[Place] = Place.HTTP
    usual_count: ClassVar[int] = 1
    """How often it strikes when the scope does not say; 0 = until disarmed."""

    @classmethod
    def fault_name(cls) -> str:
        """Return the name in the catalogue."""
        return str(cls.__struct_config__.tag)

    def concerns(self, seen: "Seen") -> bool:
        """Return whether there is anything about `seen` that this could change; if not, it does not strike."""
        return True


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a fault strikes, when and how often. Empty text = everyone."""

    lane: Lane = Lane.ANY
    path: Annotated[str, msgspec.Meta(max_length=100)] = ""
    market: Annotated[str, msgspec.Meta(max_length=40)] = ""
    access_key: Annotated[str, msgspec.Meta(max_length=100)] = ""
    count: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None = None
    """How many strikes; 0 = no end; null = the kind's own."""
    after_ns: Span = 0
    """Begins this long after it is armed."""
    lasts_ns: Span = 0
    """Ends this long after it began; 0 = no end of its own."""
    chance_ppm: Annotated[int, msgspec.Meta(ge=1, le=PPM)] = PPM
    """How often it strikes what it could strike: a seeded draw each time."""


EVERYONE = Scope()


class Seen(msgspec.Struct, frozen=True):
    """What a fault may strike: a request, a frame or an order, as far as it is known."""

    lane: Lane = Lane.ANY
    path: str = ""
    markets: tuple[str, ...] = ()
    access_key: str = ""
    objects: tuple[str, ...] = ()
    """What is told: a path without its version, or the types of a frame; empty for frames that carry no data."""


SOMETHING = Seen()


def strikes(scope: Scope, seen: Seen) -> bool:
    """Return whether `seen` lies in `scope`. What is not known of `seen` is outside of a scope that asks for it."""
    return (
        scope.lane in (Lane.ANY, seen.lane)
        and scope.path in ("", seen.path)
        and (not scope.market or scope.market in seen.markets)
        and scope.access_key in ("", seen.access_key)
    )
