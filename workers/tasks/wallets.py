"""Where coins can come in and go out, as alerts while it is not so; the bridge tells the gate (R3.3).

Safe to run twice: an alert is raised as long as it stands. An exchange that cannot be asked leaves things as they are.
"""

from celery import shared_task
from django.conf import settings

from arbitrage.domain.errors import KArbError
from arbitrage.domain.units import EXCHANGES, base_of
from arbitrage.models_incidents import Alert, Severity
from arbitrage.services import alerts
from arbitrage.services.standing import WALLET
from exchanges.records import WalletState
from karb_project import logs
from workers.tasks.readers import reading

_log = logs.get("tasks.wallets")


@shared_task(name="workers.tasks.wallets.read_wallets", ignore_result=True)
def read_wallets() -> dict[str, int]:
    """Look at both exchanges; return how many watched coins are locked in on each, -1 where it could not be asked."""
    env = settings.KARB_ENV
    found = {}
    for exchange in EXCHANGES:
        try:
            with reading(exchange, env) as reader:
                states = reader.wallets()
        except KArbError as error:
            _log.warning("wallets_not_read", exchange=exchange, error=str(error))
            found[exchange.value] = -1
            continue
        wanted = sorted({base_of(market) for market in env.markets})
        found[exchange.value] = sum(_tell(exchange.value, asset, states) for asset in wanted)
    return found


def _tell(exchange: str, asset: str, states: tuple[WalletState, ...]) -> int:
    """Raise or close the alert of one coin; return 1 when it is locked in. One network that works is enough."""
    subject = f"{exchange} {asset}"
    rows = [state for state in states if state.asset == asset]
    if any(row.can_deposit and row.can_withdraw for row in rows):
        alerts.close_alerts_of(WALLET, subject)
        return 0
    how = ", ".join(sorted({row.state for row in rows})) or "not named"
    text = f"{asset} cannot come in and go out on {exchange}: {how}"
    if not Alert.objects.filter(kind=WALLET, subject=subject, closed_at=None, text=text).exists():
        alerts.raise_alert(WALLET, text, subject=subject, severity=Severity.HIGH, risk_id="R3.3")
    return 1
