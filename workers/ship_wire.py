"""How trader and standby talk over TCP: frames that only the two can make, each once and in order.

The one that listens sends 32 random bytes, the one that connected answers with 32 of its own; the session's key is
made of the shared secret and both. A frame is its length, its words in msgpack and an HMAC-SHA256 over direction,
running number and words: nothing said in another session, or said before, is taken for new.
"""

import asyncio
import hashlib
import hmac
import secrets
import struct

import msgspec

from arbitrage.domain.errors import KArbError

VERSION = 1
NONCE_BYTES = 32
MAC_BYTES = 32
MOST_DATA = 256 * 1024
_MOST_FRAME = MOST_DATA + 4096
_LENGTH = struct.Struct("<I")
_NUMBER = struct.Struct("<cQ")


class ShipBroken(KArbError):
    """The other side is gone, or is not who it should be."""


class Hello(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """The trader presents itself: how it lays out words, how long its leases are, which fence it has."""

    version: int
    lease_ms: int
    fence: int


class Have(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """The standby has so many bytes of the journal, with this SHA-256."""

    offset: int
    digest: bytes


class Append(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """Bytes of the journal from `offset` on: whole records."""

    offset: int
    data: bytes


class Ask(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """The trader asks for a lease, and says where its kill switch stands; the answer also says how much was kept."""

    number: int
    level: int


class Lent(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """The request of this number is granted; the standby has the journal up to `offset`."""

    number: int
    offset: int


class Taken(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """The standby trades itself, in this epoch: nothing is lent."""

    epoch: int


class Bye(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """The trader stops as planned."""


Word = Hello | Have | Append | Ask | Lent | Taken | Bye
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Word)


class Talk:
    """One connection between the two, once both have shown that they know the secret."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: bytes, ways: tuple[bytes, bytes]
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._key = key
        self._out_way, self._in_way = ways
        self._out = 0
        self._in = 0

    def say(self, *words: Word) -> None:
        """Hand words to the network, in one go; ShipBroken when the connection is closing."""
        if self._writer.is_closing():
            raise ShipBroken("the connection is closed")
        self._writer.write(b"".join(self._framed(word) for word in words))

    def _framed(self, word: Word) -> bytes:
        payload = _ENCODER.encode(word)
        mac = self._mac(self._out_way, self._out, payload)
        self._out += 1
        return _LENGTH.pack(len(payload)) + payload + mac

    async def hear(self) -> Word:
        """Return the next word. ShipBroken when there is none any more, or when it is not the other's."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            if length > _MOST_FRAME:
                raise ShipBroken(f"a frame of {length} bytes")
            payload = await self._reader.readexactly(length)
            mac = await self._reader.readexactly(MAC_BYTES)
        except (OSError, EOFError) as error:
            raise ShipBroken(type(error).__name__) from None
        if not hmac.compare_digest(mac, self._mac(self._in_way, self._in, payload)):
            raise ShipBroken("a frame that does not bear the secret's mark")
        self._in += 1
        try:
            word: Word = _DECODER.decode(payload)
        except msgspec.MsgspecError as error:
            raise ShipBroken(f"words that cannot be read: {error}") from None
        return word

    async def settle(self) -> None:
        """Wait until the network has taken what was said, as far as it says so. ShipBroken when it is gone."""
        try:
            await self._writer.drain()
        except OSError as error:
            raise ShipBroken(type(error).__name__) from None

    def close(self) -> None:
        """Close the connection; what was said is still handed over where the network takes it."""
        self._writer.close()

    def _mac(self, way: bytes, number: int, payload: bytes) -> bytes:
        return hmac.digest(self._key, _NUMBER.pack(way, number) + payload, hashlib.sha256)


def _key(secret: str, theirs: bytes, ours: bytes) -> bytes:
    return hmac.digest(secret.encode(), b"karb-ship" + theirs + ours, hashlib.sha256)


async def called(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, secret: str) -> Talk:
    """Return the talk of the side that connected."""
    try:
        theirs = await reader.readexactly(NONCE_BYTES)
    except (OSError, EOFError) as error:
        raise ShipBroken(type(error).__name__) from None
    ours = secrets.token_bytes(NONCE_BYTES)
    writer.write(ours)
    return Talk(reader, writer, _key(secret, theirs, ours), (b"t", b"s"))


async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, secret: str) -> Talk:
    """Return the talk of the side that listens; whether the other knows the secret its first word shows."""
    ours = secrets.token_bytes(NONCE_BYTES)
    writer.write(ours)
    try:
        theirs = await reader.readexactly(NONCE_BYTES)
    except (OSError, EOFError) as error:
        raise ShipBroken(type(error).__name__) from None
    return Talk(reader, writer, _key(secret, ours, theirs), (b"s", b"t"))
