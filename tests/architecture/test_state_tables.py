"""Every state can be reached, every state has a way to an end (design.md §7)."""

import pytest

from arbitrage.domain import arb, order
from arbitrage.domain.arb import ArbState
from arbitrage.domain.order import OrderState


def reachable(table, start):
    """Return the states that can follow `start`, itself included."""
    seen, left = {start}, [start]
    while left:
        for after in table.get(left.pop(), {}).values():
            if after not in seen:
                seen.add(after)
                left.append(after)
    return seen


TABLES = [
    pytest.param(order.TABLE, OrderState, OrderState.PLANNED, order.ENDED, id="order"),
    pytest.param(arb.TABLE, ArbState, ArbState.OPENING, {ArbState.CLOSED}, id="arb"),
]


@pytest.mark.parametrize(("table", "states", "start", "ends"), TABLES)
def test_every_state_can_be_reached(table, states, start, ends):
    assert reachable(table, start) == set(states)


@pytest.mark.parametrize(("table", "states", "start", "ends"), TABLES)
def test_every_state_has_a_way_to_an_end(table, states, start, ends):
    assert {state for state in states if not reachable(table, state) & set(ends)} == set()


def test_an_ended_order_never_works_again():
    for state in order.ENDED:
        assert reachable(order.TABLE, state) <= order.ENDED


def test_a_fill_on_a_refused_order_is_not_in_the_table():
    assert order.OrderOn.PART_FILL not in order.TABLE[OrderState.REFUSED]
    assert order.OrderOn.FULL_FILL not in order.TABLE[OrderState.REFUSED]
