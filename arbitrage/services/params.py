"""Parameter sets from draft to active and back; each step one transaction (R4.2, design.md §7).

A step is refused with `NotAllowed`; nothing has changed then.
"""

from typing import Any

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction

from arbitrage.domain.errors import KArbError
from arbitrage.domain.params import DEFAULT_PARAMS, GateMode, Params, params_from_bytes, params_to_bytes, problems
from arbitrage.models_params import ParamChange, ParamEpoch, ParamSet, ParamState


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
"""`activated_without_dry_run` is recorded as such, with its reason: until the one-hour dry run exists
it is the only way from VALID to ACTIVE."""


def active() -> tuple[int, Params]:
    """Return the epoch in force and its parameters. NotAllowed when nothing was ever seeded."""
    row = ParamEpoch.objects.select_related("param_set").first()
    if row is None:
        raise NotAllowed("no parameter set is active: run `python manage.py seed`")
    params, found = params_from_bytes(row.param_set.body.encode())
    if params is None:
        raise NotAllowed(f"the active parameter set {row.param_set_id} cannot be read: {'; '.join(found)}")
    return row.epoch, params


def active_set() -> ParamSet | None:
    """Return the set in force, or None before the first seed."""
    return ParamSet.objects.filter(state=S.ACTIVE.value).first()


def submit_draft(given: dict[str, Any] | str | bytes, by: str, note: str) -> ParamSet:
    """Return a new draft holding `given`: JSON text or a dict of fields, others at their default.

    A draft may be wrong: its findings are kept beside it. Text that is not JSON is NotAllowed.
    """
    body, found = _body(given)
    with transaction.atomic():
        row = ParamSet.objects.create(
            body=body,
            note=note,
            findings=found,
            created_by=by,
            based_on=ParamSet.objects.filter(state="active").first(),
        )
        _log(row, "submitted", "", by, note)
    return row


def copy_to_draft(param_set_id: int, by: str) -> ParamSet:
    """Return a new draft with the body of any set. NotAllowed when there is no such set."""
    row = ParamSet.objects.filter(pk=param_set_id).first()
    if row is None:
        raise NotAllowed(f"there is no parameter set {param_set_id}")
    return submit_draft(row.body, by, f"copy of set {param_set_id}")


def edit_draft(param_set_id: int, given: dict[str, Any] | str | bytes, revision: int, by: str, note: str) -> ParamSet:
    """Return the draft with a new body. A VALID or READY set becomes a draft again by it.

    NotAllowed when the set is past editing, or when `revision` is not the one last saved.
    """
    body, found = _body(given)
    with transaction.atomic():
        row = _locked(param_set_id)
        if row.revision != revision:
            raise NotAllowed(f"revision was {revision}, must be {row.revision}: someone else saved this set meanwhile")
        before = row.body
        _advance(row, "edited", by, note, detail=_difference(before, body))
        row.body, row.note, row.findings, row.revision = body, note, found, row.revision + 1
        row.save()
    return row


def validate(param_set_id: int, by: str) -> list[str]:
    """Return every finding; with none the draft is VALID from now on."""
    with transaction.atomic():
        row = _locked(param_set_id)
        found = _findings(row.body)
        row.findings = found
        _advance(row, "invalid" if found else "validated", by, "", detail="\n".join(found))
        row.save()
    return found


def activate(param_set_id: int, by: str, reason: str) -> int:
    """Return the new epoch: the set becomes ACTIVE, the one before RETIRED, in one transaction.

    From READY it is an ordinary activation; from VALID it is recorded as done without a dry run.
    NotAllowed without a reason or from any other state.
    """
    _need(reason)
    with transaction.atomic():
        row = _locked(param_set_id)
        found = _findings(row.body)
        if found:
            raise NotAllowed("; ".join(found))
        return _put_in_force(row, "activated_without_dry_run" if row.state == S.VALID else "activated", by, reason)


