"""Let the desk come to rest within its limits, then halt it: hedges finish what is open, no stock is sold.

The level goes to REDUCING at once. The trader says in shared memory how many arbs still move; when none does, or time
is over, or the trader is silent, HALTED is latched. Nothing but this process and the two files of memory is needed.
"""

from collections.abc import Callable
from pathlib import Path

import msgspec

from arbitrage.domain.controls import TradingLevel
from fast_path.control import ControlBlock
from fast_path.counters import read_counters

TRADER = "trader"
SILENT_NS = 3_000_000_000
LOOK_S = 0.1
SETTLED_LOOKS = 5
"""So many looks in a row must find nothing moving: a fill that is told late wakes an arb again."""


class Flattened(msgspec.Struct, frozen=True):
    """How it ended: what still moved when the desk was halted, and why it was not waited for."""

    left: int
    why: str


def flatten(
    control: ControlBlock,
    shm_dir: Path,
    *,
    reason: str,
    by: str,
    within_ns: int,
    mono_ns: Callable[[], int],
    sleep: Callable[[float], None],
) -> Flattened:
    """Reduce, wait until nothing moves, halt. A desk that is halted already stays so, and is not waited for."""
    if control.level() < TradingLevel.REDUCING:
        control.set_level(TradingLevel.REDUCING, f"flatten: {reason}", by)
    end, calm = mono_ns() + within_ns, 0
    while True:
        left = read_counters(shm_dir).get(TRADER, {}).get("moving_arbs", 0)
        beat = control.heartbeats().get(TRADER)
        calm = 0 if left else calm + 1
        if control.level() is TradingLevel.HALTED:
            why = "halted by someone else"
        elif beat is None or mono_ns() - beat.mono_ns > SILENT_NS:
            why = "the trader gives no sign of life"
        elif calm >= SETTLED_LOOKS:
            why = ""
        elif mono_ns() >= end:
            why = "time is over"
        else:
            sleep(LOOK_S)
            continue
        control.set_level(TradingLevel.HALTED, f"flattened: {reason}" if not why else f"flatten ended, {why}", by)
        return Flattened(left, why)
