"""Orders that ended short are asked for twice more, each at its time and once."""

from arbitrage.domain.params import SECOND
from arbitrage.domain.units import Ns
from fast_path.second_look import SecondLook


def test_an_order_that_ended_short_is_due_after_six_and_after_twenty_seconds() -> None:
    looks = SecondLook()
    looks.ended("a", Ns(100 * SECOND))
    looks.ended("b", Ns(101 * SECOND))
    assert list(looks.due(Ns(106 * SECOND - 1))) == []
    assert list(looks.due(Ns(106 * SECOND))) == ["a"]
    assert list(looks.due(Ns(119 * SECOND))) == ["b"]
    assert list(looks.due(Ns(121 * SECOND))) == ["a", "b"]
    assert list(looks.due(Ns(999 * SECOND))) == []
