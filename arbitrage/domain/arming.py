"""Whether real orders may leave: the mode told by the transport itself, and the locks that must all be open. Pure.

A mode is never a label: it follows from the addresses the orders really go to and from whether their transport
may send (R4.2, R6.2). Live orders need every lock open at once; each says in words what keeps it closed. In a
simulated world, where no order can reach a real exchange, there is nothing to lock.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

import msgspec

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.params import SECOND, GateMode
from arbitrage.domain.units import Exchange, Ns

PREFLIGHT_MAX_AGE_NS = 3600 * SECOND
"""How old the exchanges' check may be at the moment of arming."""
MAX_ARMED_NS = 24 * 3600 * SECOND
"""Nobody arms for longer: a day's trading is somebody's decision of that day."""
DAY_NS = 86_400 * SECOND

RealAddresses = Mapping[Exchange, frozenset[str]]
"""Where each real exchange takes orders: scheme and host."""


class Mode(StrEnum):
    """What a desk is connected to. OBSERVE: real exchanges, and a transport that lets no order leave."""

    SIMULATED = "simulated"
    OBSERVE = "observe"
    LIVE = "live"


MODE_NUMBERS = {Mode.SIMULATED: 1, Mode.OBSERVE: 2, Mode.LIVE: 3}
"""How the trader's `mode` counter tells what its transport is; 0 = contradictory."""


def mode_word(mode: Mode | None) -> str:
    """Return the mode as it stands on every screen, in the journal and in every log line: real money is loud."""
    if mode is None:
        return "CONTRADICTORY"
    return mode.value if mode is Mode.SIMULATED else mode.value.upper()


class OrderDoor(msgspec.Struct, frozen=True, order=True):
    """One way by which orders can leave: where it leads, whether it may be used, and with which key."""

    exchange: Exchange
    address: str
    """Scheme and host as connected to."""
    may_send: bool
    key_mark: str
    """The key's fingerprint, never the key."""

    @property
    def text(self) -> str:
        """Return where it leads and with which key, in one line."""
        return f"{self.exchange} {self.address} {self.key_mark}"


def mode_of(doors: Iterable[OrderDoor], real: RealAddresses) -> Mode | None:
    """Return the mode these doors make; None when they contradict each other, or lead near a real exchange only."""
    all_doors = tuple(doors)
    are_real = [door.address in real.get(door.exchange, frozenset()) for door in all_doors]
    may_send = {door.may_send for door in all_doors}
    if all_doors and all(are_real):
        return None if len(may_send) > 1 else Mode.LIVE if may_send == {True} else Mode.OBSERVE
    families = {_family(address) for addresses in real.values() for address in addresses}
    if not all_doors or any(_family(door.address) in families for door in all_doors):
        return None
    return Mode.SIMULATED


def _family(address: str) -> str:
    # The last two words of a host's name: whatever lies beside a real exchange's address is not a simulator.
    host = address.rpartition("://")[2].rpartition("@")[2].partition("/")[0].lower()
    name = host.partition(":")[0].rstrip(".")
    words = name.split(".")
    return host if words[-1].isdigit() or len(words) == 1 else ".".join(words[-2:])


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed when a person puts a parameter set in force: these very bytes, and the dry run they passed."""

    params_sha256: str
    dry_run_id: int
    """0 = none."""
    dry_run_sha256: str
    """Of the bytes that ran."""
    dry_run_passed: bool
    dry_run_ended_wall_ns: Ns
    by: str
    reason: str
    signed_wall_ns: Ns


class ArmToken(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed when a person arms the desk: for what, until when, and on which grounds."""

    token_id: str
    params_sha256: str
    doors: tuple[str, ...]
    """Address and key of every way an order can leave, sorted."""
    markets: tuple[str, ...]
    armed_wall_ns: Ns
    until_wall_ns: Ns
    until_mono_ns: Ns
    """The same moment on the monotonic clock of this boot: no step of the wall clock moves it."""
    boot_id: str
    preflight_id: int
    preflight_passed: bool
    preflight_wall_ns: Ns
    risks_version: str
    risks_accepted_by: str
    by: str
    reason: str


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that the locks look at."""

    asked: str
    """`KARB_MODE`."""
    mode: Mode | None
    """By the doors."""
    doors: tuple[str, ...]
    markets: tuple[str, ...]
    params_sha256: str
    """Of the bytes the trader works with; empty before the first set."""
    gate_mode: GateMode
    level: TradingLevel
    seal: Seal | None
    """None when there is none, or its signature is not this desk's."""
    seal_fault: str
    key_faults: tuple[str, ...]
    """What is not proven of the keys: that they see assets and orders and reach no withdrawals."""
    token: ArmToken | None
    """None when there is none, or its signature is not this desk's."""
    token_fault: str
    until_mono_ns: Ns
    """When the token ends, fixed when it was first read."""
    boot_id: str
    risks_version: str
    """Of the disclosure this program shows."""
    dry_run_days: int
    now_mono_ns: Ns
    now_wall_ns: Ns


class Lock(StrEnum):
    """What must hold before a live order leaves, in the order in which a person opens it."""

    ADDRESSES = "addresses"
    MODE = "mode"
    SIGNATURE = "signature"
    DRY_RUN = "dry_run"
    KEY_RIGHTS = "key_rights"
    PREFLIGHT = "preflight"
    RISKS = "risks"
    ARMED = "armed"
    ARMED_FOR_THIS = "armed_for_this"
    LEVEL = "level"
    GATE_MODE = "gate_mode"


