"""A resume goes one step at a time, each with its reason; what holds the desk back is lifted on the last step alone."""

import pytest
from django.utils import timezone

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import Exchange
from arbitrage.models import Alert, Control, ControlChange, Emergency, Incident
from arbitrage.models_control import EmergencyState
from arbitrage.services import alerts, controls, monitor_only

pytestmark = pytest.mark.django_db
LEVEL = TradingLevel


def levels_asked():
    return [(row.from_level, row.to_level, row.reason, row.by) for row in ControlChange.objects.order_by("pk")]


def test_a_halted_desk_comes_back_in_two_steps_each_with_its_reason(switch):
    controls.emergency_stop("now", "kim")
    assert controls.resume("feed is back", "lee") is LEVEL.REDUCING
    assert (switch.now, controls.wanted().level) == (LEVEL.REDUCING, LEVEL.REDUCING)
    assert controls.resume("all arbs are even", "kim") is LEVEL.ACTIVE
    assert (switch.now, controls.wanted().level) == (LEVEL.ACTIVE, LEVEL.ACTIVE)
    assert switch.told == [
        (LEVEL.HALTED, "now", "kim"),
        (LEVEL.REDUCING, "feed is back", "lee"),
        (LEVEL.ACTIVE, "all arbs are even", "kim"),
    ]
    assert levels_asked() == [
        (LEVEL.ACTIVE, LEVEL.HALTED, "now", "kim"),
        (LEVEL.HALTED, LEVEL.REDUCING, "feed is back", "lee"),
        (LEVEL.REDUCING, LEVEL.ACTIVE, "all arbs are even", "kim"),
    ]
    assert [event.text for event in Incident.objects.get().timeline.all()][-2:] == [
        "halted to reducing: feed is back",
        "resumed: all arbs are even",
    ]


def test_the_first_step_leaves_emergency_alerts_and_watched_exchanges_as_they_are(switch):
    monitor_only.keep_stopped(Exchange.UPBIT, "balances cannot be read", timezone.now())
    controls.emergency_stop("now", "kim")
    before = set(Alert.objects.filter(closed_at=None).values_list("kind", flat=True))
    controls.resume("feed is back", "kim")
    assert set(Alert.objects.filter(closed_at=None).values_list("kind", flat=True)) == before
    assert before == {"emergency_stop", "monitor_only"}
    assert (Emergency.objects.get().state, Emergency.objects.get().resumed_at) == ("stopped", None)
    assert list(monitor_only.stopped()) == [Exchange.UPBIT]
    controls.resume("even", "kim")
    assert not Alert.objects.filter(closed_at=None).exists()
    assert monitor_only.stopped() == {}


def test_the_last_step_confirms_the_steps_left_by_that_person(switch):
    controls.emergency_stop("now", "kim")
    controls.confirm_step(EmergencyState.ANALYSED, "lee", "a stale feed")
    controls.resume("may be finished", "lee")
    controls.resume("feed is back", "kim")
    assert switch.told[-1] == (LEVEL.ACTIVE, "feed is back", "kim")
    flow = Emergency.objects.get()
    assert flow.state == "resumed"
    assert flow.resumed_at is not None
    assert [(step.state, step.by, step.note) for step in flow.steps.all()] == [
        ("anomaly", "kim", "now"),
        ("stopped", "kim", "now"),
        ("analysed", "lee", "a stale feed"),
        ("planned", "kim", "feed is back"),
        ("fixed", "kim", "feed is back"),
        ("verified", "kim", "feed is back"),
        ("resumed", "kim", "feed is back"),
    ]
    assert not Alert.objects.filter(closed_at=None).exists()
    assert Incident.objects.get().state == "open"


@pytest.mark.parametrize("reason", ["", "   "])
def test_neither_step_goes_without_a_reason(switch, reason):
    for level in (LEVEL.HALTED, LEVEL.REDUCING):
        switch.now, told = level, list(switch.told)
        with pytest.raises(controls.ControlRefused, match="reason"):
            controls.resume(reason, "kim")
        assert switch.told == told
    assert not ControlChange.objects.exists()


