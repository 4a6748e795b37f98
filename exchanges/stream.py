"""One WebSocket kept alive: subscribe, ping, watch for silence, reconnect with back-off (R1.2).

Both exchanges keep the same manners (upbit.md §3, bithumb.md §6): a subscription replaces the one
before and is never acknowledged; a text PING is answered by status frames, which are no content.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any

import msgspec

from arbitrage.domain.errors import Disconnected, FeedError, FeedSilent
from arbitrage.domain.ports import StreamState
from exchanges.transport import Clock, Socket

BACKOFF_MS = (1_000, 2_000, 5_000, 10_000, 30_000, 60_000)
SILENCE_NS = 60_000_000_000
LOOK_EVERY_NS = 10_000_000_000
DEGRADED_AFTER = 10
"""Attempts in a row that failed before the stream counts as degraded (R1.2)."""
MARKET_SILENCE_NS = 10_000_000_000
"""A market of a lively stream of which nothing new came for this long is looked at by REST (R1.2)."""
HOUR_NS = 3_600_000_000_000
_RESYNC_APART_S = 1.0
"""Subscriptions count as messages: 5 a second and 100 a minute (upbit.md §3.1)."""
_CONTROL_LEN = 400
_GOLDEN = 0x9E3779B97F4A7C15
"""2^64 by the golden ratio: products of close figures lie far apart."""
_NEVER_NS = 1 << 62


class Ready(StrEnum):
    """What makes a stream UP: its first content (books), or that the subscription was read (private)."""

    FIRST_CONTENT = "first_content"
    CONFIRMED = "confirmed"


class StreamTiming(msgspec.Struct, frozen=True):
    """All waits of a stream; tests shorten them."""

    ping_every_ns: int
    """0 = no text PING: the legacy stream documents none (bithumb.md §2.4)."""
    silence_ns: int = SILENCE_NS
    look_every_ns: int = LOOK_EVERY_NS
    backoff_ms: tuple[int, ...] = BACKOFF_MS
    degraded_after: int = DEGRADED_AFTER
    market_silence_ns: int = MARKET_SILENCE_NS
    market_look_ns: int = MARKET_SILENCE_NS // 2


class ControlFrame(StrEnum):
    """Frames that are no content."""

    STATUS = "status"
    ERROR = "error"


def control_frame(data: bytes) -> tuple[ControlFrame, str] | None:
    """Return what a frame without content says, None for content (upbit.md §3.9, §3.10; bithumb.md §6.2).

    The legacy stream answers with a code and a text: 0000 acknowledges, any other turns down (bithumb.md §2).
    """
    if len(data) > _CONTROL_LEN:
        return None
    try:
        body: Any = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if not isinstance(body, dict) or "type" in body or "ty" in body:
        return None
    error = body.get("error")
    if error is not None:
        return ControlFrame.ERROR, str(error.get("name", "") if isinstance(error, dict) else error)[:100]
    if "resmsg" in body and body.get("status") != "0000":
        return ControlFrame.ERROR, f"{body.get('status')} {body['resmsg']}"[:100]
    return (ControlFrame.STATUS, str(body["status"])[:100]) if "status" in body else None


class Stream:
    """Runs one subscription until cancelled. Never raises for what the network does."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Socket]],
        subscription: Callable[[], str],
        clock: Clock,
        timing: StreamTiming,
        ready: Ready,
    ) -> None:
        self.counts: Counter[str] = Counter()
        """attempts, connects, disconnects, reconnects, status_frames, error_frames, resyncs; degraded is 0 or 1."""
        self._connect = connect
        self._subscription = subscription
        self._clock = clock
        self._timing = timing
        self._ready = ready
        self._resync = asyncio.Event()
        self._is_up = False
        self._was_up = False
        self._heard_ns = 0
        self._lost_ns: deque[int] = deque(maxlen=10_000)

    def disconnects_last_hour(self) -> int:
        """Return how often a stream that was up was lost in the last hour."""
        since = self._clock.mono_ns() - HOUR_NS
        while self._lost_ns and self._lost_ns[0] < since:
            self._lost_ns.popleft()
        return len(self._lost_ns)

    def request_resync(self) -> None:
        """Send the whole subscription again soon; requests close together become one."""
        self._resync.set()

    async def run(
        self, on_data: Callable[[bytes, int, int], None], on_state: Callable[[StreamState, str], None]
    ) -> None:
        """Hand on every content frame with both receive clocks, until cancelled.

        After so many failed attempts in a row the state stays DEGRADED until content comes; the attempts go on,
        once per longest back-off (R1.2).
        """
        attempt = 0
        while True:
            if not self.counts["degraded"]:
                on_state(StreamState.CONNECTING, "")
            self.counts["attempts"] += 1
            try:
                await self._session(on_data, on_state)
                cause = "ended"
            except FeedError as error:
                cause = str(error)
            self.counts["disconnects"] += 1
            if self._is_up:
                attempt = 0
                self._lost_ns.append(self._clock.mono_ns())
            self._is_up = False
            wait_s = backoff_s(attempt, self._timing.backoff_ms, self._clock.mono_ns())
            attempt += 1
            if attempt < self._timing.degraded_after:
                on_state(StreamState.DOWN, cause)
            elif not self.counts["degraded"]:
                self.counts["degraded"] = 1
                on_state(StreamState.DEGRADED, cause)
            await asyncio.sleep(wait_s)

    async def _session(
        self, on_data: Callable[[bytes, int, int], None], on_state: Callable[[StreamState, str], None]
    ) -> None:
        socket = await self._connect()
        self.counts["connects"] += 1
        self._resync.clear()
        self._heard_ns = self._clock.mono_ns()
        parts: list[asyncio.Task[None]] = []
        try:
            await socket.send(self._subscription())
            parts.append(asyncio.create_task(self._read(socket, on_data, on_state)))
            parts.append(asyncio.create_task(self._tend(socket)))
            if self._ready is Ready.CONFIRMED:
                await socket.confirm()
                self._up(on_state)
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
            await socket.close()

    async def _read(
        self,
        socket: Socket,
        on_data: Callable[[bytes, int, int], None],
        on_state: Callable[[StreamState, str], None],
    ) -> None:
        clock = self._clock
        while True:
            data = await socket.recv()
            mono_ns = clock.mono_ns()
            wall_ns = clock.wall_ns()
            control = control_frame(data) if len(data) <= _CONTROL_LEN else None
            if control is not None:
                self._heed(control)
                continue
            self._heard_ns = mono_ns
            if not self._is_up and self._ready is Ready.FIRST_CONTENT:
                self._up(on_state)
            on_data(data, wall_ns, mono_ns)

    def _up(self, on_state: Callable[[StreamState, str], None]) -> None:
        self.counts["reconnects"] += self._was_up
        self._is_up = self._was_up = True
        self.counts["degraded"] = 0
        on_state(StreamState.UP, "")

    def _heed(self, control: tuple[ControlFrame, str]) -> None:
        kind, text = control
        self.counts[f"{kind.value}_frames"] += 1
        if kind is ControlFrame.STATUS:
            # A private stream is silent until something happens; there a status frame is a sign of life.
            if self._ready is Ready.CONFIRMED:
                self._heard_ns = self._clock.mono_ns()
        elif not self._is_up or self._ready is Ready.CONFIRMED:
            # The subscription itself was turned down: nothing will come.
            raise Disconnected(f"error frame {text}")

    async def _tend(self, socket: Socket) -> None:
        # The first PING starts the server's status frames (upbit.md §3.9).
        timing = self._timing
        ping_due = self._clock.mono_ns() if timing.ping_every_ns else _NEVER_NS
        while True:
            now = self._clock.mono_ns()
            if now - self._heard_ns > timing.silence_ns:
                raise FeedSilent(f"no content for {(now - self._heard_ns) // 1_000_000} ms")
            if now >= ping_due:
                await socket.send("PING")
                ping_due = now + timing.ping_every_ns
            try:
                async with asyncio.timeout(min(timing.look_every_ns, max(ping_due - now, 1)) / 1e9):
                    await self._resync.wait()
            except TimeoutError:
                continue
            self._resync.clear()
            self.counts["resyncs"] += 1
            await socket.send(self._subscription())
            await asyncio.sleep(_RESYNC_APART_S)


def backoff_s(attempt: int, steps_ms: tuple[int, ...], now_ns: int) -> float:
    """Return the wait after the n-th failure in a row, from 0; cut by up to a fifth so that not all come at once.

    How much is cut hangs on the clock's last digits, which are no two processes' same.
    """
    step = steps_ms[min(attempt, len(steps_ms) - 1)]
    spread = now_ns * _GOLDEN % (1 << 64) >> 32
    return (step - spread * (step // 5 + 1) // (1 << 32)) / 1000
