"""JSON with something wrong in it: what fuzz tests hand to decoders, and what a decoder may say."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from arbitrage.domain.errors import FrameInvalid

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**30), 10**30), st.floats(), st.text(max_size=20),
    st.sampled_from(["NaN", "Infinity", "-0", "1e999", "1E-400", "0x1", "2026-13-01T00:00:00Z", "9" * 60, ""]),
)  # fmt: skip
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(st.text(max_size=5), SCALARS, max_size=3))


@st.composite
def mutated(draw: st.DrawFn, sample: dict[str, Any]) -> bytes:
    """Return `sample` with members replaced or dropped at any depth, then perhaps with its bytes damaged."""
    frame = json.loads(json.dumps(sample))
    for _ in range(draw(st.integers(0, 3))):
        place = frame
        inner = [value for value in place.values() if isinstance(value, list) and value and isinstance(value[0], dict)]
        if inner and draw(st.booleans()):
            place = draw(st.sampled_from(draw(st.sampled_from(inner))))
        if not isinstance(place, dict) or not place:
            continue
        key = draw(st.sampled_from(sorted(place)))
        if draw(st.booleans()):
            del place[key]
        else:
            place[key] = draw(VALUES)
    data = bytearray(json.dumps(frame).encode("utf-8", "surrogatepass"))
    for _ in range(draw(st.integers(0, 2))):
        if data:
            data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


def survives(read: Callable[[bytes], object], data: bytes) -> None:
    """Let `read` read or refuse; any other error fails the test."""
    try:
        read(data)
    except (FrameInvalid, ValueError):
        return
