"""Feed -> trader: "a book changed". Coalescing, never blocking, and nothing is lost when the queue is full.

What changed stands in a shared file of counters, one row per exchange and so one writer per word; the
datagram only ends the receiver's sleep. A full socket queue means that a wake-up is already on its way.
"""

import os
import socket
from itertools import zip_longest
from pathlib import Path

from arbitrage.domain.units import EXCHANGES
from fast_path.layout import HEADER_BYTES, MAGIC_WAKEUP, WAKEUP_BYTES, WAKEUP_MARKETS, WORD
from fast_path.shm import SharedFile, make_dir, open_or_create

_START = HEADER_BYTES // WORD
_LONGEST = 107
"""Of a unix socket's path on Linux."""
_MASK = (1 << 62) - 1


def _words_file(path: Path) -> SharedFile:
    return open_or_create(path.with_name(path.name + ".words"), MAGIC_WAKEUP, WAKEUP_BYTES)


class _Address:
    # A path that is too long is reached through the open directory.
    def __init__(self, path: Path) -> None:
        self.directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        text = str(path)
        self.text = text if len(os.fsencode(text)) <= _LONGEST else f"/proc/self/fd/{self.directory}/{path.name}"

    def close(self) -> None:
        os.close(self.directory)


class WakeupSender:
    """The feed's end."""

    def __init__(self, path: Path) -> None:
        make_dir(path.parent)
        self._address = _Address(path)
        self._file = _words_file(path)
        self._words = self._file.words
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)

    def notify(self, exchange_index: int, market_index: int) -> None:
        """Say that this market's book changed. Never blocks; nobody listening is fine."""
        words = self._words
        row = _START + exchange_index * WAKEUP_MARKETS
        if words[row] <= market_index:
            words[row] = market_index + 1
        word = row + 1 + market_index
        words[word] = (words[word] + 1) & _MASK
        try:
            self._socket.sendto(b"!", self._address.text)
        except OSError:
            # Absent, restarting, or its queue is full: the word above is what counts.
            return

    def close(self) -> None:
        """Close the socket and the file."""
        self._socket.close()
        self._file.close()
        self._address.close()


class WakeupReceiver:
    """The trader's end; takes over the socket's name from one that died."""

    def __init__(self, path: Path) -> None:
        make_dir(path.parent)
        self._path = path
        self._address = _Address(path)
        self._file = _words_file(path)
        self._seen = [self._row(exchange) for exchange in range(len(EXCHANGES))]
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        path.unlink(missing_ok=True)
        self._socket.bind(self._address.text)
        self._inode = path.lstat().st_ino

    def fileno(self) -> int:
        """Return the descriptor to wait on for reading."""
        return self._socket.fileno()

    def drain(self) -> set[tuple[int, int]]:
        """Return (exchange_index, market_index) of all that changed since the last call; never blocks."""
        try:
            while True:
                self._socket.recv(64)
        except BlockingIOError:
            pass
        changed: set[tuple[int, int]] = set()
        for exchange, before in enumerate(self._seen):
            row = self._row(exchange)
            if row != before:
                self._seen[exchange] = row
                for market, (now, then) in enumerate(zip_longest(row, before, fillvalue=0)):
                    if now != then:
                        changed.add((exchange, market))
        return changed

    def close(self) -> None:
        """Close, and give up the name unless another receiver has taken it."""
        self._socket.close()
        try:
            if self._path.lstat().st_ino == self._inode:
                self._path.unlink()
        except FileNotFoundError:
            pass
        self._file.close()
        self._address.close()

    def _row(self, exchange: int) -> list[int]:
        words = self._file.words
        start = _START + exchange * WAKEUP_MARKETS
        return words[start + 1 : start + 1 + words[start]].tolist()
