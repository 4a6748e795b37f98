"""Orders, balances and history beside the exchanges' own (R3.3): a run each, what it explains booked, the rest told.

Safe to run twice: a run is kept under the task's own id, which a redelivery shares, and books absolute figures.
"""

from celery import Task, shared_task
from django.conf import settings

from arbitrage.domain.errors import KArbError
from arbitrage.domain.units import EXCHANGES
from arbitrage.services import reconciliation
from karb_project import logs
from workers.reconciling import compare_exchange
from workers.tasks.readers import reading

_log = logs.get("tasks.reconciliation")


@shared_task(bind=True, name="workers.tasks.reconciliation.reconcile", ignore_result=True)
def reconcile(self: "Task[[], dict[str, int]]") -> dict[str, int]:
    """Compare both exchanges; return the breaks found on each, -1 where it could not be asked."""
    env = settings.KARB_ENV
    found = {}
    for exchange in EXCHANGES:
        try:
            with reading(exchange, env) as reader:
                look = compare_exchange(reader, env, 0)
        except KArbError as error:
            _log.warning("exchange_not_reconciled", exchange=exchange, error=str(error))
            found[exchange.value] = -1
            continue
        run = reconciliation.keep_run(exchange, f"{exchange.value}:{self.request.id}", look.findings)
        if run is None:
            _log.info("reconciliation_came_late", exchange=exchange)
        found[exchange.value] = run.breaks_found if run else 0
    return found
