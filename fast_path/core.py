"""Native or Python: the only place that chooses who writes and reads book slots, and it says which.

`KARB_NATIVE`: `auto` takes `karb_core` when it is installed with this layout version, else the Python
reference here; `1` insists on it; `0` refuses it.
"""

import importlib
import os
import platform
from collections.abc import Sequence
from typing import Any, Protocol

from arbitrage.domain.book import MAX_LEVELS, Level
from arbitrage.domain.errors import ConfigError
from fast_path.layout import (
    LAYOUT_VERSION,
    SLOT_BODY,
    SLOT_STATUS,
    STATUS_DEAD,
    STATUS_LIVE,
    WORD,
)

_ORDERED_MACHINES = ("x86_64", "amd64", "AMD64", "i686")
_PADDING = tuple((0,) * (MAX_LEVELS - used) for used in range(MAX_LEVELS + 1))

Snapshot = tuple[int, ...]
"""What one `SLOT_BODY` holds: status, n_bid, n_ask, pad, published_mono, recv_mono, recv_wall, exchange_ns,
frames, faults, then 30 each of ask price, ask qty, bid price, bid qty."""


class Core(Protocol):
    """What both cores do. `words` and `mem` are the same mapped file; `slot` is a byte offset."""

    name: str

    def publish(
        self,
        mem: memoryview,
        words: memoryview,
        slot: int,
        head: tuple[int, int, int, int, int, int],
        bids: Sequence[Level],
        asks: Sequence[Level],
    ) -> None:
        """Write one whole book. `head`: published_mono, recv_mono, recv_wall, exchange_ns, frames, faults."""

    def mark_dead(self, mem: memoryview, words: memoryview, slot: int) -> None:
        """Let readers find no book here, and mend a slot whose writer died inside."""

    def snapshot(self, mem: memoryview, words: memoryview, slot: int, retries: int) -> tuple[int, Snapshot] | None:
        """Return seq and a copy of one moment, or None when the writer was inside at every try."""


class PythonCore:
    """The reference: exact, and as quick as plain Python is."""

    name = "python"

    def publish(
        self,
        mem: memoryview,
        words: memoryview,
        slot: int,
        head: tuple[int, int, int, int, int, int],
        bids: Sequence[Level],
        asks: Sequence[Level],
    ) -> None:
        """See `Core`. At most 30 levels a side are kept."""
        n_bid, n_ask = min(len(bids), MAX_LEVELS), min(len(asks), MAX_LEVELS)
        if n_bid < len(bids) or n_ask < len(asks):
            bids, asks = bids[:n_bid], asks[:n_ask]
        no_ask, no_bid = _PADDING[n_ask], _PADDING[n_bid]
        values = (
            STATUS_LIVE,
            n_bid,
            n_ask,
            0,
            *head,
            *[level.price for level in asks],
            *no_ask,
            *[level.qty for level in asks],
            *no_ask,
            *[level.price for level in bids],
            *no_bid,
            *[level.qty for level in bids],
            *no_bid,
        )
        place = slot // WORD
        seq = words[place] | 1
        words[place] = seq
        SLOT_BODY.pack_into(mem, slot + SLOT_STATUS, *values)
        words[place] = seq + 1

    def mark_dead(self, mem: memoryview, words: memoryview, slot: int) -> None:
        """See `Core`."""
        place = slot // WORD
        seq = words[place] | 1
        words[place] = seq
        words[place + SLOT_STATUS // WORD] = STATUS_DEAD
        words[place] = seq + 1

    def snapshot(self, mem: memoryview, words: memoryview, slot: int, retries: int) -> tuple[int, Snapshot] | None:
        """See `Core`."""
        place = slot // WORD
        for _ in range(retries):
            seq = words[place]
            if seq & 1:
                continue
            values = SLOT_BODY.unpack_from(mem, slot + SLOT_STATUS)
            if words[place] == seq:
                return seq, values
        return None


def load(setting: str | None = None, machine: str | None = None) -> Core:
    """Return the core that `setting` (by default KARB_NATIVE, else `auto`) asks for on this machine.

    ConfigError when `1` is asked for and karb_core is missing or of another layout version, or when neither
    core is safe here.
    """
    wanted = setting or os.environ.get("KARB_NATIVE") or "auto"
    if wanted not in ("auto", "0", "1"):
        raise ConfigError([f"KARB_NATIVE was {wanted!r}, must be one of auto, 0, 1"])
    why = "KARB_NATIVE=0"
    if wanted != "0":
        native, why = _native()
        if native is not None:
            return native
        if wanted == "1":
            raise ConfigError([f"KARB_NATIVE was 1, but {why}; build it or set KARB_NATIVE=auto"])
    found = machine or platform.machine()
    if found not in _ORDERED_MACHINES:
        raise ConfigError([f"the Python core is not safe on {found} ({why}); install karb_core"])
    return PythonCore()


def _native() -> tuple[Core | None, str]:
    try:
        module: Any = importlib.import_module("karb_core")
    except ImportError:
        return None, "karb_core is not installed"
    if module.LAYOUT_VERSION != LAYOUT_VERSION:
        return None, f"karb_core has layout version {module.LAYOUT_VERSION}, must be {LAYOUT_VERSION}"
    core: Core = module.Core()
    return core, ""


def describe(setting: str | None = None) -> str:
    """Return which core runs and why, for the log and the status table. ConfigError as `load`."""
    core = load(setting)
    if core.name != PythonCore.name:
        return f"{core.name} (layout {LAYOUT_VERSION})"
    wanted = setting or os.environ.get("KARB_NATIVE") or "auto"
    why = "KARB_NATIVE=0" if wanted == "0" else _native()[1]
    return f"{core.name} (layout {LAYOUT_VERSION}; {why})"
