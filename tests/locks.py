"""Facts of a desk whose locks are all open, and for each lock the smallest change that closes it alone."""

import itertools
from collections.abc import Callable, Iterator

import msgspec

from arbitrage.domain.arming import ArmToken, Facts, Lock, Locks, Mode, OrderDoor, Seal, refusals
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.params import SECOND, GateMode
from arbitrage.domain.units import Exchange, Ns

NOW_WALL = Ns(1_795_400_000 * SECOND)
NOW_MONO = Ns(5_000 * SECOND)
HOUR = 3_600 * SECOND
REAL = {
    Exchange.UPBIT: frozenset({"https://api.upbit.com"}),
    Exchange.BITHUMB: frozenset({"https://api.bithumb.com"}),
}
DOORS = (
    OrderDoor(Exchange.UPBIT, "https://api.upbit.com", True, "aa"),
    OrderDoor(Exchange.BITHUMB, "https://api.bithumb.com", True, "bb"),
)
TEXTS = tuple(sorted(door.text for door in DOORS))

SEAL = Seal(
    params_sha256="ff",
    dry_run_id=7,
    dry_run_sha256="ff",
    dry_run_passed=True,
    dry_run_ended_wall_ns=Ns(NOW_WALL - 24 * HOUR),
    by="kim",
    reason="quiet",
    signed_wall_ns=Ns(NOW_WALL - 2 * HOUR),
)
TOKEN = ArmToken(
    token_id="t1",
    params_sha256="ff",
    doors=TEXTS,
    markets=("KRW-BTC",),
    armed_wall_ns=Ns(NOW_WALL - HOUR),
    until_wall_ns=Ns(NOW_WALL + HOUR),
    until_mono_ns=Ns(NOW_MONO + HOUR),
    boot_id="boot",
    preflight_id=3,
    preflight_passed=True,
    preflight_wall_ns=Ns(NOW_WALL - HOUR - 60 * SECOND),
    risks_version="v1",
    risks_accepted_by="kim",
    by="kim",
    reason="morning",
)
OPEN = Facts(
    asked="live",
    mode=Mode.LIVE,
    doors=TEXTS,
    markets=("KRW-BTC",),
    params_sha256="ff",
    gate_mode=GateMode.TRADE,
    level=TradingLevel.ACTIVE,
    seal=SEAL,
    seal_fault="",
    key_faults=(),
    token=TOKEN,
    token_fault="",
    until_mono_ns=Ns(NOW_MONO + HOUR),
    boot_id="boot",
    risks_version="v1",
    dry_run_days=7,
    now_mono_ns=NOW_MONO,
    now_wall_ns=NOW_WALL,
)


def changed(facts: Facts, **changes: object) -> Facts:
    """Return the facts with other values; `seal__x` and `token__x` change what was signed, where there is any."""
    for part in ("seal", "token"):
        head = f"{part}__"
        inner = {name.removeprefix(head): changes.pop(name) for name in list(changes) if name.startswith(head)}
        held = changes.get(part, getattr(facts, part))
        if inner and held is not None:
            changes[part] = msgspec.structs.replace(held, **inner)
    return msgspec.structs.replace(facts, **changes)


CLOSERS: dict[Lock, Callable[[Facts], Facts]] = {
    Lock.MODE: lambda facts: changed(facts, asked="observe", mode=Mode.OBSERVE),
    Lock.ADDRESSES: lambda facts: changed(facts, mode=Mode.SIMULATED),
    Lock.DRY_RUN: lambda facts: changed(facts, seal__dry_run_passed=False),
    Lock.SIGNATURE: lambda facts: changed(facts, seal=None, seal_fault="it has no seal"),
    Lock.KEY_RIGHTS: lambda facts: changed(facts, key_faults=("not proven",)),
    Lock.PREFLIGHT: lambda facts: changed(facts, token__preflight_wall_ns=Ns(NOW_WALL - 3 * HOUR)),
    Lock.RISKS: lambda facts: changed(facts, token__risks_version="v0"),
    Lock.ARMED_FOR_THIS: lambda facts: changed(facts, token__markets=("KRW-ETH",)),
    Lock.ARMED: lambda facts: changed(facts, token=None),
    Lock.LEVEL: lambda facts: changed(facts, level=TradingLevel.REDUCING),
    Lock.GATE_MODE: lambda facts: changed(facts, gate_mode=GateMode.OBSERVE_ONLY),
}
"""In the order in which changes can be laid over each other: what is inside the seal or token before its loss."""


def combinations() -> Iterator[tuple[frozenset[Lock], Facts]]:
    """Yield all 2^11 states: which locks were closed, and the facts."""
    for picked in itertools.product((False, True), repeat=len(CLOSERS)):
        closed = [lock for lock, is_closed in zip(CLOSERS, picked, strict=True) if is_closed]
        facts = OPEN
        for lock in closed:
            facts = CLOSERS[lock](facts)
        yield frozenset(closed), facts


def wrongly_open(locks: Locks) -> list[frozenset[Lock]]:
    """Return the states in which these locks would let an order leave although something is against it."""
    return [closed for closed, facts in combinations() if closed and not refusals(facts, locks)]
