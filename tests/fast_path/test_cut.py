"""Orders cut off: word and file each hold alone, over restarts, and come back in two steps with reasons only."""

import json
import os
from pathlib import Path

import pytest

from arbitrage.domain.controls import TradingLevel
from fast_path.control import ControlBlock
from fast_path.control_cli import main

ACTIVE, REDUCING, HALTED = TradingLevel


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("KARB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KARB_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("KARB_SHM_DIR", str(tmp_path / "shm"))
    (tmp_path / "var").mkdir()
    return tmp_path


def control_of(desk: Path) -> ControlBlock:
    return ControlBlock(desk / "shm", ("KRW-BTC",), desk / "var" / "trading_state.json")


def test_cut_halts_and_holds_by_word_or_by_file_alone(desk: Path) -> None:
    control = control_of(desk)
    assert not control.is_cut()
    assert main(["cut", "--reason", "key leaked", "--by", "kim"]) == 0
    assert (control.is_cut(), control.level()) == (True, HALTED)
    kept = json.loads(control.cut_path.read_text())
    assert (kept["reason"], kept["by"]) == ("key leaked", "kim")
    control.cut_path.rename(control.cut_path.with_suffix(".away"))
    assert control.is_cut()
    control.set_cut(0)
    assert not control.is_cut()
    control.cut_path.with_suffix(".away").rename(control.cut_path)
    assert control.is_cut()


def test_cut_survives_the_loss_of_shared_memory(desk: Path) -> None:
    assert main(["cut"]) == 0
    (desk / "shm" / "control.shm").unlink()
    again = control_of(desk)
    assert (again.is_cut(), again.level()) == (True, HALTED)


def test_back_to_trading_goes_in_steps_each_with_a_reason(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    control = control_of(desk)
    main(["cut", "--reason", "key leaked"])
    assert main(["resume", "--reason", "all fine"]) == 1
    assert "orders are cut off: key leaked; mend that first" in capsys.readouterr().err
    assert main(["mend"]) == 2
    assert (control.is_cut(), control.level()) == (True, HALTED)
    assert main(["mend", "--reason", "new keys", "--by", "lee"]) == 0
    assert (control.is_cut(), control.level()) == (False, HALTED)
    (kept,) = (desk / "var").glob("cut.mended-*.json")
    told = json.loads(kept.read_text())
    assert (told["reason"], told["mended"], told["mended_by"]) == ("key leaked", "new keys", "lee")
    assert main(["resume"]) == 2
    assert main(["resume", "--reason", "checked both apps"]) == 0
    assert control.level() is REDUCING
    assert main(["resume", "--reason", "even"]) == 0
    assert control.level() is ACTIVE
    assert main(["mend", "--reason", "again"]) == 1


def test_cut_with_foreign_shared_memory_holds_by_its_file(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    running = control_of(desk)
    (desk / "shm" / "control.shm").rename(desk / "shm" / "kept.shm")
    (desk / "shm" / "control.shm").write_bytes(b"\0" * 4096)
    assert main(["cut", "--reason", "x"]) == 1
    assert "cut.json holds for a running trader too" in capsys.readouterr().err
    assert running.is_cut()


def test_cut_whose_file_cannot_be_written_says_so_and_holds_in_memory(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    control = control_of(desk)
    (desk / "var" / "trading_state.json").mkdir()
    assert main(["cut", "--reason", "x"]) == 1
    assert "level is halted, orders are cut off in memory, but" in capsys.readouterr().err
    assert control.is_cut()


def test_a_broken_file_of_a_cut_still_cuts_off(desk: Path) -> None:
    control = control_of(desk)
    control.cut_path.write_bytes(b"\xff not json")
    assert control.is_cut()
