"""Named 64-bit counters in shared memory, one file per process; they survive its restart."""

import mmap
from pathlib import Path

from arbitrage.domain.errors import InvariantError
from fast_path.layout import (
    COUNTER_NAME_BYTES,
    COUNTER_SLOTS,
    COUNTERS_BYTES,
    HEADER_BYTES,
    LINE,
    MAGIC_COUNTERS,
    WORD,
    WORD_A,
)
from fast_path.shm import SharedFile, name_bytes, name_text, open_or_create, open_shared

_PREFIX = "counters."
_SUFFIX = ".shm"


class Counters:
    """The counters of one process. One process writes a file; any may read it."""

    def __init__(self, directory: Path, process: str) -> None:
        self._file = open_or_create(directory / f"{_PREFIX}{process}{_SUFFIX}", MAGIC_COUNTERS, COUNTERS_BYTES)
        self._words = self._file.words
        self._places: dict[str, int] = {}

    def add(self, name: str, by: int = 1) -> None:
        """Add `by` to the counter; a new name begins at 0."""
        try:
            place = self._places[name]
        except KeyError:
            place = self._claim(name)
        self._words[place] += by

    def set(self, name: str, value: int) -> None:
        """Set a gauge."""
        try:
            place = self._places[name]
        except KeyError:
            place = self._claim(name)
        self._words[place] = value

    def get(self, name: str) -> int:
        """Return the value; 0 when it was never written."""
        place = self._places.get(name) or self._look_up(name)
        return 0 if place is None else self._words[place]

    def close(self) -> None:
        """Unmap the file; the values stay."""
        self._file.close()

    # Names are only ever added, so that a file of as many names as before has none that is new.
    def _look_up(self, name: str) -> int | None:
        if len(self._places) != self._words[WORD_A]:
            self._places = _places(self._file)
        return self._places.get(name)

    def _claim(self, name: str) -> int:
        self._places = _places(self._file)
        if name not in self._places:
            used = int(self._words[WORD_A])
            if used == COUNTER_SLOTS:
                raise InvariantError(f"{self._file.path} holds {COUNTER_SLOTS} counters, no room for {name}")
            start = HEADER_BYTES + used * LINE
            self._file.mem[start : start + COUNTER_NAME_BYTES] = name_bytes(name, COUNTER_NAME_BYTES)
            self._places[name] = (start + COUNTER_NAME_BYTES) // WORD
            self._words[self._places[name]] = 0
            # Last, so that a reader never meets half a name.
            self._words[WORD_A] = used + 1
        return self._places[name]


class CounterView:
    """Reads the counters of another process, from when there are any."""

    def __init__(self, directory: Path, process: str) -> None:
        self._path = directory / f"{_PREFIX}{process}{_SUFFIX}"
        self._file: SharedFile | None = None
        self._places: dict[str, int] = {}

    def get(self, name: str) -> int:
        """Return the value; 0 when it was never written. ConfigError for a file of another layout."""
        file = self._file
        if file is None:
            file = self._file = open_shared(self._path, MAGIC_COUNTERS, COUNTERS_BYTES, access=mmap.ACCESS_READ)
            if file is None:
                return 0
        place = self._places.get(name)
        # Names are only ever added, so that a file of as many names as before has none that is new.
        if place is None and len(self._places) != file.words[WORD_A]:
            self._places = _places(file)
            place = self._places.get(name)
        return 0 if place is None else file.words[place]


def _places(file: SharedFile) -> dict[str, int]:
    places = {}
    for index in range(int(file.words[WORD_A])):
        start = HEADER_BYTES + index * LINE
        name = name_text(bytes(file.mem[start : start + COUNTER_NAME_BYTES]))
        places[name] = (start + COUNTER_NAME_BYTES) // WORD
    return places


def read_counters(directory: Path) -> dict[str, dict[str, int]]:
    """Return process -> name -> value of every file there. ConfigError names a file of another layout."""
    found = {}
    for path in sorted(directory.glob(f"{_PREFIX}*{_SUFFIX}")):
        file = open_shared(path, MAGIC_COUNTERS, COUNTERS_BYTES, access=mmap.ACCESS_READ)
        if file is None:
            continue
        process = path.name[len(_PREFIX) : -len(_SUFFIX)]
        found[process] = {name: int(file.words[place]) for name, place in _places(file).items()}
        file.close()
    return found
