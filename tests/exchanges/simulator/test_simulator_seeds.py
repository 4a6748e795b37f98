"""The simulator's own draws are Random's, so that what a seed tells stays as it is."""

from random import Random

import pytest

from exchanges.simulator.seeds import Draws, stream


def test_numbers_between_bounds_are_those_of_random():
    bounds = [(1, 1), (1, 4), (-3, 4), (0, 255), (0, 256), (75, 105), (300, 2_000), (0, 10**20)] * 50
    ours, theirs = Draws("seed"), Random("seed")
    assert [ours.randint(*pair) for pair in bounds] == [theirs.randint(*pair) for pair in bounds]
    assert ours.getstate() == theirs.getstate()


def test_bounds_that_hold_no_number_are_refused():
    with pytest.raises(ValueError, match="no number from 2 to 1"):
        Draws("seed").randint(2, 1)


def test_each_purpose_has_a_stream_of_its_own():
    drawn = [stream(7, *purpose).randint(1, 10**9) for purpose in (("a",), ("b",), ("a", "b"), ("a",))]
    assert len(set(drawn)) == 3
    assert drawn[0] == drawn[3]
