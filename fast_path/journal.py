"""The trader's append-only journal: written before an order leaves, read back after a crash.

What a record's safety rests on: `append` returns after write(2), so a killed process loses nothing. With
`durable` and the policy `intent` it returns after fdatasync, so a power cut loses nothing either; the policy
`none` leaves a power cut the last seconds, and recovery then asks the exchanges.

An unfinished end is put aside and cut off; damage anywhere else stops the start: a person must look.
"""

import fcntl
import mmap
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from arbitrage.domain.errors import ConfigError, JournalCorrupt, KArbError
from arbitrage.domain.events import EVENTS_VERSION, Event, Record, record_to_bytes
from fast_path.journal_format import (
    FRAME,
    MAX_RECORD,
    START,
    check_header,
    damage,
    damaged,
    decode,
    frame_of,
    frames,
    header_of,
)
from fast_path.latch import sync_dir
from karb_project import logs

_CHUNK = 256 * 1024
_log = logs.get("fast_path.journal")


def _nobody(_event: Event) -> None:
    """Listen to nothing."""


class JournalNotWritten(KArbError):
    """The record is not safely in the journal: what it announces must not happen."""


class Journal:
    """The one writer. ConfigError when another process has it open or it belongs to another stream."""

    def __init__(
        self,
        path: Path,
        stream: str,
        fsync: Literal["intent", "none"],
        *,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Open or create; mend an unfinished end. JournalCorrupt when the damage is anywhere else."""
        self.path = path
        self.stream = stream
        self.last_seq = 0
        self._syncs = fsync == "intent"
        self._broken = ""
        self.on_append: Callable[[Event], None] = _nobody
        """Told every event once it is written; it must not raise."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._end = self._open(wall_ns)
        except BaseException:
            os.close(self._fd)
            raise

    def _open(self, wall_ns: Callable[[], int]) -> int:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError([f"{self.path} is being written by another process; stop that one first"]) from None
        size = os.fstat(self._fd).st_size
        if size < START:
            self._cut(0, size, wall_ns)
            os.write(self._fd, header_of(self.stream))
            os.fsync(self._fd)
            sync_dir(self.path.parent)
            return START
        check_header(self.path, os.pread(self._fd, START, 0), self.stream)
        with mmap.mmap(self._fd, size, access=mmap.ACCESS_READ) as data:
            end, last = START, b""
            for payload, end in frames(data, START):  # noqa: B007  # both are used after the loop
                last = payload
            fault = "" if end == size else damage(data, end)
        if fault:
            raise damaged(self.path, end, fault)
        if last:
            self.last_seq = decode(self.path, last, end - len(last)).seq
        self._cut(end, size, wall_ns)
        return end

    def _cut(self, end: int, size: int, wall_ns: Callable[[], int]) -> None:
        if end == size:
            return
        kept = self.path.with_name(f"{self.path.name}.torn-{wall_ns()}")
        with kept.open("xb") as file:
            file.write(os.pread(self._fd, size - end, end))
            file.flush()
            os.fsync(file.fileno())
        sync_dir(self.path.parent)
        os.ftruncate(self._fd, end)
        os.fsync(self._fd)
        _log.warning("journal_tail_mended", path=self.path, offset=end, bytes=size - end, kept=kept)

    def append(self, event: Event, *, durable: bool) -> int:
        """Write one record and return its seq; with `durable` (and policy `intent`) it is on disk by then.

        JournalNotWritten when there is no room or the disk failed: the file is as it was. After a failed sync
        nobody knows what is on disk: this and every later append raises until the journal is opened anew.
        """
        if self._broken:
            raise JournalNotWritten(f"{self.path}: {self._broken}; restart the trader")
        payload = record_to_bytes(Record(EVENTS_VERSION, self.stream, self.last_seq + 1, event))
        if len(payload) > MAX_RECORD:
            raise JournalNotWritten(f"{self.path}: the record has {len(payload)} bytes, must have at most {MAX_RECORD}")
        data = frame_of(payload)
        try:
            written = os.write(self._fd, data)
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError as error:
            self._take_back(error)
            raise JournalNotWritten(f"{self.path}: {error.strerror}") from error
        self._end += len(data)
        self.last_seq += 1
        if durable and self._syncs:
            try:
                os.fdatasync(self._fd)
            except OSError as error:
                self._broken = f"the disk could not sync: {error.strerror}"
                raise JournalNotWritten(f"{self.path}: {self._broken}") from error
        self.on_append(event)
        return self.last_seq

    def _take_back(self, error: OSError) -> None:
        try:
            os.ftruncate(self._fd, self._end)
        except OSError as second:
            self._broken = f"{error.strerror}, and the unfinished record could not be taken back: {second.strerror}"

    def replay(self) -> Iterator[Record]:
        """Yield every record from the first. JournalCorrupt when one cannot be read or a seq is missing."""
        end = self._end
        if end == START:
            return
        with mmap.mmap(self._fd, end, access=mmap.ACCESS_READ) as data:
            for seq, (payload, after) in enumerate(frames(data, START), start=1):
                record = decode(self.path, payload, after - len(payload))
                if record.seq != seq or record.stream != self.stream:
                    found = f"record {record.stream}:{record.seq}, must be {self.stream}:{seq}"
                    raise damaged(self.path, after - len(payload), found)
                yield record

    def close(self) -> None:
        """Let go of the file and its lock; a second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self._broken = "closed"


class JournalTail:
    """A reader beside the writer. It never hands on an unfinished record; an absent file is an empty one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = -1

    def read(self, offset: int, limit: int) -> list[tuple[Record, int]]:
        """Return up to `limit` records from `offset` (0 = the first), each with the offset behind it.

        JournalCorrupt when a record is damaged though others follow, or when the file ends before `offset`:
        then the journal lost what had been read from it.
        """
        if not self._is_open():
            return []
        size = os.fstat(self._fd).st_size
        offset = max(offset, START)
        if size < START or size == offset:
            return []
        if offset > size:
            raise JournalCorrupt(f"{self.path} has {size} bytes, but was already read up to byte {offset}")
        found: list[tuple[Record, int]] = []
        # What is written from here on is the next reading's.
        while offset < size and len(found) < limit:
            data = os.pread(self._fd, min(_CHUNK, size - offset), offset)
            if len(data) == _CHUNK:
                wanted = FRAME.unpack_from(data)[0] + FRAME.size
                if _CHUNK < wanted <= MAX_RECORD + FRAME.size:
                    data = os.pread(self._fd, wanted, offset)
            start, begin = offset, len(found)
            for payload, end in frames(data, 0):
                offset = start + end
                found.append((decode(self.path, payload, offset - len(payload)), offset))
                if len(found) == limit:
                    break
            if len(found) == begin:
                self._check_end(offset)
                break
        return found

    def secure(self) -> None:
        """Bring what was read to the disk; OSError when that fails.

        What is booked from the journal must outlive a power cut like the database does: a journal that
        came back shorter would hand out the same sequence numbers for other records.
        """
        if self._fd >= 0:
            os.fdatasync(self._fd)

    def size(self) -> int:
        """Return the journal's size in bytes, 0 while there is none: how far there is to read."""
        return os.fstat(self._fd).st_size if self._is_open() else 0

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _is_open(self) -> bool:
        try:
            now = self.path.stat()
        except FileNotFoundError:
            self.close()
            return False
        if self._fd >= 0:
            ours = os.fstat(self._fd)
            if (ours.st_dev, ours.st_ino) == (now.st_dev, now.st_ino):
                return True
            self.close()
        self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        return True

    def _check_end(self, offset: int) -> None:
        # Nothing readable here: unfinished, or damaged. A second look rules out that the writer was at it.
        rest = os.pread(self._fd, MAX_RECORD + 2 * FRAME.size, offset)
        if next(frames(rest, 0), None) is None and (fault := damage(rest, 0)):
            raise damaged(self.path, offset, fault)
