"""What the desk did by itself becomes alerts: a breaker with an incident; a paused market, a slow machine without."""

import pytest
from desk_story import START_NS, records

from arbitrage.domain.events import MarketPaused, PaceChanged, TradingStateChanged
from arbitrage.domain.units import Ns
from arbitrage.models import Alert, Control, Incident
from arbitrage.services import controls, recording

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_desk")]
WHY = "breaker unhedged: unhedged was 1 KRW, max_unhedged_krw is 1"


def test_a_breaker_opens_an_incident_and_a_resume_closes_its_alert():
    recording.record_batch(records([TradingStateChanged("reducing", WHY, Ns(START_NS), "unhedged")]))
    row = Control.objects.get(scope="global")
    assert (row.level, row.reason) == (1, WHY)
    alert = Alert.objects.get(kind="breaker_tripped")
    assert (alert.text, alert.severity, alert.incident_id) == (WHY, "critical", Incident.objects.get().pk)
    controls.resume("looked at it", "kim")
    assert not Alert.objects.filter(kind="breaker_tripped", closed_at=None).exists()


def test_that_a_person_let_it_trade_again_is_no_alert():
    recording.record_batch(records([TradingStateChanged("active", "a person let the desk trade again", Ns(START_NS))]))
    assert Alert.objects.count() == 0


def test_a_slow_machine_is_told_until_it_is_well():
    why = "p99 frame to orders 80.0 ms, loop lag 0.0 ms"
    recording.record_batch(records([PaceChanged(1, 100, ("KRW-SOL",), why, Ns(START_NS))]))
    alert = Alert.objects.get()
    assert (alert.kind, alert.closed_at) == ("slow_machine", None)
    assert alert.text == f"Slowed down by 1: 100 ppm more edge, not watched: KRW-SOL ({why})"


def test_a_machine_that_is_well_again_closes_its_alert():
    steps = [PaceChanged(step, 100 * step, (), "why", Ns(START_NS)) for step in (1, 2, 1, 0)]
    recording.record_batch(records(steps))
    assert not Alert.objects.filter(closed_at=None).exists()
    assert Alert.objects.get().count == 3


def test_a_market_paused_twice_is_one_alert_counted_up():
    events = [
        MarketPaused("KRW-BTC", "slippage", f"arb {name} was 0.6 % off its expected prices", Ns(START_NS))
        for name in ("a1", "a2")
    ]
    recording.record_batch(records(events))
    alert = Alert.objects.get()
    assert (alert.kind, alert.subject, alert.severity, alert.count) == ("paused_slippage", "KRW-BTC", "medium", 2)
    assert alert.text == "KRW-BTC is paused: arb a2 was 0.6 % off its expected prices"
    assert Incident.objects.count() == 0
