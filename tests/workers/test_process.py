import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from arbitrage.domain.errors import ConfigError
from fast_path.control import ControlBlock
from fast_path.counters import read_counters
from karb_project.env import read_env
from workers.process import BACKOFF_S, Backoff, Clock, Context

ROOT = Path(__file__).resolve().parents[2]
HEAD = """
import asyncio, sys, time
from arbitrage.domain.errors import ConfigError
from karb_project.env import read_env
from workers.process import run_process
"""
TAIL = """
sys.exit(run_process("trader", main, read_env()))
"""


@pytest.fixture
def environ(tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KARB_")}
    return kept | {"KARB_VAR_DIR": str(tmp_path / "var"), "KARB_SHM_DIR": str(tmp_path / "shm")}


def _start(environ, body):
    return subprocess.Popen(
        [sys.executable, "-c", HEAD + body + TAIL],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _run(environ, body):
    part = _start(environ, body)
    out, err = part.communicate(timeout=60)
    return part.returncode, out, err


def _events(err):
    return [json.loads(line)["event"] for line in err.splitlines() if line.startswith("{")]


WAITS = """
async def main(context):
    print("ready", flush=True)
    await context.stopping.wait()
    print("stopping", flush=True)
    return 0
"""


def test_the_exit_code_is_mains_own(environ):
    code, _, err = _run(environ, "async def main(context):\n    return 3\n")
    assert code == 3
    assert _events(err) == ["process_started", "process_ended"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_first_signal_lets_main_finish(environ, number):
    part = _start(environ, WAITS)
    assert part.stdout.readline() == "ready\n"
    part.send_signal(number)
    out, err = part.communicate(timeout=30)
    assert (part.returncode, out) == (0, "stopping\n")
    assert _events(err) == ["process_started", "process_stopping", "process_ended"]


def test_a_second_signal_ends_it_at_once(environ):
    body = """
async def main(context):
    print("ready", flush=True)
    await context.stopping.wait()
    print("stopping", flush=True)
    await asyncio.sleep(3600)
"""
    part = _start(environ, body)
    assert part.stdout.readline() == "ready\n"
    part.terminate()
    assert part.stdout.readline() == "stopping\n"
    part.terminate()
    part.communicate(timeout=30)
    assert part.returncode == 128 + signal.SIGTERM


def test_a_bug_is_logged_with_its_trace_and_ends_with_1(environ):
    code, _, err = _run(environ, "async def main(context):\n    raise KeyError('x')\n")
    assert code == 1
    last = json.loads(err.splitlines()[-1])
    assert (last["event"], last["level"]) == ("process_failed", "ERROR")
    assert "KeyError: 'x'" in last["trace"]


def test_bad_configuration_ends_with_2_and_names_each_problem(environ):
    code, _, err = _run(environ, "async def main(context):\n    raise ConfigError(['one is bad', 'two is bad'])\n")
    assert code == 2
    assert err.splitlines()[-2:] == ["one is bad", "two is bad"]
    assert _events(err) == ["process_started", "process_refused"]


def test_a_damaged_journal_ends_with_2_and_one_line_that_says_what_to_do(environ, tmp_path):
    path = tmp_path / "trader.journal"
    path.write_bytes(b"no journal at all, though as long as a header " * 4)
    body = f"""
from pathlib import Path
from fast_path.journal import Journal
async def main(context):
    Journal(Path({str(path)!r}), "trader", "none")
"""
    code, _, err = _run(environ, body)
    assert code == 2
    assert "Traceback" not in err
    last = err.splitlines()[-1]
    assert last == f"{path} does not begin like a journal; move it away or restore it from a backup"


def test_an_absent_native_core_that_is_insisted_on_is_refused_before_main(environ):
    code, out, err = _run(environ | {"KARB_NATIVE": "1"}, WAITS)
    assert (code, out) == (2, "")
    assert "KARB_NATIVE was 1, but karb_core is not installed" in err


def test_a_running_process_beats_and_can_be_watched_from_outside(environ, tmp_path):
    part = _start(environ, WAITS)
    try:
        assert part.stdout.readline() == "ready\n"
        control = ControlBlock(tmp_path / "shm", (), tmp_path / "var" / "trading_state.json")
        first = control.heartbeats()["trader"]
        deadline = time.monotonic() + 30
        while control.heartbeats()["trader"].mono_ns == first.mono_ns and time.monotonic() < deadline:
            time.sleep(0.02)
        second = control.heartbeats()["trader"]
        assert second.mono_ns > first.mono_ns
        assert second.pid == first.pid == part.pid
        assert abs(second.wall_ns - time.time_ns()) < 60_000_000_000
    finally:
        part.terminate()
        part.communicate(timeout=30)


def test_a_blocked_loop_is_seen_while_it_still_goes_on_and_after(environ, tmp_path):
    body = """
async def main(context):
    await asyncio.sleep(0.2)
    time.sleep(0.5)
    print(context.loop_lag_ns >= 400_000_000)
    await asyncio.sleep(0.12)
    print(context.loop_lag_ns >= 400_000_000)
    return 0
"""
    code, out, _ = _run(environ, body)
    assert (code, out) == (0, "True\nTrue\n")
    assert read_counters(tmp_path / "shm")["trader"]["loop_lag_max_ns"] >= 400_000_000


def test_context_opens_what_a_process_needs(tmp_path):
    env = read_env({"KARB_VAR_DIR": str(tmp_path / "var"), "KARB_SHM_DIR": str(tmp_path / "shm")})
    context = Context("recorder", env)
    context.counters.add("position", 5)
    assert context.loop_lag_ns == 0
    assert not context.stopping.is_set()
    context.close()
    assert read_counters(tmp_path / "shm") == {"recorder": {"position": 5}}


def test_shared_memory_of_another_layout_is_refused(tmp_path):
    (tmp_path / "shm").mkdir()
    (tmp_path / "shm" / "control.shm").write_bytes(b"old" * 1000)
    env = read_env({"KARB_VAR_DIR": str(tmp_path / "var"), "KARB_SHM_DIR": str(tmp_path / "shm")})
    with pytest.raises(ConfigError, match="stop all parts of K-Arb and remove the file"):
        Context("recorder", env)


def test_backoff_grows_to_a_minute_and_begins_anew():
    backoff = Backoff(seed=1)
    waits = [backoff.next_s() for _ in range(8)]
    for wait, most in zip(waits, (*BACKOFF_S, 60.0, 60.0), strict=True):
        assert 0.8 * most <= wait <= most
    assert backoff.attempt == 8
    backoff.reset()
    assert backoff.next_s() <= 1
    assert [Backoff(seed=1).next_s()] == waits[:1]


def test_the_clocks_are_two():
    clock = Clock()
    assert clock.mono_ns() <= clock.mono_ns()
    assert abs(clock.wall_ns() - time.time_ns()) < 60_000_000_000


async def test_a_process_told_to_stop_does_not_sleep_on(desk_env):
    context = Context("bridge", desk_env)
    began = asyncio.get_running_loop().time()
    await context.sleep(0.01)
    assert asyncio.get_running_loop().time() - began >= 0.01
    context.stopping.set()
    async with asyncio.timeout(5):
        await context.sleep(3600)


async def test_a_sleeper_is_woken_by_the_stop_and_one_that_was_cancelled_is_forgotten(desk_env):
    stopping = Context("bridge", desk_env).stopping
    sleeper, cancelled = (asyncio.create_task(stopping.sleep(3600)) for _ in range(2))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    assert not sleeper.done()
    stopping.set()
    async with asyncio.timeout(5):
        await sleeper
    assert cancelled.cancelled()
    assert stopping._sleepers == set()
