"""Since when orders go through which generation, kept over restarts: one line for each change.

An order whose answer was lost has no exchange id; where to look for it depends on the generation it was sent
through. The journal keeps when it was planned, this file which generation was in use then.
"""

import os
from pathlib import Path

import msgspec

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import Ns
from arbitrage.domain.wire import Generation

UNSURE_NS = 5_000_000_000
"""An order planned this near to a change may have gone either way."""


class Since(msgspec.Struct, frozen=True):
    """From this time on orders went through this generation."""

    from_wall_ns: Ns
    generation: Generation


class GenerationLog:
    """The file, and what it says. None = kept in memory alone, for tests."""

    def __init__(self, path: Path | None) -> None:
        """Read the file. ConfigError when there is one that cannot be read."""
        self._path = path
        self._changes: list[Since] = []
        if path is None:
            return
        try:
            # A line without its end was never kept whole: no order left after it.
            lines = path.read_bytes().split(b"\n")[:-1]
            self._changes = [msgspec.json.decode(line, type=Since) for line in lines if line.strip()]
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as error:
            raise ConfigError([f"{path}: {error}"]) from None

    @property
    def newest(self) -> Generation:
        """Return what orders went through last; JWT where nothing else was ever used."""
        return self._changes[-1].generation if self._changes else Generation.JWT

    def note(self, generation: Generation, wall_ns: Ns) -> None:
        """Keep a change, on disk, before the first order of the new generation leaves. OSError when it cannot be."""
        change = Since(wall_ns, generation)
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            whole = self._whole()
            with self._path.open("ab") as file:
                file.truncate(whole)
                file.write(msgspec.json.encode(change) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        self._changes.append(change)

    def _whole(self) -> int:
        """Return how far the file is whole: a full disk or a death may have left half a line behind."""
        if self._path is None or not self._path.exists():
            return 0
        return self._path.read_bytes().rfind(b"\n") + 1

    def at(self, wall_ns: Ns) -> Generation | None:
        """Return what an order planned then went through; None when a change was near, or the clock went back."""
        found = Generation.JWT
        newest = 0
        for change in self._changes:
            if abs(wall_ns - change.from_wall_ns) <= UNSURE_NS or change.from_wall_ns < newest:
                return None
            newest = change.from_wall_ns
            if change.from_wall_ns <= wall_ns:
                found = change.generation
        return found
