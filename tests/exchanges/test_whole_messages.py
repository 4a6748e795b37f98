"""Whatever a server sends, however it is cut on the way: the messages come whole, in order, and ends are told."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.utils import accept_key

from exchanges.whole_messages import MAX_MESSAGE, MOST_WAITING, WholeMessages

SIZES = (0, 1, 125, 126, 65_535, 65_536)


def frame(data: bytes, opcode: Opcode = Opcode.BINARY, *, fin: bool = True, mask: bool = False) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=mask)


def told(*pieces: bytes, hears: Callable[[bytes], None] = lambda data: None) -> list[bytes | int]:
    """Return what a client reads of a server that writes `pieces` one by one: messages, and the code of the end.

    The first one goes with the answer to the handshake; what the client sends after it is heard.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(line.partition(": ")[2] for line in head.split("\r\n") if line.startswith("Sec-WebSocket-Key"))
        answer = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n"
        )
        writer.write(answer.encode() + (pieces[0] if pieces else b""))
        for piece in pieces[1:]:
            await writer.drain()
            await asyncio.sleep(0)
            writer.write(piece)
        writer.write_eof()
        hears(await reader.read())
        writer.close()

    async def read(address: str) -> list[bytes | int]:
        connection = await connect(
            address,
            create_connection=WholeMessages,
            compression=None,
            proxy=None,
            max_size=MAX_MESSAGE,
            close_timeout=1,
        )
        assert isinstance(connection, WholeMessages)
        found: list[bytes | int] = []
        try:
            while True:
                found.append(await connection.next_message())
        except ConnectionClosed as end:
            found.append(1006 if end.rcvd is None else end.rcvd.code)
        if connection.protocol.close_sent is not None:
            found.append(connection.protocol.close_sent.code)
        return found

    return asyncio.run(_served(serve, read))


async def _served(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    read: Callable[[str], Awaitable[list[bytes | int]]],
) -> list[bytes | int]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    async with server, asyncio.timeout(30):
        return await read(f"ws://{host}:{port}/")


def test_messages_of_every_size_come_whole_in_one_write() -> None:
    sent = [bytes([65 + index]) * size for index, size in enumerate(SIZES)]
    assert told(b"".join(map(frame, sent))) == [*sent, 1006]


def test_messages_cut_at_every_byte_come_whole() -> None:
    sent = [b"a", b"b" * 126, b"c" * 200]
    wire = b"".join(map(frame, sent))
    assert told(b"", *(wire[at : at + 1] for at in range(len(wire)))) == [*sent, 1006]


def test_a_long_message_that_comes_in_many_parts_is_one() -> None:
    wire = frame(b"x" * 100_000) + frame(b"y")
    assert told(*(wire[at : at + 999] for at in range(0, len(wire), 999))) == [b"x" * 100_000, b"y", 1006]


def test_text_comes_as_bytes() -> None:
    assert told(frame("코인".encode(), Opcode.TEXT)) == ["코인".encode(), 1006]


def test_a_message_in_pieces_keeps_its_place_and_a_ping_between_them_is_answered() -> None:
    heard: list[bytes] = []
    pieces = (
        frame(b"one"),
        frame(b"tw", Opcode.TEXT, fin=False),
        frame(b"?", Opcode.PING),
        frame(b"o", Opcode.CONT),
        frame(b"three"),
    )
    assert told(b"".join(pieces), hears=heard.append) == [b"one", b"two", b"three", 1006]
    assert told(b"", *pieces, hears=heard.append) == [b"one", b"two", b"three", 1006]
    # FIN and PONG, masked, one byte: the byte itself is hidden.
    assert [wire[:2] for wire in heard] == [b"\x8a\x81", b"\x8a\x81"]


def test_what_came_before_a_close_is_read_and_then_its_code() -> None:
    close = frame((1001).to_bytes(2) + b"away", Opcode.CLOSE)
    assert told(frame(b"last") + close + frame(b"never")) == [b"last", 1001, 1001]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (frame(b"masked", mask=True), 1002),
        (b"\xc2\x01x", 1002),
        (b"\x83\x01x", 1002),
        (frame(b"x", Opcode.CONT), 1002),
        (frame(b"x", Opcode.TEXT, fin=False) + frame(b"y", Opcode.TEXT), 1002),
        (b"\x82\x7f" + (MAX_MESSAGE + 1).to_bytes(8), 1009),
    ],
    ids=["masked", "reserved bit", "reserved opcode", "end of nothing", "begun within another", "too long"],
)
def test_what_breaks_a_rule_ends_the_connection_after_what_came_before(bad: bytes, code: int) -> None:
    assert told(frame(b"good") + bad + frame(b"after")) == [b"good", 1006, code]


def test_more_messages_than_may_wait_are_held_back_and_none_is_lost() -> None:
    sent = [str(number).encode() for number in range(MOST_WAITING + 1000)]
    wire = list(map(frame, sent))
    assert told(b"".join(wire[:MOST_WAITING]), b"".join(wire[MOST_WAITING:])) == [*sent, 1006]
