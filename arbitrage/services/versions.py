"""Settings that live in versions: from draft to active and back; each step one transaction (R4.2, design.md §7).

What a kind of settings has of its own — its states, its JSON, what is wrong with it — is told to `Versions`. A step
is refused with the kind's own error; nothing has changed then.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
from django.db import IntegrityError, transaction

from arbitrage.domain.errors import KArbError
from arbitrage.models_versions import VersionedChange, VersionedEpoch, VersionedSet

Row = TypeVar("Row", bound=VersionedSet)
Body = TypeVar("Body", bound=msgspec.Struct)
Given = Mapping[str, Any] | str | bytes
"""JSON text or plain values."""


@dataclass(frozen=True, kw_only=True)
class Versions(Generic[Row, Body]):
    """One kind of settings."""

    name: str
    """What people call a set."""
    link: str
    """What epochs and changes call it."""
    sets: type[Row]
    epochs: type[VersionedEpoch]
    changes: type[VersionedChange]
    table: Mapping[Any, Mapping[str, str]]
    """State -> event -> state."""
    refused: type[KArbError]
    body: type[Body]
    to_bytes: Callable[[Body], bytes]
    draft_findings: Callable[[Body], list[str]]
    """What is wrong with a draft in itself."""
    findings: Callable[[str], list[str]]
    """All that keeps a body from being put in force."""
    difference: Callable[[str, str], str]
    activated: Mapping[str, str]
    """State -> the event that makes a set of that state active."""

    def active_set(self) -> Row | None:
        """Return the set in force, None before the first."""
        return self.sets._default_manager.filter(state="active").first()

    def submit_draft(self, given: Given, by: str, note: str) -> Row:
        """Return a new draft holding `given`.

        A draft may be wrong: its findings are kept beside it. Text that is not JSON is refused.
        """
        body, found = self._body(given)
        with transaction.atomic():
            row = self.sets._default_manager.create(
                body=body, note=note, findings=found, created_by=by, based_on=self.active_set()
            )
            self._log(row, "submitted", "", by, note)
        return row

    def copy_to_draft(self, set_id: int, by: str) -> Row:
        """Return a new draft with the body of any set. Refused when there is no such set."""
        row = self._one(self.sets._default_manager.filter(pk=set_id).first(), set_id)
        return self.submit_draft(row.body, by, f"copy of set {set_id}")

    def edit_draft(self, set_id: int, given: Given, revision: int, by: str, note: str) -> Row:
        """Return the draft with a new body. A set that was found in order becomes a draft again by it.

        Refused when the set is past editing, or when `revision` is not the one last saved.
        """
        body, found = self._body(given)
        with transaction.atomic():
            row = self._locked(set_id)
            if row.revision != revision:
                raise self.refused(
                    f"revision was {revision}, must be {row.revision}: someone else saved this set meanwhile"
                )
            self._advance(row, "edited", by, note, detail=self.difference(row.body, body))
            row.body, row.note, row.findings, row.revision = body, note, found, row.revision + 1
            row.save()
        return row

    def validate(self, set_id: int, by: str) -> list[str]:
        """Return every finding; with none the draft is VALID from now on."""
        with transaction.atomic():
            row = self._locked(set_id)
            found = self.findings(row.body)
            row.findings = found
            self._advance(row, "invalid" if found else "validated", by, "", detail="\n".join(found))
            row.save()
        return found

    def activate(self, set_id: int, by: str, reason: str) -> int:
        """Return the new epoch: the set becomes ACTIVE, the one before RETIRED, in one transaction.

        Refused without a reason, with findings, or from a state that does not lead there.
        """
        self._need(reason)
        with transaction.atomic():
            row = self._locked(set_id)
            found = self.findings(row.body)
            if found:
                raise self.refused("; ".join(found))
            return self._put_in_force(row, self.activated.get(row.state, "activated"), by, reason)

    def move(self, set_id: int, steps: Sequence[str], by: str, reason: str, detail: str = "") -> None:
        """Take a set along these steps; refused, with nothing changed, where the table knows no such step."""
        with transaction.atomic():
            row = self._locked(set_id)
            for step in steps:
                self._advance(row, step, by, reason, detail)
            row.save()

    def roll_back(self, by: str, reason: str) -> int:
        """Return the new epoch, in which the set that was active before the present one is active again."""
        self._need(reason)
        set_id = f"{self.link}_id"
        with transaction.atomic():
            used = self.epochs._default_manager
            now = used.first()
            before = used.exclude(**{set_id: getattr(now, set_id)}).first() if now else None
            if before is None:
                raise self.refused(f"there is no {self.name} before the active one")
            return self._put_in_force(self._locked(getattr(before, set_id)), "rolled_back", by, reason)

    def seed(self, first: Body, note: str) -> Row | None:
        """Return the first set, active, or None when there is one already."""
        with transaction.atomic():
            if self.sets._default_manager.exists():
                return None
            row = self.submit_draft(self.to_bytes(first), "seed", note)
            self.validate(row.pk, "seed")
            self.activate(row.pk, "seed", "first set")
        row.refresh_from_db()
        return row

    def _body(self, given: Given) -> tuple[str, list[str]]:
        # What can be read is kept in its one canonical form, anything else as it came, with findings.
        data = given if isinstance(given, str | bytes) else msgspec.json.encode(dict(given))
        try:
            plain = msgspec.json.decode(data)
        except msgspec.MsgspecError as error:
            raise self.refused(f"not JSON: {error}") from error
        if not isinstance(plain, dict):
            raise self.refused(f"a {self.name} is a JSON object")
        try:
            body = msgspec.convert(plain, self.body)
        except msgspec.ValidationError as error:
            return msgspec.json.encode(plain).decode(), [str(error)]
        return self.to_bytes(body).decode(), self.draft_findings(body)

    def _one(self, row: Row | None, set_id: int) -> Row:
        if row is None:
            raise self.refused(f"there is no {self.name} {set_id}")
        return row

    def _locked(self, set_id: int) -> Row:
        return self._one(self.sets._default_manager.select_for_update().filter(pk=set_id).first(), set_id)

    def _advance(self, row: Row, on: str, by: str, reason: str, detail: str = "") -> None:
        before = str(row.state)
        after = self.table[before].get(on)
        if after is None:
            raise self.refused(f"{self.name} {row.pk} is {before}: it cannot be {on.replace('_', ' ')}")
        row.state = str(after)
        self._log(row, on, before, by, reason, detail)

    def _log(self, row: Row, on: str, before: str, by: str, reason: str, detail: str = "") -> None:
        moved = {"on": on, "from_state": before, "to_state": row.state, "by": by, "reason": reason, "detail": detail}
        self.changes._default_manager.create(**{self.link: row}, **moved)

    def _put_in_force(self, row: Row, on: str, by: str, reason: str) -> int:
        # The old set is retired first: the database allows one active set only.
        newest = self.epochs._default_manager.select_for_update().first()
        old = self.sets._default_manager.select_for_update().filter(state="active").first()
        if old is not None and self.table[str(row.state)].get(on) is not None:
            self._advance(old, "superseded", by, reason)
            old.save()
        self._advance(row, on, by, reason)
        row.save()
        epoch = newest.epoch + 1 if newest else 1
        try:
            with transaction.atomic():
                self.epochs._default_manager.create(**{self.link: row}, epoch=epoch, by=by, reason=reason)
        except IntegrityError as error:
            raise self.refused(f"someone else activated a {self.name} at the same moment") from error
        return epoch

    def _need(self, reason: str) -> None:
        if not reason.strip():
            raise self.refused("a reason is needed")
