"""The quickest stop: the word first, then file and reason; and what it writes is what the layout says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from arbitrage.domain.controls import TradingLevel
from fast_path import halt, layout
from fast_path.control import ControlBlock
from karb_project.env import read_env

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def environ(tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KARB_")}
    (tmp_path / "var").mkdir()
    return {**kept, "KARB_VAR_DIR": str(tmp_path / "var"), "KARB_SHM_DIR": str(tmp_path / "shm")}


def control_of(environ):
    env = read_env({name: value for name, value in environ.items() if name.startswith("KARB_")})
    return ControlBlock(env.shm_dir, ("KRW-BTC",), env.latch_path)


def run(environ, *words):
    argv = [sys.executable, "-m", "fast_path.halt", *words]
    return subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60)


def test_its_place_word_and_magic_are_those_of_the_layout():
    assert (halt.LEVEL_OFFSET, halt.MAGIC) == (layout.CONTROL_LEVEL, layout.MAGIC_CONTROL)
    assert int.from_bytes(halt.HALTED, sys.byteorder) == TradingLevel.HALTED


def test_the_word_alone_stops_a_running_process(environ):
    control = control_of(environ)
    assert control.level() is TradingLevel.ACTIVE
    assert halt.set_word(environ)
    assert control.level() is TradingLevel.HALTED


def test_it_finds_the_memory_of_a_desk_that_names_only_its_var_directory(environ, tmp_path):
    del environ["KARB_SHM_DIR"]
    environ["KARB_VAR_DIR"] = str(tmp_path / "odd" / ".." / "var")
    control = control_of(environ)
    try:
        assert halt.set_word(environ)
        assert control.level() is TradingLevel.HALTED
    finally:
        (control._file.path).unlink()


def test_file_and_reason_follow(environ):
    control = control_of(environ)
    done = run(environ, "--reason", "smoke", "--by", "kim")
    assert (done.returncode, done.stdout) == (0, "level is halted (mode unknown: no trader has run)\n")
    latch = control.latch()
    assert (latch["level"], latch["reason"], latch["by"]) == ("halted", "smoke", "kim")


def test_a_word_too_many_is_told_and_the_desk_is_stopped_all_the_same(environ):
    control = control_of(environ)
    assert run(environ, "--because", "x").returncode == 2
    assert control.level() is TradingLevel.HALTED


def test_asking_for_help_stops_nothing(environ):
    control = control_of(environ)
    assert run(environ, "--help").returncode == 0
    assert control.level() is TradingLevel.ACTIVE


def test_without_a_desk_the_next_start_is_stopped(environ):
    assert not halt.set_word(environ)
    assert run(environ).returncode == 0
    assert control_of(environ).level() is TradingLevel.HALTED


@pytest.mark.parametrize("content", [b"", b"KARBBOOK" + bytes(120)])
def test_a_strange_file_is_left_as_it_is(environ, content):
    path = Path(environ["KARB_SHM_DIR"]) / "control.shm"
    path.parent.mkdir()
    path.write_bytes(content)
    assert not halt.set_word(environ)
    assert path.read_bytes() == content


def test_nothing_is_loaded_before_the_word_is_set():
    code = "import sys, fast_path.halt; print(sorted({'msgspec', 'pathlib', 'json', 'typing'} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert shown.stdout == "[]\n", shown.stderr
