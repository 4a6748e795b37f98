"""The stop as a shell script: it writes what halt.py writes, where halt.py writes it, before any Python is there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from arbitrage.domain.controls import TradingLevel
from fast_path import halt, layout
from fast_path.control import ControlBlock
from karb_project import places
from karb_project.env import read_env

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "fast_path" / "halt"


@pytest.fixture
def environ(tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KARB_")}
    kept["PATH"] = f"{Path(sys.executable).parent}:{kept['PATH']}"
    (tmp_path / "var").mkdir()
    return {**kept, "KARB_VAR_DIR": str(tmp_path / "var"), "KARB_SHM_DIR": str(tmp_path / "shm")}


@pytest.fixture
def alone(tmp_path):
    """The script in a checkout of its own, in which every Python fails at once: what is written, the shell wrote."""
    code = tmp_path / "code"
    (code / "fast_path").mkdir(parents=True)
    (code / ".venv" / "bin").mkdir(parents=True)
    (code / ".venv" / "bin" / "python").symlink_to(shutil.which("false"))
    return Path(shutil.copy(SCRIPT, code / "fast_path" / "halt"))


def control_of(environ):
    env = read_env({name: value for name, value in environ.items() if name.startswith("KARB_")})
    return ControlBlock(env.shm_dir, ("KRW-BTC",), env.latch_path)


def run(script, environ, *words, cwd=ROOT):
    return subprocess.run([script, *words], cwd=cwd, env=environ, capture_output=True, text=True, timeout=60)


def stops(script, environ, cwd, directory):
    """Return whether the shell alone stops a desk whose shared memory lies there; nothing of it is left behind."""
    control = ControlBlock(Path(directory), ("KRW-BTC",), cwd / "latch.json")
    try:
        assert run(script, environ, cwd=cwd).returncode == 1
        return control.level() is TradingLevel.HALTED
    finally:
        control.close()
        shutil.rmtree(directory)


def test_the_shell_alone_writes_what_the_module_writes(environ, alone, tmp_path):
    control_of(environ).close()
    path = tmp_path / "shm" / "control.shm"
    before = path.read_bytes()
    assert run(alone, environ, "--reason", "smoke").returncode == 1
    by_shell = path.read_bytes()
    path.write_bytes(before)
    assert halt.set_word(environ)
    assert by_shell == path.read_bytes() != before
    assert by_shell[layout.CONTROL_LEVEL :][:8] == halt.HALTED


@pytest.mark.parametrize("named", ["var", "./var/", "odd/../var", "{here}/var", "{here}/odd/./..//var", "/{here}/var"])
def test_it_finds_the_memory_of_a_desk_that_names_only_its_var_directory(environ, alone, tmp_path, monkeypatch, named):
    del environ["KARB_SHM_DIR"]
    environ["KARB_VAR_DIR"] = named.format(here=tmp_path)
    monkeypatch.chdir(tmp_path)
    directory = places.shm_dir_text(places.var_dir_text(environ["KARB_VAR_DIR"]))
    assert stops(alone, environ, tmp_path, directory)


@pytest.mark.parametrize("shm_dir", [None, ""])
def test_it_finds_the_memory_of_a_desk_that_names_nothing(environ, alone, tmp_path, monkeypatch, shm_dir):
    del environ["KARB_SHM_DIR"], environ["KARB_VAR_DIR"]
    if shm_dir is not None:
        environ |= {"KARB_SHM_DIR": shm_dir, "KARB_VAR_DIR": shm_dir}
    monkeypatch.setattr(places, "ROOT_TEXT", str(tmp_path / "code"))
    directory = places.shm_dir_text(places.var_dir_text(None))
    link = tmp_path / "halt"
    link.symlink_to(alone)
    assert stops(link, environ, tmp_path, directory)


def test_without_a_memory_file_system_it_looks_in_the_var_directory(environ, alone, tmp_path, monkeypatch):
    del environ["KARB_SHM_DIR"]
    alone.write_text(alone.read_text().replace("/dev/shm", "/nowhere"))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    directory = places.shm_dir_text(environ["KARB_VAR_DIR"])
    assert directory == str(tmp_path / "var" / "shm")
    assert stops(alone, environ, tmp_path, directory)


@pytest.mark.parametrize("content", [b"", b"KARBCTRL", b"KARBCTRL" + bytes(55), b"KARBBOOK" + bytes(120)])
def test_a_strange_or_torn_file_is_left_as_it_is(environ, alone, tmp_path, content):
    path = tmp_path / "shm" / "control.shm"
    path.parent.mkdir()
    path.write_bytes(content)
    assert run(alone, environ).returncode == 1
    assert path.read_bytes() == content


def test_a_word_with_its_high_byte_first_stops_as_well(environ, monkeypatch):
    control = control_of(environ)
    monkeypatch.setattr(halt, "HALTED", halt.HALTED[::-1])
    assert halt.set_word(environ)
    assert control.level() is TradingLevel.HALTED


def test_no_file_is_made_where_no_desk_is(environ, alone, tmp_path):
    (tmp_path / "shm").mkdir()
    assert run(alone, environ).returncode == 1
    assert list((tmp_path / "shm").iterdir()) == []


@pytest.mark.parametrize("words", [["--help"], ["--reason", "x", "-h"]])
def test_asking_for_help_stops_nothing(environ, words):
    control = control_of(environ)
    done = run(SCRIPT, environ, *words)
    assert (done.returncode, done.stdout.split()[0]) == (0, "usage:")
    assert control.level() is TradingLevel.ACTIVE


def test_a_variable_of_the_shell_that_called_does_not_keep_it_from_stopping(environ, alone):
    control = control_of(environ)
    assert run(alone, {**environ, "help": "asked", "self": "/"}).returncode == 1
    assert control.level() is TradingLevel.HALTED


def test_file_and_reason_follow_from_any_directory_and_by_any_name(environ, tmp_path):
    environ |= {"KARB_SHM_DIR": "shm", "KARB_VAR_DIR": "var", "PYTHONPATH": "/nowhere"}
    (tmp_path / "fast_path").mkdir()
    (tmp_path / "fast_path" / "halt.py").write_text("raise SystemExit(9)\n")
    link = tmp_path / "stop now"
    link.symlink_to(SCRIPT)
    control = ControlBlock(tmp_path / "shm", ("KRW-BTC",), tmp_path / "var" / "trading_state.json")
    done = run(link, environ, "--reason", "two words", "--by", "kim", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "level is halted (mode unknown: no trader has run)\n"), done.stderr
    latch = control.latch()
    assert (latch["level"], latch["reason"], latch["by"]) == ("halted", "two words", "kim")


def test_a_word_too_many_is_told_and_the_desk_is_stopped_all_the_same(environ):
    control = control_of(environ)
    assert run(SCRIPT, environ, "--because", "x").returncode == 2
    assert control.level() is TradingLevel.HALTED


def test_without_a_desk_the_next_start_is_stopped(environ):
    assert run(SCRIPT, environ).returncode == 0
    assert control_of(environ).level() is TradingLevel.HALTED


def test_with_shared_memory_named_nothing_but_one_copy_runs_before_the_word(environ, alone, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "dd").symlink_to(shutil.which("dd"))
    control = control_of(environ)
    run(alone, {**environ, "PATH": str(tools)})
    assert control.level() is TradingLevel.HALTED
