"""Streams that are silent, doubled, reordered, frozen, slow or torn, and books that cannot be true."""

from random import Random

from arbitrage.domain.params import SECOND
from arbitrage.domain.units import EXCHANGES, Side
from exchanges.simulator.trouble.fault import Fault, Lane, Scope
from exchanges.simulator.trouble.frames import (
    BookCrossed,
    FormatSwitched,
    FramesDoubled,
    FramesLost,
    FramesReordered,
    HandshakeRefused,
    IdleShortened,
    JumpBack,
    LadderFrozen,
    OneSided,
    PongOnly,
    SlowDrain,
    SnapshotMissing,
    StreamEnds,
    StreamFrozen,
    TimestampFrozen,
    WrongSymbol,
)
from exchanges.simulator.trouble.transport import BooksOutdated
from workers.virtual.deeds.deed import Act, armed, span
from workers.virtual.world import World


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
            IdleShortened(idle_ns=span(rng, 100, 2_000)),
            FormatSwitched(),
            SnapshotMissing(),
            WrongSymbol(code=rng.choice(["KRW-ETH", "KRW-XRP", "KRW-NOT"])),
        ]
    )
    if rng.random() < 0.15:
        return _dead_market(rng)
    if rng.random() < 0.1:
        # REST tells of another moment than the stream, for as long as anybody compares them.
        return armed(rng, BooksOutdated(), Scope(lane=Lane.PUBLIC, lasts_ns=span(rng, 5_000, 60_000)))
    lane = rng.choice([Lane.STREAM, Lane.STREAM, Lane.EVENTS])
    chance = rng.choice([1_000_000, 1_000_000, 300_000])
    return armed(rng, fault, Scope(lane=lane, lasts_ns=span(rng, 500, 12_000), chance_ppm=chance))


def _dead_market(rng: Random) -> tuple[str, Act]:
    """One market is silent, or stands still, on a stream that is lively otherwise."""
    exchange, which, lasts = rng.choice(EXCHANGES), rng.randrange(6), span(rng, 1_000, 15_000)
    fault = rng.choice([FramesLost(), FramesLost(), LadderFrozen(), TimestampFrozen()])

    def act(world: World) -> None:
        market = world.env.markets[which % len(world.env.markets)]
        world.faults(exchange).arm(fault, Scope(lane=Lane.STREAM, market=market, lasts_ns=lasts))

    return f"{exchange} {fault!r} of one market, number {which}, for {lasts / SECOND:.1f} s", act
