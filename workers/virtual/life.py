"""One trader process in a made-up world: the real trader, from its lock to a proper end or to a death on the spot.

Death is SIGKILL: from that moment nothing of it reaches the journal, shared memory or the wire, in the
middle of whatever it did. What it wrote stays; of what was not synced a power cut may take the end.
"""

import asyncio
import contextvars
import os
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from errno import ENOSPC
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.events import EVENTS_VERSION, TRADER_STREAM, Event, Record, record_to_bytes
from arbitrage.domain.order import Order
from arbitrage.domain.ports import Answer, Gateway, Lookup
from arbitrage.domain.units import EXCHANGES, Exchange
from exchanges.gateways import gateway
from exchanges.registry import rest_books
from fast_path.journal import Journal, JournalNotWritten
from fast_path.journal_format import frame_of
from workers.process import Context, Rhythm
from workers.trader import Trader
from workers.trader_lock import become_trader
from workers.virtual.owners import OWNER

if TYPE_CHECKING:
    from workers.virtual.world import World


RHYTHM = Rhythm(trader_tick_s=0.1, lag_look_s=0.2)
"""What comes of a tick comes of one a little later, too; and a sign of life is due no more often."""


class Killed(BaseException):
    """Unwinds the stack of a process that was killed inside a call. Nobody catches it but the loop's end."""


class Fate(StrEnum):
    """What becomes of one journal record."""

    TORN = "torn"
    """The process is killed in the middle of the write."""
    NO_ROOM = "no_room"
    """The disk takes a part of it and no more."""


class DiskJournal(Journal):
    """The real journal on a disk that can fill up, and at whose doors the process can die."""

    is_full = False
    on_boundary: Callable[[str], None] = staticmethod(lambda name: None)
    on_event: Callable[[Event], None] = staticmethod(lambda event: None)
    on_torn: Callable[[], None] = staticmethod(lambda: None)
    on_synced: Callable[[int], None] = staticmethod(lambda end: None)
    """Told how much of the file a power cut cannot take."""
    written = 0
    """How many records this process tried to write."""

    def __init__(self, path: Path, *, wall_ns: Callable[[], int]) -> None:
        super().__init__(path, TRADER_STREAM, "none", wall_ns=wall_ns)
        self.fates: dict[int, tuple[Fate, float]] = {}
        """Number of a record -> its fate, and the share of it that is written."""

    def append(self, event: Event, *, durable: bool) -> int:
        """Write, unless the disk is full; die before or after if that is wanted."""
        self.on_boundary("journal_before")
        self.written += 1
        fate = self.fates.pop(self.written, None)
        if fate is not None:
            self._write_part(event, *fate)
        if self.is_full:
            raise JournalNotWritten(f"{self.path}: No space left on device")
        seq = super().append(event, durable=durable)
        self.on_event(event)
        if durable:
            self.on_synced(self._end)
        self.on_boundary("journal_after")
        return seq

    def _write_part(self, event: Event, fate: Fate, share: float) -> None:
        frame = frame_of(record_to_bytes(Record(EVENTS_VERSION, self.stream, self.last_seq + 1, event)))
        os.write(self._fd, frame[: int(share * len(frame))])
        if fate is Fate.TORN:
            self.on_torn()
        self._take_back(OSError(ENOSPC, "No space left on device"))
        raise JournalNotWritten(f"{self.path}: No space left on device")


class _Doors:
    """A gateway with a door where an answer has come and nobody was told yet."""

    def __init__(self, inner: Gateway, through: Callable[[str], None], cancels: Callable[[Order], None]) -> None:
        self._inner = inner
        # What is asked for all the time, without the way around below.
        self.budget, self.balances = inner.budget, inner.balances
        self._through = through
        self._cancels = cancels

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def place(self, order: Order) -> Answer:
        answer = await self._inner.place(order)
        self._through("placed")
        return answer

    async def cancel(self, order: Order) -> Answer:
        self._cancels(order)
        return await self._inner.cancel(order)

    async def query(self, order: Order) -> Lookup:
        found = await self._inner.query(order)
        self._through("looked_up")
        return found


