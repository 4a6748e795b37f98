"""The journal's bytes: header, frames, and what may be missing at the end of the file.

    0        8         12         16              24
    +--------+---------+----------+---------------+--------+-------+---------+--------+-------+-- -
    | magic  | version | spare 0  | stream hash   | length | crc32 | payload | length | crc32 |
    +--------+---------+----------+---------------+--------+-------+---------+--------+-------+-- -
      8 bytes  u32       u32        u64             u32      u32     one `Record` in msgpack

Only the end may be unfinished: at most one record, or zeros, which a power cut leaves. Damage with records behind
it is never skipped.
"""

import hashlib
import mmap
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from arbitrage.domain.errors import ConfigError, JournalCorrupt
from arbitrage.domain.events import EVENTS_VERSION, Record, record_from_bytes

MAGIC = b"KARBJRNL"
VERSION = 1
MAX_RECORD = 1 << 20
HEADER = struct.Struct("<8sIIQ")
FRAME = struct.Struct("<II")
START = HEADER.size
"""Where the first record begins."""


def header_of(stream: str) -> bytes:
    """Return the file's first 24 bytes."""
    return HEADER.pack(MAGIC, VERSION, 0, _stream_hash(stream))


def frame_of(payload: bytes) -> bytes:
    """Return one record as it stands in the file."""
    return FRAME.pack(len(payload), zlib.crc32(payload)) + payload


def _stream_hash(stream: str) -> int:
    return int.from_bytes(hashlib.sha256(stream.encode()).digest()[:8], "little")


def check_header(path: Path, head: bytes, stream: str) -> None:
    """Raise ConfigError for another stream or version, JournalCorrupt for what is no journal."""
    magic, version, _, stream_hash = HEADER.unpack(head)
    if magic != MAGIC:
        raise JournalCorrupt(f"{path} does not begin like a journal; move it away or restore it from a backup")
    if version != VERSION:
        raise ConfigError([f"{path} has journal version {version}, must be {VERSION}"])
    if stream_hash != _stream_hash(stream):
        raise ConfigError([f"{path} is not the journal of stream {stream}"])


def frames(data: bytes | mmap.mmap, offset: int) -> Iterator[tuple[bytes, int]]:
    """Yield (payload, end) of each whole record from `offset`, up to the first that is not one."""
    size = len(data)
    while offset + FRAME.size <= size:
        length, crc = FRAME.unpack_from(data, offset)
        end = offset + FRAME.size + length
        if not 0 < length <= MAX_RECORD or end > size:
            return
        payload = data[offset + FRAME.size : end]
        if zlib.crc32(payload) != crc:
            return
        yield payload, end
        offset = end


def damage(data: bytes | mmap.mmap, offset: int) -> str:
    """Return "" when what is left is an unfinished end, else why it is damage."""
    rest = bytes(data[offset : offset + MAX_RECORD + 2 * FRAME.size])
    if not rest.strip(b"\0"):
        return ""
    if len(data) - offset > MAX_RECORD + FRAME.size:
        return f"{len(data) - offset} bytes cannot be read as records"
    for place in range(1, len(rest) - FRAME.size):
        if next(frames(rest, place), None) is not None:
            return f"the checksum or length is wrong, and a whole record stands at byte {offset + place}"
    return ""


def decode(path: Path, payload: bytes, offset: int) -> Record:
    """Return the record whose payload stands at `offset`. JournalCorrupt when this version cannot read it."""
    try:
        record = record_from_bytes(payload)
    except msgspec.MsgspecError as error:
        raise JournalCorrupt(
            f"{path} has a whole record at byte {offset} that this version cannot read: {error}; "
            "run the version that wrote it"
        ) from None
    if record.version != EVENTS_VERSION:
        raise JournalCorrupt(
            f"{path} has events version {record.version} at byte {offset}, must be {EVENTS_VERSION}; "
            "run the version that wrote it"
        )
    return record


def damaged(path: Path, offset: int, why: str) -> JournalCorrupt:
    """Return the error that says what is wrong, where, and what a person can do."""
    return JournalCorrupt(
        f"{path} is damaged at byte {offset}: {why}. Nothing was changed. "
        "Keep a copy, then restore the file from a backup, or settle open orders by hand and start a new journal"
    )
