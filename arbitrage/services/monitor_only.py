"""An exchange that is only watched, because it could no longer be believed (R1.1): noted here, lifted by a resume.

The trader decides, in shared memory and a file of its own; the bridge brings it here when the database answers.
"""

from datetime import datetime

from django.db import transaction

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.units import Exchange
from arbitrage.models_control import Control, Scope
from arbitrage.models_incidents import Alert, Severity
from arbitrage.services import alerts, controls

KIND = controls.MONITOR_ONLY


def keep_stopped(exchange: Exchange, reason: str, at: datetime) -> bool:
    """Note that an exchange was made monitor-only: level, critical alert, incident, emergency flow.

    Returns False when that is known, or when a person has spoken of this exchange since.
    """
    with transaction.atomic():
        row = Control.objects.select_for_update().filter(scope=Scope.EXCHANGE, key=exchange.value).first()
        if row is not None and row.changed_at >= at:
            return False
        if row is not None and row.level == TradingLevel.HALTED:
            # A person's stricter word stays as it is.
            if Alert.objects.filter(kind=KIND, subject=exchange.value, closed_at=None).exists():
                return False
        else:
            controls.set_row(Scope.EXCHANGE, exchange.value, TradingLevel.REDUCING, reason, controls.TRADER, at)
        text = f"{exchange.value} is monitor-only: {reason}"
        alert = alerts.raise_alert(
            KIND, text, subject=exchange.value, severity=Severity.CRITICAL, risk_id="R1.1", at=at
        )
        assert alert.incident is not None  # a critical alert always has one
        controls.open_flow(alert.incident, text, controls.TRADER, at)
    return True


def stopped() -> dict[Exchange, str]:
    """Return the exchanges that are monitor-only, and why."""
    rows = Control.objects.filter(scope=Scope.EXCHANGE, by=controls.TRADER).exclude(level=TradingLevel.ACTIVE)
    return {Exchange(row.key): row.reason for row in rows}
