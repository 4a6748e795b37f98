"""The dead man's switch: what counts as life, when it trips, and that it does not flap."""

import random

import pytest

from arbitrage.domain.deadman import TABLE, Bounds, DeadMan, DeadManState, Sign, look
from arbitrage.domain.units import Ns

MS = 1_000_000
SECOND = 1_000 * MS
BOUNDS = Bounds(Ns(3 * SECOND), Ns(10 * SECOND))
LOOK = 100 * MS
UNARMED, ARMED, TRIPPED = DeadManState


class Watching:
    """Looks every 100 ms at a process that beats and works as it is told."""

    def __init__(self) -> None:
        self.man = DeadMan()
        self.now = 5 * SECOND
        self.life, self.beat, self.rounds = 1, 0, 0
        self.trips = 0

    def pass_time(self, seconds: float, *, beats: bool = True, works: bool = True, said_goodbye: bool = False) -> None:
        for _ in range(round(seconds * SECOND) // LOOK):
            self.now += LOOK
            self.beat += beats
            self.rounds += beats and works
            self.look(said_goodbye=said_goodbye)

    def look(self, *, said_goodbye: bool = False) -> None:
        before = self.man.state
        sign = Sign(self.life, self.beat, self.rounds, True, said_goodbye)
        self.man = look(self.man, sign, Ns(self.now), BOUNDS)
        self.trips += self.man.state is TRIPPED and before is not TRIPPED


@pytest.fixture
def armed() -> Watching:
    one = Watching()
    one.pass_time(1)
    assert one.man.state is ARMED
    return one


def test_nothing_ever_seen_arms_and_trips_nothing() -> None:
    man = DeadMan()
    for step in range(1, 100):
        man = look(man, None, Ns(step * SECOND), BOUNDS)
    assert man.state is UNARMED


def test_a_process_that_beats_but_has_not_begun_to_work_is_not_armed() -> None:
    one = Watching()
    one.pass_time(60, works=False)
    assert one.man.state is UNARMED


def test_silence_trips_after_the_bound_and_not_before(armed: Watching) -> None:
    armed.pass_time(3, beats=False)
    assert armed.man.state is ARMED
    armed.pass_time(0.1, beats=False)
    assert (armed.man.state, armed.man.silence_ns) == (TRIPPED, 3_100 * MS)


def test_beats_without_a_finished_round_of_work_are_silence(armed: Watching) -> None:
    armed.pass_time(3.1, works=False)
    assert armed.man.state is TRIPPED


def test_another_process_that_takes_over_is_life(armed: Watching) -> None:
    armed.pass_time(2.9, beats=False)
    armed.life = 2
    armed.pass_time(0.1, beats=False)
    assert (armed.man.state, armed.man.silence_ns) == (ARMED, 0)


def test_a_goodbye_disarms_and_later_silence_trips_nothing(armed: Watching) -> None:
    armed.pass_time(0.1, said_goodbye=True)
    armed.pass_time(60, beats=False, said_goodbye=True)
    assert (armed.man.state, armed.trips) == (UNARMED, 0)


def test_the_watchers_own_sleep_is_no_silence_of_the_other(armed: Watching) -> None:
    armed.now += 3_600 * SECOND
    armed.look()
    assert armed.man.silence_ns == 500 * MS
    armed.pass_time(2.5, beats=False)
    assert armed.man.state is ARMED
    armed.pass_time(0.1, beats=False)
    assert armed.man.state is TRIPPED


def test_tripped_it_is_armed_again_only_after_ten_steady_seconds(armed: Watching) -> None:
    armed.pass_time(5, beats=False)
    armed.pass_time(9)
    armed.pass_time(1.5, beats=False)
    armed.pass_time(9)
    assert armed.man.state is TRIPPED
    armed.pass_time(1.2)
    assert (armed.man.state, armed.trips) == (ARMED, 1)


HOURS = 4
"""Of the soak; 24 take six times as long."""


def test_hours_of_stalls_shorter_than_the_bound_trips_nothing() -> None:
    # Every few minutes the trader, or the watchdog, or both stand still for up to 2.8 s, as a busy machine does.
    rng, one = random.Random(7), Watching()
    passed = 0.0
    while passed < HOURS * 3_600:
        calm, stall = rng.uniform(5, 400), rng.uniform(0.1, 2.8)
        one.pass_time(calm)
        match rng.randrange(3):
            case 0:
                one.pass_time(stall, beats=False)
            case 1:
                one.pass_time(stall, works=False)
            case _:
                one.now += round(stall * 20 * SECOND)
                one.look()
        passed += calm + stall
    assert (one.trips, one.man.state) == (0, ARMED)


def test_every_state_can_be_left_and_reached() -> None:
    assert {after for row in TABLE.values() for after in row.values()} == set(DeadManState)
    assert set(TABLE) == set(DeadManState)
