"""Keep a reconciliation run with its breaks, and the outcome of book checks (R1.3)."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from arbitrage.domain.reconciliation import Break as FoundBreak
from arbitrage.domain.reconciliation import BreakKind
from arbitrage.models_incidents import Alert, Severity
from arbitrage.models_reconciliation import BookCheck, Break, ReconciliationRun
from arbitrage.services import alerts


def keep_run(
    exchange: str, run_key: str, breaks: Sequence[FoundBreak], *, orders_compared: int, balances_compared: int
) -> ReconciliationRun:
    """Return the run of this key, kept once: a second call with the same key changes nothing.

    A break of severity critical or high raises an alert under its kind and subject. A subject without
    a break any more closes the alert it had.
    """
    with transaction.atomic():
        run, is_new = ReconciliationRun.objects.get_or_create(
            run_key=run_key,
            defaults={
                "exchange": exchange,
                "orders_compared": orders_compared,
                "balances_compared": balances_compared,
                "breaks_found": len(breaks),
                "at": timezone.now(),
            },
        )
        if not is_new:
            return run
        Break.objects.bulk_create(
            Break(
                run=run,
                kind=found.kind.value,
                severity=found.severity.value,
                subject=found.subject,
                ours=found.ours,
                theirs=found.theirs,
                difference=found.difference,
            )
            for found in breaks
        )
        _close_gone(exchange, breaks)
        for found in breaks:
            if found.severity in (Severity.CRITICAL.value, Severity.HIGH.value):
                text = f"{found.exchange} {found.subject}: {found.kind}, ours {found.ours:f}, theirs {found.theirs:f}"
                alerts.raise_alert(
                    found.kind.value, text, subject=f"{found.exchange} {found.subject}", severity=found.severity.value
                )
    return run


def _close_gone(exchange: str, breaks: Sequence[FoundBreak]) -> None:
    # Alerts of earlier runs whose break this run no longer finds.
    still = {(found.kind.value, f"{found.exchange} {found.subject}") for found in breaks}
    kinds = [kind.value for kind in BreakKind]
    for row in Alert.objects.filter(closed_at=None, kind__in=kinds, subject__startswith=f"{exchange} "):
        if (row.kind, row.subject) not in still:
            alerts.close_alerts_of(row.kind, row.subject)


def resolve_break(break_id: int, by: str, resolution: str) -> None:
    """Note how a break was resolved; the first word stands."""
    if not resolution.strip():
        raise ValueError("a resolution is needed")
    Break.objects.filter(pk=break_id, resolved_at=None).update(
        resolved_at=timezone.now(), resolved_by=by, resolution=resolution[:300]
    )


def keep_book_check(exchange: str, market: str, outcome: str, *, detail: str = "", did_resync: bool = False) -> None:
    """Keep the outcome (`same`, `different`, `no_book`, `no_answer`) of one comparison with REST."""
    BookCheck.objects.create(
        exchange=exchange,
        market=market,
        outcome=BookCheck.Outcome(outcome).value,
        detail=detail[:300],
        did_resync=did_resync,
        at=timezone.now(),
    )
