"""A WebSocket client that cuts whole messages out of the bytes itself and leaves all else to the library.

A book is one unmasked data frame with its end in it. The library reads such a frame through four generators and
hands it on through three layers; here it is one slice. The handshake, pings, closes, messages in pieces and whatever
breaks a rule go to the library frame by frame, in the order in which they came.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.protocol import State

MAX_MESSAGE = 8 * 1024 * 1024
"""A longer one goes to the library, which ends the connection for it when it is told the same bound."""
MOST_WAITING = 4096
"""Messages nobody fetched; with more than these nothing is read until a quarter is left."""
_HEAD_END = b"\r\n\r\n"
_WHOLE_TEXT, _WHOLE_BINARY = 0x81, 0x82
"""First bytes of a text and of a binary frame that begin and end a message."""
_END, _CONTROL = 0x80, 0x08
_LONGEST_SHORT = 125
_SIZE_BYTES = {126: 2, 127: 8}
"""What stands where a short size would -> in how many bytes the size follows."""


class WholeMessages(ClientConnection):
    """The library's connection, to be read with `next_message`."""

    def __init__(self, protocol: ClientProtocol, **settings: Any) -> None:
        super().__init__(protocol, **settings)
        self._take: Callable[[bytes], None] = self._take_handshake
        self._head = b""
        self._parts: list[bytes] = []
        """The beginning of a frame that is not whole yet."""
        self._missing = 0
        """Bytes until more can be said of it."""
        self._is_in_pieces = False
        """A message came of which the library has the first frames."""
        self._messages: deque[bytes | None] = deque()
        """None stands for one that the library put together."""
        self._is_held_back = False
        self._waiter: asyncio.Future[None] | None = None
        self._is_lost = False

    async def next_message(self) -> bytes:
        """Return the next message as bytes, text or not. ConnectionClosed when the last one was fetched."""
        messages = self._messages
        if not messages and not self._is_lost:
            self._waiter = self.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self._is_held_back and len(messages) <= MOST_WAITING // 4:
            self._is_held_back = False
            self.transport.resume_reading()
        message = messages.popleft() if messages else None
        return await self.recv(decode=False) if message is None else message

    def data_received(self, data: bytes) -> None:
        """Take bytes in."""
        self._take(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let who waits for a message see the end."""
        self._is_lost = True
        self._wake()
        super().connection_lost(exc)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _take_handshake(self, data: bytes) -> None:
        before = len(self._head)
        self._head += data
        end = self._head.find(_HEAD_END)
        if end < 0:
            super().data_received(data)
            return
        end += len(_HEAD_END) - before
        super().data_received(data[:end])
        if self.state is not State.OPEN:
            self._leave(data[end:])
            return
        self._take = self._take_frames
        self._take_frames(data[end:])

    def _take_frames(self, data: bytes) -> None:
        if self._parts:
            self._parts.append(data)
            self._missing -= len(data)
            if self._missing > 0:
                return
            data = b"".join(self._parts)
            self._parts.clear()
        at, end = 0, len(data)
        while at < end:
            start = at + 2
            size = data[at + 1] if start <= end else 0
            if size > _LONGEST_SHORT:
                start, size = _long_size(data, start, size)
            stop = start + size
            if size > MAX_MESSAGE:
                self._leave(data[at:])
                break
            if stop > end:
                self._parts.append(data[at:])
                self._missing = (start if start > end else stop) - end
                break
            if (data[at] == _WHOLE_TEXT or data[at] == _WHOLE_BINARY) and not self._is_in_pieces:
                self._messages.append(data[start:stop])
            else:
                self._pass_on(data[at:stop])
                if self.state is not State.OPEN:
                    self._leave(data[stop:])
                    break
            at = stop
        self._hand_on()

    def _hand_on(self) -> None:
        if not self._messages:
            return
        self._wake()
        if len(self._messages) > MOST_WAITING and not self._is_held_back:
            self._is_held_back = True
            self.transport.pause_reading()

    def _pass_on(self, frame: bytes) -> None:
        super().data_received(frame)
        if not frame[0] & _CONTROL:
            self._is_in_pieces = not frame[0] & _END
            if not self._is_in_pieces:
                self._messages.append(None)

    # It ends the connection, or is told of an end: what comes from here on is its own.
    def _leave(self, data: bytes) -> None:
        self._take = super().data_received
        if data:
            self._take(data)


# Where the payload begins and how long it is; a size beyond all bounds for a masked one, which no server may send.
def _long_size(data: bytes, start: int, told: int) -> tuple[int, int]:
    more = _SIZE_BYTES.get(told)
    if more is None:
        return start, MAX_MESSAGE + 1
    return start + more, int.from_bytes(data[start : start + more])
