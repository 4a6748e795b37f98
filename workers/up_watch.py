"""What the supervisor can see of a running desk: heartbeats, books, trading level, counters. It only reads."""

import asyncio
from pathlib import Path

import redis

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.units import EXCHANGES, Exchange
from fast_path.books import BookReader
from fast_path.control import ControlBlock
from fast_path.counters import read_counters
from karb_project import redis_keys
from karb_project.env import Env, split_address
from workers.arming_desk import ArmingDesk
from workers.process import Clock
from workers.sight import books_fresh, bytes_not_booked

MAX_BEAT_AGE_NS = 1_000_000_000


class Watch:
    """The desk as seen from outside its processes."""

    def __init__(self, env: Env, redis_url: str, clock: Clock) -> None:
        self.env = env
        self._clock = clock
        self.control = ControlBlock(env.shm_dir, env.markets, env.latch_path)
        self._readers = {exchange: BookReader(env.shm_dir, exchange, env.markets) for exchange in EXCHANGES}
        self._redis = redis.Redis.from_url(redis_url, socket_timeout=1, socket_connect_timeout=1, retry=None)

    def beats(self, process: str, pid: int) -> bool:
        """Return whether process `pid` beat as `process` within the last second."""
        beat = self.control.heartbeat(process)
        return beat is not None and beat.pid == pid and self._clock.mono_ns() - beat.mono_ns < MAX_BEAT_AGE_NS

    def is_hung(self, process: str, pid: int, limit_ns: int) -> bool:
        """Return whether process `pid` has beaten once and not for `limit_ns` since."""
        beat = self.control.heartbeat(process)
        return beat is not None and beat.pid == pid and self._clock.mono_ns() - beat.mono_ns > limit_ns

    def readable_books(self, exchange: Exchange) -> int:
        """Return how many of the exchange's markets have a live book."""
        reader = self._readers[exchange]
        return sum(reader.read(index) is not None for index in range(len(self.env.markets)))

    def fresh_books(self) -> int:
        """Return how many books, of both exchanges, are young enough to trade on."""
        now = self._clock.mono_ns()
        return sum(books_fresh(self.control, reader, now) for reader in self._readers.values())

    def mode_text(self) -> str:
        """Return what the desk is connected to, as the trader's transport tells, and whether it is armed."""
        desk = ArmingDesk(self.env)
        return " ".join(word for word in (desk.mode(), desk.armed_line()) if word)

    def level(self) -> TradingLevel:
        """Return the desk's trading level."""
        return self.control.level()

    def monitor_only(self) -> list[str]:
        """Return the exchanges that are only watched, because they could not be believed."""
        return [exchange.value for exchange in EXCHANGES if self.control.monitor_only_since(exchange)]

    def counters(self) -> dict[str, dict[str, int]]:
        """Return process -> counter -> value."""
        return read_counters(self.env.shm_dir)

    def recorder_lag(self) -> int:
        """Return how many bytes of the journal the recorder has not turned into rows yet."""
        return bytes_not_booked(self.env)

    async def redis_answers(self) -> bool:
        """Return whether the broker answers a PING."""
        return bool(await self._ask("PING"))

    async def celery_part_ready(self, part: str, pid: int) -> bool:
        """Return whether Celery's worker or beat, process `pid`, has said that it is ready."""
        return await self._ask("HGET", redis_keys.READY, part) == str(pid).encode()

    async def task_counts(self) -> dict[str, int]:
        """Return how often each task has ended, as counted in the broker; {} when it does not answer."""
        found = await self._ask("HGETALL", redis_keys.TASKS)
        return {name.decode(): int(count) for name, count in found.items()} if isinstance(found, dict) else {}

    async def _ask(self, *command: str) -> object:
        try:
            return await asyncio.to_thread(self._redis.execute_command, *command)
        except redis.RedisError:
            return None


async def http_ok(address: str, path: str) -> bool:
    """Return whether GET `path` on `address` answers 200 within 2 s."""
    host, port = split_address(address)
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


async def listens(address: str) -> bool:
    """Return whether something takes connections on `address`."""
    host, port = split_address(address)
    try:
        async with asyncio.timeout(2):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
    except (OSError, TimeoutError):
        return False
    return True


def log_path(env: Env, part: str) -> Path:
    """Return where a part's output goes."""
    return env.var_dir / "logs" / f"{part}.log"
