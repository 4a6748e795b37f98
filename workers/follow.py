"""The standby's side: keeps a byte-identical copy of the first trader's journal and lends it the right to send."""

import asyncio
import fcntl
import hashlib
import json
import os
from pathlib import Path

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.errors import ConfigError
from arbitrage.domain.lease import Denied, Granted, Lender
from arbitrage.domain.params import MS
from fast_path.latch import sync_dir
from karb_project.env import Env, split_address
from workers.process import Context
from workers.ship_wire import (
    VERSION,
    Append,
    Ask,
    Bye,
    Have,
    Hello,
    Lent,
    ShipBroken,
    Taken,
    Talk,
    answered,
)

HELLO_S = 3.0
SLEPT_NS = 400 * MS
_CHUNK = 1 << 20


class Standing:
    """What must outlive the standby's process: its epoch, and whether it trades. ConfigError when unreadable."""

    def __init__(self, env: Env) -> None:
        self.path = env.var_dir / "standby.json"
        self.epoch, self.has_taken = 0, False
        try:
            words = json.loads(self.path.read_bytes())
            self.epoch, self.has_taken = int(words["epoch"]), bool(words["has_taken"])
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError([f"{self.path} cannot be read ({error}): is this machine the trader or not?"]) from None

    def keep(self, epoch: int, *, has_taken: bool) -> None:
        """Write both, on disk when this returns."""
        fresh = self.path.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
            json.dump({"epoch": epoch, "has_taken": has_taken}, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
        sync_dir(self.path.parent)
        self.epoch, self.has_taken = epoch, has_taken


class Copy:
    """The copy of the journal: bytes are only ever added at its end. ConfigError when another process has it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            raise ConfigError([f"{path} is being written by another process; stop that one first"]) from None
        self.size = 0
        self._hash = hashlib.sha256()
        while data := os.pread(self._fd, _CHUNK, self.size):
            self._took(data)

    def _took(self, data: bytes) -> None:
        self._hash.update(data)
        self.size += len(data)

    @property
    def digest(self) -> bytes:
        """Return the SHA-256 of all of it."""
        return self._hash.digest()

    def add(self, offset: int, data: bytes) -> None:
        """Write at the end. ShipBroken when that is not where `data` belongs; OSError leaves the file as it was."""
        if offset != self.size:
            raise ShipBroken(f"bytes for {offset}, the copy ends at {self.size}")
        try:
            written = 0
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError:
            os.ftruncate(self._fd, self.size)
            raise
        self._took(data)

    def close(self) -> None:
        """Bring it to the disk and let go of it; a second call does nothing."""
        if self._fd >= 0:
            os.fsync(self._fd)
            os.close(self._fd)
            self._fd = -1


class Follower:
    """Listens for the first trader. One session counts: the newest whose first word bears the secret's mark."""

    def __init__(self, context: Context, standing: Standing) -> None:
        env = context.env
        self.lender = Lender(env.lease_ms * MS, standing.epoch, has_taken=standing.has_taken)
        self.level = TradingLevel.ACTIVE
        """Where the first trader's kill switch stood when it was last heard of."""
        self.copy: Copy | None = None if standing.has_taken else Copy(env.journal_path)
        self._context = context
        self._standing = standing
        self._looked_ns = 0
        self._session: Talk | None = None
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen. ConfigError when the address cannot be had."""
        host, port = split_address(self._context.env.standby_listen)
        try:
            self._server = await asyncio.start_server(self._joined, host, port)
        except OSError as error:
            raise ConfigError([f"KARB_STANDBY_LISTEN {host}:{port} cannot be listened on: {error}"]) from None

    def close(self) -> None:
        """Listen no more, and let go of the copy."""
        if self._server is not None:
            self._server.close()
        if self._session is not None:
            self._session.close()
        if self.copy is not None:
            self.copy.close()

    def may_take(self) -> bool:
        """Return whether the first trader can have no lease any more, and did not stop as planned.

        Call it often: a long time between two calls was slept through, and then the wait begins anew.
        """
        now = self._context.clock.boot_ns()
        if self._looked_ns and now - self._looked_ns > SLEPT_NS:
            self._context.log.warning("standby_slept", ms=(now - self._looked_ns) // MS)
            self.lender.slept(now)
        self._looked_ns = now
        return self.lender.may_take(now)

    def take(self) -> int:
        """Take the right to send: on disk first, then in memory; the copy is let go of. Return the epoch."""
        now = self._context.clock.boot_ns()
        epoch = self.lender.take(now)
        self._standing.keep(epoch, has_taken=True)
        if self.copy is not None:
            self.copy.close()
            self.copy = None
        if self._session is not None:
            self._session.close()
            self._session = None
        return epoch

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HELLO_S):
                talk = await answered(reader, writer, self._context.env.standby_secret)
                hello = await talk.hear()
            if not isinstance(hello, Hello):
                raise ShipBroken("no hello")
            await self._served(talk, hello)
        except (ShipBroken, OSError, TimeoutError) as error:
            self._context.log.warning("first_trader_lost", cause=f"{type(error).__name__}: {error}")
        finally:
            writer.close()

    async def _served(self, talk: Talk, hello: Hello) -> None:
        context, copy = self._context, self.copy
        if hello.version != VERSION or hello.lease_ms != context.env.lease_ms:
            raise ShipBroken(f"it speaks version {hello.version} with leases of {hello.lease_ms} ms")
        if self.lender.has_taken or copy is None:
            talk.say(Taken(self.lender.epoch))
            await talk.settle()
            return
        if self._session is not None:
            self._session.close()
        self._session = talk
        context.log.info("first_trader_joined", fence=hello.fence, offset=copy.size)
        talk.say(Have(copy.size, copy.digest))
        while self._session is talk:
            self._heard(talk, copy, await talk.hear())

    def _keep(self, copy: Copy, offset: int, data: bytes) -> None:
        try:
            copy.add(offset, data)
        except OSError as error:
            # Without the whole journal this one must not trade, and the first cannot send: a person is to decide.
            self.lender.part()
            self._context.log.critical("copy_not_written", error=str(error))
            raise

    def _heard(self, talk: Talk, copy: Copy, word: object) -> None:
        if self._session is not talk:
            raise ShipBroken("a newer session took its place")
        match word:
            case Append(offset, data):
                self._keep(copy, offset, data)
            case Ask(number, level):
                self.level = TradingLevel(level) if 0 <= level < len(TradingLevel) else TradingLevel.HALTED
                match self.lender.ask(number, self._context.clock.boot_ns()):
                    case Granted():
                        talk.say(Lent(number, copy.size))
                    case Denied(epoch):
                        talk.say(Taken(epoch))
            case Bye():
                self.lender.part()
                self._context.log.info("first_trader_said_goodbye")
            case _:
                raise ShipBroken(f"an unexpected {type(word).__name__}")
