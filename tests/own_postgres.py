"""A PostgreSQL of a test's own, which may be killed: made in a directory, started again on the same port."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path


def programs():
    """Return the directory of PostgreSQL's programs, None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


class OwnPostgres:
    """One server. `url` is what a desk is told."""

    def __init__(self):
        self.home = Path(tempfile.mkdtemp(prefix="karb-pg-"))
        self._as = []
        if os.getuid() == 0:
            shutil.chown(self.home, "postgres")
            self._as = ["runuser", "-u", "postgres", "--"]
        self.home.chmod(0o755)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self._run("initdb", "-D", str(self.home / "data"), "-U", "karb", "--auth=trust", "--encoding=UTF8", "--no-sync")
        self.start()
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "karb", "karb")

    @property
    def url(self):
        """Return the address with user and database."""
        return f"postgres://karb@127.0.0.1:{self.port}/karb"

    def _run(self, program, *words):
        argv = [*self._as, str(programs() / program), *words]
        return subprocess.run(argv, cwd=self.home, capture_output=True, text=True, check=True, timeout=60)

    def start(self):
        """Start it, on what a killed one left; what still holds its memory ends by itself."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.home}"
        words = ("-D", str(self.home / "data"), "-l", str(self.home / "log"), "-w", "-t", "30", "-s", "-o", options)
        end = time.monotonic() + 30
        while True:
            try:
                self._run("pg_ctl", *words, "start")
                return
            except subprocess.CalledProcessError as error:
                if time.monotonic() > end:
                    raise AssertionError(error.stderr + (self.home / "log").read_text()[-2_000:]) from error
                time.sleep(0.3)

    @property
    def pid(self):
        """Return the pid of the postmaster."""
        return int((self.home / "data" / "postmaster.pid").read_text().splitlines()[0])

    def kill(self):
        """Kill the postmaster on the spot."""
        os.kill(self.pid, signal.SIGKILL)

    def close(self):
        """Stop it and remove its directory."""
        try:
            os.kill(self.pid, signal.SIGINT)
        except (FileNotFoundError, ProcessLookupError):
            pass
        end = time.monotonic() + 10
        while (self.home / "data" / "postmaster.pid").exists() and time.monotonic() < end:
            time.sleep(0.05)
        shutil.rmtree(self.home, ignore_errors=True)