def test_a_step_asked_for_twice_is_taken_once(switch):
    controls.emergency_stop("now", "kim")
    controls.resume("feed is back", "kim", to=LEVEL.REDUCING)
    changes = levels_asked()
    with pytest.raises(controls.ControlRefused, match="the desk is REDUCING: the next step is ACTIVE, not REDUCING"):
        controls.resume("feed is back", "kim", to=LEVEL.REDUCING)
    assert (switch.now, levels_asked()) == (LEVEL.REDUCING, changes)


def test_no_step_is_left_out(switch):
    controls.emergency_stop("now", "kim")
    told, changes = list(switch.told), levels_asked()
    for leap in (
        lambda: controls.resume("fine", "kim", to=LEVEL.ACTIVE),
        lambda: controls.request_level(LEVEL.ACTIVE, "fine", "kim"),
    ):
        with pytest.raises(controls.ControlRefused, match="the desk is HALTED: the next step is REDUCING, not ACTIVE"):
            leap()
    assert (switch.told, levels_asked()) == (told, changes)
    assert Emergency.objects.get().state == "stopped"


def test_to_reduce_a_halted_desk_is_no_way_back(switch):
    controls.emergency_stop("now", "kim")
    told, changes = list(switch.told), levels_asked()
    with pytest.raises(controls.ControlRefused, match="the desk is HALTED: a resume takes it back"):
        controls.request_level(LEVEL.REDUCING, "lunch", "kim")
    assert (switch.told, levels_asked()) == (told, changes)


def test_the_stricter_of_rows_and_memory_says_which_step_is_next(switch):
    switch.now = LEVEL.HALTED
    assert controls.resume("halted by the fast path's own command line", "kim") is LEVEL.REDUCING
    Control.objects.update(level=LEVEL.HALTED)
    assert controls.resume("memory says reducing, the rows halted", "kim") is LEVEL.REDUCING
    assert controls.wanted().level is LEVEL.REDUCING


def test_a_level_that_cannot_be_read_counts_as_halted(own_desk):
    own_desk.shm_dir.mkdir()
    (own_desk.shm_dir / "control.shm").write_bytes(bytes(4096))
    with pytest.raises(ConfigError, match=r"control\.shm"):
        controls.resume("fine", "kim")
    assert controls.wanted().level is LEVEL.REDUCING


def test_resume_without_an_emergency_only_changes_the_level(switch):
    switch.now = LEVEL.REDUCING
    assert controls.resume("reduced from the fast path's own command line", "kim") is LEVEL.ACTIVE
    assert switch.told == [(LEVEL.ACTIVE, "reduced from the fast path's own command line", "kim")]
    assert not Emergency.objects.exists()


def test_stuck_arbs_stand_in_the_way_of_the_last_step_until_they_are_named(switch):
    controls.emergency_stop("now", "kim")
    alert = alerts.raise_alert("arb_stuck", "Arb a7 is stuck", subject="a7", severity="critical")
    known = [alert.incident.incident_id]
    # To finish and to hedge is what a desk with a stuck arb does anyway: naming it is for opening arbs.
    assert controls.resume("may be finished", "kim", acknowledged=known) is LEVEL.REDUCING
    before, changes = list(switch.told), levels_asked()
    with pytest.raises(controls.ControlRefused, match=f"{known[0]}: Arb a7 is stuck"):
        controls.resume("all fine", "kim")
    assert (switch.told, levels_asked()) == (before, changes)
    assert Emergency.objects.get().state == "stopped"
    assert controls.resume("all fine", "kim", acknowledged=known) is LEVEL.ACTIVE
    assert switch.now is LEVEL.ACTIVE
    assert alert.incident.timeline.last().text == "acknowledged at resume: all fine"


@pytest.mark.parametrize("steps_before", [0, 1])
def test_a_step_whose_switch_fails_leaves_the_desk_as_strict_as_it_was(switch, steps_before):
    controls.emergency_stop("now", "kim")
    for _ in range(steps_before):
        controls.resume("may be finished", "kim")
    stood, switch.failure = switch.now, OSError("gone")
    with pytest.raises(OSError, match="gone"):
        controls.resume("all fine", "kim")
    assert switch.now is stood
