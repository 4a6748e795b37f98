"""A set that trades is put in force on a live desk only with a dry run of its very bytes on record (R4.2)."""

from datetime import timedelta

import msgspec
import pytest
from django.utils import timezone
from live_desk import live_env, report, trader_says, valid_set

from arbitrage.domain.params import GateMode
from arbitrage.models import DryRunRecord, ParamChange
from arbitrage.services import arming, dry_runs, params
from workers.arming_files import ArmingFiles

pytestmark = pytest.mark.django_db


@pytest.fixture
def live(settings, own_desk):
    settings.KARB_ENV = live_env(own_desk)
    params.seed("live")
    return settings.KARB_ENV


def refused(row):
    """Return why the set is not put in force, and assert that nothing changed."""
    before = params.active()
    with pytest.raises(params.NotAllowed) as caught:
        params.activate(row.pk, "kim", "first morning")
    assert params.active() == before
    assert ArmingFiles(_env()).seal(row.body.encode())[0] is None
    row.refresh_from_db()
    assert row.state == "valid"
    return str(caught.value)


def _env():
    from django.conf import settings

    return settings.KARB_ENV


def test_without_a_dry_run_nothing_that_trades_is_put_in_force(live):
    assert refused(valid_set()).startswith("there is no dry run of this set (")


def test_with_one_it_is_signed_and_its_way_is_recorded(live):
    row = valid_set()
    record = dry_runs.record_dry_run(report(row), "lee")
    assert params.activate(row.pk, "kim", "first morning") == 2
    seal, fault = ArmingFiles(live).seal(row.body.encode())
    assert fault == ""
    assert (seal.dry_run_id, seal.dry_run_passed, seal.by, seal.reason) == (record.pk, True, "kim", "first morning")
    assert seal.dry_run_sha256 == seal.params_sha256 == params.sha256_of(row)
    steps = ParamChange.objects.filter(param_set=row).order_by("pk").values_list("on", "to_state", "by", "reason")
    assert list(steps)[2:] == [
        ("dry_run_started", "dry_run", "kim", "first morning"),
        ("gate_passed", "ready", "kim", "first morning"),
        ("activated", "active", "kim", "first morning"),
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"verdict": "failed", "problems": ["a frame gap of 40 s"]}, "did not pass: a frame gap of 40 s"),
        ({"verdict": "passed", "problems": ["an arb was stuck"]}, "did not pass: an arb was stuck"),
        ({"params_sha256": "0" * 64}, "there is no dry run of this set"),
    ],
)
def test_one_that_failed_or_was_of_other_bytes_puts_nothing_in_force(live, changes, said):
    row = valid_set()
    dry_runs.record_dry_run(report(row, **changes), "kim")
    assert said in refused(row)


def test_an_old_one_puts_nothing_in_force(live):
    row = valid_set()
    record = dry_runs.record_dry_run(report(row), "kim")
    record.from_at, record.to_at = (at - timedelta(days=7) for at in (record.from_at, record.to_at))
    arming.sign_row(record)
    assert "is 7 days old, must be of the last 7 (KARB_DRY_RUN_DAYS)" in refused(row)


def test_one_that_somebody_wrote_into_the_database_puts_nothing_in_force(live):
    row = valid_set()
    dry_runs.record_dry_run(report(row, verdict="failed"), "kim")
    DryRunRecord.objects.update(has_passed=True)
    assert "does not carry this desk's signature" in refused(row)


def test_the_newest_one_counts(live):
    row = valid_set()
    dry_runs.record_dry_run(report(row), "kim")
    dry_runs.record_dry_run(report(row, verdict="failed", problems=["worse"]), "kim")
    assert "did not pass: worse" in refused(row)


def test_a_set_that_only_observes_needs_none(live):
    row = valid_set(gate_mode="observe_only")
    assert params.activate(row.pk, "kim", "look on") == 2
    assert params.active()[1].gate_mode is GateMode.OBSERVE_ONLY


@pytest.mark.parametrize(
    ("mode", "gate", "is_gated"),
    [
        ("simulated", "live", False),
        ("simulated", "always", True),
        ("observe", "live", False),
        ("observe", "always", True),
        ("live", "live", True),
        ("live", "always", True),
    ],
)
def test_the_switch_says_which_desks_are_gated(settings, own_desk, mode, gate, is_gated):
    settings.KARB_ENV = msgspec.structs.replace(live_env(own_desk, mode), dry_run_gate=gate)
    params.seed(mode)
    row = valid_set()
    assert dry_runs.is_gated(row.body.encode()) is is_gated
    if is_gated:
        assert "there is no dry run" in refused(row)
    else:
        assert params.activate(row.pk, "kim", "go") == 2


def test_a_shell_of_another_mode_beside_a_live_trader_is_gated(settings, own_desk):
    params.seed("simulated")
    trader_says(live_env(own_desk))
    assert "there is no dry run" in refused(valid_set())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"params_sha256": "ABC"}, "params_sha256 was 'ABC', must be 64 hex digits"),
        ({"verdict": "fine"}, "verdict was 'fine', must be passed or failed"),
        ({"frames": 0}, "frames was 0: a run that saw nothing has not passed"),
        ({"frames": -1}, "frames was -1, must be at least 0"),
        ({"arbs_seen": -1}, "arbs_seen was -1, must be at least 0"),
        ({"denials": {"edge_too_small": -2}}, "denials.edge_too_small was -2"),
        ({"from": timezone.now().replace(tzinfo=None).isoformat()}, "must have a time zone"),
        ({"to": (timezone.now() + timedelta(hours=2)).isoformat()}, "must not lie ahead"),
        ({"from": (timezone.now() - timedelta(hours=1, minutes=30)).isoformat()}, "must take at least 1:00:00"),
        ({"frames": 1.5}, "not a report: Expected `int`"),
        ({"frames": True}, "not a report"),
        ({"surprise": 1}, "unknown field `surprise`"),
    ],
)
def test_a_report_that_cannot_be_believed_is_not_kept(live, changes, said):
    with pytest.raises(dry_runs.DryRunRefused) as caught:
        dry_runs.record_dry_run(report(valid_set(), **changes), "kim")
    assert said in str(caught.value)
    assert not DryRunRecord.objects.exists()


@pytest.mark.parametrize("text", [b"", b"\xff", b"[]", b"null", b"{}"])
def test_what_is_no_report_is_not_kept(live, text):
    with pytest.raises(dry_runs.DryRunRefused, match="not a report"):
        dry_runs.record_dry_run(text, "kim")


def test_a_set_whose_bytes_changed_by_one_needs_its_own(live):
    row = valid_set()
    dry_runs.record_dry_run(report(row), "kim")
    other = valid_set(min_edge_ppm=301)
    assert "there is no dry run of this set" in refused(other)
    assert params.gate_line(row).startswith("Dry run ")
    assert params.gate_line(other).endswith("it cannot be put in force before one passed")
