"""WebSocket messages as bytes on the wire, server to client: unmasked, so that every connection gets the same."""

from collections.abc import Iterable

from exchanges.simulator.conversation import Out

_BINARY, _TEXT = 0x82, 0x81
"""A whole message in one frame (RFC 6455 §5.2)."""
_SHORT, _MIDDLE = 125, 0xFFFF


def plain_frames(outs: Iterable[Out]) -> bytes:
    """Return these messages one behind the other, for a connection without extensions."""
    parts = []
    for out in outs:
        size = len(out.data)
        first = _BINARY if out.is_binary else _TEXT
        if size <= _SHORT:
            parts.append(bytes((first, size)))
        elif size <= _MIDDLE:
            parts.append(bytes((first, 126, size >> 8, size & 0xFF)))
        else:
            parts.append(bytes((first, 127)) + size.to_bytes(8, "big"))
        parts.append(out.data)
    return b"".join(parts)
