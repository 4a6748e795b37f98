"""Frames written without the WebSocket library are byte for byte the ones it writes."""

import pytest
from websockets.frames import Frame, Opcode

from exchanges.simulator.conversation import Out
from exchanges.simulator.framing import plain_frames


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
@pytest.mark.parametrize(("is_binary", "opcode"), [(True, Opcode.BINARY), (False, Opcode.TEXT)])
def test_every_length_is_framed_as_the_library_frames_it(size, is_binary, opcode):
    data = bytes(index % 251 for index in range(size))
    expected = Frame(opcode, data).serialize(mask=False)
    assert plain_frames([Out(data, is_binary)]) == expected
    assert plain_frames([Out(data, is_binary), Out(b"x", True)]) == expected + b"\x82\x01x"
    assert plain_frames([]) == b""
