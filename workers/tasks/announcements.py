"""What the exchanges announce and warn of, as alerts (R1.1): notices, warnings of our markets, markets not listed.

Safe to run twice: a notice is told once, ever; a warning as long as it stands. Where announcements are
streamed the bridge hears them (`workers/announced.py`).
"""

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from arbitrage.domain.errors import KArbError
from arbitrage.domain.units import EXCHANGES
from arbitrage.models_incidents import Alert, CheckList, Severity
from arbitrage.services import alerts, checklists
from arbitrage.services.notices import tell
from arbitrage.services.standing import UNLISTED, WARNING
from exchanges.reader import SyncReader
from exchanges.records import NotOffered
from karb_project import logs
from workers.tasks.readers import reading

_INVESTMENT_WARNING = "WARNING"
"""Upbit's 유의, which often comes before the end of a market (upbit.md §5.3)."""
_log = logs.get("tasks.announcements")


@shared_task(name="workers.tasks.announcements.read_announcements", ignore_result=True)
def read_announcements() -> dict[str, int]:
    """Look at both exchanges; return how many alerts are new on each, -1 where it could not be asked."""
    env = settings.KARB_ENV
    found = {}
    for exchange in EXCHANGES:
        try:
            with reading(exchange, env) as reader:
                found[exchange.value] = _tell_notices(reader) + _tell_markets(reader, env.markets)
        except KArbError as error:
            _log.warning("announcements_not_read", exchange=exchange, error=str(error))
            found[exchange.value] = -1
    _keep_on_the_list(found)
    return found


def _keep_on_the_list(found: dict[str, int]) -> None:
    unread = [name for name, count in found.items() if count < 0]
    detail = f"could not be read: {', '.join(unread)}" if unread else "read; news are alerts"
    daily = checklists.open_list(CheckList.Kind.DAILY, timezone.localdate())
    finding = checklists.Finding.FAILED if unread else checklists.Finding.PASSED
    checklists.keep_finding(daily, "announcements", detail, finding)


def _tell_notices(reader: SyncReader) -> int:
    notices = reader.notices()
    if isinstance(notices, NotOffered):
        return 0
    return sum(tell(reader.exchange, notice) for notice in notices)


def _tell_markets(reader: SyncReader, markets: tuple[str, ...]) -> int:
    flags = {row.market: set(row.flags) for row in reader.market_list()}
    warnings = reader.market_warnings()
    if not isinstance(warnings, NotOffered):
        for row in warnings:
            flags.setdefault(row.market, set()).add(f"{row.kind} {row.step}".strip())
    news = 0
    for market in markets:
        subject = f"{reader.exchange} {market}"
        listed = flags.get(market)
        news += _told_while_it_stands(UNLISTED, subject, "is not listed" if listed is None else "", Severity.HIGH)
        severity = Severity.HIGH if listed and _INVESTMENT_WARNING in listed else Severity.MEDIUM
        news += _told_while_it_stands(WARNING, subject, ", ".join(sorted(listed or ())), severity)
    return news


def _told_while_it_stands(kind: str, subject: str, what: str, severity: Severity) -> int:
    if not what:
        alerts.close_alerts_of(kind, subject)
        return 0
    text = f"{subject}: {what}"
    if Alert.objects.filter(kind=kind, subject=subject, closed_at=None, text=text).exists():
        return 0
    alerts.raise_alert(kind, text, subject=subject, severity=severity, risk_id="R1.1")
    return 1
