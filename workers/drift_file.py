"""What a process has seen of drift, in a small file of its own: the bridge turns it into rows when it can (R1.1)."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from arbitrage.domain.drift import DriftTold
from arbitrage.domain.ports import SeenDrift
from arbitrage.domain.units import Exchange
from karb_project.env import Env
from workers.process import Context

_SUFFIX = ".json"


def drift_dir(env: Env) -> Path:
    """Return where the files lie."""
    return env.var_dir / "drift"


class DriftFile:
    """One process's file, replaced whole when there is something new. Its size is bounded by the logs' own bounds."""

    def __init__(self, context: Context, logs: Mapping[Exchange, tuple[SeenDrift, ...]]) -> None:
        self._context = context
        self._logs = logs
        self._every = tuple(log for one in logs.values() for log in one)
        self._path = drift_dir(context.env) / f"{context.name}{_SUFFIX}"
        self._run = f"{context.clock.wall_ns()}"
        self._told = 0

    def save(self) -> None:
        """Write the file anew if anything came since; a disk that is full is said, and tried again."""
        total = 0
        for log in self._every:
            total += log.total()
        if total == self._told:
            return
        rows = tuple(row for exchange, logs in self._logs.items() for log in logs for row in log.seen(exchange))
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            beside = self._path.with_suffix(".new")
            beside.write_bytes(msgspec.json.encode(DriftTold(self._run, rows)))
            beside.replace(self._path)
        except OSError as error:
            self._context.log.error("drift_not_saved", cause=str(error))
            return
        self._told = total
        self._context.counters.set("drift", total)


def read_drift(env: Env) -> dict[str, DriftTold]:
    """Return what each process has told; a file that cannot be read is left out."""
    found = {}
    for path in sorted(drift_dir(env).glob(f"*{_SUFFIX}")):
        try:
            found[path.name.removesuffix(_SUFFIX)] = msgspec.json.decode(path.read_bytes(), type=DriftTold)
        except (OSError, msgspec.MsgspecError):
            continue
    return found
