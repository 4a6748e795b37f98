"""Wire settings from draft to active and back; each step one transaction (R1.1, R4.2).

The same life as a parameter set's, without its dry run: a renamed field stops trading until it is
mended, and a mend that is wrong reads nothing. A step is refused with `WireRefused`; nothing has changed then.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from arbitrage.domain.errors import KArbError
from arbitrage.domain.units import Exchange
from arbitrage.domain.wire import Shipped, Wire, wire_from_bytes, wire_problems, wire_to_bytes
from arbitrage.models_incidents import Alert, Severity
from arbitrage.models_wire import WireChange, WireEpoch, WireSet, WireState
from arbitrage.services import alerts


class WireRefused(KArbError):
    """The state table, a stale form or a missing reason says no."""


S = WireState
TABLE: dict[WireState, dict[str, WireState]] = {
    S.DRAFT: {"edited": S.DRAFT, "validated": S.VALID, "invalid": S.DRAFT},
    S.VALID: {"edited": S.DRAFT, "activated": S.ACTIVE},
    S.ACTIVE: {"superseded": S.RETIRED},
    S.RETIRED: {"rolled_back": S.ACTIVE},
}
APPLIED_WITHIN = timedelta(seconds=10)
NOT_APPLIED = "wire_not_applied"
AS_SHIPPED = wire_to_bytes(Wire())


def shipped() -> dict[Exchange, Shipped]:
    """Return what the adapters are shipped with. They live upstairs: the settings name who knows them."""
    words: Callable[[], dict[Exchange, Shipped]] = import_string(settings.KARB_WIRE_WORDS)
    return words()


def active() -> tuple[int, bytes]:
    """Return the epoch in force and its settings as they travel; epoch 0 before the seed, as shipped.

    They are not judged here: a process that cannot use them keeps the last good ones and says so.
    """
    row = WireEpoch.objects.select_related("wire_set").first()
    return (row.epoch, row.wire_set.body.encode()) if row else (0, AS_SHIPPED)


def active_set() -> WireSet | None:
    """Return the set in force, or None while everything is as shipped."""
    return WireSet.objects.filter(state=S.ACTIVE.value).first()


def submit_draft(given: Mapping[str, Any] | str | bytes, by: str, note: str) -> WireSet:
    """Return a new draft holding `given`: JSON text or plain values.

    A draft may be wrong: its findings are kept beside it. Text that is not JSON is WireRefused.
    """
    body, found = _body(given)
    with transaction.atomic():
        row = WireSet.objects.create(body=body, note=note, findings=found, created_by=by, based_on=active_set())
        _log(row, "submitted", "", by, note)
    return row


def copy_to_draft(wire_set_id: int, by: str) -> WireSet:
    """Return a new draft with the body of any set. WireRefused when there is no such set."""
    row = WireSet.objects.filter(pk=wire_set_id).first()
    if row is None:
        raise WireRefused(f"there is no wire set {wire_set_id}")
    return submit_draft(row.body, by, f"copy of set {wire_set_id}")


def edit_draft(wire_set_id: int, given: Mapping[str, Any] | str | bytes, revision: int, by: str, note: str) -> WireSet:
    """Return the draft with a new body. A VALID set becomes a draft again by it.

    WireRefused when the set is past editing, or when `revision` is not the one last saved.
    """
    body, found = _body(given)
    with transaction.atomic():
        row = _locked(wire_set_id)
        if row.revision != revision:
            raise WireRefused(f"revision was {revision}, must be {row.revision}: someone else saved this set meanwhile")
        _advance(row, "edited", by, note, detail=_difference(row.body, body))
        row.body, row.note, row.findings, row.revision = body, note, found, row.revision + 1
        row.save()
    return row


def validate(wire_set_id: int, by: str) -> list[str]:
    """Return every finding; with none the draft is VALID from now on."""
    with transaction.atomic():
        row = _locked(wire_set_id)
        found = wire_from_bytes(row.body.encode(), shipped())[1]
        row.findings = found
        _advance(row, "invalid" if found else "validated", by, "", detail="\n".join(found))
        row.save()
    return found


def activate(wire_set_id: int, by: str, reason: str) -> int:
    """Return the new epoch: the VALID set becomes ACTIVE, the one before RETIRED, in one transaction."""
    _need(reason)
    with transaction.atomic():
        row = _locked(wire_set_id)
        found = wire_from_bytes(row.body.encode(), shipped())[1]
        if found:
            raise WireRefused("; ".join(found))
        return _put_in_force(row, "activated", by, reason)


def roll_back(by: str, reason: str) -> int:
    """Return the new epoch, in which the set that was active before the present one is active again."""
    _need(reason)
    with transaction.atomic():
        epochs = WireEpoch.objects.select_related("wire_set")
        now = epochs.first()
        before = epochs.exclude(wire_set=now.wire_set).first() if now else None
        if before is None:
            raise WireRefused("there is no wire set before the active one")
        return _put_in_force(_locked(before.wire_set_id), "rolled_back", by, reason)


def seed() -> WireSet | None:
    """Return the first set, as shipped and active, or None when there is one already."""
    with transaction.atomic():
        if WireSet.objects.exists():
            return None
        row = submit_draft(AS_SHIPPED, "seed", "as shipped")
        validate(row.pk, "seed")
        activate(row.pk, "seed", "first set")
    row.refresh_from_db()
    return row


def note_applied(applied: Mapping[str, int]) -> list[str]:
    """Return the processes that do not work with the settings in force though they had the time; told as alerts."""
    row = WireEpoch.objects.first()
    if row is None or timezone.now() - row.at < APPLIED_WITHIN:
        return []
    late = [process for process, epoch in applied.items() if epoch != row.epoch]
    told = set(Alert.objects.filter(kind=NOT_APPLIED, closed_at=None).values_list("subject", flat=True))
    for process in applied:
        if process in late and process in told:
            continue
        if process in late:
            text = f"{process} works with wire epoch {applied[process]}, epoch {row.epoch} is in force: see its log"
            alerts.raise_alert(NOT_APPLIED, text, subject=process, severity=Severity.HIGH, risk_id="R1.1")
        else:
            alerts.close_alerts_of(NOT_APPLIED, process)
    return late


def overrides_of(row: WireSet | None) -> dict[str, Any]:
    """Return the set's overrides as plain JSON values, exchange by exchange; {} for none."""
    plain = msgspec.json.decode(row.body.encode()) if row else {}
    exchanges = plain.get("exchanges", {})
    return exchanges if isinstance(exchanges, dict) else {}


