"""The one door to all workers: an unknown name or a wrong environment is a line and exit code 2."""

import os
import subprocess
import sys

import pytest

from karb_project.env import ROOT


def run(*words, **environ):
    return subprocess.run(
        [sys.executable, "-m", "workers", *words],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("words", [(), ("nobody",), ("--help",)])
def test_an_unknown_worker_is_one_line_of_usage(words):
    done = run(*words)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: python -m workers simulate|feed|trader|")
    assert done.stderr.count("\n") == 1


def test_an_unknown_variable_is_named_and_nothing_starts(tmp_path):
    done = run("up", "--for", "5", KARB_VAR_DIR=str(tmp_path / "var"), KARB_WEB_ADRESS="127.0.0.1:1")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == ("up: KARB_WEB_ADRESS is not a variable K-Arb knows; see docs/configuration.md\n")
    assert not (tmp_path / "var").exists()


def test_every_problem_of_the_environment_is_a_line_of_its_own(tmp_path):
    done = run("trader", KARB_VAR_DIR=str(tmp_path), KARB_MODE="real", KARB_WEB_ADDRESS="127.0.0.1:99999")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert lines[0] == "trader: KARB_MODE was 'real', must be one of simulated, observe, live"
    assert lines[1].startswith("trader: KARB_WEB_ADDRESS: '127.0.0.1:99999' is not host:port")
    assert len(lines) == 2


CONTRADICTIONS = [
    {"KARB_SIM_UPBIT_ADDRESS": "api.upbit.com:443"},
    {"KARB_MODE": "live", "KARB_UPBIT_URL": "https://127.0.0.1:1", "KARB_BITHUMB_URL": "https://127.0.0.1:1"},
    {"KARB_MODE": "observe", "KARB_BITHUMB_URL": "https://127.0.0.1:1"},
]


@pytest.mark.parametrize(("worker", "variables"), list(zip(("trader", "watchdog", "up"), CONTRADICTIONS, strict=True)))
def test_a_mode_that_contradicts_where_orders_would_go_starts_nothing(tmp_path, worker, variables):
    directories = {"KARB_VAR_DIR": str(tmp_path / "var"), "KARB_SHM_DIR": str(tmp_path / "shm")}
    done = run(worker, *(("--for", "5") if worker == "up" else ()), **directories, **variables)
    assert done.returncode == 2
    mode = variables.get("KARB_MODE", "simulated")
    assert (
        f"KARB_MODE is {mode}, but the orders' transport is " in done.stderr.splitlines()[-1 if worker != "up" else 0]
    )
    assert not (tmp_path / "var" / "journal" / "trader.journal").exists()
