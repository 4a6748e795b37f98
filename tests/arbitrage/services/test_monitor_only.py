"""An exchange the trader stopped believing: noted once, with incident and emergency; lifted by a resume alone."""

from datetime import timedelta

import pytest
from django.utils import timezone

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.units import Exchange
from arbitrage.models import Alert, Control, ControlChange, Incident
from arbitrage.services import controls, monitor_only
from arbitrage.wall_time import moment, wall_ns

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("switch")]
UPBIT = Exchange.UPBIT
ACTIVE, REDUCING, HALTED = TradingLevel
REASON = "balances cannot be read: Expected `array`, got `object`"


def stop(at=None):
    return monitor_only.keep_stopped(UPBIT, REASON, at or timezone.now())


def asked():
    return controls.wanted().exchanges.get(UPBIT, ACTIVE)


def test_a_stop_is_noted_with_level_alert_incident_and_emergency():
    at = timezone.now()
    assert stop(at)
    assert asked() is REDUCING
    assert controls.wanted().said_ns[UPBIT] == wall_ns(at)
    alert = Alert.objects.get(kind="monitor_only")
    assert (alert.subject, alert.severity, alert.risk_id) == ("upbit", "critical", "R1.1")
    incident = Incident.objects.get()
    assert (incident.kind, incident.subject, incident.risk_id) == ("monitor_only", "upbit", "R1.1")
    flow = controls.open_emergency()
    assert (flow.state, flow.incident_id) == ("stopped", incident.pk)
    assert monitor_only.stopped() == {UPBIT: REASON}


def test_the_same_stop_said_again_changes_nothing():
    at = timezone.now()
    stop(at)
    assert not stop(at)
    assert (Alert.objects.get().count, ControlChange.objects.count()) == (1, 1)


def test_a_persons_later_word_is_not_undone():
    at = timezone.now()
    controls.request_level(REDUCING, "looking", "kim", exchange="upbit")
    assert not stop(at - timedelta(seconds=1))
    assert Control.objects.get(key="upbit").by == "kim"
    assert Alert.objects.count() == 0


def test_a_persons_stricter_word_stays_and_the_stop_is_told_once():
    controls.request_level(HALTED, "closed", "kim", exchange="upbit")
    at = timezone.now()
    assert stop(at)
    assert not stop(at)
    assert (asked(), Control.objects.get(key="upbit").by) == (HALTED, "kim")
    assert Alert.objects.get().count == 1
    controls.resume("understood", "kim")
    assert asked() is HALTED
    assert Alert.objects.get().closed_at is None
    controls.request_level(ACTIVE, "open again", "kim", exchange="upbit")
    assert asked() is ACTIVE
    assert Alert.objects.get().closed_at is not None


def test_only_a_resume_lifts_it():
    stop()
    with pytest.raises(controls.ControlRefused, match="upbit is monitor-only: a resume lifts that"):
        controls.request_level(ACTIVE, "fine", "kim", exchange="upbit")
    assert asked() is REDUCING
    stopped_ns = controls.wanted().said_ns[UPBIT]
    controls.resume("the map is mended", "kim")
    assert asked() is ACTIVE
    assert controls.wanted().said_ns[UPBIT] > stopped_ns
    assert monitor_only.stopped() == {}
    assert Alert.objects.filter(closed_at=None).count() == 0
    assert controls.open_emergency() is None
    controls.request_level(ACTIVE, "fine", "kim", exchange="upbit")


def test_a_stop_after_the_resume_is_a_new_one():
    stop()
    controls.resume("the map is mended", "kim")
    assert stop(timezone.now() + timedelta(milliseconds=1))
    assert asked() is REDUCING
    assert Alert.objects.filter(closed_at=None).count() == 1


def test_wall_times_go_both_ways():
    assert wall_ns(moment(1_795_000_000_123_456_000)) == 1_795_000_000_123_456_000
