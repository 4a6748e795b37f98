"""The control block: what operators tell the hot path, in shared memory and one latch file (R4.1, R6.2).

Who writes what: the level words are written by several (emergency stop, trader, bridge), the last one wins, and
each change of the global level goes through a lock and the latch file, so that word and file agree. A process's
heartbeat, with the wire epoch it works with, is its own. Params, wire settings and their epochs come from the
bridge alone, the applied epoch from the trader alone, `served` from the feed alone; `requested` may come from
several: a request lost in a race of nanoseconds is one that met another for the same market. The trader makes
an exchange monitor-only; the bridge lifts that when a person says so.

`python -m fast_path.control halt` needs neither database nor broker nor any other process (control_cli.py).
"""

import fcntl
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from arbitrage.domain.controls import Controls, TradingLevel
from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import EXCHANGES, Exchange, Ns
from arbitrage.domain.wire import WIRE_MAX
from fast_path.area import Area
from fast_path.latch import latch_level, latch_since, read_latch, write_latch
from fast_path.layout import (
    AREA_EPOCH,
    CONTROL_APPLIED,
    CONTROL_BYTES,
    CONTROL_CUT,
    CONTROL_EXCHANGES,
    CONTROL_LEVEL,
    CONTROL_MARKETS,
    CONTROL_MONITOR_ONLY,
    CONTROL_PARAMS,
    CONTROL_PROCESSES,
    CONTROL_WIRE,
    MAGIC_CONTROL,
    MARKET_BYTES,
    MARKET_LEVEL,
    MARKET_NAME_BYTES,
    MARKET_PAUSED,
    MARKET_REQUESTED,
    MARKET_SERVED,
    MARKET_SLOTS,
    MARKET_WALLETS,
    MARKET_WARNED,
    PARAMS_MAX,
    PROCESS_BYTES,
    PROCESS_NAME_BYTES,
    PROCESS_SLOTS,
    WORD,
    WORD_A,
)
from fast_path.shm import make_dir, name_bytes, name_text, open_or_create

BRIDGE = "bridge"
"""Its heartbeat says whether an operator's changes still arrive."""

