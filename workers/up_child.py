"""One child process of the supervisor: started in its own session, logged to a bounded file, never orphaned.

On Linux the kernel kills a child whose supervisor is gone (PR_SET_PDEATHSIG), so that not even
`kill -9` of the supervisor leaves a trader behind. Everything here survives being killed.
"""

import asyncio
import ctypes
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

MAX_LOG_BYTES = 10 * 1024 * 1024
POLL_S = 0.05
_PR_SET_PDEATHSIG = 1


def _tie_to_parent() -> Callable[[], None] | None:
    """Return what a child runs before its program so that it dies with us; None where there is no prctl."""
    try:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
    except (OSError, AttributeError):
        return None
    parent = os.getpid()

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return tie


def bound_log(path: Path) -> None:
    """Move a log above 10 MB aside to `<name>.1`, in place, so that its writer can go on."""
    try:
        if path.stat().st_size <= MAX_LOG_BYTES:
            return
    except FileNotFoundError:
        return
    shutil.copyfile(path, path.with_name(f"{path.name}.1"))
    os.truncate(path, 0)


def log_tail(path: Path, offset: int, lines: int = 3) -> list[str]:
    """Return the last lines written to a log since `offset` bytes, without blank ones."""
    try:
        size = path.stat().st_size
        with path.open("rb") as log:
            log.seek(max(min(offset, size), size - 8_192))
            text = log.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip()][-lines:]


class Child:
    """A running process. `pid` is also its session and group."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], cwd: Path, log: Path) -> None:
        bound_log(log)
        self.log = log
        with log.open("ab") as out:
            self.log_offset = out.tell()
            self._process = subprocess.Popen(
                list(argv),
                env=dict(environ),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_tie_to_parent(),
            )
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """Return the exit code, minus the signal when one ended it; None while it runs."""
        return self._process.poll()

    @property
    def ending(self) -> str:
        """Return how it ended, for people: `exit 1` or `SIGKILL`."""
        code = self.returncode
        if code is None:
            return "running"
        return f"exit {code}" if code >= 0 else signal.Signals(-code).name

    async def wait(self) -> int:
        """Return the exit code once the process has ended, with nothing of its group left behind."""
        while (code := self.returncode) is None:
            await asyncio.sleep(POLL_S)
        self.kill_group()
        return code

    async def stop(self, grace_s: float) -> None:
        """End the process: SIGTERM to itself, and SIGKILL to its group when the grace is over."""
        if self.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(grace_s):
                    await self.wait()
            except TimeoutError:
                pass
        self.kill_group()
        while self.returncode is None:
            await asyncio.sleep(POLL_S)

    def kill_group(self) -> None:
        """Send SIGKILL to whatever is left of the process's group."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass


async def run_step(argv: Sequence[str], environ: Mapping[str, str], cwd: Path, log: Path) -> tuple[int, str]:
    """Run a command to its end and return its exit code and output; its errors go to `log`.

    Cancelling kills it. The output is not logged: it can hold a password that is shown once.
    """
    bound_log(log)
    with log.open("ab") as errors:
        process = subprocess.Popen(
            list(argv),
            env=dict(environ),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
            preexec_fn=_tie_to_parent(),
        )
    try:
        out, _ = await asyncio.to_thread(process.communicate)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return process.returncode, out.decode(errors="replace")
