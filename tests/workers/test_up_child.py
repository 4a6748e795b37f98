"""A child's life: bounded logs, a stop with grace, and no orphan however its supervisor ends."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from karb_project.env import ROOT
from workers.up_child import MAX_LOG_BYTES, Child, bound_log, log_tail, run_step

PYTHON = sys.executable
FOREVER = "import time\nwhile True: time.sleep(1)"


def is_alive(pid):
    """Return whether a process runs; one that is dead and not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition, limit_s=10):
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


async def test_output_of_both_kinds_is_logged_and_its_end_can_be_told(tmp_path):
    log = tmp_path / "part.log"
    log.write_text("an older line\n")
    child = Child([PYTHON, "-c", "import sys; print('said', flush=True); sys.exit('why it ended')"], {}, tmp_path, log)
    assert await child.wait() == 1
    assert child.ending == "exit 1"
    assert log.read_text() == "an older line\nsaid\nwhy it ended\n"
    assert log_tail(log, child.log_offset, lines=1) == ["why it ended"]


def test_a_log_above_the_bound_is_moved_aside_in_place(tmp_path):
    log = tmp_path / "part.log"
    log.write_bytes(b"x" * (MAX_LOG_BYTES + 1))
    inode = log.stat().st_ino
    bound_log(log)
    assert (log.stat().st_size, log.stat().st_ino) == (0, inode)
    assert (tmp_path / "part.log.1").stat().st_size == MAX_LOG_BYTES + 1


def test_a_log_within_the_bound_stays(tmp_path):
    log = tmp_path / "part.log"
    log.write_bytes(b"x" * MAX_LOG_BYTES)
    bound_log(log)
    assert log.stat().st_size == MAX_LOG_BYTES
    assert not (tmp_path / "part.log.1").exists()


async def test_a_stop_asks_first_and_kills_the_whole_group_after_the_grace(tmp_path):
    stubborn = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(other.pid, flush=True)\n" + FOREVER
    )
    log = tmp_path / "log"
    child = Child([PYTHON, "-c", stubborn], {}, tmp_path, log)
    while not log.read_text().strip():
        await asyncio.sleep(0.02)
    grandchild = int(log.read_text())
    await child.stop(0.2)
    assert child.ending == "SIGKILL"
    wait_until(lambda: not is_alive(grandchild))


async def test_a_stop_within_the_grace_is_the_childs_own(tmp_path):
    polite = (
        "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\nprint('up', flush=True)\n"
    )
    log = tmp_path / "log"
    child = Child([PYTHON, "-c", polite + FOREVER], {}, tmp_path, log)
    while not log.read_text():
        await asyncio.sleep(0.02)
    await child.stop(10)
    assert child.returncode == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's death signal is Linux's")
def test_a_child_dies_with_a_killed_supervisor(tmp_path):
    supervisor = (
        "import sys, time\nfrom pathlib import Path\nfrom workers.up_child import Child\n"
        f"child = Child([sys.executable, '-c', {FOREVER!r}], {{}}, Path('/'), Path({str(tmp_path / 'log')!r}))\n"
        "print(child.pid, flush=True)\ntime.sleep(60)\n"
    )
    parent = subprocess.Popen([PYTHON, "-c", supervisor], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    assert is_alive(pid)
    parent.kill()
    parent.wait()
    wait_until(lambda: not is_alive(pid))


async def test_a_step_gives_its_code_and_output_and_logs_only_its_errors(tmp_path):
    code = "import sys; print('a password'); print('a warning', file=sys.stderr); sys.exit(3)"
    found = await run_step([PYTHON, "-c", code], {}, tmp_path, tmp_path / "log")
    assert found == (3, "a password\n")
    assert (tmp_path / "log").read_text() == "a warning\n"


async def test_a_step_that_is_called_off_is_killed(tmp_path):
    code = f"import os; open('pid', 'w').write(str(os.getpid()))\n{FOREVER}"
    step = asyncio.create_task(run_step([PYTHON, "-c", code], {}, tmp_path, tmp_path / "log"))
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        await asyncio.sleep(0.02)
    pid = int((tmp_path / "pid").read_text())
    step.cancel()
    with pytest.raises(asyncio.CancelledError):
        await step
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
