"""A lone leg over restarts: its attempts, pauses, time and loss hold, whatever clock each new process finds."""

from collections.abc import Iterator

import msgspec
import pytest
from desk_builders import book, fill, heard, opened, quotes
from rebooted_machine import Machine

from arbitrage.domain.arb import Action, Arb, ArbState, Halt, OrderHeard, Place, Tick, is_news
from arbitrage.domain.arb_clocks import reclocked
from arbitrage.domain.arb_step import advance, recovered
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.order import OrderOn, OrderReport, OrderRole, OrderState
from arbitrage.domain.params import DEFAULT_PARAMS, MS, SECOND, Params
from arbitrage.domain.units import Exchange, Ns

BITHUMB = book(Exchange.BITHUMB, [(4_010_000, "2")], [(4_014_000, "2")])
UPBIT = book(Exchange.UPBIT, [(3_998_000, "2")], [(4_000_000, "2")])
LIMIT_MS = DEFAULT_PARAMS.hedge_limit_ns // MS
NOTHING = heard(OrderOn.CANCELED, executed="0")


def legged(machine: Machine, params: Params = DEFAULT_PARAMS) -> Arb:
    """Return an arb whose purchase of 0.5 filled and whose sale missed, seen now."""
    arb = msgspec.structs.replace(opened(params), opened_wall_ns=machine.wall_ns)
    bought = heard(OrderOn.FULL_FILL, fill("b", 4_000_000, "0.5"), fee="1000")
    for order, report in zip(arb.orders, (bought, NOTHING), strict=True):
        arb, _ = advance(arb, OrderHeard(order.client_order_id, report), machine.now)
    assert arb.state is ArbState.LEGGED
    return arb


def ticked(
    arb: Arb, machine: Machine, *, has_book: bool = True, level: TradingLevel = TradingLevel.ACTIVE
) -> tuple[Arb, tuple[Action, ...]]:
    """Let time pass for `arb`, with a book received right now or none."""
    fresh = msgspec.structs.replace(BITHUMB, recv_mono_ns=Ns(machine.mono_ns))
    return advance(arb, Tick(quotes(None, fresh if has_book else None), level), machine.now)


def said(arb: Arb, machine: Machine, report: OrderReport) -> Arb:
    """Let something be heard of the newest order."""
    return advance(arb, OrderHeard(arb.orders[-1].client_order_id, report), machine.now)[0]


def placed(actions: tuple[Action, ...]) -> int:
    """Return how many orders leave."""
    return sum(isinstance(action, Place) for action in actions)


def restarted(arb: Arb, machine: Machine, down_ms: int = 0, *, step_ms: int = 0) -> Arb:
    """Return `arb` as another process has it; what that makes of its clocks is journalled for the one after it."""
    machine.boot(down_ms, step_ms=step_ms)
    back, _ = recovered(arb, machine.now)
    assert is_news(arb, back) or arb.uneven_mono_ns is None
    return back


def hedged(machine: Machine) -> tuple[Arb, Machine]:
    """Return an arb whose first hedge has just left."""
    arb, actions = ticked(legged(machine), machine)
    assert placed(actions) == 1
    return arb, machine


AT_DEATH: dict[OrderState, tuple[OrderOn, ...]] = {
    OrderState.PLANNED: (),
    OrderState.SENT: (OrderOn.SENT,),
    OrderState.UNKNOWN: (OrderOn.SENT, OrderOn.OUTCOME_LOST),
    OrderState.WORKING: (OrderOn.SENT, OrderOn.ACKED),
    OrderState.CANCELING: (OrderOn.SENT, OrderOn.ACKED, OrderOn.CANCEL_SENT),
    OrderState.CANCELED: (OrderOn.SENT, OrderOn.CANCELED),
}


@pytest.mark.parametrize("step_ms", [0, -300_000, 300_000])
@pytest.mark.parametrize("state", AT_DEATH)
def test_a_desk_that_dies_over_each_hedge_has_no_more_of_them(state, step_ms):
    machine = Machine()
    arb, hedges, restarts = legged(machine), 0, 0
    for _ in range(2_000):
        machine.wait(5)
        arb, actions = ticked(arb, machine)
        if placed(actions):
            hedges += 1
            for on in AT_DEATH[state]:
                arb = said(arb, machine, OrderReport(on))
            assert arb.orders[-1].state is state
            machine.wait(3)
            arb, restarts = restarted(arb, machine, 20, step_ms=step_ms if restarts == 2 else 0), restarts + 1
            arb = said(arb, machine, NOTHING)
        if arb.state is ArbState.STUCK:
            break
    assert (arb.state, hedges, restarts) == (ArbState.STUCK, DEFAULT_PARAMS.hedge_max_attempts, hedges)


