"""The command line: in process where rows are looked at, as real processes where a database is down."""

import json
import os
import stat
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.utils import timezone

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.units import Exchange
from arbitrage.models import Incident, ParamEpoch
from arbitrage.services import alerts, health, monitor_only, params
from karb_project.env import read_env

ROOT = Path(__file__).resolve().parents[2]
DEAD_DATABASE = "postgres://karb:secret-word@127.0.0.1:1/karb"


def called(name, *args, **options):
    out, err = StringIO(), StringIO()
    call_command(name, *args, stdout=out, stderr=err, **options)
    return out.getvalue()


@pytest.mark.django_db
def test_seed_makes_each_thing_once_and_tells_the_password_once(own_desk):
    first = called("seed")
    assert "admin user admin made, password " in first
    assert "parameter set 1 made and active" in first.replace(f"set {ParamEpoch.objects.get().param_set_id} ", "set 1 ")
    password = first.split("password ")[1].split()[0]
    person = get_user_model().objects.get()
    assert person.check_password(password)
    assert len(password) >= 20
    person.set_password("changed")
    person.save()
    assert called("seed") == ""
    assert get_user_model().objects.get().check_password("changed")


def seeded_line() -> str:
    return "beat schedule seeded"


@pytest.mark.django_db
def test_seed_runs_what_the_settings_name(own_desk, settings):
    settings.KARB_SEEDERS = [f"{__name__}.seeded_line"]
    assert called("seed").endswith("beat schedule seeded\n")


@pytest.mark.django_db
def test_stop_and_resume(switch):
    told = called("emergency_stop", reason="odd prices")
    assert told.startswith("HALTED")
    assert Incident.objects.get().incident_id in told
    assert called("resume", reason="feed is back") == (
        "REDUCING (simulated): open arbs are finished and hedged, none is opened\n"
        "step 1 of 2 is done; to open arbs again, when these are even: `python manage.py resume --reason ...`\n"
    )
    assert called("resume", reason="even") == "ACTIVE (simulated): trading again\n"
    assert [(level, reason) for level, reason, _ in switch.told] == [
        (TradingLevel.HALTED, "odd prices"),
        (TradingLevel.REDUCING, "feed is back"),
        (TradingLevel.ACTIVE, "even"),
    ]


@pytest.mark.django_db
def test_resume_lists_what_stands_in_the_way(switch):
    incident = alerts.raise_alert("arb_stuck", "Arb a7 is stuck", subject="a7", severity="critical").incident
    switch.now = TradingLevel.HALTED
    assert called("resume", reason="may be finished").splitlines()[2:] == [
        "with --acknowledge for each of these, or closed in the admin before:",
        f"{incident.incident_id}: Arb a7 is stuck",
    ]
    told = list(switch.told)
    with pytest.raises(CommandError, match=f"{incident.incident_id}: Arb a7 is stuck"):
        called("resume", reason="fine")
    assert switch.told == told
    called("resume", reason="fine", acknowledge=[incident.incident_id])
    assert switch.now is TradingLevel.ACTIVE


@pytest.mark.django_db
def test_a_stop_that_could_not_halt_says_so(switch):
    switch.failure = OSError("no space left on device")
    with pytest.raises(CommandError, match="NOT STOPPED: no space left on device"):
        called("emergency_stop", reason="now")


@pytest.mark.django_db
def test_roll_back(own_desk):
    called("seed")
    with pytest.raises(CommandError, match="no parameter set before"):
        called("rollback_params", reason="why")
    row = params.submit_draft({"min_edge_ppm": 700}, "kim", "")
    params.validate(row.pk, "kim")
    params.activate(row.pk, "kim", "quiet")
    assert called("rollback_params", reason="too quiet") == "epoch 3 is in force (simulated)\n"


@pytest.mark.django_db
def test_status_tells_the_state(switch):
    called("seed")
    called("emergency_stop", reason="odd prices")
    told = json.loads(called("status", as_json=True))
    assert (told["mode"], told["level_asked"], told["level_obeyed"]) == ("simulated", "HALTED", "HALTED")
    assert (told["epoch_wanted"], told["epoch_applied"], told["pnl_krw_today"]) == (1, 0, "0")
    assert "level_asked            HALTED" in called("status")


