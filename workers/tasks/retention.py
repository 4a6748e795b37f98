"""Old rows that are no evidence: book checks and empty reconciliation runs. Safe to run twice.

Arbs, orders, fills and the ledger are never deleted. In small batches: SQLite has one writer at a time.
"""

from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from arbitrage.models_reconciliation import BookCheck, ReconciliationRun

KEEP = timedelta(days=30)
BATCH = 500
BATCHES_AT_MOST = 200


@shared_task(name="workers.tasks.retention.drop_old_rows", ignore_result=True)
def drop_old_rows() -> dict[str, int]:
    """Delete what is older than 30 days; return how many rows of each kind."""
    before = timezone.now() - KEEP
    queries = {
        "book_checks": BookCheck.objects.filter(at__lt=before),
        "empty_runs": ReconciliationRun.objects.filter(at__lt=before, breaks_found=0),
    }
    dropped = dict.fromkeys(queries, 0)
    for name, query in queries.items():
        for _ in range(BATCHES_AT_MOST):
            ids = list(query.order_by("pk").values_list("pk", flat=True)[:BATCH])
            if not ids:
                break
            query.filter(pk__in=ids).delete()
            dropped[name] += len(ids)
    return dropped
