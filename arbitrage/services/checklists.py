"""Check lists as rows: a program keeps its findings, a person ticks the rest."""

from datetime import date
from enum import StrEnum

from django.db import transaction
from django.utils import timezone

from arbitrage.models_incidents import CheckItem, CheckList


class Finding(StrEnum):
    """What a program found."""

    PASSED = "passed"
    FAILED = "failed"


ITEMS: dict[str, tuple[tuple[str, str], ...]] = {
    CheckList.Kind.GO_LIVE: (
        ("tests", "The whole test suite passed"),
        ("performance", "Latency was measured and is within its bound"),
        ("simulated_trading", "The desk traded on the simulators and its ledger agreed"),
        ("keys_stored", "Keys are stored outside the code and may not withdraw"),
        ("configuration_checked", "The parameter set was checked by a second person"),
        ("monitoring", "Alerts reach a person"),
        ("plans", "The emergency plan was read"),
        ("docs", "The documentation is up to date"),
    ),
    CheckList.Kind.DAILY: (
        ("log_errors", "Errors in the logs were looked at"),
        ("streams", "Streams are connected, drops were looked at"),
        ("balances", "Balances suffice on both exchanges"),
        ("order_success", "Order success rate is as usual"),
        ("resources", "Latency, memory and processor are as usual"),
        ("alerts", "Open alerts were looked at"),
        ("announcements", "The exchanges' announcements were read"),
    ),
    CheckList.Kind.WEEKLY: (
        ("incidents", "Incidents of the week were looked through"),
        ("ratings", "Risk ratings still hold"),
        ("resources", "Resource trends were looked at"),
        ("trading_report", "The trading report was read"),
        ("api_docs", "The exchanges' API documentation and change lists were read (R1.1)"),
        ("plans", "Plans are up to date"),
        ("backups", "A backup was restored for trial"),
    ),
}


def open_list(kind: str, day: date) -> CheckList:
    """Return the list of that day with all its items; made once."""
    with transaction.atomic():
        row, _ = CheckList.objects.get_or_create(kind=kind, day=day)
        known = set(row.items.values_list("word", flat=True))
        CheckItem.objects.bulk_create(
            CheckItem(check_list=row, word=word, text=text) for word, text in ITEMS[kind] if word not in known
        )
    return row


def tick(item_id: int, by: str) -> None:
    """Note that a person has done it; the first tick stands, and no program takes it back."""
    CheckItem.objects.filter(pk=item_id, is_done=False).update(
        is_done=True, is_automatic=False, done_by=by, done_at=timezone.now()
    )


def keep_finding(check_list: CheckList, word: str, detail: str, finding: Finding) -> None:
    """Keep what a program found for one item: PASSED ticks it, FAILED takes a program's tick back."""
    CheckItem.objects.filter(check_list=check_list, word=word).exclude(is_done=True, is_automatic=False).update(
        is_automatic=True,
        is_done=finding is Finding.PASSED,
        detail=detail[:300],
        done_by="program",
        done_at=timezone.now(),
    )
