"""Only one trader of a desk runs: whoever has the lock, and says so in shared memory."""

import fcntl
import os
from pathlib import Path

from arbitrage.domain.errors import ConfigError
from workers.process import Context


def lock_path(var_dir: Path) -> Path:
    """Return the file whose lock makes a process the trader of this directory."""
    return var_dir / "trader.lock"


def take_lock(path: Path) -> int:
    """Take the trader's lock for the life of this process; ConfigError when another trader has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise ConfigError([f"another trader holds {path}; only one may run"]) from None
    return fd


def show_trader(context: Context) -> None:
    """Show who has the lock now: who looks on, the dead man's switch say, takes these figures for the trader's."""
    context.counters.set("ready", 0)
    context.counters.set("gone", 0)
    context.counters.set("pid", os.getpid())


def become_trader(context: Context) -> int:
    """Take the lock and show it; ConfigError when another trader has it."""
    lock = take_lock(lock_path(context.env.var_dir))
    show_trader(context)
    return lock
