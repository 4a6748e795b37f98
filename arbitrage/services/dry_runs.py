"""Dry runs on record, and the gate they are: a set that trades is put in force on a real desk only after one passed.

The room that carries dry runs out hands over a report; here it is kept, signed, and asked for at activation, where
a person's word and the record become the seal that the trader looks at (R4.2).
"""

from datetime import datetime, timedelta

import msgspec
from django.conf import settings
from django.utils import timezone

from arbitrage.domain.arming import Seal
from arbitrage.domain.errors import KArbError
from arbitrage.domain.params import GateMode, params_from_bytes
from arbitrage.domain.units import Ns
from arbitrage.models_arming import DryRunRecord
from arbitrage.services.arming import is_row_signed, load_arming, sign_row
from arbitrage.wall_time import wall_ns

SHORTEST = timedelta(hours=1)
"""Every change runs one hour dry first (R4.2)."""


class DryRunRefused(KArbError):
    """A report that cannot be kept. Nothing has changed."""


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"from_at": "from", "to_at": "to"}):
    """What the room that carries dry runs out hands over, as JSON."""

    params_sha256: str
    verdict: str
    """`passed` or `failed`."""
    from_at: datetime
    to_at: datetime
    frames: int
    arbs_seen: int
    denials: dict[str, int] = {}
    problems: list[str] = []


def record_dry_run(report: bytes | str, by: str) -> DryRunRecord:
    """Keep a report, signed. DryRunRefused with every finding when it cannot be believed."""
    try:
        given = msgspec.json.decode(report, type=Report)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise DryRunRefused(f"not a report: {error}") from error
    found = _findings(given)
    if found:
        raise DryRunRefused("\n".join(found))
    row = DryRunRecord(
        params_sha256=given.params_sha256,
        has_passed=given.verdict == "passed" and not given.problems,
        from_at=given.from_at,
        to_at=given.to_at,
        frames=given.frames,
        arbs_seen=given.arbs_seen,
        denials=given.denials,
        problems=given.problems,
        by=by,
        at=timezone.now(),
    )
    sign_row(row)
    return row


def _findings(given: Report) -> list[str]:
    found = []
    if len(given.params_sha256) != 64 or not set(given.params_sha256) <= set("0123456789abcdef"):
        found.append(f"params_sha256 was {given.params_sha256!r}, must be 64 hex digits in lower case")
    if given.verdict not in ("passed", "failed"):
        found.append(f"verdict was {given.verdict!r}, must be passed or failed")
    for name, at in (("from", given.from_at), ("to", given.to_at)):
        if at.tzinfo is None:
            found.append(f"{name} was {at.isoformat()}, must have a time zone")
    if found:
        return found
    if given.to_at > timezone.now():
        found.append(f"to was {given.to_at.isoformat()}, must not lie ahead")
    if given.verdict == "passed" and given.to_at - given.from_at < SHORTEST:
        found.append(f"the run took {given.to_at - given.from_at}, must take at least {SHORTEST} to pass")
    for name in ("frames", "arbs_seen"):
        if getattr(given, name) < 0:
            found.append(f"{name} was {getattr(given, name)}, must be at least 0")
    if given.verdict == "passed" and not given.frames:
        found.append("frames was 0: a run that saw nothing has not passed")
    found += [f"denials.{name} was {count}, must be at least 0" for name, count in given.denials.items() if count < 0]
    return found


def is_gated(body: bytes) -> bool:
    """Return whether this desk puts a set with this body in force only after a dry run: one that can send, where
    orders are real, or everywhere by `KARB_DRY_RUN_GATE`."""
    params, _ = params_from_bytes(body)
    if params is not None and params.gate_mode is GateMode.OBSERVE_ONLY:
        return False
    return settings.KARB_ENV.dry_run_gate == "always" or load_arming().mode() not in ("simulated", "OBSERVE")


def usable(body: bytes) -> tuple[DryRunRecord | None, str]:
    """Return the newest dry run of these very bytes when it may put them in force, or None and why not."""
    sha = load_arming().sha256(body)
    row = DryRunRecord.objects.filter(params_sha256=sha).first()
    if row is None:
        return None, f"there is no dry run of this set ({sha[:12]}…): `manage.py record_dry_run` keeps one"
    if not is_row_signed(row):
        return None, f"dry run {row.pk} does not carry this desk's signature"
    if not row.has_passed:
        return None, f"dry run {row.pk} did not pass: {'; '.join(row.problems) or 'see its record'}"
    age = timezone.now() - row.to_at
    days = settings.KARB_ENV.dry_run_days
    if not timedelta(0) <= age <= timedelta(days=days):
        return None, f"dry run {row.pk} is {age.days} days old, must be of the last {days} (KARB_DRY_RUN_DAYS)"
    return row, ""


def seal(body: bytes, row: DryRunRecord, by: str, reason: str) -> None:
    """Sign these very bytes with the dry run they passed: what the trader asks for. ConfigError, OSError."""
    load_arming().write_seal(
        Seal(
            params_sha256=load_arming().sha256(body),
            dry_run_id=row.pk,
            dry_run_sha256=row.params_sha256,
            dry_run_passed=row.has_passed,
            dry_run_ended_wall_ns=Ns(wall_ns(row.to_at)),
            by=by,
            reason=reason,
            signed_wall_ns=Ns(wall_ns(timezone.now())),
        )
    )
