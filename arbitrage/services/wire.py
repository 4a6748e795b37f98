"""Wire settings: their states, what is wrong with a set, which is in force and who works with it (R1.1, R4.2).

The same life as a parameter set's (`versions.py`), without its dry run: a renamed field stops trading until it is
mended, and a mend that is wrong reads nothing. A step is refused with `WireRefused`.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string

from arbitrage.domain.errors import KArbError
from arbitrage.domain.units import Exchange
from arbitrage.domain.wire import Shipped, Wire, wire_from_bytes, wire_problems, wire_to_bytes
from arbitrage.models_incidents import Alert, Severity
from arbitrage.models_wire import WireChange, WireEpoch, WireSet, WireState
from arbitrage.services import alerts
from arbitrage.services.versions import Versions


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


def seed() -> WireSet | None:
    """Return the first set, as shipped and active, or None when there is one already."""
    return SETS.seed(Wire(), "as shipped")


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


def _draft_findings(wire: Wire) -> list[str]:
    return wire_problems(wire, shipped())


def _findings(body: str) -> list[str]:
    return wire_from_bytes(body.encode(), shipped())[1]


SETS = Versions(
    name="wire set",
    link="wire_set",
    sets=WireSet,
    epochs=WireEpoch,
    changes=WireChange,
    table=TABLE,
    refused=WireRefused,
    body=Wire,
    to_bytes=wire_to_bytes,
    draft_findings=_draft_findings,
    findings=_findings,
    difference=_difference,
    activated={},
)
active_set = SETS.active_set
submit_draft = SETS.submit_draft
copy_to_draft = SETS.copy_to_draft
edit_draft = SETS.edit_draft
validate = SETS.validate
activate = SETS.activate
roll_back = SETS.roll_back
