"""Bytes with an epoch in shared memory, replaced as a whole by one process and read by all (a seqlock)."""

from fast_path.layout import AREA_DATA, AREA_EPOCH, AREA_LENGTH, WORD

_RETRIES = 1000


class Area:
    """One area of the control block: what it holds is called `name` in errors."""

    def __init__(self, name: str, mem: memoryview, words: memoryview, start: int, room: int) -> None:
        self._name = name
        self._mem = mem
        self._words = words
        self._data = start + AREA_DATA
        self._room = room
        self._seq = start // WORD
        self._epoch = (start + AREA_EPOCH) // WORD
        self._length = (start + AREA_LENGTH) // WORD

    def write(self, epoch: int, data: bytes) -> None:
        """Replace what is here. The caller keeps other writers out; ValueError when there is no room."""
        if len(data) > self._room:
            raise ValueError(f"{self._name} have {len(data)} bytes, must have at most {self._room}")
        words = self._words
        seq = words[self._seq] | 1
        words[self._seq] = seq
        self._mem[self._data : self._data + len(data)] = data
        words[self._length] = len(data)
        words[self._epoch] = epoch
        words[self._seq] = seq + 1

    def read(self) -> tuple[int, bytes]:
        """Return epoch and bytes; (0, b"") when nothing was written or the writer died inside."""
        words = self._words
        for _ in range(_RETRIES):
            seq = words[self._seq]
            if seq & 1:
                continue
            epoch, length = words[self._epoch], words[self._length]
            data = bytes(self._mem[self._data : self._data + min(max(length, 0), self._room)])
            if words[self._seq] == seq:
                return epoch, data
        return 0, b""

    @property
    def epoch(self) -> int:
        """Return the epoch of what is here."""
        return int(self._words[self._epoch])
