"""A person arms a live desk: every closed lock is named at once, and the trader finds the grounds it was done on."""

import re
from datetime import timedelta

import msgspec
import pytest
from django.db import DatabaseError
from live_desk import (
    ALL_WELL,
    carry,
    live_env,
    put_in_force,
    ready_to_arm,
    set_level,
    trader_says,
    traders_look,
    valid_set,
)

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.preflight import Check
from arbitrage.domain.risk_disclosure import RISKS_VERSION
from arbitrage.models import Alert, ArmChange, Incident, PreflightRecord, RiskAcceptance
from arbitrage.services import alerts, arming, params
from workers.arming_files import ArmingFiles

pytestmark = pytest.mark.django_db


@pytest.fixture
def live(settings, own_desk):
    settings.KARB_ENV = live_env(own_desk)
    return settings.KARB_ENV


def refused(**changes):
    """Return the locks a refused arming names, and assert that nothing changed by it."""
    with pytest.raises(arming.ArmRefused) as caught:
        arming.arm(3_600, "kim", "morning", **changes)
    assert not ArmChange.objects.exists()
    return {line.partition(":")[0] for line in str(caught.value).splitlines()}


def test_a_desk_with_everything_in_order_is_armed_and_the_trader_lets_orders_leave(live):
    row = ready_to_arm(live)
    change = arming.arm(3_600, "kim", "morning")
    assert (change.on, change.by, change.reason, change.mode) == ("armed", "kim", "morning", "LIVE")
    assert change.params_sha256 == params.sha256_of(row)
    assert change.preflight == PreflightRecord.objects.get()
    with traders_look(live) as look:
        assert look.locks_closed() == 0
        trader_says(live, until_s=int(change.until_at.timestamp()))
        assert re.fullmatch(r"armed until \d\d:\d\d KST", arming.armed_line())
        assert arming.disarm("lee", "evening") == ""
        look.tick()
        assert look.locks_closed() == 1
    assert list(arming.closed_locks()) == ["armed"]
    assert [(one.on, one.by) for one in ArmChange.objects.all()] == [("disarmed", "lee"), ("armed", "kim")]


def test_a_fresh_live_desk_names_every_closed_lock_at_once(live):
    params.seed("live")
    carry(live)
    assert refused() == {"signature", "key_rights", "preflight", "risks", "gate_mode"}
    assert not ArmingFiles(live).token_path.exists()


@pytest.mark.parametrize("level", [TradingLevel.REDUCING, TradingLevel.HALTED])
def test_a_stopped_desk_is_not_armed(live, level):
    ready_to_arm(live)
    set_level(live, level)
    assert refused() == {"level"}


def test_a_trader_that_does_not_run_or_could_not_prove_its_keys_is_not_armed(live):
    ready_to_arm(live)
    trader_says(live, key_faults=1)
    assert refused() == {"key_rights"}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda row: setattr(row, "at", row.at - timedelta(minutes=61)), "is 61 minutes old"),
        (lambda row: setattr(row, "markets", ["KRW-BTC"]), "was of other keys, addresses or markets"),
        (lambda row: setattr(row, "doors", row.doors[:1]), "was of other keys, addresses or markets"),
        (lambda row: setattr(row, "has_passed", False), "did not pass"),
    ],
)
def test_a_preflight_that_is_old_failed_or_of_another_desk_arms_nothing(live, spoil, said):
    ready_to_arm(live)
    row = PreflightRecord.objects.get()
    spoil(row)
    arming.sign_row(row)
    assert said in arming.usable_preflight()[1]
    assert refused() == {"preflight"}


def test_a_preflight_with_one_problem_has_not_passed_and_names_it(live):
    ready_to_arm(live)
    arming.keep_preflight([*ALL_WELL, Check("upbit fees", problem="told 0.05 %, believed 0.04 %")], "kim")
    assert "did not pass (upbit fees)" in arming.usable_preflight()[1]
    assert refused() == {"preflight"}


def test_a_forged_database_arms_nothing(live):
    ready_to_arm(live)
    # Whoever can write rows makes the failed run pass, the old look young, the acceptance theirs: nothing is signed.
    PreflightRecord.objects.update(by="mallory")
    assert "does not carry this desk's signature" in arming.usable_preflight()[1]
    RiskAcceptance.objects.update(by="lee")
    assert arming.accepted_by("lee") is None
    assert refused() == {"preflight", "risks"}


