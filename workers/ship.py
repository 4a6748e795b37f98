"""The trader's side of a standby: ships the journal as it grows, and holds the lease without which nothing is sent.

An order's bytes leave only when the standby has acknowledged the journal up to the record that plans it: whatever
was sent, the standby knows. That costs one round trip to the standby an order; a standby that does not answer
stops new arbs and hedges alike once the lease has ended.
"""

import asyncio
import hashlib
import os
from pathlib import Path

from arbitrage.domain.lease import Denied, Granted, Holder
from arbitrage.domain.params import MS
from arbitrage.domain.units import Ns
from karb_project.env import split_address
from workers.process import Context
from workers.ship_wire import MOST_DATA, VERSION, Append, Ask, Bye, Have, Hello, Lent, ShipBroken, Taken, Talk, called

ASKS_A_LEASE = 8
"""How often a lease is asked for anew within one."""
SHIPPED_WITHIN_S = 0.4
"""A leg is not sent later than half a second after it was decided; nor does it wait longer for the standby."""
CONNECT_S = 3.0
AGAIN_S = (0.1, 0.2, 0.5, 1.0)
DIFFERS_S = 5.0
NO_LEASE = "no lease from the standby"


class Shipper:
    """`Lease` over one standby. `run` until cancelled."""

    def __init__(self, context: Context, journal: Path) -> None:
        env = context.env
        self._context = context
        self._path = journal
        self._address = split_address(env.standby_address)
        self._secret = env.standby_secret
        self._lease_ms = env.lease_ms
        self._holder = Holder(env.lease_ms * MS)
        self._opening: Talk | None = None
        self._talk: Talk | None = None
        """The same once it is known that the standby has a part of our journal."""
        self._fd = -1
        self._sent = 0
        self._acked = 0
        self._heard_ns = 0
        self._hash = hashlib.sha256()
        self._hashed = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._leased = asyncio.Event()
        self._said = ""

    # What the trader asks

    @property
    def is_lost(self) -> bool:
        """Return whether the standby trades now."""
        return bool(self._holder.denied_epoch)

    def why_not(self) -> str | None:
        """Return why nothing may be sent right now."""
        if self._holder.is_held(self._context.clock.boot_ns()):
            return None
        return f"the standby trades, epoch {self._holder.denied_epoch}" if self.is_lost else NO_LEASE

    async def until_shipped(self) -> str | None:
        """Return None once the standby has the journal as it is now."""
        size = self._size()
        if self._acked < size:
            self._push()
            kept = asyncio.get_running_loop().create_future()
            self._waiting.append((size, kept))
            try:
                async with asyncio.timeout(SHIPPED_WITHIN_S):
                    await kept
            except TimeoutError:
                self._waiting.remove((size, kept))
                self._context.counters.add("ship_waits_lost")
                return "the standby has not acknowledged the journal"
        return self.why_not()

    async def until_leased(self) -> bool:
        """Return True once the first lease is held, False when told to stop meanwhile."""
        while not self._context.stopping.is_set():
            if self._leased.is_set():
                return True
            await self._context.sleep(0.05)
        return False

    async def say_goodbye(self) -> None:
        """Tell the standby that this stop is planned, with everything shipped first."""
        await self.until_shipped()
        if self._talk is not None:
            try:
                self._talk.say(Bye())
                await self._talk.settle()
            except ShipBroken:
                self._context.log.warning("goodbye_not_said")

    # The connection

    async def run(self) -> None:
        """Connect, ship and ask, again and again."""
        tries = 0
        while True:
            try:
                tries = await self._session(tries)
            except (ShipBroken, OSError, TimeoutError) as error:
                self._tell("standby_lost", f"{type(error).__name__}: {error}")
            finally:
                self._drop()
            await asyncio.sleep(AGAIN_S[min(tries, len(AGAIN_S) - 1)])
            tries += 1

    async def _session(self, tries: int) -> int:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(*self._address)
            talk = self._opening = await called(reader, writer, self._secret)
            talk.say(Hello(VERSION, self._lease_ms, self._context.control.fence()))
            first = await talk.hear()
        if isinstance(first, Taken):
            self._denied(first)
            return tries
        if not isinstance(first, Have) or not await self._is_prefix(first):
            self._tell("standby_journal_differs", "its copy is not a part of our journal: move it away there")
            await asyncio.sleep(DIFFERS_S)
            return tries
        self._sent, self._acked, self._talk = first.offset, first.offset, talk
        self._tell("standby_joined", f"it has {first.offset} bytes", is_trouble=False)
        listening = asyncio.create_task(self._listen(talk))
        try:
            self._heard_ns = self._context.clock.mono_ns()
            while not listening.done():
                if self._context.clock.mono_ns() - self._heard_ns > self._lease_ms * MS:
                    raise ShipBroken("no answer for as long as a lease lasts")
                await self._catch_up(talk)
                await asyncio.wait({listening}, timeout=self._lease_ms / 1000 / ASKS_A_LEASE)
            listening.result()
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        return 0

    async def _is_prefix(self, have: Have) -> bool:
        if have.offset > self._size():
            return False
        if have.offset < self._hashed:
            self._hash, self._hashed = hashlib.sha256(), 0
        while self._hashed < have.offset:
            data = os.pread(self._open(), min(MOST_DATA, have.offset - self._hashed), self._hashed)
            self._hash.update(data)
            self._hashed += len(data)
            await asyncio.sleep(0)
        return self._hash.digest() == have.digest

    async def _catch_up(self, talk: Talk) -> None:
        while self._size() - self._sent > MOST_DATA:
            talk.say(self._next())
            await talk.settle()
        self._push()

    def _push(self) -> None:
        """Ship what is new and ask, in one write."""
        talk = self._talk
        if talk is None or self.is_lost:
            return
        words: list[Append | Ask] = []
        while self._sent < self._size():
            words.append(self._next())
        now = self._context.clock.boot_ns()
        words.append(Ask(self._holder.ask(now), int(self._context.control.level())))
        try:
            talk.say(*words)
        except ShipBroken:
            self._talk = None

    def _next(self) -> Append:
        data = os.pread(self._open(), MOST_DATA, self._sent)
        made = Append(self._sent, data)
        self._sent += len(data)
        return made

    async def _listen(self, talk: Talk) -> None:
        while True:
            match await talk.hear():
                case Lent(number, offset):
                    self._heard_ns = self._context.clock.mono_ns()
                    self._holder.answered(Granted(number))
                    self._kept(offset)
                    if self.why_not() is None:
                        self._leased.set()
                case Taken() as taken:
                    self._denied(taken)
                    return
                case word:
                    raise ShipBroken(f"an unexpected {type(word).__name__}")

    def _kept(self, offset: int) -> None:
        self._acked = max(self._acked, offset)
        ready = [(size, kept) for size, kept in self._waiting if size <= self._acked]
        for one in ready:
            self._waiting.remove(one)
            if not one[1].done():
                one[1].set_result(None)

    def _denied(self, taken: Taken) -> None:
        if not self.is_lost:
            self._context.log.critical("standby_has_taken_over", epoch=taken.epoch)
        self._holder.answered(Denied(taken.epoch))

    def _drop(self) -> None:
        if self._opening is not None:
            self._opening.close()
        self._opening = self._talk = None
        self._holder.forget()

    # The journal

    def _open(self) -> int:
        if self._fd < 0:
            self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        return self._fd

    def _size(self) -> int:
        return os.fstat(self._open()).st_size

    def close(self) -> None:
        """Let go of the journal."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _tell(self, event: str, text: str, *, is_trouble: bool = True) -> None:
        # Once per change, however often it is tried.
        if event != self._said:
            self._said = event
            log = self._context.log.warning if is_trouble else self._context.log.info
            log(event, detail=text, lease_left_ms=Ns(0) if self.why_not() else self._lease_ms)