def roll_back(by: str, reason: str) -> int:
    """Return the new epoch, in which the set that was active before the present one is active again."""
    _need(reason)
    with transaction.atomic():
        epochs = ParamEpoch.objects.select_related("param_set")
        now = epochs.first()
        before = epochs.exclude(param_set=now.param_set).first() if now else None
        if before is None:
            raise NotAllowed("there is no parameter set before the active one")
        return _put_in_force(_locked(before.param_set_id), "rolled_back", by, reason)


def seed(mode: str) -> ParamSet | None:
    """Return the first parameter set, active, or None when there is one already.

    In live mode it only observes: a person must decide to trade.
    """
    params = DEFAULT_PARAMS
    if mode == "live":
        params = msgspec.structs.replace(params, gate_mode=GateMode.OBSERVE_ONLY)
    with transaction.atomic():
        if ParamSet.objects.exists():
            return None
        row = submit_draft(params_to_bytes(params), "seed", "first set")
        validate(row.pk, "seed")
        activate(row.pk, "seed", "first set")
    row.refresh_from_db()
    return row


def fields_of(row: ParamSet | None) -> dict[str, Any]:
    """Return the set's fields as plain JSON values; what it does not name, or no set at all, at the default."""
    plain: dict[str, Any] = msgspec.json.decode(params_to_bytes(DEFAULT_PARAMS))
    return plain | (msgspec.json.decode(row.body.encode()) if row else {})


def _body(given: dict[str, Any] | str | bytes) -> tuple[str, list[str]]:
    # What can be read as Params is kept in its one canonical form, anything else as it came, with findings.
    data = msgspec.json.encode(given) if isinstance(given, dict) else given
    try:
        plain = msgspec.json.decode(data)
    except msgspec.MsgspecError as error:
        raise NotAllowed(f"not JSON: {error}") from error
    if not isinstance(plain, dict):
        raise NotAllowed("a parameter set is a JSON object")
    try:
        params = msgspec.convert(plain, Params)
    except msgspec.ValidationError as error:
        return msgspec.json.encode(plain).decode(), [str(error)]
    return params_to_bytes(params).decode(), problems(params)


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


def _locked(param_set_id: int) -> ParamSet:
    row = ParamSet.objects.select_for_update().filter(pk=param_set_id).first()
    if row is None:
        raise NotAllowed(f"there is no parameter set {param_set_id}")
    return row


def _advance(row: ParamSet, on: str, by: str, reason: str, detail: str = "") -> None:
    before = ParamState(row.state)
    after = TABLE[before].get(on)
    if after is None:
        raise NotAllowed(f"parameter set {row.pk} is {before.value}: it cannot be {on.replace('_', ' ')}")
    row.state = after.value
    _log(row, on, before.value, by, reason, detail)


def _log(row: ParamSet, on: str, before: str, by: str, reason: str, detail: str = "") -> None:
    ParamChange.objects.create(
        param_set=row, on=on, from_state=before, to_state=row.state, by=by, reason=reason, detail=detail
    )


def _put_in_force(row: ParamSet, on: str, by: str, reason: str) -> int:
    # The old set is retired first: the database allows one active set only.
    newest = ParamEpoch.objects.select_for_update().first()
    old = ParamSet.objects.select_for_update().filter(state=S.ACTIVE.value).first()
    if old is not None and TABLE[ParamState(row.state)].get(on) is not None:
        _advance(old, "superseded", by, reason)
        old.save()
    _advance(row, on, by, reason)
    row.save()
    epoch = newest.epoch + 1 if newest else 1
    try:
        with transaction.atomic():
            ParamEpoch.objects.create(epoch=epoch, param_set=row, by=by, reason=reason)
    except IntegrityError as error:
        raise NotAllowed("someone else activated a parameter set at the same moment") from error
    return epoch


def _need(reason: str) -> None:
    if not reason.strip():
        raise NotAllowed("a reason is needed")
