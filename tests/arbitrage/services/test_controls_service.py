"""Stop and reduce: shared memory first, rows after, nothing half done."""

import json
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.units import Exchange
from arbitrage.models import Alert, Control, ControlChange, Emergency, EmergencyStep, Incident
from arbitrage.models_control import EmergencyState
from arbitrage.services import controls, incidents

pytestmark = pytest.mark.django_db
LEVEL = TradingLevel


def test_everything_is_active_without_rows(own_desk):
    wanted = controls.wanted()
    assert (wanted.level, wanted.exchanges, wanted.markets) == (LEVEL.ACTIVE, {}, {})


def test_a_stop_sets_shared_memory_rows_alert_and_incident(switch):
    stopped = controls.emergency_stop("prices look wrong", "kim")
    assert switch.told == [(LEVEL.HALTED, "prices look wrong", "kim")]
    year = timezone.localtime().year
    assert (stopped.is_recorded, stopped.incident_id) == (True, f"RE-{year}-001")
    assert controls.wanted().level is LEVEL.HALTED
    assert Alert.objects.get().severity == "critical"
    assert Incident.objects.get().title == "Emergency stop: prices look wrong"
    assert [step.state for step in EmergencyStep.objects.all()] == ["anomaly", "stopped"]


def test_shared_memory_is_set_before_any_row(switch, monkeypatch):
    def fail(*args, **kwargs):
        assert switch.told == [(LEVEL.HALTED, "now", "kim")]
        raise OperationalError("no database")

    monkeypatch.setattr(controls, "_record_stop", fail)
    stopped = controls.emergency_stop("now", "kim")
    assert (stopped.is_recorded, stopped.incident_id) == (False, "")
    assert "OperationalError" in stopped.detail
    assert len(incidents.pending_path().read_text().splitlines()) == 1


def test_incidents_that_waited_are_opened_once(switch):
    incidents.queue_pending("emergency_stop", "Emergency stop: now", "kim")
    assert [row.title for row in incidents.pick_up_pending()] == ["Emergency stop: now"]
    assert incidents.pick_up_pending() == []
    assert Incident.objects.count() == 1
    assert not incidents.pending_path().exists()


def test_a_second_stop_opens_no_second_incident(switch):
    first = controls.emergency_stop("one", "kim")
    second = controls.emergency_stop("two", "lee")
    assert first.incident_id == second.incident_id
    assert Emergency.objects.count() == 1
    assert Alert.objects.get().count == 2


def test_a_switch_that_fails_is_told_but_the_rows_stand(switch):
    switch.failure = OSError("no space left")
    with pytest.raises(controls.HaltFailed, match=r"no space left; the stop is recorded"):
        controls.emergency_stop("now", "kim")
    assert controls.wanted().level is LEVEL.HALTED
    assert Incident.objects.count() == 1


@pytest.mark.parametrize("reason", ["", "   "])
def test_no_change_without_a_reason(switch, reason):
    for act in (
        lambda: controls.emergency_stop(reason, "kim"),
        lambda: controls.resume(reason, "kim"),
        lambda: controls.request_level(LEVEL.REDUCING, reason, "kim"),
    ):
        with pytest.raises(controls.ControlRefused, match="reason"):
            act()
    assert switch.told == []
    assert not ControlChange.objects.exists()


def test_steps_are_confirmed_in_order_only(switch):
    with pytest.raises(controls.ControlRefused, match="no open emergency"):
        controls.confirm_step(EmergencyState.ANALYSED, "kim", "looked")
    controls.emergency_stop("now", "kim")
    with pytest.raises(controls.ControlRefused, match="next comes analysed, not fixed"):
        controls.confirm_step(EmergencyState.FIXED, "kim", "mended")
    with pytest.raises(controls.ControlRefused, match="note"):
        controls.confirm_step(EmergencyState.ANALYSED, "kim", " ")
    for state in (EmergencyState.ANALYSED, EmergencyState.PLANNED, EmergencyState.FIXED, EmergencyState.VERIFIED):
        controls.confirm_step(state, "kim", "done")
    with pytest.raises(controls.ControlRefused):
        controls.confirm_step(EmergencyState.RESUMED, "kim", "done")
    assert switch.now is LEVEL.HALTED