@pytest.mark.django_db
def test_status_tells_wire_epochs_and_exchanges_that_are_only_watched(switch):
    called("seed")
    health.keep({"trader": health.BeatSeen(1, 1, {}, 1), "feed.upbit": health.BeatSeen(1, 1)})
    health.keep_counters({"trader": {"error_ppm.frames.bithumb": 250_000}})
    monitor_only.keep_stopped(Exchange.BITHUMB, "51 of 60 frames in the last minute were errors", timezone.now())
    told = json.loads(called("status", as_json=True))
    assert (told["wire_epoch_wanted"], told["wire_epoch_applied"]) == (1, {"feed.upbit": 0, "trader": 1})
    assert told["monitor_only"] == {"bithumb": "51 of 60 frames in the last minute were errors"}
    assert told["errors_last_minute"] == {"bithumb frames": "25.0 %"}


@pytest.mark.django_db
def test_doctor_names_what_is_wrong(switch):
    with pytest.raises(CommandError):
        called("doctor", offline=True)
    called("seed")
    assert "ok  ledger" in called("doctor", offline=True)
    monitor_only.keep_stopped(Exchange.UPBIT, "balances are odd", timezone.now())
    with pytest.raises(CommandError, match="1 thing needs attention"):
        called("doctor", offline=True)
    called("resume", reason="mended")
    called("emergency_stop", reason="now")
    with pytest.raises(CommandError, match="1 thing needs attention"):
        called("doctor", offline=True)


@pytest.fixture
def machine(tmp_path):
    """Environment of a real process: its own directories, an unreachable database."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("KARB_")}
    (tmp_path / "shm").mkdir(mode=0o700)
    return {
        **plain,
        "KARB_VAR_DIR": str(tmp_path / "var"),
        "KARB_SHM_DIR": str(tmp_path / "shm"),
        "KARB_DATABASE_URL": DEAD_DATABASE,
    }


def run(machine, *words):
    return subprocess.run(
        [sys.executable, "manage.py", *words], cwd=ROOT, env=machine, capture_output=True, text=True, timeout=60
    )


def test_the_desk_stops_although_the_database_is_down(machine, tmp_path):
    from fast_path.control import ControlBlock

    done = run(machine, "emergency_stop", "--reason", "database is gone")
    assert (done.returncode, done.stdout) == (0, "HALTED (simulated): no new orders; the trader cancels what is open\n")
    assert done.stderr.startswith("warning: database not written (OperationalError); incident waits in ")
    assert "secret-word" not in done.stderr
    env = read_env({name: value for name, value in machine.items() if name.startswith("KARB_")})
    assert json.loads(env.latch_path.read_text())["reason"] == "database is gone"
    control = ControlBlock(env.shm_dir, env.markets, env.latch_path)
    assert control.level() is TradingLevel.HALTED
    control.close()
    waiting = (tmp_path / "var" / "pending_incidents.jsonl").read_text().splitlines()
    assert [json.loads(line)["title"] for line in waiting] == ["Emergency stop: database is gone"]

    # Raising needs the database: it is refused, and the desk stays stopped.
    done = run(machine, "resume", "--reason", "fine")
    assert done.returncode == 1
    assert "the database does not answer" in done.stderr
    assert json.loads(env.latch_path.read_text())["reason"] == "database is gone"

    # With a database again the waiting incident is opened, and the desk resumes.
    machine["KARB_DATABASE_URL"] = ""
    assert run(machine, "migrate", "--verbosity", "0").returncode == 0
    done = run(machine, "resume", "--reason", "database is back")
    assert (done.returncode, done.stdout.partition(":")[0]) == (0, "REDUCING (simulated)")
    assert json.loads(env.latch_path.read_text())["level"] == "reducing"
    done = run(machine, "resume", "--reason", "all is even")
    assert (done.returncode, done.stdout) == (0, "ACTIVE (simulated): trading again\n")
    assert not (tmp_path / "var" / "pending_incidents.jsonl").exists()
    assert stat.S_IMODE((tmp_path / "var" / "django_secret_key").stat().st_mode) == 0o600


def test_a_missing_reason_and_a_wrong_environment_end_with_2(machine):
    done = run(machine, "emergency_stop")
    assert done.returncode == 2
    assert "--reason" in done.stderr
    machine |= {"KARB_NONSENSE": "1", "KARB_MODE": "fast"}
    done = run(machine, "status")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "KARB_NONSENSE is not a variable K-Arb knows; see docs/configuration.md",
        "KARB_MODE was 'fast', must be one of simulated, observe, live",
    ]


@pytest.mark.django_db
def test_a_resume_without_a_reason_is_told_just_that(switch):
    called("emergency_stop", reason="smoke")
    with pytest.raises(CommandError) as refused:
        called("resume", reason=" ")
    assert str(refused.value) == "not resumed: a reason is needed"
    assert switch.now is TradingLevel.HALTED
