"""Parameter sets: their states, what is wrong with one, which is in force (R4.2, design.md §7).

Their steps are those of all versioned settings (`versions.py`), refused with `NotAllowed`.
"""

from typing import Any

import msgspec
from django.conf import settings
from django.db import transaction

from arbitrage.domain.errors import ConfigError, KArbError
from arbitrage.domain.params import DEFAULT_PARAMS, GateMode, Params, params_from_bytes, params_to_bytes, problems
from arbitrage.models_params import ParamChange, ParamEpoch, ParamSet, ParamState
from arbitrage.services import dry_runs
from arbitrage.services.arming import load_arming
from arbitrage.services.versions import Versions


class NotAllowed(KArbError):
    """The state table, a stale form or a missing reason says no."""


S = ParamState
TABLE: dict[ParamState, dict[str, ParamState]] = {
    S.DRAFT: {"edited": S.DRAFT, "validated": S.VALID, "invalid": S.DRAFT},
    S.VALID: {"edited": S.DRAFT, "dry_run_started": S.DRY_RUN, "activated_without_dry_run": S.ACTIVE},
    S.DRY_RUN: {"gate_passed": S.READY, "gate_failed": S.DRAFT},
    S.READY: {"activated": S.ACTIVE, "expired": S.DRAFT, "edited": S.DRAFT},
    S.ACTIVE: {"superseded": S.RETIRED},
    S.RETIRED: {"rolled_back": S.ACTIVE},
}
"""`activated_without_dry_run` is recorded as such, with its reason: the way of sets that only observe, and of desks
where no order can reach a real exchange."""


def active() -> tuple[int, Params]:
    """Return the epoch in force and its parameters. NotAllowed when nothing was ever seeded."""
    row = ParamEpoch.objects.select_related("param_set").first()
    if row is None:
        raise NotAllowed("no parameter set is active: run `python manage.py seed`")
    params, found = params_from_bytes(row.param_set.body.encode())
    if params is None:
        raise NotAllowed(f"the active parameter set {row.param_set_id} cannot be read: {'; '.join(found)}")
    return row.epoch, params


def active_bytes() -> tuple[int, bytes]:
    """Return the epoch in force and its set's very bytes: what was signed is what travels. NotAllowed as `active`."""
    epoch, _ = active()
    row = ParamEpoch.objects.select_related("param_set").get(epoch=epoch)
    return epoch, row.param_set.body.encode()


def activate(set_id: int, by: str, reason: str) -> int:
    """Return the new epoch. Refused as `Versions.activate` says, and where a dry run is needed and not on record.

    With a usable dry run the set's very bytes are signed with it, before anything is in force.
    """
    with transaction.atomic():
        row = ParamSet.objects.select_for_update().filter(pk=set_id).first()
        if row is not None and row.state in (S.VALID, S.READY) and reason.strip():
            body = row.body.encode()
            try:
                record, fault = dry_runs.usable(body)
                if record is not None:
                    if row.state == S.VALID:
                        SETS.move(set_id, ("dry_run_started", "gate_passed"), by, reason, detail=str(record))
                    dry_runs.seal(body, record, by, reason)
                elif dry_runs.is_gated(body):
                    raise NotAllowed(fault)
            except (ConfigError, OSError) as error:
                raise NotAllowed(f"the set could not be signed: {error}") from error
        return SETS.activate(set_id, by, reason)


def sha256_of(row: ParamSet) -> str:
    """Return the SHA-256 of a set's very bytes: what a dry run's report names."""
    return load_arming().sha256(row.body.encode())


def gate_line(row: ParamSet) -> str:
    """Return what stands on record of a set's dry run, and whether it can be put in force without one."""
    body = row.body.encode()
    record, fault = dry_runs.usable(body)
    if record is not None:
        return f"{record} passed: activating signs the set with it"
    needs = "it cannot be put in force before one passed" if dry_runs.is_gated(body) else "it is not needed here"
    return f"{fault}; {needs}"


def seed(mode: str) -> ParamSet | None:
    """Return the first parameter set, active, or None when there is one already.

    Of real exchanges it only observes: a person must decide to trade.
    """
    params = DEFAULT_PARAMS
    if mode != "simulated":
        params = msgspec.structs.replace(params, gate_mode=GateMode.OBSERVE_ONLY)
    return SETS.seed(params, "first set")


def fields_of(row: ParamSet | None) -> dict[str, Any]:
    """Return the set's fields as plain JSON values; what it does not name, or no set at all, at the default."""
    plain: dict[str, Any] = msgspec.json.decode(params_to_bytes(DEFAULT_PARAMS))
    return plain | (msgspec.json.decode(row.body.encode()) if row else {})


def _findings(body: str) -> list[str]:
    # Besides what is wrong in itself: a market that no feed brings would never be traded, and nobody would be told.
    params, found = params_from_bytes(body.encode())
    if params is None:
        return found
    watched = settings.KARB_ENV.markets
    return [
        f"markets has {market!r}, which this desk does not watch (KARB_MARKETS: {', '.join(watched)})"
        for market in params.markets
        if market not in watched
    ]


def _difference(before: str, after: str) -> str:
    old, new = msgspec.json.decode(before.encode()), msgspec.json.decode(after.encode())
    names = sorted(old.keys() | new.keys())
    return "\n".join(f"{name}: {old.get(name)} -> {new.get(name)}" for name in names if old.get(name) != new.get(name))


SETS = Versions(
    name="parameter set",
    link="param_set",
    sets=ParamSet,
    epochs=ParamEpoch,
    changes=ParamChange,
    table=TABLE,
    refused=NotAllowed,
    body=Params,
    to_bytes=params_to_bytes,
    draft_findings=problems,
    findings=_findings,
    difference=_difference,
    activated={S.VALID: "activated_without_dry_run"},
)
active_set = SETS.active_set
submit_draft = SETS.submit_draft
copy_to_draft = SETS.copy_to_draft
edit_draft = SETS.edit_draft
validate = SETS.validate
roll_back = SETS.roll_back