def test_exchange_and_market_levels_go_by_rows_alone(switch):
    controls.request_level(LEVEL.HALTED, "maintenance", "kim", exchange="bithumb")
    controls.request_level(LEVEL.REDUCING, "delisting", "kim", market="KRW-XRP")
    wanted = controls.wanted()
    assert wanted.exchanges == {Exchange.BITHUMB: LEVEL.HALTED}
    assert wanted.markets == {"KRW-XRP": LEVEL.REDUCING}
    assert wanted.level is LEVEL.ACTIVE
    assert switch.told == []
    change = ControlChange.objects.last()
    assert (change.scope, change.key, change.from_level, change.to_level, change.by) == (
        "exchange",
        "bithumb",
        0,
        2,
        "kim",
    )


def test_an_unknown_exchange_is_refused(switch):
    with pytest.raises(ValueError, match="binance"):
        controls.request_level(LEVEL.HALTED, "why", "kim", exchange="binance")
    assert not Control.objects.exists()


def test_reducing_goes_through_the_switch(switch):
    controls.request_level(LEVEL.REDUCING, "lunch", "kim")
    assert switch.told == [(LEVEL.REDUCING, "lunch", "kim")]
    assert controls.wanted().level is LEVEL.REDUCING


def test_late_news_of_a_lowering_does_not_undo_a_resume(switch):
    controls.resume("fine", "kim")
    controls.keep_lowered("halted", "old", "trader", timezone.now() - timedelta(seconds=5))
    assert controls.wanted().level is LEVEL.ACTIVE
    assert ControlChange.objects.first().reason == "late news: old"


def test_a_lowering_never_raises_the_level(switch):
    controls.emergency_stop("now", "kim")
    controls.keep_lowered("reducing", "arb stuck", "trader", timezone.now())
    assert controls.wanted().level is LEVEL.HALTED


def test_the_level_is_unknown_when_shared_memory_can_not_be_read(settings, own_desk, monkeypatch):
    def broken(env):
        raise OSError("no memory file system")

    monkeypatch.setattr(controls, "load_switch", lambda: broken(None))
    assert controls.observed_level() is None


def test_the_flow_has_no_dead_end():
    state, seen = EmergencyState.ANOMALY, [EmergencyState.ANOMALY]
    while state in controls.FLOW:
        state = controls.FLOW[state]
        seen.append(state)
    assert seen == list(EmergencyState)


def test_the_real_switch_obeys(own_desk):
    controls.emergency_stop("now", "kim")
    assert controls.observed_level() is LEVEL.HALTED
    assert own_desk.latch_path.exists()
    controls.resume("looked at", "kim")
    assert controls.observed_level() is LEVEL.REDUCING
    controls.resume("even", "kim")
    assert controls.observed_level() is LEVEL.ACTIVE
    assert json.loads(own_desk.latch_path.read_text())["reason"] == "even"


def test_a_halt_past_the_rows_is_noted_and_told_once(switch):
    controls.note_observed(LEVEL.HALTED, "python -m fast_path.control halt", "kim")
    controls.note_observed(LEVEL.HALTED, "python -m fast_path.control halt", "kim")
    assert controls.wanted().level is LEVEL.HALTED
    alert = Alert.objects.get()
    assert (alert.kind, alert.severity, alert.count) == ("trading_lowered", "critical", 1)
    assert Incident.objects.count() == 1
    assert switch.told == []


def test_a_level_seen_while_a_resume_is_under_way_is_not_noted(switch):
    controls.resume("fine", "kim")
    controls.note_observed(LEVEL.HALTED, "old", "kim")
    assert controls.wanted().level is LEVEL.ACTIVE
    Control.objects.update(changed_at=timezone.now() - timedelta(seconds=6))
    controls.note_observed(LEVEL.HALTED, "new", "kim")
    assert controls.wanted().level is LEVEL.HALTED


def test_a_desk_as_asked_is_no_news(switch):
    controls.note_observed(LEVEL.ACTIVE, "", "")
    assert not Control.objects.exists()
