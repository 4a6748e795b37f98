"""What can go wrong between the two ends: delays, cuts, silence, wrong and broken answers (peers.md §10)."""

from enum import StrEnum
from typing import Annotated, ClassVar

import msgspec

from exchanges.simulator.kst import SECOND
from exchanges.simulator.trouble.fault import Effect, Fault, Place, Seen, Span

_MS = 1_000_000
Status = Annotated[int, msgspec.Meta(ge=100, le=599)]
Part = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class Text(StrEnum):
    """What a body is, whatever was expected (upbit.md §4, §6 idea 7)."""

    JSON = "json"
    PLAIN = "plain"
    HTML = "html"
    EMPTY = "empty"


BODIES = {
    Text.PLAIN: (b"Too many API requests.", "text/plain;charset=UTF-8"),
    Text.HTML: (b"<html><head><title>Error</title></head><body><center>nginx</center></body></html>", "text/html"),
    Text.EMPTY: (b"", "application/json;charset=UTF-8"),
}


class ConnectionRefused(Fault, frozen=True, kw_only=True, tag="connection_refused"):
    """The port is closed: every new connection is refused. Connections that are open stay."""

    place: ClassVar[Place] = Place.LISTEN
    usual_count: ClassVar[int] = 0


class ResetAtAccept(Fault, frozen=True, kw_only=True, tag="reset_at_accept"):
    """A new connection is reset before a byte was read."""

    place: ClassVar[Place] = Place.ACCEPT


class RequestDelayed(Fault, frozen=True, kw_only=True, tag="request_delayed"):
    """The request reaches the exchange late: a draw around `typical_ns`, never outside of the bounds."""

    place: ClassVar[Place] = Place.ARRIVAL
    usual_count: ClassVar[int] = 0
    least_ns: Span = 0
    typical_ns: Span = 50 * _MS
    most_ns: Span = SECOND


class AnswerDelayed(Fault, frozen=True, kw_only=True, tag="answer_delayed"):
    """The exchange acts at once and answers late: a draw around `typical_ns`, never outside of the bounds."""

    usual_count: ClassVar[int] = 0
    least_ns: Span = 0
    typical_ns: Span = 50 * _MS
    most_ns: Span = SECOND


class CutBefore(Fault, frozen=True, kw_only=True, tag="cut_before"):
    """The connection is cut and the request never reached the exchange."""


class CutAfter(Fault, frozen=True, kw_only=True, tag="cut_after"):
    """The exchange did what was asked; the connection is cut instead of an answer."""


class NeverAnswered(Fault, frozen=True, kw_only=True, tag="never_answered"):
    """The connection stays open and no answer ever comes."""

    effect: Effect = Effect.TAKEN


class ResetMidAnswer(Fault, frozen=True, kw_only=True, tag="reset_mid_answer"):
    """The answer stops after `part` bytes of the body with a reset."""

    part: Part = 10


class AnswerTruncated(Fault, frozen=True, kw_only=True, tag="answer_truncated"):
    """The answer promises its whole length, ends after `part` bytes of the body, and the connection closes."""

    part: Part = 10


class AnswerDripped(Fault, frozen=True, kw_only=True, tag="answer_dripped"):
    """A slow loris: `part` bytes of the answer at a time, every `pace_ns`."""

    part: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    pace_ns: Annotated[int, msgspec.Meta(ge=1, le=60 * SECOND)] = 200 * _MS


class StatusAnswered(Fault, frozen=True, kw_only=True, tag="status_answered"):
    """Another status comes: 429, 418, 5xx, with or without the effect, the body as `body` says."""

    status: Status = 503
    body: Text = Text.JSON
    name: Annotated[str, msgspec.Meta(max_length=100)] = "internal_server_error"
    """The error name of a JSON body."""
    effect: Effect = Effect.NOT_TAKEN
    retry_after_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 0
    """A Retry-After header when above 0."""


class BodyReplaced(Fault, frozen=True, kw_only=True, tag="body_replaced"):
    """The status is right, the body is plain text, HTML or nothing."""

    body: Text = Text.HTML


class AnswerDoubled(Fault, frozen=True, kw_only=True, tag="answer_doubled"):
    """The answer comes twice on the same connection: the second is taken for the next request's."""


class BooksOutdated(Fault, frozen=True, kw_only=True, tag="books_outdated"):
    """REST books stand still as they were when first asked for; streams go on."""

    usual_count: ClassVar[int] = 0

    def concerns(self, seen: Seen) -> bool:
        """Return whether this is a book."""
        return "orderbook" in seen.path


class AnswerSwapped(Fault, frozen=True, kw_only=True, tag="answer_swapped"):
    """The answer of an earlier request comes instead; nothing changes when there was none."""


TRANSPORT: tuple[type[Fault], ...] = (
    ConnectionRefused,
    ResetAtAccept,
    RequestDelayed,
    AnswerDelayed,
    CutBefore,
    CutAfter,
    NeverAnswered,
    ResetMidAnswer,
    AnswerTruncated,
    AnswerDripped,
    StatusAnswered,
    BodyReplaced,
    AnswerDoubled,
    AnswerSwapped,
    BooksOutdated,
)
