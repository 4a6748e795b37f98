"""The last look before an order's bytes leave: fence, a late event loop, a process that slept, and the executor."""

import asyncio
import time
from collections.abc import Callable, Iterator

import msgspec
import pytest
from desk_builders import opened

from arbitrage.domain.order import Order, OrderRole
from arbitrage.domain.units import Exchange, Ns
from karb_project.env import Env
from workers.last_look import LastLook
from workers.lease import NoLease
from workers.process import Context

MS = 1_000_000
AT = Exchange.UPBIT


class Looking:
    """One trader's last look whose executor agrees unless told otherwise."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.executor_says: str | None = None
        self.asked = 0
        self.look = LastLook(
            context,
            fence=context.control.raise_fence(),
            max_lag_ns=lambda: 200 * MS,
            lease=NoLease(),
            executor=self._executor,
        )

    def _executor(self, exchange: Exchange, order: Order) -> str | None:
        self.asked += 1
        return self.executor_says

    def order(self, index: int, *, age_ms: int = 0, role: OrderRole | None = None) -> Order:
        order = opened().orders[index]
        planned = Ns(self.context.clock.mono_ns() - age_ms * MS)
        return msgspec.structs.replace(order, planned_mono_ns=planned, role=role or order.role)


@pytest.fixture
def looking(desk_env: Env) -> Iterator[Looking]:
    context = Context("trader", desk_env)
    yield Looking(context)
    context.close()


async def late_by(context: Context, seconds: float, then: Callable[[], None]) -> None:
    """Block the event loop for so long, then do something before it comes to itself."""
    watch = asyncio.create_task(context.watch_loop())
    await asyncio.sleep(0.01)
    time.sleep(seconds)
    then()
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)


def test_all_well_lets_both_legs_pass(looking: Looking) -> None:
    assert [looking.look(AT, looking.order(index)) for index in (0, 1)] == [None, None]


def test_younger_fence_stops_legs_and_hedges_and_the_executor_is_not_asked(looking: Looking) -> None:
    looking.context.control.raise_fence()
    assert looking.look(AT, looking.order(0)) == "fenced: this trader is 1, the newest is 2"
    assert looking.look(AT, looking.order(0, role=OrderRole.HEDGE)) == "fenced: this trader is 1, the newest is 2"
    assert looking.asked == 0


@pytest.mark.parametrize("role", [OrderRole.BUY_LEG, OrderRole.HEDGE])
def test_cut_by_word_or_by_file_stops_everything(looking: Looking, role: OrderRole) -> None:
    control = looking.context.control
    control.set_cut(1)
    assert looking.look(AT, looking.order(0, role=role)) == "orders are cut off"
    control.set_cut(0)
    assert looking.look(AT, looking.order(0, role=role)) is None
    control.cut_path.write_text("{}")
    assert looking.look(AT, looking.order(0, role=role)) == "orders are cut off"
    assert looking.asked == 1


async def test_late_event_loop_keeps_the_first_leg_back_and_lets_hedges_pass(looking: Looking) -> None:
    def look() -> None:
        said = looking.look(AT, looking.order(0))
        assert said is not None
        assert said.startswith("event loop late by ")
        assert looking.asked == 0
        assert looking.look(AT, looking.order(0, role=OrderRole.HEDGE)) is None

    await late_by(looking.context, 0.35, look)


async def test_late_event_loop_between_the_legs_lets_the_second_one_go(looking: Looking) -> None:
    assert looking.look(AT, looking.order(0)) is None
    await late_by(looking.context, 0.35, lambda: None)
    assert looking.look(AT, looking.order(1)) is None


async def test_leg_that_was_kept_back_does_not_let_its_sibling_pass(looking: Looking) -> None:
    looking.executor_says = "halted"
    assert looking.look(AT, looking.order(0)) == "halted"
    looking.executor_says = None

    def look() -> None:
        assert looking.look(AT, looking.order(1)) is not None

    await late_by(looking.context, 0.35, look)


def test_hedge_decided_before_a_long_sleep_is_kept_back(looking: Looking) -> None:
    assert looking.look(AT, looking.order(0, age_ms=1_990, role=OrderRole.HEDGE)) is None
    said = looking.look(AT, looking.order(0, age_ms=2_100, role=OrderRole.HEDGE))
    assert said is not None
    assert said.startswith("hedge decided 21")
