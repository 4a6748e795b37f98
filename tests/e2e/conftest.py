"""A whole desk of real processes on free ports and directories of its own."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from arbitrage.domain.units import Exchange
from fast_path.control import ControlBlock
from karb_project.env import ROOT

LONGEST_FIRST = (
    "test_random_kills.py",
    "test_up_for.py",
    "test_admin_browser.py",
    "test_celery_broker.py",
    "test_up_ends.py",
    "test_up_kills.py",
    "test_stop_bench.py",
)
"""What takes long begins early, so that no process of the suite waits for another in the end."""
ADDRESSES = ("KARB_WEB_ADDRESS", "KARB_FLOWER_ADDRESS", "KARB_SIM_UPBIT_ADDRESS", "KARB_SIM_BITHUMB_ADDRESS")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Put the files of this directory in their order; all other tests stay before them."""
    place = {name: rank for rank, name in enumerate(LONGEST_FIRST)}
    here = Path(__file__).parent
    items.sort(key=lambda item: place.get(item.path.name, len(place)) if item.path.parent == here else -1)


def free_addresses():
    """Return four addresses on loopback that nothing listened on a moment ago."""
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in ADDRESSES]
    found = [f"127.0.0.1:{probe.getsockname()[1]}" for probe in probes]
    for probe in probes:
        probe.close()
    return dict(zip(ADDRESSES, found, strict=True))


class Desk:
    """One desk: its directories, its environment, the `up` that runs it, and what that has said."""

    def __init__(self):
        self.home = Path(tempfile.mkdtemp(prefix="karb-"))
        self.var_dir = self.home / "var"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("KARB_")}
        self.environ = {
            **kept,
            **free_addresses(),
            "KARB_VAR_DIR": str(self.var_dir),
            "KARB_SHM_DIR": str(self.home / "shm"),
        }
        self.lines = []
        self.process = None

    def command(self, *words):
        """Return the finished process of a worker command in this desk's environment."""
        argv = [sys.executable, "-m", "workers", *words]
        return subprocess.run(
            argv, cwd=ROOT, env=self.environ, capture_output=True, text=True, check=False, timeout=200
        )

    def up(self, *words):
        """Start `up`; what it says is gathered in `lines`."""
        self.lines = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workers", "up", *words],
            cwd=ROOT,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._gather, args=(self.process.stdout, self.lines), daemon=True).start()

    @staticmethod
    def _gather(stream, lines):
        for line in stream:
            lines.append(line.rstrip("\n"))

    @property
    def said(self):
        """Return everything `up` has said."""
        return "\n".join(self.lines)

    def wait_line(self, pattern, limit_s=60, start=0):
        """Return the first line after `start` that holds the pattern."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            for line in self.lines[start:]:
                if re.search(pattern, line):
                    return line
            assert self.process.poll() is None, self.said
            time.sleep(0.05)
        raise AssertionError(f"no line with {pattern!r} within {limit_s} s:\n{self.said}")

    def wait_end(self, limit_s):
        """Return the exit code of `up`."""
        return self.process.wait(limit_s)

    def standing(self):
        """Return the trading level, and of each exchange that is only watched the reason."""
        control = ControlBlock(self.home / "shm", (), self.var_dir / "trading_state.json")
        try:
            watched = [exchange for exchange in Exchange if control.monitor_only_since(exchange)]
            return control.level(), {exchange: control.monitor_only_latch(exchange)["reason"] for exchange in watched}
        finally:
            control.close()

    def resume(self):
        """Do what a person does who looked at everything: take both steps back to trading."""
        # What the rows know lowered is lowered again by the bridge: by hand only where the database does not answer.
        by_page = [sys.executable, "manage.py", "resume", "--reason", "drill"]
        by_hand = [sys.executable, "-m", "fast_path.control", "resume", "--reason", "drill"]
        for _ in range(2):
            for argv in (by_page, by_hand):
                done = subprocess.run(argv, cwd=ROOT, env=self.environ, capture_output=True, check=False, timeout=60)
                if done.returncode == 0:
                    break

    def processes(self):
        """Return pid -> command line of everything that runs in this desk's environment or names its directories."""
        mark = f"KARB_VAR_DIR={self.var_dir}".encode()
        found = {}
        for path in Path("/proc").iterdir():
            try:
                if not path.name.isdigit():
                    continue
                command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                # Redis writes its own title over its environment.
                if str(self.home) in command or mark in (path / "environ").read_bytes().split(b"\0"):
                    found[int(path.name)] = command
            except OSError:
                continue
        return {pid: command for pid, command in found.items() if command}

    def pid_of(self, pattern):
        """Return the oldest process whose command line holds the pattern."""
        found = [pid for pid, command in self.processes().items() if re.search(pattern, command)]
        assert found, f"nothing runs like {pattern!r}: {self.processes()}"
        return min(found)

    def wait_gone(self, limit_s=10):
        """Wait until nothing of this desk runs any more."""
        end = time.monotonic() + limit_s
        while left := self.processes():
            assert time.monotonic() < end, f"still running: {left}"
            time.sleep(0.05)

    def close(self):
        """Kill what is left, by pid, and remove the directories."""
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if self.process is not None:
            self.process.wait(10)
        shutil.rmtree(self.home, ignore_errors=True)


@pytest.fixture(scope="module")
def desk():
    """Return a desk that has never been started."""
    made = Desk()
    yield made
    made.close()


@pytest.fixture(scope="module")
def second_desk():
    """Return another desk of its own."""
    made = Desk()
    yield made
    made.close()
