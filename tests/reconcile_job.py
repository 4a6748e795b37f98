"""Runs of the reconciliation job, as a process of its own does them: for tests of two at once and of one killed.

`open` makes the tables and opens the books; `run KEY PAUSE_US [rows]` reconciles both exchanges once, resting that
long at every statement; with `rows` it prints a hash of all that a run leaves behind. The
exchanges' books are the same each time.
"""

import json
import time
from decimal import Decimal
from hashlib import sha256

from desk_story import START_NS, opened_desk, records
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from written_exchange import SECOND, WrittenExchange

from arbitrage.domain.units import Exchange, Ns, Side
from arbitrage.models import Account, Adjustment, Alert, Break, Control, LedgerEntry, ReconciliationRun, Report
from arbitrage.reports import daily
from arbitrage.services import reconciliation, recording
from arbitrage.services.postings import ledger_problems
from arbitrage.wall_time import moment
from exchanges.records import TransferRecord
from workers.reconciling import compare_exchange

CLOCKS = {"id", "at", "noted_at", "booked_at", "opened_at", "last_seen_at", "resolved_at", "first_at", "last_at"}
CLOCKS |= {"changed_at", "made_at", "run_id", "account_id", "incident_id", "count", "run_key", "breaks_found"}


def sites():
    """Return both exchanges after a day on which the owner and the exchange did this and that."""
    upbit = WrittenExchange(Exchange.UPBIT, 500, "0", {"KRW": "100000000.00000000000000000001", "BTC": "1"})
    bithumb = WrittenExchange(Exchange.BITHUMB, 400, "0.01", {"KRW": "100000000", "BTC": "1.5"})
    at = START_NS + 60 * SECOND
    for number in range(8):
        upbit.trade("KRW-ETH", Side.BID, 4_000_000 + number, [1_000_000, 77], at + number * SECOND, None)
        amount = Decimal(1_000_000 + number).scaleb(-3)
        bithumb.move("KRW", amount)
        when = Ns(at + number * SECOND)
        bithumb.came.append(
            TransferRecord(f"D{number}", "deposit", "KRW", "", "ACCEPTED", amount, Decimal(0), "", when, when)
        )
    # Gone, and nobody says why.
    upbit.move("KRW", Decimal("-12345.5"))
    return upbit, bithumb


def run(key, pause_us):
    """Reconcile both exchanges as the job does, and make the day's report."""

    def slowly(execute, sql, params, many, context):
        time.sleep(pause_us / 1e6)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(slowly):
        for site in sites():
            look = compare_exchange(
                site, settings.KARB_ENV, 0, sleep=lambda s: None, wall_ns=lambda: START_NS + 3600 * SECOND
            )
            reconciliation.keep_run(site.exchange, f"{site.exchange}:{key}", look.findings)
        daily(moment(START_NS).date())


def _plain(value):
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else str(value)


def rows():
    """Return a hash of every row, clocks and numbers left out; what a run is called does not count."""
    found = []
    for model in (Break, Adjustment, LedgerEntry, Account, Alert, Control, Report):
        for row in model.objects.order_by("pk").values():
            found.append(repr(sorted((name, _plain(value)) for name, value in row.items() if name not in CLOCKS)))
    assert ledger_problems() == []
    assert ReconciliationRun.objects.count() >= 1
    counts = (Adjustment.objects.filter(state="booked").count(), LedgerEntry.objects.count(), Break.objects.count())
    return f"{sha256(chr(10).join(sorted(found)).encode()).hexdigest()} {counts}"


def main(what, *words):
    """Do one thing."""
    if what == "open":
        call_command("migrate", verbosity=0)
        recording.record_batch(records(opened_desk()))
    elif what == "run":
        print("begun", flush=True)
        run(words[0], int(words[1]))
    if "rows" in words:
        print(rows())
