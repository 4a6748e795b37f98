"""WebSocket messages as bytes on the wire, server to client: unmasked, so that every connection gets the same."""

from collections.abc import Iterable
from struct import Struct

from exchanges.simulator.conversation import Out

_BINARY, _TEXT = 0x82, 0x81
"""A whole message in one frame (RFC 6455 §5.2)."""
_SHORT, _MIDDLE = 125, 0xFFFF
_short_head, _middle_head, _long_head = (Struct(form).pack for form in ("!BB", "!BBH", "!BBQ"))


def plain_frames(outs: Iterable[Out]) -> bytes:
    """Return these messages one behind the other, for a connection without extensions."""
    parts = []
    for out in outs:
        data = out.data
        size = len(data)
        first = _BINARY if out.is_binary else _TEXT
        if size <= _SHORT:
            parts.append(_short_head(first, size))
        elif size <= _MIDDLE:
            parts.append(_middle_head(first, 126, size))
        else:
            parts.append(_long_head(first, 127, size))
        parts.append(data)
    return b"".join(parts)
