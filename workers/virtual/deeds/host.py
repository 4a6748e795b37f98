"""What happens to the desk's own machine: its disk, its clock, its processes stopped or started twice."""

from collections.abc import Callable
from random import Random

import msgspec

from arbitrage.domain.params import SECOND
from arbitrage.domain.units import EXCHANGES, Exchange
from arbitrage.domain.wire import Duty, ExchangeWire, Generation, Wire
from workers.virtual.deeds.deed import Act, span
from workers.virtual.world import World

RESUMED_AFTER_S = 5.0
TORN_STORES = 6
"""A write of parameters is five stores; the block of bytes itself can be torn, too. Five = it died behind all."""
DRIFT_PPM = (200, -200, 2_000)


def draw(rng: Random) -> tuple[str, Act]:
    """Return one such deed: its words and what it does."""
    kinds: tuple[Callable[[Random], tuple[str, Act]], ...]
    kinds = (_disk, _disk_at_door, _clock, _drift, _bridge, _torn_bridge, _rival, _pair, _stopped_trader, _stopped_feed)
    return rng.choice(kinds)(rng)


def _disk(rng: Random) -> tuple[str, Act]:
    lasts = span(rng, 200, 6_000) / SECOND

    def fill(world: World) -> None:
        world.fill_disk(is_full=True)
        world.loop.call_later(lasts, lambda: world.fill_disk(is_full=False))

    return f"disk full for {lasts:.1f} s", fill


def _disk_at_door(rng: Random) -> tuple[str, Act]:
    doors, share = rng.randint(1, 14), rng.random()

    def fill(world: World) -> None:
        if world.life is not None and world.life.is_running:
            world.life.no_room_at(doors, share)

    return f"no room for the journal record number {doors}, after {share * 100:.0f} % of it", fill


def _clock(rng: Random) -> tuple[str, Act]:
    lasts = span(rng, 200, 6_000) / SECOND
    step = rng.choice([-1, 1]) * span(rng, 100, rng.choice((3_000, 120_000)))

    def wrong(world: World) -> None:
        world.step_clock(step)
        world.loop.call_later(lasts, world.set_clock_right)

    return f"wall clock wrong by {step / SECOND:.1f} s for {lasts:.1f} s", wrong


def _drift(rng: Random) -> tuple[str, Act]:
    ppm = rng.choice(DRIFT_PPM)
    return f"wall clock drifts by {ppm} ppm from now on", lambda world: world.drift_clock(ppm)


def _bridge(rng: Random) -> tuple[str, Act]:
    lasts = 2 * span(rng, 200, 6_000) / SECOND

    def silence(world: World) -> None:
        world.operator.bridge_beats = False
        world.loop.call_later(lasts, world.operator.restart_bridge)

    return f"bridge dead for {lasts:.1f} s", silence


def _torn_bridge(rng: Random) -> tuple[str, Act]:
    """The bridge dies inside of a write: what it writes lies half in shared memory until it is back."""
    lived, share = rng.randrange(TORN_STORES), rng.random()
    lasts = span(rng, 200, 10_000) / SECOND
    edge, legacy = rng.choice((100, 300, 600)), rng.choice(list(Duty))
    is_wire = rng.random() < 0.3

    def die(world: World) -> None:
        operator = world.operator
        before = operator.params
        if is_wire:
            older = Wire({Exchange.BITHUMB: ExchangeWire(generations={legacy: Generation.LEGACY})})
            operator.die_in_wire_write(older, lived=lived, share=share)
        else:
            changed = msgspec.structs.replace(operator.params, min_edge_ppm=edge)
            operator.die_in_write(changed, lived=lived, share=share)
        world.later(lasts, operator.restart_bridge)
        world.later(2 * lasts, operator.change_wire, Wire())
        world.later(2 * lasts, operator.change_params, before)

    what = f"legacy {legacy}" if is_wire else f"min_edge_ppm {edge}"
    return f"bridge killed after {lived} stores of its write of {what}, back after {lasts:.1f} s", die


def _rival(rng: Random) -> tuple[str, Act]:
    return "a second trader is started", lambda world: world.start_rival()


def _pair(rng: Random) -> tuple[str, Act]:
    dies = rng.random() < 0.7

    def start(world: World) -> None:
        if dies and world.life is not None:
            world.life.die()
        world.note("operator", "starts two traders at once")
        world.start_trader()
        world.start_trader()

    return f"two traders are started at once{', with none alive' if dies else ''}", start


def _stopped_trader(rng: Random) -> tuple[str, Act]:
    """SIGSTOP at a door or at any moment, then SIGCONT; sometimes another one is started meanwhile."""
    doors = rng.choice((0, 0, rng.randint(1, 14)))
    lasts = span(rng, 500, 8_000) / SECOND if rng.random() < 0.7 else span(rng, 8_000, 120_000) / SECOND
    rival = lasts * rng.random() if rng.random() < 0.5 else None

    def stop(world: World) -> None:
        life = world.life
        if life is not None and life.is_running:
            world.stop_process(life.owner, lasts)
            # Long enough for the dead man's switch: a person looks at it and lets the desk trade again.
            world.loop.call_later(lasts + RESUMED_AFTER_S, world.resume)
            if rival is not None:
                world.loop.call_later(rival, world.start_rival)

    def stop_at_door(world: World) -> None:
        # What runs now runs to its next wait: a stop in the middle of it shows nobody anything else.
        if world.life is not None and world.life.is_running:
            world.life.at_door(doors, lambda door: stop(world))

    words = f"trader stopped for {lasts:.1f} s" + (f" at door {doors}" if doors else "")
    words += "" if rival is None else f", another one started after {rival:.1f} s"
    return words, stop_at_door if doors else stop


def _stopped_feed(rng: Random) -> tuple[str, Act]:
    exchange, lasts = rng.choice(EXCHANGES), span(rng, 200, 20_000) / SECOND
    words = f"feed of {exchange} stopped for {lasts:.1f} s"
    return words, lambda world: world.stop_process(world.feeds[exchange].owner, lasts)
