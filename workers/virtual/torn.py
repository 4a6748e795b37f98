"""Shared memory whose writer is killed in the middle of what it writes: what it stored before stays there."""

from typing import Any

from arbitrage.domain.wire import WIRE_MAX
from fast_path.area import Area
from fast_path.control import ControlBlock
from fast_path.layout import CONTROL_PARAMS, CONTROL_WIRE, PARAMS_MAX


class WriterKilled(BaseException):
    """Unwinds the stack of a writer that was killed."""


class _Stores:
    """How many stores a writer lives to make; of a block of bytes that it dies in, a share is written."""

    def __init__(self, lived: int, share: float) -> None:
        self._left = lived
        self._share = share

    def store(self, memory: memoryview, where: Any, value: Any) -> None:
        """Store, or die."""
        self._left -= 1
        if self._left >= 0:
            memory[where] = value
            return
        if isinstance(where, slice):
            part = int(self._share * len(value))
            memory[where.start : where.start + part] = value[:part]
        raise WriterKilled


class _Mortal:
    """A view of memory through which only so many stores are made."""

    def __init__(self, memory: memoryview, stores: _Stores) -> None:
        self._memory = memory
        self._stores = stores

    def __getitem__(self, where: Any) -> Any:
        return self._memory[where]

    def __setitem__(self, where: Any, value: Any) -> None:
        self._stores.store(self._memory, where, value)


def die_writing_params(control: ControlBlock, epoch: int, data: bytes, *, lived: int, share: float) -> None:
    """Write params as the bridge does, and be killed after `lived` stores."""
    _die_writing(control, "params", (CONTROL_PARAMS, PARAMS_MAX), epoch, data, _Stores(lived, share))


def die_writing_wire(control: ControlBlock, epoch: int, data: bytes, *, lived: int, share: float) -> None:
    """Write wire settings as the bridge does, and be killed after `lived` stores."""
    _die_writing(control, "wire settings", (CONTROL_WIRE, WIRE_MAX), epoch, data, _Stores(lived, share))


def _die_writing(
    control: ControlBlock, name: str, place: tuple[int, int], epoch: int, data: bytes, stores: _Stores
) -> None:
    memory: Any = _Mortal(control._mem, stores)
    words: Any = _Mortal(control._words, stores)
    try:
        Area(name, memory, words, *place).write(epoch, data)
    except WriterKilled:
        return