def _body(given: Mapping[str, Any] | str | bytes) -> tuple[str, list[str]]:
    # What can be read as Wire is kept in its one canonical form, anything else as it came, with findings.
    data = given if isinstance(given, str | bytes) else msgspec.json.encode(dict(given))
    try:
        plain = msgspec.json.decode(data)
    except msgspec.MsgspecError as error:
        raise WireRefused(f"not JSON: {error}") from error
    if not isinstance(plain, dict):
        raise WireRefused("a wire set is a JSON object")
    try:
        wire = msgspec.convert(plain, Wire)
    except msgspec.ValidationError as error:
        return msgspec.json.encode(plain).decode(), [str(error)]
    return wire_to_bytes(wire).decode(), wire_problems(wire, shipped())


def _difference(before: str, after: str) -> str:
    old, new = (dict(_leaves("", msgspec.json.decode(text.encode()))) for text in (before, after))
    names = sorted(old.keys() | new.keys())
    lines = (
        f"{name}: {old.get(name, '–')} -> {new.get(name, '–')}" for name in names if old.get(name) != new.get(name)
    )
    return "\n".join(lines)


def _leaves(path: str, value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, dict):
        return [(path, value)]
    return [leaf for key, part in value.items() for leaf in _leaves(f"{path}.{key}".removeprefix(".exchanges."), part)]


def _locked(wire_set_id: int) -> WireSet:
    row = WireSet.objects.select_for_update().filter(pk=wire_set_id).first()
    if row is None:
        raise WireRefused(f"there is no wire set {wire_set_id}")
    return row


def _advance(row: WireSet, on: str, by: str, reason: str, detail: str = "") -> None:
    before = WireState(row.state)
    after = TABLE[before].get(on)
    if after is None:
        raise WireRefused(f"wire set {row.pk} is {before.value}: it cannot be {on.replace('_', ' ')}")
    row.state = after.value
    _log(row, on, before.value, by, reason, detail)


def _log(row: WireSet, on: str, before: str, by: str, reason: str, detail: str = "") -> None:
    WireChange.objects.create(
        wire_set=row, on=on, from_state=before, to_state=row.state, by=by, reason=reason, detail=detail
    )


def _put_in_force(row: WireSet, on: str, by: str, reason: str) -> int:
    # The old set is retired first: the database allows one active set only.
    newest = WireEpoch.objects.select_for_update().first()
    old = WireSet.objects.select_for_update().filter(state=S.ACTIVE.value).first()
    if old is not None and TABLE[WireState(row.state)].get(on) is not None:
        _advance(old, "superseded", by, reason)
        old.save()
    _advance(row, on, by, reason)
    row.save()
    epoch = newest.epoch + 1 if newest else 1
    try:
        with transaction.atomic():
            WireEpoch.objects.create(epoch=epoch, wire_set=row, by=by, reason=reason)
    except IntegrityError as error:
        raise WireRefused("someone else activated a wire set at the same moment") from error
    return epoch


def _need(reason: str) -> None:
    if not reason.strip():
        raise WireRefused("a reason is needed")
