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
    last = START
    for second in range(200):
        last = Ns(START + second * SECOND)
        one.add(Trouble.LOST, last)
    assert one.points(last) == MOST
    assert one.points(Ns(last - SECOND)) == MOST
    assert one.points(Ns(last + MOST * POINT_NS)) == 0


def test_one_trouble_seen_by_many_questions_counts_once():
    one = Stability()
    for question in range(12):
        one.add(Trouble.LOST, Ns(START + question * 50_000_000))
    one.add(Trouble.DISCONNECTED, START)
    assert one.points(START) == POINTS[Trouble.LOST] + POINTS[Trouble.DISCONNECTED]