def _addresses(facts: Facts) -> str:
    if facts.mode is not None and facts.mode.value == facts.asked:
        return ""
    found = "no mode at all" if facts.mode is None else facts.mode
    return f"KARB_MODE is {facts.asked}, but the orders' transport is {found}: {', '.join(facts.doors) or 'no door'}"


def _mode(facts: Facts) -> str:
    return "" if facts.asked == Mode.LIVE else f"KARB_MODE is {facts.asked}: only live sends orders to an exchange"


def _signature(facts: Facts) -> str:
    if facts.seal is not None and facts.seal.params_sha256 == facts.params_sha256:
        return ""
    return f"the parameter set in use is not signed: {facts.seal_fault or 'the signature is of another set'}"


def _dry_run(facts: Facts) -> str:
    seal = facts.seal
    if seal is None:
        return ""
    if not seal.dry_run_id:
        return "the parameter set in use was put in force without a dry run"
    if not seal.dry_run_passed:
        return f"dry run {seal.dry_run_id} of the parameter set in use did not pass"
    if seal.dry_run_sha256 != seal.params_sha256:
        return f"dry run {seal.dry_run_id} was of another parameter set"
    age_ns = facts.now_wall_ns - seal.dry_run_ended_wall_ns
    if not 0 <= age_ns <= facts.dry_run_days * DAY_NS:
        return f"dry run {seal.dry_run_id} is {age_ns // DAY_NS} days old, must be of the last {facts.dry_run_days}"
    return ""


def _key_rights(facts: Facts) -> str:
    return "; ".join(facts.key_faults)


def _preflight(facts: Facts) -> str:
    token = facts.token
    if token is None:
        return ""
    if not token.preflight_id or not token.preflight_passed:
        return "the desk was armed without a passed preflight"
    age_ns = token.armed_wall_ns - token.preflight_wall_ns
    if not 0 <= age_ns <= PREFLIGHT_MAX_AGE_NS:
        return f"the preflight was {age_ns // (60 * SECOND)} minutes old when the desk was armed, must be at most 60"
    return ""


def _risks(facts: Facts) -> str:
    token = facts.token
    if token is None or (token.risks_version == facts.risks_version and token.risks_accepted_by):
        return ""
    return f"the risk disclosure of {facts.risks_version} is not accepted"


def _armed(facts: Facts) -> str:
    token = facts.token
    if token is None:
        return facts.token_fault or "nobody has armed the desk"
    if not facts.boot_id or token.boot_id != facts.boot_id:
        return "the desk was armed before this machine started, or on another one"
    if token.until_wall_ns - token.armed_wall_ns > MAX_ARMED_NS:
        return "the desk was armed for more than 24 hours"
    if facts.now_mono_ns >= facts.until_mono_ns or facts.now_wall_ns >= token.until_wall_ns:
        return "the time for which the desk was armed is over"
    return ""


def _armed_for_this(facts: Facts) -> str:
    token = facts.token
    if token is None:
        return ""
    pairs = (
        ("another parameter set", token.params_sha256, facts.params_sha256),
        ("other addresses or keys", token.doors, facts.doors),
        ("other markets", token.markets, facts.markets),
    )
    found = [what for what, theirs, ours in pairs if theirs != ours]
    return f"the desk was armed for {' and '.join(found)}" if found else ""


def _level(facts: Facts) -> str:
    return "" if facts.level is TradingLevel.ACTIVE else f"the trading state is {facts.level.name}"


def _gate_mode(facts: Facts) -> str:
    return "" if facts.gate_mode is GateMode.TRADE else "the parameter set in use only observes"


Locks = tuple[tuple[Lock, Callable[[Facts], str]], ...]
LOCKS: Locks = (
    (Lock.ADDRESSES, _addresses),
    (Lock.MODE, _mode),
    (Lock.SIGNATURE, _signature),
    (Lock.DRY_RUN, _dry_run),
    (Lock.KEY_RIGHTS, _key_rights),
    (Lock.PREFLIGHT, _preflight),
    (Lock.RISKS, _risks),
    (Lock.ARMED, _armed),
    (Lock.ARMED_FOR_THIS, _armed_for_this),
    (Lock.LEVEL, _level),
    (Lock.GATE_MODE, _gate_mode),
)


def is_simulated(facts: Facts) -> bool:
    """Return whether nothing real can be reached, and nothing real was asked for."""
    return facts.mode is Mode.SIMULATED and facts.asked == Mode.SIMULATED


def closed_locks(facts: Facts, locks: Locks = LOCKS) -> dict[Lock, str]:
    """Return every closed lock with what keeps it closed; empty = a real order may leave. Nothing is locked in a
    simulated world."""
    if is_simulated(facts):
        return {}
    return {lock: said for lock, look in locks if (said := look(facts))}


def refusals(facts: Facts, locks: Locks = LOCKS) -> list[str]:
    """Return in words all that keeps a real order from leaving, at once."""
    return [f"{lock}: {said}" for lock, said in closed_locks(facts, locks).items()]


def start_refusals(facts: Facts, locks: Locks = LOCKS) -> list[str]:
    """Return why a trader must not even start: its mode and its transport contradict each other."""
    return [said for lock, said in closed_locks(facts, locks).items() if lock is Lock.ADDRESSES]
