import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.units import Exchange
from fast_path.control import ControlBlock
from fast_path.control_cli import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def desk(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("KARB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KARB_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("KARB_SHM_DIR", str(tmp_path / "shm"))
    (tmp_path / "var").mkdir()
    return tmp_path


def _control(desk):
    return ControlBlock(desk / "shm", ("KRW-BTC",), desk / "var" / "trading_state.json")


def _run(*words):
    return subprocess.run(
        [sys.executable, "-m", "fast_path.control", *words], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


def test_halt_works_alone_and_loads_neither_django_nor_celery(desk):
    done = _run("halt", "--reason", "gap too good", "--by", "kim")
    assert (done.returncode, done.stdout) == (0, "level is halted (mode unknown: no trader has run)\n")
    control = _control(desk)
    assert control.level() is TradingLevel.HALTED
    latch = control.latch()
    assert (latch["level"], latch["reason"], latch["by"]) == ("halted", "gap too good", "kim")
    code = "import sys, fast_path.control_cli; print(sorted({'django', 'celery', 'redis'} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert shown.stdout == "[]\n"


def test_halt_needs_no_reason_and_reaches_a_running_process(desk):
    control = _control(desk)
    assert main(["halt"]) == 0
    assert control.level() is TradingLevel.HALTED


def test_reduce_then_resume(desk):
    control = _control(desk)
    assert main(["reduce", "--reason", "x"]) == 0
    assert control.level() is TradingLevel.REDUCING
    assert main(["resume", "--reason", "checked"]) == 0
    assert control.level() is TradingLevel.ACTIVE
    assert control.latch()["reason"] == "checked"


def test_to_reduce_a_halted_desk_is_no_way_back(desk, capsys):
    control = _control(desk)
    assert main(["halt", "--reason", "odd prices"]) == 0
    assert main(["reduce", "--reason", "x"]) == 1
    assert "level is halted already; resume, with a reason, goes one step back" in capsys.readouterr().err
    assert (control.level(), control.latch()["reason"]) == (TradingLevel.HALTED, "odd prices")


def test_without_shared_memory_a_halted_latch_is_not_loosened(desk, capsys):
    assert main(["halt", "--reason", "odd prices"]) == 0
    (desk / "shm" / "control.shm").write_bytes(bytes(4096))
    assert main(["reduce", "--reason", "x"]) == 1
    assert "says halted already" in capsys.readouterr().err
    assert json.loads((desk / "var" / "trading_state.json").read_text())["level"] == "halted"


@pytest.mark.parametrize("words", [["resume"], ["resume", "--reason", "  "], [], ["stop"], ["halt", "--now"]])
def test_bad_arguments_end_with_2_and_change_nothing(desk, words, capsys):
    control = _control(desk)
    control.set_level(TradingLevel.REDUCING, "x", "y")
    assert main(words) == 2
    assert control.level() is TradingLevel.REDUCING
    assert capsys.readouterr().err


def test_there_is_nothing_to_resume_while_active(desk, capsys):
    assert main(["resume", "--reason", "x"]) == 1
    assert "nothing to resume" in capsys.readouterr().err
    assert not (desk / "var" / "trading_state.json").exists()


def test_show_tells_the_state(desk, capsys):
    control = _control(desk)
    control.beat("trader", 1, 1)
    control.write_params(5, b"{}")
    control.write_wire(7, b"{}")
    control.make_monitor_only(Exchange.BITHUMB, "balances are odd", "trader")
    assert main(["show"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["level"] == "active"
    assert (shown["params_epoch"], shown["applied_epoch"]) == (5, 0)
    assert list(shown["heartbeats_age_ms"]) == ["trader"]
    assert (shown["wire_epoch"], shown["monitor_only"]) == (7, {"bithumb": "balances are odd"})


def test_a_stop_does_not_fail_over_an_unrelated_variable(desk, monkeypatch, capsys):
    monkeypatch.setenv("KARB_UNHEARD_OF", "1")
    assert main(["halt"]) == 0
    assert _control(desk).level() is TradingLevel.HALTED
    assert "KARB_UNHEARD_OF is not a variable" in capsys.readouterr().err
    assert main(["resume", "--reason", "x"]) == 2
    assert _control(desk).level() is TradingLevel.HALTED


def test_a_stop_with_foreign_shared_memory_is_latched_for_the_next_start(desk, capsys):
    (desk / "shm").mkdir()
    (desk / "shm" / "control.shm").write_bytes(b"\0" * 4096)
    assert main(["halt", "--reason", "x"]) == 1
    assert "stop a running trader by signal" in capsys.readouterr().err
    assert json.loads((desk / "var" / "trading_state.json").read_text())["level"] == "halted"


def test_a_stop_that_cannot_be_latched_says_so_and_holds(desk, capsys):
    (desk / "var" / "trading_state.json").mkdir()
    control = _control(desk)
    control._words[8] = 0
    assert main(["halt"]) == 1
    assert "level is halted in memory, but" in capsys.readouterr().err
    assert control.level() is TradingLevel.HALTED
