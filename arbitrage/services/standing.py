"""What stands against a market on an exchange, out of open alerts: the bridge carries it to the gate (R1.1, R6.2).

Jobs and listeners raise these alerts and a job closes those it can see are over; closing one by hand opens the
market again, until a job sees the cause again.
"""

import hashlib
import re
from collections.abc import Sequence

from arbitrage.domain.controls import Standing
from arbitrage.domain.units import Exchange, base_of
from arbitrage.models_incidents import Alert, Severity
from arbitrage.services import alerts

WARNING, UNLISTED, WALLET, NOTICE_AGAINST = "market_warning", "market_unlisted", "wallet_suspended", "market_notice"
_AGAINST = ("유의", "거래지원 종료", "거래 지원 종료", "상장폐지", "점검", "거래 중단", "거래중단")
"""Caution, the end of trading, maintenance, a stop: words of titles, as both exchanges write them."""
_GRAVE = (Severity.HIGH.value, Severity.CRITICAL.value)


def standing(markets: Sequence[str]) -> dict[str, Standing]:
    """Return what stands against each of these markets right now; those with nothing are left out.

    Mild warnings are told and stop nothing.
    """
    kinds = (WARNING, UNLISTED, WALLET, NOTICE_AGAINST)
    rows = Alert.objects.filter(kind__in=kinds, closed_at=None, severity__in=_GRAVE)
    seen: dict[tuple[bool, str], set[Exchange]] = {}
    for kind, subject in rows.values_list("kind", "subject"):
        place, what = subject.split(" ")[:2]
        seen.setdefault((kind == WALLET, what), set()).add(Exchange(place))
    found = {}
    for market in markets:
        warned, suspended = seen.get((False, market)), seen.get((True, base_of(market)))
        if warned or suspended:
            found[market] = Standing(frozenset(warned or ()), frozenset(suspended or ()))
    return found


def note_title(exchange: Exchange, title: str, markets: Sequence[str]) -> tuple[str, ...]:
    """Raise an alert against each market whose coin a notice's title names beside a word of warning; return them."""
    if not any(word in title for word in _AGAINST):
        return ()
    named = tuple(market for market in markets if re.search(rf"\({re.escape(base_of(market))}\)", title))
    for market in named:
        mark = hashlib.sha256(title.encode()).hexdigest()[:8]
        text = f"{exchange} {market}: {title}"
        alerts.raise_alert(
            NOTICE_AGAINST, text, subject=f"{exchange} {market} {mark}", severity=Severity.HIGH, risk_id="R1.1"
        )
    return named
