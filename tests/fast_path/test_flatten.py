"""Flatten: reduce, let what is open come to rest, halt; within a time, and not waiting for a silent trader."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.units import Ns
from fast_path.control import ControlBlock
from fast_path.counters import Counters
from fast_path.flatten import Flattened, flatten

SECOND = 1_000_000_000
ACTIVE, REDUCING, HALTED = TradingLevel


class Desk:
    """A trader as shared memory shows it: `moving` says how many arbs move at each look."""

    def __init__(self, home: Path) -> None:
        self.shm = home / "shm"
        self.control = ControlBlock(self.shm, (), home / "trading_state.json")
        self.counters = Counters(self.shm, "trader")
        self.now = 100 * SECOND
        self.moving: list[int] = []
        self.beats = True
        self.levels: list[TradingLevel] = []

    def mono_ns(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)
        self.levels.append(self.control.level())
        self.show()

    def show(self) -> None:
        if self.moving:
            self.counters.set("moving_arbs", self.moving.pop(0))
        if self.beats:
            self.control.beat("trader", Ns(self.now), Ns(self.now))

    def flatten(self) -> Flattened:
        self.show()
        return flatten(
            self.control,
            self.shm,
            reason="closing time",
            by="kim",
            within_ns=60 * SECOND,
            mono_ns=self.mono_ns,
            sleep=self.sleep,
        )


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    one = Desk(tmp_path)
    yield one
    one.counters.close()
    one.control.close()


def test_what_is_open_is_let_come_to_rest_then_the_desk_is_halted(desk: Desk) -> None:
    desk.moving = [2, 2, 1, 1, 0]
    assert desk.flatten() == Flattened(0, "")
    assert set(desk.levels) == {REDUCING}
    assert (desk.control.level(), desk.control.latch()["reason"]) == (HALTED, "flattened: closing time")


def test_an_arb_that_wakes_again_is_waited_for(desk: Desk) -> None:
    desk.moving = [0, 0, 0, 1, 1, 0]
    assert desk.flatten() == Flattened(0, "")
    assert len(desk.levels) == 9


def test_when_time_is_over_it_is_halted_and_says_what_still_moves(desk: Desk) -> None:
    desk.moving = [3] * 1_000
    assert desk.flatten() == Flattened(3, "time is over")
    assert (desk.control.level(), desk.now) == (HALTED, 160 * SECOND)


def test_a_silent_trader_is_not_waited_for(desk: Desk) -> None:
    desk.moving = [1]
    desk.show()
    desk.beats = False
    assert desk.flatten() == Flattened(1, "the trader gives no sign of life")
    assert (desk.control.level(), desk.now) == (HALTED, 103 * SECOND + SECOND // 10)


def test_a_desk_that_was_halted_before_stays_so(desk: Desk) -> None:
    desk.control.set_level(HALTED, "by hand", "lee")
    desk.moving = [1]
    assert desk.flatten() == Flattened(1, "halted by someone else")
    assert desk.levels == []
