"""The deadline of a state over restarts: a person is told in time, and what may still be found has its time to be."""

import msgspec
import pytest
from desk_builders import fill, heard, opened, quotes
from rebooted_machine import Machine

from arbitrage.domain.arb import Action, Arb, ArbState, Cancel, Halt, OrderHeard, Query, Tick, is_news
from arbitrage.domain.arb_clocks import GRACES, deadline_ns, reclocked
from arbitrage.domain.arb_step import advance, recovered
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.order import OrderOn, OrderReport, OrderState
from arbitrage.domain.params import DEFAULT_PARAMS, MS, SECOND, Params

BUY, SELL = "t1-1-b", "t1-1-s"
LIMIT, GRACE = DEFAULT_PARAMS.unresolved_deadline_ns, DEFAULT_PARAMS.not_found_grace_ns
ASKED_EVERY_MS = DEFAULT_PARAMS.query_after_ns // MS
NOT_FOUND = OrderReport(OrderOn.NOT_FOUND)


def unresolved(machine: Machine, params: Params = DEFAULT_PARAMS) -> Arb:
    """Return an arb whose purchase of 0.5 filled and of whose sale nobody knows."""
    arb = msgspec.structs.replace(opened(params), changed_wall_ns=machine.wall_ns)
    for client_order_id, report in (
        (BUY, heard(OrderOn.FULL_FILL, fill("b", 4_000_000, "0.5"), fee="1000")),
        (SELL, OrderReport(OrderOn.SENT)),
        (SELL, OrderReport(OrderOn.OUTCOME_LOST)),
    ):
        arb, _ = advance(arb, OrderHeard(client_order_id, report), machine.now)
    assert (arb.state, arb.orders[1].state) == (ArbState.UNRESOLVED, OrderState.UNKNOWN)
    return arb


def ticked(arb: Arb, machine: Machine) -> tuple[Arb, tuple[Action, ...]]:
    """Let time pass for `arb`, with no book of either exchange."""
    return advance(arb, Tick(quotes(None, None), TradingLevel.ACTIVE), machine.now)


def restarted(arb: Arb, machine: Machine, down_ms: int = 0, *, step_ms: int = 0) -> Arb:
    """Return `arb` as another process has it."""
    machine.boot(down_ms, step_ms=step_ms)
    return recovered(arb, machine.now)[0]


def left_ns(arb: Arb, machine: Machine) -> int:
    """Return how long its state may still last."""
    limit = deadline_ns(arb)
    assert limit is not None
    return limit - (machine.mono_ns - arb.changed_mono_ns)