_EXCHANGE_INDEX = {exchange: index for index, exchange in enumerate(EXCHANGES)}
_LEVELS: dict[int, TradingLevel] = {int(level): level for level in TradingLevel}
_PARAMS_EPOCH, _WIRE_EPOCH = ((start + AREA_EPOCH) // WORD for start in (CONTROL_PARAMS, CONTROL_WIRE))


class Beat(msgspec.Struct, frozen=True):
    """A process's last sign of life, by both clocks."""

    pid: int
    mono_ns: Ns
    wall_ns: Ns
    wire_epoch: int = 0
    """The epoch of the wire settings it works with; 0 = as shipped."""


class ControlBlock:
    """One process's view of the block. Opening it makes it when it is not there."""

    def __init__(
        self,
        directory: Path,
        markets: Sequence[str],
        latch_path: Path,
        *,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Open or create; a new block takes its level from the latch file, HALTED when that is unreadable."""
        self._latch_path = latch_path
        self._cut_file = str(self.cut_path)
        self._wall_ns = wall_ns
        make_dir(directory)
        self._lock_path = directory / "control.lock"
        self._file = open_or_create(directory / "control.shm", MAGIC_CONTROL, CONTROL_BYTES, fill=self._fill)
        self._mem, self._words = self._file.mem, self._file.words
        self._params = Area("params", self._mem, self._words, CONTROL_PARAMS, PARAMS_MAX)
        self._wire = Area("wire settings", self._mem, self._words, CONTROL_WIRE, WIRE_MAX)
        self._markets: dict[str, int] = {}
        self._processes: dict[str, int] = {}
        self._beaten: dict[int, str] = {}
        """Names by slot, once their process gave a beat: from then on they stand."""
        for market in markets:
            self._market(market)

    def _fill(self, memory: memoryview) -> None:
        words = memory.cast("q")
        words[CONTROL_LEVEL // WORD] = latch_level(read_latch(self._latch_path))
        for exchange, index in _EXCHANGE_INDEX.items():
            words[CONTROL_MONITOR_ONLY // WORD + index] = latch_since(read_latch(self._monitor_path(exchange)))

    def close(self) -> None:
        """Unmap the block; what was written stays."""
        self._file.close()

    # Levels.

    def level(self) -> TradingLevel:
        """Return the global level. A word that is no level reads as HALTED."""
        return _level(self._words[CONTROL_LEVEL // WORD])

    def set_level(self, level: TradingLevel, reason: str, by: str) -> None:
        """Set the global level in memory and in the latch file; OSError when the file cannot be written.

        A stricter level takes hold in memory first and stays there even if the file fails; a looser one is
        written to the file first, so that a failure leaves the desk as strict as it was.
        """
        word = CONTROL_LEVEL // WORD
        if level > self.level():
            self._words[word] = level
        with self._locked():
            if level >= self.level():
                self._words[word] = level
            write_latch(self._latch_path, level, reason, by, self._wall_ns())
            self._words[word] = level

    def latch(self) -> dict[str, object]:
        """Return the latch file's content: level, reason, by, wall_ns; {} when there is none.

        An unreadable file reads as level `halted` with the cause as its reason.
        """
        return read_latch(self._latch_path)

    def exchange_level(self, exchange: Exchange) -> TradingLevel:
        """Return one exchange's level: what was asked for, at least REDUCING while it is monitor-only."""
        asked = self.asked_exchange_level(exchange)
        return max(asked, TradingLevel.REDUCING) if self.monitor_only_since(exchange) else asked

    def asked_exchange_level(self, exchange: Exchange) -> TradingLevel:
        """Return the level a person asked for."""
        return _level(self._words[CONTROL_EXCHANGES // WORD + _EXCHANGE_INDEX[exchange]])

    def set_exchange_level(self, exchange: Exchange, level: TradingLevel) -> None:
        """Set one exchange's level; memory only, the bridge brings it back after a reboot."""
        self._words[CONTROL_EXCHANGES // WORD + _EXCHANGE_INDEX[exchange]] = level

    @property
    def cut_path(self) -> Path:
        """Return the file that keeps a cut over restarts; as long as it is there, orders are cut off."""
        return self._latch_path.with_name("cut.json")

    def is_cut(self) -> bool:
        """Return whether no order may leave and no key may be used: cut.py. Word and file, each is enough."""
        return bool(self._words[CONTROL_CUT // WORD]) or os.access(self._cut_file, os.F_OK)

    def set_cut(self, since_wall_ns: int) -> None:
        """Set the word; 0 = not cut off as far as memory goes."""
        self._words[CONTROL_CUT // WORD] = since_wall_ns

    def monitor_only_since(self, exchange: Exchange) -> Ns:
        """Return since when (UTC) nothing is opened there and books are only watched; 0 when it is traded."""
        return Ns(self._words[CONTROL_MONITOR_ONLY // WORD + _EXCHANGE_INDEX[exchange]])

    def monitor_only_latch(self, exchange: Exchange) -> dict[str, object]:
        """Return why: reason, by, wall_ns; {} when it is traded."""
        return read_latch(self._monitor_path(exchange))

    def make_monitor_only(self, exchange: Exchange, reason: str, by: str) -> bool:
        """Stop opening on an exchange until a person lifts it; return False when it is so already.

        Memory first, then a file that keeps it over a reboot; OSError leaves it in memory alone.
        """
        word = CONTROL_MONITOR_ONLY // WORD + _EXCHANGE_INDEX[exchange]
        if self._words[word]:
            return False
        with self._locked():
            now = self._words[word] = self._wall_ns()
            write_latch(self._monitor_path(exchange), TradingLevel.REDUCING, reason, by, now)
        return True

    def lift_monitor_only(self, exchange: Exchange, said_wall_ns: int) -> bool:
        """Trade there again, as a person said at `said_wall_ns`; return False when it was stopped after that."""
        word = CONTROL_MONITOR_ONLY // WORD + _EXCHANGE_INDEX[exchange]
        with self._locked():
            if not 0 < self._words[word] <= said_wall_ns:
                return False
            self._monitor_path(exchange).unlink(missing_ok=True)
            self._words[word] = 0
        return True

    def _monitor_path(self, exchange: Exchange) -> Path:
        return self._latch_path.with_name(f"monitor_only.{exchange}.json")

    def market_level(self, market: str) -> TradingLevel:
        """Return one market's level, without its pause."""
        return _level(self._words[self._market(market) + MARKET_LEVEL // WORD])

    def set_market_level(self, market: str, level: TradingLevel) -> None:
        """Set one market's level; memory only, the bridge brings it back after a reboot."""
        self._words[self._market(market) + MARKET_LEVEL // WORD] = level

    def pause_market(self, market: str, until_mono_ns: Ns) -> None:
        """Let a market only finish what is open until then. The later of two pauses holds."""
        word = self._market(market) + MARKET_PAUSED // WORD
        self._words[word] = max(self._words[word], until_mono_ns)

    def paused_until_mono_ns(self, market: str) -> Ns:
        """Return when the market's pause ends; 0 when it was never paused."""
        return Ns(self._words[self._market(market) + MARKET_PAUSED // WORD])

    def market_warnings(self, market: str) -> int:
        """Return on how many exchanges a notice or warning stands against a market."""
        return self._words[self._market(market) + MARKET_WARNED // WORD].bit_count()

    def wallets_suspended(self, market: str) -> int:
        """Return on how many exchanges a market's coins cannot come in or go out."""
        return self._words[self._market(market) + MARKET_WALLETS // WORD].bit_count()

    def set_standing(self, market: str, warned: Collection[Exchange], suspended: Collection[Exchange]) -> bool:
        """Say on which exchanges a market is warned of, and its wallets are suspended; return whether that is news."""
        place, is_news = self._market(market), False
        for word, exchanges in ((MARKET_WARNED, warned), (MARKET_WALLETS, suspended)):
            bits = sum(1 << _EXCHANGE_INDEX[exchange] for exchange in set(exchanges))
            is_news = is_news or self._words[place + word // WORD] != bits
            self._words[place + word // WORD] = bits
        return is_news

    def controls(self, market: str) -> Controls:
        """Return one reading for one market: the worst of global, both exchanges and market. A pause is no level."""
        words, place = self._words, self._market(market)
        level = max(
            _level(words[CONTROL_LEVEL // WORD]),
            *(self.exchange_level(exchange) for exchange in EXCHANGES),
            _level(words[place + MARKET_LEVEL // WORD]),
        )
        bridge = self._process(BRIDGE)
        return Controls(level, Ns(words[bridge + 1]), words[_PARAMS_EPOCH])

    # Params.

    def write_params(self, epoch: int, data: bytes) -> None:
        """Hand on a set of params, at most 16 KiB; ValueError when it is larger."""
        with self._locked():
            self._params.write(epoch, data)

    def read_params(self) -> tuple[int, bytes]:
        """Return epoch and bytes; (0, b"") when none were written or the writer died inside."""
        return self._params.read()

    def params_epoch(self) -> int:
        """Return the epoch of the newest params."""
        return self._words[_PARAMS_EPOCH]

    def applied_epoch(self) -> int:
        """Return the epoch the trader works with."""
        return int(self._words[CONTROL_APPLIED // WORD])

    def set_applied_epoch(self, epoch: int) -> None:
        """Say which epoch the trader works with."""
        self._words[CONTROL_APPLIED // WORD] = epoch

    # Wire settings.

    def write_wire(self, epoch: int, data: bytes) -> None:
        """Hand on wire settings, at most 64 KiB; ValueError when they are larger."""
        with self._locked():
            self._wire.write(epoch, data)

    def read_wire(self) -> tuple[int, bytes]:
        """Return epoch and bytes; (0, b"") when none were written or the writer died inside: as shipped."""
        return self._wire.read()

    def wire_epoch(self) -> int:
        """Return the epoch of the newest wire settings."""
        return self._words[_WIRE_EPOCH]

    def set_applied_wire(self, process: str, epoch: int) -> None:
        """Say which wire settings a process works with."""
        self._words[self._process(process) + 3] = epoch

    # Heartbeats.

    def beat(self, process: str, now_mono_ns: Ns, now_wall_ns: Ns) -> None:
        """Give a sign of life."""
        words, place = self._words, self._process(process)
        words[place] = os.getpid()
        words[place + 2] = now_wall_ns
        words[place + 1] = now_mono_ns

    def heartbeats(self) -> dict[str, Beat]:
        """Return the last beat of every process that ever gave one."""
        found = {}
        for start in range(CONTROL_PROCESSES, CONTROL_PROCESSES + PROCESS_SLOTS * PROCESS_BYTES, PROCESS_BYTES):
            name = self._beaten.get(start) or name_text(bytes(self._mem[start : start + PROCESS_NAME_BYTES]))
            if not name:
                break
            place = (start + PROCESS_NAME_BYTES) // WORD
            if (beat := self._beat_at(place)) is not None:
                self._beaten[start], self._processes[name] = name, place
                found[name] = beat
        return found

    def heartbeat(self, process: str) -> Beat | None:
        """Return one process's last beat, None when it never gave one."""
        place = self._processes.get(process)
        return self.heartbeats().get(process) if place is None else self._beat_at(place)

    def _beat_at(self, place: int) -> Beat | None:
        pid, mono_ns, wall_ns, wire = self._words[place : place + 4].tolist()
        return Beat(pid, Ns(mono_ns), Ns(wall_ns), wire) if pid else None

    # Resync requests.

    def request_resync(self, exchange: Exchange, market: str) -> None:
        """Ask the exchange's feed for a whole new book of this market."""
        word = self._market(market) + MARKET_REQUESTED // WORD + _EXCHANGE_INDEX[exchange]
        self._words[word] += 1

    def take_resyncs(self, exchange: Exchange) -> tuple[str, ...]:
        """Return the markets asked for since the last call; several requests for one count once."""
        words, index = self._words, _EXCHANGE_INDEX[exchange]
        taken = []
        for market, place in self._markets.items():
            requested = words[place + MARKET_REQUESTED // WORD + index]
            served = place + MARKET_SERVED // WORD + index
            if requested != words[served]:
                words[served] = requested
                taken.append(market)
        return tuple(taken)

    # The trader's fence.

    def fence(self) -> int:
        """Return the newest trader's number."""
        return self._words[WORD_A]

    def raise_fence(self) -> int:
        """Return a new, higher number; a trader that sees one above its own must stop."""
        with self._locked():
            self._words[WORD_A] += 1
            return int(self._words[WORD_A])

    # Slots by name.

    def _market(self, market: str) -> int:
        place = self._markets.get(market)
        if place is None:
            start = self._claim(market, CONTROL_MARKETS, MARKET_SLOTS, MARKET_BYTES, MARKET_NAME_BYTES)
            place = self._markets[market] = start // WORD
        return place

    def _process(self, process: str) -> int:
        place = self._processes.get(process)
        if place is None:
            start = self._claim(process, CONTROL_PROCESSES, PROCESS_SLOTS, PROCESS_BYTES, PROCESS_NAME_BYTES)
            place = self._processes[process] = (start + PROCESS_NAME_BYTES) // WORD
        return place

    def _claim(self, name: str, start: int, slots: int, slot_bytes: int, room: int) -> int:
        wanted = name_bytes(name, room)
        with self._locked():
            for offset in range(start, start + slots * slot_bytes, slot_bytes):
                found = bytes(self._mem[offset : offset + room])
                if found == wanted:
                    return offset
                if not found[0]:
                    self._mem[offset : offset + room] = wanted
                    return offset
        raise ConfigError([f"{self._file.path} has no room for {name}: all {slots} slots are taken"])

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fd = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)


def _level(word: int) -> TradingLevel:
    return TradingLevel.HALTED if (level := _LEVELS.get(word)) is None else level


if __name__ == "__main__":
    import sys

    from fast_path.control_cli import main

    sys.exit(main(sys.argv[1:]))
