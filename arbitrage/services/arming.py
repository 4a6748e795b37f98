"""Arming a live desk, by a person: preflight kept, disclosure accepted, token signed; and disarming (R4.2, R6.2).

What this machine has of it — key, token, shared memory — lies behind a port that the settings name (`KARB_ARMING`),
so that this floor knows none above it. Rows are history and grounds, each with the desk's signature; whether an
order may leave is the trader's own decision, by the token and not by rows.
"""

import json
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec
from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from arbitrage.domain.arming import MAX_ARMED_NS, PREFLIGHT_MAX_AGE_NS, ArmToken, Lock, Mode, Seal
from arbitrage.domain.errors import ConfigError, KArbError
from arbitrage.domain.preflight import Check
from arbitrage.domain.risk_disclosure import RISKS_VERSION
from arbitrage.domain.units import Ns
from arbitrage.models_arming import ArmChange, PreflightRecord, RiskAcceptance, SignedRow
from arbitrage.models_params import ParamEpoch
from arbitrage.wall_time import moment, wall_ns

PREFLIGHT_AGE = timedelta(seconds=PREFLIGHT_MAX_AGE_NS // 10**9)
LONGEST = timedelta(seconds=MAX_ARMED_NS // 10**9)


class ArmRefused(KArbError):
    """A lock is closed, or a reason is missing. Nothing has changed."""


class LockState(msgspec.Struct, frozen=True):
    """How one lock stands: `open`, `closed`, or `waits` for another one; and why."""

    word: str
    detail: str = ""

    @property
    def text(self) -> str:
        """Return both in one line."""
        return f"{self.word}: {self.detail}" if self.detail else self.word


class Arming(Protocol):
    """This machine's side of arming."""

    def mode(self) -> str:
        """Return the mode for every screen, as the transport tells it."""

    def armed_line(self) -> str:
        """Return in a few words whether the desk is armed, empty where nothing real can be reached."""

    def sign(self, kind: str, body: bytes) -> str:
        """Return this desk's signature. ConfigError, OSError."""

    def is_signed(self, kind: str, body: bytes, signed: str) -> bool:
        """Return whether this desk signed `body`."""

    def sha256(self, data: bytes) -> str:
        """Return the SHA-256 of `data`, in hex."""

    def write_seal(self, seal: Seal) -> None:
        """Keep the seal of a parameter set. ConfigError, OSError."""

    def doors(self) -> tuple[str, ...]:
        """Return address and key of every way orders would leave. ConfigError lists what is missing."""

    def token(self, for_s: int, token: ArmToken) -> ArmToken:
        """Return `token` from now on for `for_s` seconds."""

    def write_token(self, token: ArmToken) -> None:
        """Arm the desk. ConfigError, OSError."""

    def remove_token(self) -> bool:
        """Disarm the desk; return False when it was not armed. OSError."""

    def locks(self, token: ArmToken | None = None) -> dict[str, str]:
        """Return every closed lock and why, with `token` in place of the one there."""


def load_arming() -> Arming:
    """Return a fresh look at this machine's side."""
    made: Any = import_string(settings.KARB_ARMING)
    arming: Arming = made(settings.KARB_ENV)
    return arming


def mode_word() -> str:
    """Return the mode for every screen, alert and line; a desk that cannot be looked at is of unknown mode."""
    try:
        return load_arming().mode()
    except (KArbError, OSError, ValueError):
        return "UNKNOWN"


def signed_body(row: SignedRow) -> bytes:
    """Return what a row's signature covers: every field but its number and the signature itself."""
    names = sorted(field.attname for field in row._meta.concrete_fields if field.attname not in ("id", "signature"))
    words = {name: _plain(getattr(row, name)) for name in names}
    return json.dumps(words, sort_keys=True, ensure_ascii=False).encode()


def _plain(value: Any) -> Any:
    # A moment reads the same before it is saved and after, whatever its zone was.
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def sign_row(row: SignedRow) -> None:
    """Sign and save a row."""
    row.signature = load_arming().sign(row._meta.model_name or "", signed_body(row))
    row.save()


def is_row_signed(row: SignedRow) -> bool:
    """Return whether this desk vouches for the row as it stands."""
    return load_arming().is_signed(row._meta.model_name or "", signed_body(row), row.signature)


def keep_preflight(checks: Iterable[Check], by: str) -> PreflightRecord:
    """Keep one look at both exchanges; it has passed when no check has a problem. ConfigError without keys."""
    found = list(checks)
    row = PreflightRecord(
        has_passed=bool(found) and not any(check.problem for check in found),
        doors=list(load_arming().doors()),
        markets=list(settings.KARB_ENV.markets),
        checks=[[check.name, check.found, check.problem] for check in found],
        by=by,
        at=timezone.now(),
    )
    sign_row(row)
    return row


def accept_risks(by: str, version: str) -> RiskAcceptance:
    """Keep that a person accepted the disclosure. ArmRefused for another version than the one shown now."""
    if version != RISKS_VERSION:
        raise ArmRefused(f"the disclosure is of {RISKS_VERSION} now: read it again")
    row = RiskAcceptance(version=version, by=by, at=timezone.now())
    sign_row(row)
    return row


def accepted_by(by: str) -> RiskAcceptance | None:
    """Return this person's acceptance of the disclosure as it is now, None when there is none."""
    rows = RiskAcceptance.objects.filter(version=RISKS_VERSION, by=by)
    return next((row for row in rows if is_row_signed(row)), None)


def usable_preflight() -> tuple[PreflightRecord | None, str]:
    """Return the newest preflight when one may arm on it, or None and why not."""
    row = PreflightRecord.objects.first()
    if row is None:
        return None, "there is no preflight: run `python manage.py doctor`"
    age = timezone.now() - row.at
    if not is_row_signed(row):
        return None, f"preflight {row.pk} does not carry this desk's signature: run `python manage.py doctor`"
    if not row.has_passed:
        bad = [name for name, _, problem in row.checks if problem]
        return None, f"preflight {row.pk} did not pass ({', '.join(bad)}): mend that and run `python manage.py doctor`"
    if not timedelta(0) <= age <= PREFLIGHT_AGE:
        minutes = int(age.total_seconds() // 60)
        return None, f"preflight {row.pk} is {minutes} minutes old, must be at most 60: run `python manage.py doctor`"
    if tuple(row.doors) != load_arming().doors() or tuple(row.markets) != settings.KARB_ENV.markets:
        return None, f"preflight {row.pk} was of other keys, addresses or markets: run `python manage.py doctor`"
    return row, ""


def arm(for_s: int, by: str, reason: str) -> ArmChange:
    """Arm the desk for so many seconds; return what was written down. ArmRefused with every closed lock at once."""
    if not reason.strip():
        raise ArmRefused("a reason is needed")
    if not 60 <= for_s <= LONGEST.total_seconds():
        raise ArmRefused(f"a desk is armed for 1 minute to 24 hours, not for {for_s} s")
    desk = load_arming()
    accepted = accepted_by(by)
    preflight, fault = usable_preflight()
    token = desk.token(for_s, _token(desk, by, reason, accepted, preflight))
    closed = desk.locks(token)
    if fault:
        closed[Lock.PREFLIGHT] = fault
    if accepted is None:
        closed[Lock.RISKS] = f"you have not accepted the risk disclosure of {RISKS_VERSION}: `manage.py accept_risks`"
    if closed:
        raise ArmRefused("\n".join(f"{lock}: {said}" for lock, said in closed.items()))
    # Written down first: a token that nobody can find in the history must not be.
    with transaction.atomic():
        row = _note(ArmChange.On.ARMED, by, reason, token, preflight)
        desk.write_token(token)
    return row


def disarm(by: str, reason: str) -> str:
    """Disarm the desk: the token first, the history after; return what could not be written down, empty = all was."""
    if not reason.strip():
        raise ArmRefused("a reason is needed")
    was_armed = load_arming().remove_token()
    try:
        _note(ArmChange.On.DISARMED, by, reason if was_armed else f"{reason} (it was not armed)", None, None)
    except DatabaseError as error:
        return f"database not written ({type(error).__name__}): the desk is disarmed all the same"
    return ""


def _token(
    desk: Arming, by: str, reason: str, accepted: RiskAcceptance | None, preflight: PreflightRecord | None
) -> ArmToken:
    try:
        doors = desk.doors()
    except ConfigError:
        doors = ()
    return ArmToken(
        token_id=secrets.token_hex(8),
        params_sha256=desk.sha256(_active_body()),
        doors=doors,
        markets=settings.KARB_ENV.markets,
        armed_wall_ns=Ns(0),
        until_wall_ns=Ns(0),
        until_mono_ns=Ns(0),
        boot_id="",
        preflight_id=preflight.pk if preflight else 0,
        preflight_passed=preflight is not None,
        preflight_wall_ns=Ns(wall_ns(preflight.at) if preflight else 0),
        risks_version=accepted.version if accepted else "",
        risks_accepted_by=accepted.by if accepted else "",
        by=by,
        reason=reason,
    )


def _active_body() -> bytes:
    epoch = ParamEpoch.objects.select_related("param_set").first()
    return epoch.param_set.body.encode() if epoch is not None else b""


def _note(
    on: ArmChange.On, by: str, reason: str, token: ArmToken | None, preflight: PreflightRecord | None
) -> ArmChange:
    row: ArmChange = ArmChange.objects.create(
        on=on,
        token_id=token.token_id if token else "",
        until_at=moment(token.until_wall_ns) if token else None,
        params_sha256=token.params_sha256 if token else "",
        preflight=preflight,
        mode=mode_word(),
        by=by,
        reason=reason[:500],
        at=timezone.now(),
    )
    return row


def closed_locks() -> dict[str, str]:
    """Return every closed lock with what keeps it closed; what cannot be looked at is closed."""
    try:
        return load_arming().locks()
    except (KArbError, OSError) as error:
        return {Lock.ADDRESSES: f"this desk cannot be looked at: {error}"}


def lock_states(by: str) -> dict[Lock, LockState]:
    """Return how every lock stands, for this person; {} where nothing real can be reached.

    What a token would vouch for is told by its grounds until one holds, and what cannot be judged before another
    lock opens waits.
    """
    if mode_word() == Mode.SIMULATED:
        return {}
    closed = closed_locks()
    states = {lock: LockState("closed", closed[lock]) if lock in closed else LockState("open") for lock in Lock}
    if Lock.SIGNATURE in closed:
        states[Lock.DRY_RUN] = LockState("waits", "for the signature")
    if Lock.ARMED in closed:
        fault, is_accepted = _grounds(by)
        states[Lock.PREFLIGHT] = LockState("closed", fault) if fault else LockState("open")
        missing = f"{by} has not accepted the risk disclosure of {RISKS_VERSION}"
        states[Lock.RISKS] = LockState("open") if is_accepted else LockState("closed", missing)
        states[Lock.ARMED_FOR_THIS] = LockState("waits", "for the arming")
    return states


def _grounds(by: str) -> tuple[str, bool]:
    try:
        return usable_preflight()[1], accepted_by(by) is not None
    except (KArbError, OSError) as error:
        return str(error), False
    except DatabaseError as error:
        return f"the database does not answer ({type(error).__name__})", False


def armed_line() -> str:
    """Return in a few words whether the desk is armed, empty where nothing real can be reached."""
    try:
        return load_arming().armed_line()
    except (KArbError, OSError):
        return ""