@pytest.mark.parametrize("says", [None, NOT_FOUND], ids=["silent", "says that there is none"])
@pytest.mark.parametrize("life_ms", [500, 2_000, 4_500, 20_000])
@pytest.mark.parametrize("steps_ms", [(0,), (-300_000,), (300_000,), (0, -60_000, 0), (-1_000, 300_000)])
def test_restart_after_restart_does_not_put_off_that_a_person_is_told(says, life_ms, steps_ms):
    machine = Machine()
    arb, lived_ms, restarts, told = unresolved(machine), 0, 0, ()
    life_ms = life_ms if says is None else min(life_ms, GRACE // MS - ASKED_EVERY_MS)
    while not told and lived_ms < 10 * LIMIT // MS:
        for _ in range(life_ms // 500):
            machine.wait(500)
            lived_ms += 500
            arb, actions = ticked(arb, machine)
            told = [action for action in actions if isinstance(action, Halt)]
            if told:
                break
            if says is not None:
                assert [action.order.client_order_id for action in actions if isinstance(action, Query)] == [SELL]
                arb, _ = advance(arb, OrderHeard(SELL, says, machine.mono_ns), machine.now)
        else:
            arb = restarted(arb, machine, 1_000, step_ms=steps_ms[restarts % len(steps_ms)])
            restarts += 1
    assert [halt.level for halt in told] == [TradingLevel.REDUCING]
    assert (arb.state, arb.why, arb.orders[1].state) == (ArbState.STUCK, "deadline", OrderState.UNKNOWN)
    assert restarts > 0
    assert lived_ms <= (2 * LIMIT + GRACES * 2 * GRACE) // MS


@pytest.mark.parametrize(
    ("down_ms", "step_ms", "left_ms"),
    [
        (1_000, 0, 57_000),
        (600_000, 0, 30_000),
        (1_000, 300_000, 30_000),
        (1_000, -300_000, 30_000),
        (1_000, -1_000, 58_000),
    ],
    ids=["soon", "long after", "clock set forward", "clock set back", "clock set back a little"],
)
def test_what_is_left_of_the_deadline_after_a_restart(down_ms, step_ms, left_ms):
    machine = Machine()
    arb = unresolved(machine)
    machine.wait(2_000)
    arb = restarted(arb, machine, down_ms, step_ms=step_ms)
    machine.wait(left_ms - 1)
    arb, actions = ticked(arb, machine)
    assert (arb.state, [action for action in actions if isinstance(action, Halt)]) == (ArbState.UNRESOLVED, [])
    machine.wait(1)
    arb, actions = ticked(arb, machine)
    assert (arb.state, arb.why) == (ArbState.STUCK, "deadline")
    assert [action.level for action in actions if isinstance(action, Halt)] == [TradingLevel.REDUCING]


def test_restarts_long_after_leave_less_and_less_but_a_few_times_two_graces():
    machine = Machine()
    arb = unresolved(machine)
    left = []
    for _ in range(7):
        arb = restarted(arb, machine, 600_000)
        left.append(left_ns(arb, machine))
    assert left == [LIMIT // 2, LIMIT // 4, 2 * GRACE, 2 * GRACE, LIMIT >> 5, LIMIT >> 6, LIMIT >> 7]
    assert arb.respites == 7


@pytest.mark.parametrize("restarts", range(1, GRACES + 1))
def test_an_order_that_is_not_there_is_proven_so_after_every_one_of_these_restarts(restarts):
    machine = Machine()
    arb = unresolved(machine)
    for _ in range(restarts):
        arb = restarted(arb, machine, 600_000)
    machine.wait(GRACE // MS - 1)
    arb, _ = ticked(arb, machine)
    arb, _ = advance(arb, OrderHeard(SELL, NOT_FOUND, machine.mono_ns), machine.now)
    assert (arb.state, arb.orders[1].state) == (ArbState.UNRESOLVED, OrderState.UNKNOWN)
    # The question that counts leaves half a second later, and its answer may take as long again as all before it.
    machine.wait(ASKED_EVERY_MS)
    asked = machine.mono_ns
    machine.wait(GRACE // MS - ASKED_EVERY_MS)
    arb, actions = ticked(arb, machine)
    assert not any(isinstance(action, Halt) for action in actions)
    arb, _ = advance(arb, OrderHeard(SELL, NOT_FOUND, asked), machine.now)
    assert (arb.state, arb.orders[1].state) == (ArbState.LEGGED, OrderState.REFUSED)


def test_a_grace_longer_than_the_deadline_adds_no_more_than_the_deadline():
    machine = Machine()
    params = msgspec.structs.replace(DEFAULT_PARAMS, unresolved_deadline_ns=1 * SECOND)
    arb = unresolved(machine, params)
    left = []
    for _ in range(GRACES + 2):
        machine.wait(900)
        arb = restarted(arb, machine)
        left.append(left_ns(arb, machine))
    second = 1 * SECOND
    assert left == [second] * GRACES + [100 * MS, second >> 5]


def test_a_restart_that_adds_no_time_is_no_news_and_one_that_does_is():
    machine = Machine()
    arb = unresolved(machine)
    machine.wait(2_000)
    soon = restarted(arb, machine, 1_000)
    assert (is_news(arb, soon), soon.respites, soon.changed_wall_ns) == (False, 0, arb.changed_wall_ns)
    late = restarted(soon, machine, 600_000)
    assert (is_news(soon, late), late.respites) == (True, 1)
    assert late.changed_wall_ns == machine.wall_ns - LIMIT // 2


def test_an_order_that_works_and_cannot_be_cancelled_is_told_of_though_the_trader_keeps_dying():
    machine = Machine()
    arb = msgspec.structs.replace(opened(), changed_wall_ns=machine.wall_ns)
    for client_order_id in (BUY, SELL):
        arb, _ = advance(arb, OrderHeard(client_order_id, OrderReport(OrderOn.ACKED)), machine.now)
    lived_ms, cancels = 0, 0
    while arb.state is ArbState.OPENING and lived_ms < 600_000:
        for _ in range(10):
            machine.wait(500)
            arb, actions = ticked(arb, machine)
            cancels += sum(isinstance(action, Cancel) for action in actions)
        lived_ms += 5_000
        arb = restarted(arb, machine, 2_000)
    assert (arb.state, arb.why) == (ArbState.STUCK, "deadline")
    limit_ms = (LIMIT + DEFAULT_PARAMS.cancel_after_ns) // MS
    assert limit_ms * 5 // 7 <= lived_ms <= limit_ms + 35_000
    assert cancels > 50


def test_a_new_state_has_its_whole_time():
    machine = Machine()
    arb = restarted(restarted(unresolved(machine), machine, 600_000), machine, 600_000)
    assert arb.respites == 2
    arb, _ = advance(arb, OrderHeard(SELL, OrderReport(OrderOn.ACKED)), machine.now)
    assert (arb.state, arb.respites, arb.changed_wall_ns) == (ArbState.OPENING, 0, machine.wall_ns)
    assert left_ns(arb, machine) == LIMIT + DEFAULT_PARAMS.cancel_after_ns


def test_an_image_of_before_has_half_of_its_time():
    machine = Machine()
    old = msgspec.structs.replace(unresolved(machine), changed_wall_ns=None)
    arb = restarted(old, machine, 1_000)
    assert (left_ns(arb, machine), arb.respites) == (LIMIT // 2, 1)
    assert arb.changed_wall_ns == machine.wall_ns - LIMIT // 2


def test_a_state_without_a_deadline_keeps_its_wall_clock():
    machine = Machine()
    arb, _ = advance(unresolved(machine), OrderHeard(SELL, OrderReport(OrderOn.CANCELED)), machine.now)
    assert arb.state is ArbState.LEGGED
    began = arb.changed_wall_ns
    machine.boot(600_000)
    arb = reclocked(arb, machine.now)
    assert (arb.changed_mono_ns, arb.changed_wall_ns, arb.respites) == (machine.mono_ns, began, 0)
