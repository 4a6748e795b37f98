"""The last position of the kill switch: orders are cut off, and the trader lets go of its keys and connections.

A word in shared memory and a file, each of which is enough. Both are looked at as the last thing before an order's
bytes leave; the trader ends at once and is not started again, before it has read a key, until a person mended the cut
and resumed: two steps, each with a reason.
"""

import json
from pathlib import Path

from arbitrage.domain.controls import TradingLevel
from fast_path.control import ControlBlock
from fast_path.latch import read_latch, sync_dir, write_latch


def cut(control: ControlBlock, reason: str, by: str, wall_ns: int) -> None:
    """Cut orders off: the word first, then file and level. OSError when a file failed; the word holds."""
    control.set_cut(max(wall_ns, 1))
    write_latch(control.cut_path, TradingLevel.HALTED, reason, by, wall_ns)
    control.set_level(TradingLevel.HALTED, f"cut off: {reason}", by)


def mend(control: ControlBlock, reason: str, by: str, wall_ns: int) -> None:
    """Take a cut back and leave the desk HALTED: the first of two steps. OSError leaves it cut off.

    The file is kept under another name, with who mended it and why.
    """
    control.set_level(TradingLevel.HALTED, f"cut mended: {reason}", by)
    if control.cut_path.exists():
        told = {**cut_off(control), "mended": reason, "mended_by": by, "mended_wall_ns": wall_ns}
        kept = control.cut_path.with_name(f"cut.mended-{wall_ns}.json")
        kept.write_text(json.dumps(told, ensure_ascii=False) + "\n")
        control.cut_path.unlink()
        sync_dir(control.cut_path.parent)
    control.set_cut(0)


def cut_off(control: ControlBlock) -> dict[str, object]:
    """Return who cut orders off, when and why; {} when there is no file of it."""
    return read_latch(control.cut_path)


def cut_by_file(latch_path: Path, reason: str, by: str, wall_ns: int) -> Path:
    """Cut orders off where shared memory cannot be reached; return the file. OSError when it cannot be written."""
    path = latch_path.with_name("cut.json")
    write_latch(path, TradingLevel.HALTED, reason, by, wall_ns)
    return path
