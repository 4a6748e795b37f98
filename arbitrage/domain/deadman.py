"""The dead man's switch: whether a process lives and gets on, judged by one that only watches (R4.1).

A heartbeat alone proves little: a process that says it works must also finish rounds of its work. Silence is
counted only while the watcher itself was awake, so that a machine that slept does not look like a dead trader.
"""

from enum import StrEnum

import msgspec

from arbitrage.domain.units import Ns

MOST_AWAKE_NS = 500_000_000
"""Between two looks no more than this counts as watched: who did not look cannot say what was silent."""
STEADY_GAP_NS = 1_000_000_000
"""A longer silence begins the count of steadiness anew."""


class DeadManState(StrEnum):
    """UNARMED: nothing was seen at work, or it said goodbye. TRIPPED: it fell silent, and is not steady again yet."""

    UNARMED = "unarmed"
    ARMED = "armed"
    TRIPPED = "tripped"


class DeadManOn(StrEnum):
    """What a look can find."""

    PROGRESS = "progress"
    GOODBYE = "goodbye"
    SILENT = "silent"
    STEADY = "steady"


S, E = DeadManState, DeadManOn
TABLE: dict[DeadManState, dict[DeadManOn, DeadManState]] = {
    S.UNARMED: {E.PROGRESS: S.ARMED},
    S.ARMED: {E.SILENT: S.TRIPPED, E.GOODBYE: S.UNARMED},
    S.TRIPPED: {E.STEADY: S.ARMED, E.GOODBYE: S.UNARMED},
}


class Sign(msgspec.Struct, frozen=True):
    """What the watched process last showed of itself."""

    life: int
    """Which process it is: another number is another one."""
    beat: int
    """Moves with each heartbeat."""
    rounds: int
    """Moves with each round of its work."""
    is_working: bool
    """It says that it works: then rounds must move, not only beats."""
    said_goodbye: bool


class Bounds(msgspec.Struct, frozen=True):
    """How long it may be silent, and how long it must be steady before it is trusted again."""

    silent_ns: Ns
    rearm_ns: Ns


class DeadMan(msgspec.Struct, frozen=True):
    """What the watcher knows. Begin with `DeadMan()`."""

    state: DeadManState = DeadManState.UNARMED
    seen: Sign | None = None
    """The last sign that proved life."""
    looked_ns: Ns = Ns(0)
    silence_ns: Ns = Ns(0)
    """For how long of the watched time there was no proof of life."""
    steady_ns: Ns = Ns(0)
    """For how long there was no long silence."""


def look(man: DeadMan, sign: Sign | None, now: Ns, bounds: Bounds) -> DeadMan:
    """Return what is known after looking at `sign` at `now`, our monotonic clock; None = nothing was ever shown."""
    awake = max(0, min(now - man.looked_ns, MOST_AWAKE_NS)) if man.looked_ns else 0
    lives = _lives(man.seen, sign)
    silence = 0 if lives else man.silence_ns + awake
    steady = man.steady_ns + awake if silence < STEADY_GAP_NS else 0
    found = _found(man, sign, silence, steady, bounds)
    state = man.state if found is None else TABLE[man.state].get(found, man.state)
    return DeadMan(state, sign if lives else man.seen, now, Ns(silence), Ns(steady))


def _lives(seen: Sign | None, sign: Sign | None) -> bool:
    if sign is None:
        return False
    if seen is None or seen.life != sign.life:
        return True
    return sign.beat != seen.beat and (not sign.is_working or sign.rounds != seen.rounds)


def _found(man: DeadMan, sign: Sign | None, silence: int, steady: int, bounds: Bounds) -> DeadManOn | None:
    if sign is not None and sign.said_goodbye:
        return E.GOODBYE
    if man.state is S.UNARMED:
        seen = man.seen
        moved = sign is not None and seen is not None and seen.life == sign.life and seen.rounds != sign.rounds
        return E.PROGRESS if moved else None
    if man.state is S.ARMED:
        return E.SILENT if silence > bounds.silent_ns else None
    return E.STEADY if steady >= bounds.rearm_ns else None
