"""Streams that are silent, doubled, reordered, frozen, slow or torn, and books that cannot be true."""

from random import Random

from arbitrage.domain.units import Side
from exchanges.simulator.trouble.fault import Fault, Lane, Scope
from exchanges.simulator.trouble.frames import (
    BookCrossed,
    FramesDoubled,
    FramesLost,
    FramesReordered,
    HandshakeRefused,
    JumpBack,
    LadderFrozen,
    OneSided,
    PongOnly,
    SlowDrain,
    StreamEnds,
    StreamFrozen,
    TimestampFrozen,
)
from workers.virtual.deeds.deed import Act, armed, span


def draw(rng: Random) -> tuple[str, Act]:
    """Return one such deed: its words and what it does."""
    fault: Fault = rng.choice(
        [
            PongOnly(),
            StreamFrozen(),
            FramesLost(),
            TimestampFrozen(),
            LadderFrozen(),
            OneSided(empty=rng.choice(list(Side))),
            BookCrossed(),
            FramesReordered(),
            JumpBack(),
            SlowDrain(delay_ns=span(rng, 300, 3_000)),
            FramesDoubled(),
            StreamEnds(after_ns=span(rng, 100, 4_000)),
            HandshakeRefused(status=rng.choice([401, 429, 503])),
        ]
    )
    lane = rng.choice([Lane.STREAM, Lane.STREAM, Lane.EVENTS])
    chance = rng.choice([1_000_000, 1_000_000, 300_000])
    return armed(rng, fault, Scope(lane=lane, lasts_ns=span(rng, 500, 12_000), chance_ppm=chance))
