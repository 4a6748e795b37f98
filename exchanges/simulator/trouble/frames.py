"""What can go wrong on the streams: the twelve of peers.md §9 item 5, and ends of connections.

Each strikes frames of the public streams (lane `stream`), of the private ones (`events`), or both.
"""

from typing import Annotated, ClassVar

import msgspec

from arbitrage.domain.units import Side
from exchanges.simulator.kst import SECOND
from exchanges.simulator.trouble.fault import Fault, Place, Seen, Span

_MS = 1_000_000


class _FrameFault(Fault, frozen=True, kw_only=True):
    place: ClassVar[Place] = Place.FRAME
    usual_count: ClassVar[int] = 0

    def concerns(self, seen: Seen) -> bool:
        """Return whether this is a frame with data."""
        return bool(seen.objects)


class PongOnly(_FrameFault, frozen=True, kw_only=True, tag="pong_only"):
    """Status frames and pongs still come, data does not."""


class StreamFrozen(_FrameFault, frozen=True, kw_only=True, tag="stream_frozen"):
    """Nothing at all comes, as in maintenance; the connection stays (upbit.md §6.2)."""

    def concerns(self, seen: Seen) -> bool:
        """Return True: pongs too."""
        return True


class FramesLost(_FrameFault, frozen=True, kw_only=True, tag="frames_lost"):
    """Frames are lost: with a market one dead symbol on a lively socket, with a chance gaps, with `events` fills."""


class TimestampFrozen(_FrameFault, frozen=True, kw_only=True, tag="timestamp_frozen"):
    """Books go on, their time stands still."""


class LadderFrozen(_FrameFault, frozen=True, kw_only=True, tag="ladder_frozen"):
    """Time goes on, the book stands still."""


class OneSided(_FrameFault, frozen=True, kw_only=True, tag="one_sided"):
    """A side of the book is empty: zeros."""

    empty: Side = Side.ASK


class BookCrossed(_FrameFault, frozen=True, kw_only=True, tag="book_crossed"):
    """Bids stand where asks should, and the other way round."""


class FramesReordered(_FrameFault, frozen=True, kw_only=True, tag="frames_reordered"):
    """Every struck frame comes after the next one."""


class SnapshotMissing(_FrameFault, frozen=True, kw_only=True, tag="snapshot_missing"):
    """Changes come without the book they change: the first, whole frame is lost."""


class JumpBack(_FrameFault, frozen=True, kw_only=True, tag="jump_back"):
    """After a reconnect the first frame of a market is an old one, from when this was armed."""


class SlowDrain(_FrameFault, frozen=True, kw_only=True, tag="slow_drain"):
    """Every frame comes `delay_ns` late, in order."""

    delay_ns: Span = 2 * SECOND

    def concerns(self, seen: Seen) -> bool:
        """Return True: status frames stand in the same line."""
        return True


class FramesDoubled(_FrameFault, frozen=True, kw_only=True, tag="frames_doubled"):
    """Every struck frame comes `copies` times."""

    copies: Annotated[int, msgspec.Meta(ge=2, le=100)] = 2


class WrongSymbol(_FrameFault, frozen=True, kw_only=True, tag="wrong_symbol"):
    """A frame carries another market's name."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class FormatSwitched(_FrameFault, frozen=True, kw_only=True, tag="format_switched"):
    """The stream's format flips between DEFAULT and SIMPLE without being asked (upbit.md §6 idea 14)."""

    usual_count: ClassVar[int] = 1


class HandshakeRefused(Fault, frozen=True, kw_only=True, tag="handshake_refused"):
    """A WebSocket handshake is answered with this HTTP status."""

    place: ClassVar[Place] = Place.HANDSHAKE
    status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 429


class StreamEnds(Fault, frozen=True, kw_only=True, tag="stream_ends"):
    """A new connection ends after a while: with a Close frame, or with code 1006 without one."""

    place: ClassVar[Place] = Place.STREAM
    after_ns: Span = SECOND
    close_code: Annotated[int, msgspec.Meta(ge=1000, le=4999)] = 1006


class IdleShortened(Fault, frozen=True, kw_only=True, tag="idle_shortened"):
    """A new connection is dropped after `idle_ns` without traffic, without a Close frame."""

    place: ClassVar[Place] = Place.STREAM
    usual_count: ClassVar[int] = 0
    idle_ns: Span = 500 * _MS


FRAMES: tuple[type[Fault], ...] = (
    PongOnly,
    StreamFrozen,
    FramesLost,
    TimestampFrozen,
    LadderFrozen,
    OneSided,
    BookCrossed,
    FramesReordered,
    SnapshotMissing,
    JumpBack,
    SlowDrain,
    FramesDoubled,
    WrongSymbol,
    FormatSwitched,
    HandshakeRefused,
    StreamEnds,
    IdleShortened,
)