class Life:
    """One trader process. `start` returns at once; `code` is set once it ended by itself."""

    def __init__(self, world: "World", number: int) -> None:
        self.owner = f"trader-{number}"
        self.code: int | None = None
        self.is_dead = False
        self.lost_power = False
        """Whether it ended with the machine: what was written and not synced may be gone."""
        self.boundaries = 0
        """How many doors it went through: journal writes and orders handed to the wire, before and after; answers."""
        self._at_door: dict[int, list[Callable[[str], None]]] = {}
        self._world = world
        self._context: Context | None = None
        self._journal: DiskJournal | None = None
        self._lock = -1
        self.trader: Trader | None = None
        self._space = contextvars.copy_context()
        self._space.run(OWNER.set, self.owner)
        self.task = asyncio.get_running_loop().create_task(self._run(), context=self._space)

    @property
    def is_running(self) -> bool:
        """Return whether it lives."""
        return not self.is_dead and self.code is None

    @property
    def context(self) -> Context:
        """Return its process context. ConfigError before it has one."""
        if self._context is None:
            raise ConfigError([f"{self.owner} has not begun"])
        return self._context

    @property
    def is_ready(self) -> bool:
        """Return whether it trades."""
        return self.is_running and self._context is not None and self._context.counters.get("ready") == 1

    async def _run(self) -> None:
        world = self._world
        context = self._context = Context("trader", world.person.trader_env, world.clock, RHYTHM)
        watch = asyncio.get_running_loop().create_task(context.watch_loop())
        try:
            self.code = await self._trade(context)
        except ConfigError as error:
            world.note(self.owner, "refused to start", "; ".join(error.problems))
            self.code = 2
        except Exception as error:  # noqa: BLE001  the made-up process's outermost loop
            world.note(self.owner, "failed", repr(error))
            self.code = 1
        finally:
            watch.cancel()
            if not self.is_dead:
                context.close()
                if self._lock >= 0:
                    os.close(self._lock)
                    self._lock = -1

    async def _trade(self, context: Context) -> int:
        world = self._world
        self._lock = become_trader(context)
        journal = self._journal = DiskJournal(world.env.journal_path, wall_ns=world.clock.wall_ns)
        journal.on_torn = self._torn
        journal.on_boundary = self.through
        journal.on_event = world.journalled
        journal.on_synced = world.synced
        journal.is_full = world.disk_is_full
        try:
            gateways = {
                exchange: _Doors(
                    gateway(exchange, world.env, world.clock, last_check=self._last_check), self.through, world.cancels
                )
                for exchange in EXCHANGES
            }
            # A live run's trader reads other addresses out of its environment; what it asks is the simulators.
            books = {exchange: rest_books(exchange, world.env, world.clock) for exchange in EXCHANGES}
            doors = cast(dict[Exchange, Gateway], gateways)
            self.trader = Trader(context, doors, journal, arm=world.person.look, books=books)
            world.on_trader(self)
            world.note(self.owner, "started", f"fence {context.control.fence()}")
            return await self.trader.run()
        finally:
            if not self.is_dead:
                journal.close()

    def _last_check(self, exchange: Exchange, order: Order) -> str | None:
        trader = self.trader
        if trader is None:
            return "not begun"
        self.through("wire_before")
        reason = trader.last_check(exchange, order)
        if reason is None:
            self._world.sent(self, exchange, order)
            # Behind whatever runs now: the order's bytes have left by then.
            asyncio.get_running_loop().call_soon(self._bytes_left)
        return reason

    def _bytes_left(self) -> None:
        with suppress(Killed):
            self.through("wire_after")

    def _torn(self) -> None:
        self._world.note(self.owner, "killed", "inside a journal record")
        self.die()
        raise Killed("inside a journal record")

    def fill_disk(self, *, is_full: bool) -> None:
        """Let the journal's disk be full, or have room again."""
        if self._journal is not None:
            self._journal.is_full = is_full

    def at_door(self, doors: int, act: Callable[[str], None]) -> None:
        """Let something happen the moment it goes through the n-th door from now, from 1; `act` is told which."""
        self._at_door.setdefault(self.boundaries + doors, []).append(act)

    def leave_doors_alone(self) -> None:
        """Let nothing happen any more at a door it has not gone through yet."""
        self._at_door.clear()
        if self._journal is not None:
            self._journal.fates.clear()

    def torn_at(self, records: int, share: float) -> None:
        """Be killed inside the n-th journal record from now, once a share of it is written."""
        self._fated(records, Fate.TORN, share)

    def no_room_at(self, records: int, share: float) -> None:
        """Find room for a share of the n-th journal record from now, and for no more of it."""
        self._fated(records, Fate.NO_ROOM, share)

    def _fated(self, records: int, fate: Fate, share: float) -> None:
        if self._journal is not None:
            self._journal.fates[self._journal.written + records] = (fate, share)

    def die_at_door(self, doors: int) -> None:
        """Be killed the moment it goes through the n-th door from now."""

        def die(door: str) -> None:
            self._world.note(self.owner, "killed", door)
            self.die()

        self.at_door(doors, die)

    def through(self, door: str) -> None:
        """Go through one door; Killed when this is the one it dies at."""
        if not self.is_dead:
            self.boundaries += 1
            for act in self._at_door.pop(self.boundaries, ()):
                # Whatever comes of it is no doing of this process: it happens though this one stands still, or is gone.
                contextvars.Context().run(act, door)
        if self.is_dead:
            raise Killed(door)

    def die(self) -> None:
        """Be killed: nothing of this process does anything from here on."""
        if self.is_dead or self.code is not None:
            return
        self.is_dead = True
        self._world.loop.kill(self.owner)
        if self._journal is not None:
            self._journal.close()
        if self._context is not None:
            with suppress(BufferError):
                self._context.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        for task in self._world.owners.tasks_of(self.owner):
            if task is not asyncio.current_task():
                task.cancel()

    def cut_power(self, keep: Callable[[int, int], int]) -> None:
        """Die, and lose of the journal what was never synced: `keep(synced, size)` says how much stays."""
        journal = self._journal
        self.lost_power = True
        self.die()
        if journal is not None:
            size = journal.path.stat().st_size
            os.truncate(journal.path, keep(min(self._world.synced_end, size), size))

    async def stop(self) -> int | None:
        """Tell it to stop as SIGTERM does; return its exit code, None when it was killed before."""
        await asyncio.sleep(0)  # one made this very moment has not begun
        if self.is_running:
            self.context.stopping.set()
            await asyncio.gather(self.task, return_exceptions=True)
        return self.code