def test_the_disclosure_is_accepted_by_each_person_and_for_each_wording(live, monkeypatch):
    put_in_force(live)
    trader_says(live)
    arming.keep_preflight(ALL_WELL, "kim")
    with pytest.raises(arming.ArmRefused, match=f"is of {RISKS_VERSION} now"):
        arming.accept_risks("kim", "2025-01-01")
    arming.accept_risks("lee", RISKS_VERSION)
    assert refused() == {"risks"}
    arming.accept_risks("kim", RISKS_VERSION)
    arming.arm(3_600, "kim", "morning")
    # A new wording: whoever accepted the old one is asked again, and the token of before opens nothing.
    monkeypatch.setattr("arbitrage.services.arming.RISKS_VERSION", "2027-01-01")
    monkeypatch.setattr("workers.armed.RISKS_VERSION", "2027-01-01")
    assert arming.accepted_by("kim") is None
    with traders_look(live) as look:
        assert look.locks_closed() == 1


def test_another_set_in_force_needs_a_new_arming_and_a_roll_back_keeps_its_signature(live):
    first = ready_to_arm(live)
    second = valid_set(min_edge_ppm=700)
    from live_desk import report

    from arbitrage.services import dry_runs

    dry_runs.record_dry_run(report(second), "kim")
    params.activate(second.pk, "kim", "quiet")
    carry(live)
    arming.arm(3_600, "kim", "morning")
    assert arming.closed_locks() == {}
    params.roll_back("lee", "too quiet")
    carry(live)
    assert params.active_bytes()[1] == first.body.encode()
    # Signed as before, only not armed for it.
    assert list(arming.closed_locks()) == ["armed_for_this"]
    arming.arm(3_600, "kim", "and on")
    assert arming.closed_locks() == {}
    with traders_look(live) as look:
        assert look.locks_closed() == 0


@pytest.mark.parametrize(("for_s", "reason"), [(59, "x"), (24 * 3_600 + 1, "x"), (0, "x"), (-1, "x"), (3_600, "  ")])
def test_a_desk_is_armed_for_a_minute_to_a_day_and_with_a_reason(live, for_s, reason):
    ready_to_arm(live)
    with pytest.raises(arming.ArmRefused, match=r"1 minute to 24 hours|a reason is needed"):
        arming.arm(for_s, "kim", reason)
    assert not ArmingFiles(live).token_path.exists()


def test_the_desk_is_disarmed_although_the_history_cannot_be_written(live, monkeypatch):
    ready_to_arm(live)
    arming.arm(3_600, "kim", "morning")

    def gone(*args, **kwargs):
        raise DatabaseError("gone")

    monkeypatch.setattr(ArmChange.objects, "create", gone)
    assert "the desk is disarmed all the same" in arming.disarm("kim", "now")
    assert not ArmingFiles(live).token_path.exists()


def test_what_cannot_be_written_down_arms_nothing(live, monkeypatch):
    ready_to_arm(live)

    def gone(*args, **kwargs):
        raise DatabaseError("gone")

    monkeypatch.setattr(ArmChange.objects, "create", gone)
    with pytest.raises(DatabaseError):
        arming.arm(3_600, "kim", "morning")
    assert not ArmingFiles(live).token_path.exists()


def test_a_desk_that_observes_or_is_simulated_is_not_armed(settings, own_desk):
    settings.KARB_ENV = live_env(own_desk, "observe")
    ready_to_arm(settings.KARB_ENV)
    assert refused() == {"mode"}
    assert arming.mode_word() == "OBSERVE"
    assert "mode" in arming.closed_locks()


def test_the_word_on_every_screen_is_the_running_traders_own(settings, own_desk):
    assert (arming.mode_word(), arming.armed_line()) == ("simulated", "")
    # The trader was started with another environment than this shell: what it is connected to counts.
    trader_says(live_env(own_desk), locks_closed=2)
    assert (arming.mode_word(), arming.armed_line()) == ("LIVE", "not armed, 2 locks closed")
    settings.KARB_ENV = msgspec.structs.replace(live_env(own_desk), upbit_url="https://127.0.0.1:1")
    assert arming.mode_word() == "LIVE"


def test_alerts_and_incidents_say_the_mode(live):
    alert = alerts.raise_alert("arb_stuck", "Arb a7 is stuck", subject="a7", severity="critical")
    assert (Alert.objects.get(pk=alert.pk).mode, Incident.objects.get().mode) == ("LIVE", "LIVE")