@pytest.mark.parametrize("life_ms", [20, 700, 4_000])
@pytest.mark.parametrize("steps_ms", [(0,), (-300_000,), (300_000,), (0, -60_000, 0), (-1_000, 300_000)])
def test_restart_after_restart_does_not_put_the_time_limit_off(life_ms, steps_ms):
    machine = Machine()
    arb, lived_ms, restarts = legged(machine), 0, 0
    while arb.state is not ArbState.STUCK and lived_ms < 10 * LIMIT_MS:
        for _ in range(life_ms // 20):
            machine.wait(20)
            lived_ms += 20
            arb, _ = ticked(arb, machine, has_book=False)
        if arb.state is ArbState.STUCK:
            break
        arb = restarted(arb, machine, 100, step_ms=steps_ms[restarts % len(steps_ms)])
        restarts += 1
    assert (arb.state, arb.why.split()[0]) == (ArbState.STUCK, "no_hedge")
    assert restarts >= 1
    assert lived_ms <= 2 * LIMIT_MS


@pytest.mark.parametrize(
    ("down_ms", "step_ms", "left_ms"),
    [
        (1_000, 0, 7_000),
        (60_000, 0, 5_000),
        (1_000, 300_000, 5_000),
        (1_000, -300_000, 5_000),
        (1_000, -1_000, 8_000),
    ],
    ids=["soon", "long after", "clock set forward", "clock set back", "clock set back a little"],
)
def test_what_is_left_of_the_time_limit_after_a_restart(down_ms, step_ms, left_ms):
    machine = Machine()
    arb = legged(machine)
    machine.wait(2_000)
    arb = restarted(arb, machine, down_ms, step_ms=step_ms)
    machine.wait(left_ms - 1)
    arb, actions = ticked(arb, machine, has_book=False)
    assert (arb.state, actions) == (ArbState.LEGGED, ())
    machine.wait(1)
    arb, actions = ticked(arb, machine, has_book=False)
    assert (arb.state, [type(one) for one in actions]) == (ArbState.STUCK, [Halt])


def test_each_restart_long_after_leaves_half_of_what_the_one_before_left():
    machine = Machine()
    arb = legged(machine)
    for restarts in range(1, 12):
        arb = restarted(arb, machine, 60_000)
        limit = DEFAULT_PARAMS.hedge_limit_ns
        assert machine.mono_ns - arb.uneven_mono_ns == limit - limit // 2**restarts


def pauses(*, restart_at: int, step_ms: int = 0) -> Iterator[int]:
    """Yield how long each of eight hedges that meet nothing waits, ms; the trader starts anew 10 ms after the n-th."""
    machine = Machine()
    arb, waited = legged(machine), 0
    while arb.state is not ArbState.STUCK:
        machine.wait(10)
        waited += 10
        arb, actions = ticked(arb, machine)
        if placed(actions):
            yield waited
            waited = 0
            arb = said(arb, machine, NOTHING)
            if len(arb.orders) - 2 == restart_at:
                arb = restarted(arb, machine, 10, step_ms=step_ms)
                waited += 10


PACE = [10, 10, 80, 160, 320, 630, 1_250, 2_500]


@pytest.mark.parametrize("restart_at", range(1, 8))
def test_a_restart_does_not_change_the_pace_of_hedges(restart_at):
    assert list(pauses(restart_at=restart_at)) == [max(each, 10) for each in _with_a_tick_later(restart_at)]


def _with_a_tick_later(restart_at: int) -> list[int]:
    # The second hedge goes with the next tick, which is one after the restart.
    return [20 if index == restart_at == 1 else each for index, each in enumerate(PACE)]


@pytest.mark.parametrize("step_ms", [-300_000, 300_000])
def test_a_pause_that_no_clock_can_tell_is_over_and_the_attempt_counts(step_ms):
    assert list(pauses(restart_at=5, step_ms=step_ms)) == [10, 10, 80, 160, 320, 20, 1_250, 2_500]


def test_what_was_lost_before_a_restart_is_off_the_loss_limit():
    # What is left at 4,010,000 of what cost 4,000,000 gains, but the first part was sold far below.
    machine = Machine()
    params = msgspec.structs.replace(DEFAULT_PARAMS, hedge_max_loss_krw=20_000)
    arb, _ = ticked(legged(machine, params), machine)
    arb = said(arb, machine, heard(OrderOn.ACKED))
    arb = restarted(arb, machine, 50)
    arb = said(arb, machine, heard(OrderOn.CANCELED, fill("h", 3_800_000, "0.2"), fee="1"))
    arb = restarted(arb, machine, 50)
    machine.wait(10)
    arb, actions = ticked(arb, machine)
    assert (arb.state, placed(actions)) == (ArbState.LEGGED, 0)
    machine.wait(LIMIT_MS)
    arb, _ = ticked(arb, machine)
    assert (arb.state, arb.why.partition(":")[0]) == (ArbState.STUCK, "no_hedge loss_over_limit")


def test_hedges_before_a_halt_do_not_count_after_it_and_a_restart():
    machine = Machine()
    arb = legged(machine)
    for _ in range(5):
        machine.wait(1_000)
        arb, actions = ticked(arb, machine)
        assert placed(actions) == 1
        arb = said(arb, machine, NOTHING)
    halted, _ = ticked(arb, machine, level=TradingLevel.HALTED)
    assert is_news(arb, halted)
    arb = restarted(halted, machine, 60_000)
    again, _ = ticked(arb, machine, level=TradingLevel.HALTED)
    assert not is_news(arb, again)
    machine.wait(3_600_000)
    begun, _ = ticked(again, machine, has_book=False)
    assert is_news(again, begun)
    arb = restarted(begun, machine, 1_000)
    assert machine.mono_ns - arb.uneven_mono_ns == SECOND
    hedges = 0
    while arb.state is not ArbState.STUCK:
        machine.wait(10)
        arb, actions = ticked(arb, machine)
        if placed(actions):
            hedges += 1
            arb = said(arb, machine, NOTHING)
    assert (hedges, arb.why) == (DEFAULT_PARAMS.hedge_max_attempts, "attempts_spent")


def test_an_image_of_before_has_half_of_its_time_and_all_its_hedges_count():
    arb, machine = hedged(Machine())
    arb = said(arb, machine, NOTHING)
    old = msgspec.structs.replace(arb, uneven_wall_ns=None)
    arb = restarted(old, machine, 1_000)
    assert machine.mono_ns - arb.uneven_mono_ns == DEFAULT_PARAMS.hedge_limit_ns // 2
    assert sum(order.role is OrderRole.HEDGE for order in arb.orders[2 + arb.hedges_before :]) == 1
    arb = restarted(arb, machine, 1_000)
    assert machine.mono_ns - arb.uneven_mono_ns == DEFAULT_PARAMS.hedge_limit_ns // 2 + SECOND


def test_a_fill_that_comes_late_is_evened_out_on_another_machine():
    machine = Machine(mono_ns=5_000_000 * SECOND)
    arb, _ = ticked(legged(machine), machine)
    arb = said(arb, machine, heard(OrderOn.FULL_FILL, fill("h", 4_010_000, "0.5"), fee="1"))
    assert arb.state is ArbState.CLOSED
    machine.boot(10_000)
    arb = reclocked(arb, machine.now)
    late = heard(OrderOn.PART_FILL, fill("late", 4_010_000, "0.1"), executed="0.1")
    arb, _ = advance(arb, OrderHeard(arb.orders[1].client_order_id, late), machine.now)
    assert (arb.state, arb.hedges_before, arb.uneven_restarts) == (ArbState.LEGGED, 1, 0)
    assert (arb.uneven_mono_ns, arb.uneven_wall_ns) == (machine.mono_ns, machine.wall_ns)
    machine.wait(10)
    fresh = msgspec.structs.replace(UPBIT, recv_mono_ns=Ns(machine.mono_ns))
    _, actions = advance(arb, Tick(quotes(fresh, None), TradingLevel.ACTIVE), machine.now)
    assert placed(actions) == 1
