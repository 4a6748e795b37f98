"""The request budget that all processes of this machine share: one address, one budget (R1.1).

A file of rows in shared memory, one file per exchange. Whoever takes or corrects holds the file's lock
for some microseconds; the kernel lets go of it when a process dies inside, and a row half changed then
is at worst one request off. A process stopped inside keeps nobody waiting: after some milliseconds the others
go on without the lock, at the same price. The rows are in monotonic time, so the file's name carries the boot.

    0      magic u64, version i64, 48 spare
    64     slots [256] x 128: name 64 bytes, then the 8 words of `ratelimit.Row`
"""

import fcntl
import mmap
import os
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import Exchange
from exchanges.ratelimit import ROW_WORDS, Row

_MAGIC = b"karbgov1"
_HEADER = 64
_NAME = 64
_SLOT = _NAME + ROW_WORDS * 8
SLOTS = 256
_SIZE = _HEADER + SLOTS * _SLOT
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_TRIES = 100
_TRY_EVERY_S = 0.0001


class _FileLock:
    # Keeps every other process out, or goes on without when one of them does not let go.
    def __init__(self, fd: int) -> None:
        self.unlocked = 0
        self._fd = fd
        self._patience = _TRIES
        self._is_ours = False

    def __enter__(self) -> None:
        for attempt in range(self._patience):
            if attempt:
                time.sleep(_TRY_EVERY_S)
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            self._patience = _TRIES
            self._is_ours = True
            return
        # Waited for once, not each time: whoever holds it stands still.
        self._patience = 1
        self.unlocked += 1

    def __exit__(self, *_: object) -> None:
        if self._is_ours:
            self._is_ours = False
            fcntl.flock(self._fd, fcntl.LOCK_UN)


class SharedRows:
    """`ratelimit.Rows` in a file that every process of the machine maps."""

    def __init__(self, directory: Path, exchange: Exchange) -> None:
        """Map the file, making it where there is none. ConfigError when it is not ours to use."""
        self.path = directory / f"governor.{exchange}.{_boot()}.shm"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError([f"{self.path}: {error.strerror}"]) from None
        self._slots: dict[str, memoryview] = {}
        self._seen = 0
        self._lock = _FileLock(self._fd)
        try:
            with self._lock:
                self._map = self._mapped()
        except OSError as error:
            os.close(self._fd)
            raise ConfigError([f"{self.path}: {error.strerror}"]) from None
        except ConfigError:
            os.close(self._fd)
            raise
        self._mem = memoryview(self._map)

    def _mapped(self) -> mmap.mmap:
        # The magic comes last: a file without it was being made by a process that died, or found no room.
        size = os.fstat(self._fd).st_size
        magic = os.pread(self._fd, len(_MAGIC), 0)
        if not size or (size == _SIZE and not any(magic)):
            os.posix_fallocate(self._fd, 0, _SIZE)
            os.pwrite(self._fd, _MAGIC, 0)
        elif size != _SIZE or magic != _MAGIC:
            raise ConfigError([f"{self.path} is of another version; stop all parts of K-Arb and remove the file"])
        return mmap.mmap(self._fd, _SIZE)

    def find(self, group: str) -> Row | None:
        """Return the row of a group, one that another process claimed included."""
        row = self._slots.get(group)
        if row is None:
            self._look()
            row = self._slots.get(group)
        return row

    def claim(self, group: str) -> Row:
        """Return a new row. ConfigError when the name is too long or all slots are taken."""
        name = group.encode()
        self._look()
        if not 0 < len(name) < _NAME or self._seen == SLOTS:
            raise ConfigError([f"{self.path} has no room for limit group {group!r}"])
        start = _HEADER + self._seen * _SLOT
        self._mem[start : start + _NAME] = name.ljust(_NAME, b"\0")
        self._look()
        return self._slots[group]

    def all(self) -> Iterable[Row]:
        """Return every row."""
        self._look()
        return self._slots.values()

    @property
    def unlocked(self) -> int:
        """Return how often it went on without the lock, because somebody held it too long."""
        return self._lock.unlocked

    def locked(self) -> AbstractContextManager[None]:
        """Keep every other process out, or go on without when one of them does not let go. Not to be nested."""
        return self._lock

    def close(self) -> None:
        """Unmap the file."""
        for row in self._slots.values():
            row.release()
        self._slots.clear()
        self._mem.release()
        self._map.close()
        os.close(self._fd)

    # Names are only ever added, in order of slots.
    def _look(self) -> None:
        while self._seen < SLOTS:
            start = _HEADER + self._seen * _SLOT
            name = bytes(self._mem[start : start + _NAME]).partition(b"\0")[0]
            if not name:
                return
            self._slots[name.decode()] = self._mem[start + _NAME : start + _SLOT].cast("q")
            self._seen += 1


@cache
def _boot() -> str:
    try:
        return _BOOT.read_text()[:8]
    except OSError:
        return "0"
