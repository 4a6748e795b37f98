"""What the supervisor shows: lines that stay, and one status line that keeps itself up to date."""

import shutil
import sys
import time
from collections.abc import Sequence
from typing import TextIO

LINE_EVERY_S = 10.0
"""How often a status is printed where no line can be rewritten."""


class Screen:
    """A terminal, or anything else that takes lines. A reader that went away is no reason to stop."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = sys.stdout if out is None else out
        self._is_tty = self._out.isatty()
        self._has_status = False
        self._last_status_s = -LINE_EVERY_S

    def say(self, text: str) -> None:
        """Print a line that stays, above the status line."""
        self._write(f"{self._wipe()}{text}\n")

    def status(self, text: str) -> None:
        """Show `text` as the status: in place on a terminal, else as a line every 10 s."""
        if self._is_tty:
            width = shutil.get_terminal_size().columns - 1
            self._write(f"{self._wipe()}{text[:width]}")
            self._has_status = True
            return
        now_s = time.monotonic()
        if now_s - self._last_status_s >= LINE_EVERY_S:
            self._last_status_s = now_s
            self._write(f"{text}\n")

    def _wipe(self) -> str:
        had, self._has_status = self._has_status, False
        return "\r\x1b[K" if had else ""

    def _write(self, text: str) -> None:
        try:
            self._out.write(text)
            self._out.flush()
        except (OSError, ValueError):
            pass


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the rows as lines, columns padded to their widest cell."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
