"""The stop bench on a whole desk: a stop ends the orders, with neither database nor broker."""

import json
import os
import subprocess
import sys

import pytest

from karb_project.env import ROOT


@pytest.mark.e2e
@pytest.mark.timeout(220)
def test_a_trading_desk_without_database_and_broker_is_stopped_again_and_again(tmp_path):
    path = tmp_path / "stops.json"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("KARB_")}
    argv = [sys.executable, "-m", "workers", "bench", "stop", "--stops", "3", "--markets", "6", "--json", str(path)]
    environ |= {"KARB_VAR_DIR": str(tmp_path / "var"), "KARB_SHM_DIR": str(tmp_path / "shm" / "desk")}
    done = subprocess.run(argv, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(path.read_text())
    assert result["stops"] == 3
    assert result["orders_after_the_command_ended"] == 0
    assert all(row["p50"] > 0 or name.endswith("byte") for name, row in result["ms"].items())
