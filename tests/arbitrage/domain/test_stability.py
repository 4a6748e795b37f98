"""Stability: points for what an exchange did wrong, each forgotten in half a second."""

from desk_builders import SECOND

from arbitrage.domain.stability import MOST, POINT_NS, POINTS, Stability, Trouble
from arbitrage.domain.units import Ns

START = Ns(1_000 * SECOND)


def test_each_trouble_has_its_points_and_they_add_up():
    one = Stability()
    assert one.points(START) == 0
    for trouble in Trouble:
        one.add(trouble, START)
    assert one.points(START) == sum(POINTS.values()) == 70


def test_a_point_is_forgotten_in_half_a_second_however_often_one_looks():
    one = Stability()
    one.add(Trouble.LOST, START)
    assert [one.points(Ns(START + half * POINT_NS)) for half in range(0, 25, 4)] == [20, 16, 12, 8, 4, 0, 0]
    one.add(Trouble.REFUSED, Ns(START + 10 * POINT_NS))
    assert one.points(Ns(START + 10 * POINT_NS)) == 20


def test_points_have_an_end_and_a_clock_that_goes_back_forgets_nothing():
    one = Stability()
    for _ in range(200):
        one.add(Trouble.LOST, START)
    assert one.points(START) == MOST
    assert one.points(Ns(START - SECOND)) == MOST
    assert one.points(Ns(START + MOST * POINT_NS)) == 0
