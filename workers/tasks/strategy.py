"""Whether the strategy still earns (R6.1, R3.2): alerts and proposals, never acts. Safe to run twice."""

import time
from datetime import timedelta

from celery import shared_task
from django.utils import timezone

from arbitrage import selectors
from arbitrage.domain import strategy_health
from arbitrage.domain.strategy_health import WINDOW_NS, AlertReason, Health
from arbitrage.domain.units import Ns, percent_text
from arbitrage.models_incidents import Severity
from arbitrage.services import alerts, params

RISK_OF = {
    AlertReason.WIN_RATE_LOW: "R6.1",
    AlertReason.AVERAGE_PROFIT_NEGATIVE: "R6.1",
    AlertReason.SLIPPAGE_HIGH: "R3.2",
    AlertReason.LONE_LEGS_MANY: "R3.1",
}


@shared_task(name="workers.tasks.strategy.check_strategy", ignore_result=True)
def check_strategy() -> list[str]:
    """Look at the last seven days; return the reasons that stand."""
    now_ns = time.time_ns()
    today = timezone.localdate()
    first = today - timedelta(days=6)
    counts = selectors.counts(first, today)
    _, active = params.active()
    found = strategy_health.health(
        selectors.traded_arbs(now_ns - WINDOW_NS),
        signals=counts.get("signals", 0),
        denials=selectors.denials(first, today),
        opened=counts.get("arbs_opened", 0),
        params=active,
        now_wall=Ns(now_ns),
    )
    for reason in AlertReason:
        if reason in found.alerts:
            alerts.raise_alert(reason.value, _text(reason, found), severity=Severity.MEDIUM, risk_id=RISK_OF[reason])
        else:
            alerts.close_alerts_of(reason.value)
    return [reason.value for reason in found.alerts]


def _text(reason: AlertReason, found: Health) -> str:
    figures = f"{found.arbs} arbs, win rate {percent_text(found.win_rate_ppm or 0)}, profit {found.profit_krw:f} KRW"
    proposals = "; ".join(f"{each.field} {each.now} -> {each.proposed} ({each.why})" for each in found.proposals)
    return f"{reason.value}: {figures}" + (f"; proposed: {proposals}" if proposals else "")
