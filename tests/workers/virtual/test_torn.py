"""The bridge killed inside of a write: readers find the set before, or none, and never a mixture."""

import pytest

from arbitrage.domain.params import DEFAULT_PARAMS, params_to_bytes
from fast_path.control import ControlBlock
from workers.virtual.torn import die_writing_params

OLD = params_to_bytes(DEFAULT_PARAMS)
NEW = OLD.replace(b'"min_edge_ppm":300', b'"min_edge_ppm":100')


@pytest.mark.parametrize(
    ("lived", "found"),
    [(0, (1, OLD)), (1, (0, b"")), (2, (0, b"")), (3, (0, b"")), (4, (0, b"")), (5, (2, NEW))],
)
def test_a_write_that_was_not_ended_reads_as_none_until_the_bridge_is_back(tmp_path, lived, found) -> None:
    control = ControlBlock(tmp_path / "shm", ("KRW-BTC",), tmp_path / "latch.json")
    control.write_params(1, OLD)
    die_writing_params(control, 2, NEW, lived=lived, share=0.5)
    assert control.read_params() == found
    control.write_params(2, NEW)
    assert control.read_params() == (2, NEW)
    control.close()
