"""What processes have seen of drift, into rows and alerts (R1.1). Telling the same again changes nothing."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from arbitrage.domain.drift import Drift, DriftSeen
from arbitrage.models_incidents import Severity
from arbitrage.models_wire import ShapeDrift
from arbitrage.services import alerts
from arbitrage.wall_time import moment

KIND = "shape_drift"
_TOLD_OF = frozenset({Drift.UNREADABLE, Drift.GAP, Drift.DIFFERENT})
"""Error answers are kept for the analyst, and counted in the error rate; no alert of their own."""
_SAMPLE = 1000


def keep(process: str, run: str, rows: Sequence[DriftSeen]) -> int:
    """Return how many findings are new since this run of this process last told of them.

    An alert is raised for each place where something was seen; a person's acknowledgement ends when more comes.
    """
    news = 0
    with transaction.atomic():
        for seen in rows:
            fresh = _keep_row(process, run, seen)
            news += fresh
            if fresh and seen.kind in _TOLD_OF:
                _tell(seen)
    return news


def acknowledge(drift_id: int, by: str) -> bool:
    """Note that a person has seen it, and close its alert; return False when that was noted before."""
    with transaction.atomic():
        row = ShapeDrift.objects.select_for_update().filter(pk=drift_id, acknowledged_at=None).first()
        if row is None:
            return False
        row.acknowledged_at, row.acknowledged_by = timezone.now(), by
        row.save()
        same_place = ShapeDrift.objects.filter(exchange=row.exchange, where=row.where, acknowledged_at=None)
        if not same_place.exists():
            alerts.close_alerts_of(KIND, f"{row.exchange} {row.where}", by=by)
    return True


def _keep_row(process: str, run: str, seen: DriftSeen) -> int:
    row, _ = ShapeDrift.objects.select_for_update().get_or_create(
        exchange=seen.exchange.value,
        where=seen.where[:48],
        finding=seen.finding[:300],
        defaults={"first_at": moment(seen.first_wall_ns), "last_at": moment(seen.last_wall_ns)},
    )
    told = row.sources.get(process)
    before = told[1] if told and told[0] == run else 0
    fresh = seen.count - before
    if fresh <= 0:
        return 0
    row.sources = {**row.sources, process: [run, seen.count]}
    row.count += fresh
    row.first_at = min(row.first_at, moment(seen.first_wall_ns))
    row.last_at = max(row.last_at, moment(seen.last_wall_ns))
    row.sample = seen.sample[:_SAMPLE]
    row.acknowledged_at, row.acknowledged_by = None, ""
    row.save()
    return fresh


def _tell(seen: DriftSeen) -> None:
    subject = f"{seen.exchange.value} {seen.where}"
    severity = Severity.MEDIUM if seen.kind is Drift.GAP else Severity.HIGH
    alerts.raise_alert(KIND, f"{subject}: {seen.finding}", subject=subject[:96], severity=severity, risk_id="R1.1")
