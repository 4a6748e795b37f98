"""One order: the table, and folding reports that repeat, come late or contradict."""

from decimal import Decimal
from itertools import permutations

import pytest
from desk_builders import fill, heard, opened

from arbitrage.domain.errors import IllegalTransition, InvariantError
from arbitrage.domain.order import ENDED, TABLE, Order, OrderOn, OrderReport, OrderState, advance


def order_in(*events: OrderOn) -> Order:
    order = opened().orders[0]
    for event in events:
        order = advance(order, OrderReport(event), 0)
    return order


def test_every_state_is_reachable_and_leads_to_an_end():
    reached, edge = {OrderState.PLANNED}, [OrderState.PLANNED]
    while edge:
        for state in TABLE[edge.pop()].values():
            if state not in reached:
                reached.add(state)
                edge.append(state)
    assert reached == set(OrderState)
    for start in OrderState:
        seen, todo = {start}, [start]
        while todo:
            for state in TABLE[todo.pop()].values():
                if state not in seen:
                    seen.add(state)
                    todo.append(state)
        assert seen & ENDED, start


def test_done_with_a_remainder_is_canceled_not_filled():
    order = order_in(OrderOn.SENT, OrderOn.ACKED)
    after = advance(order, heard(OrderOn.FULL_FILL, fill("a", 4_000_000, "0.2"), executed="0.2"), 5)
    assert (after.state, after.executed_qty) == (OrderState.CANCELED, 20_000_000)


def test_cancel_with_everything_executed_is_filled():
    order = order_in(OrderOn.SENT, OrderOn.ACKED)
    after = advance(order, heard(OrderOn.CANCELED, fill("a", 4_000_000, "0.5")), 5)
    assert (after.state, after.executed_funds) == (OrderState.FILLED, Decimal("2000000"))


def test_late_fill_after_cancel_grows_quantity():
    order = advance(order_in(OrderOn.SENT, OrderOn.ACKED), heard(OrderOn.CANCELED, executed="0"), 5)
    late = advance(order, heard(OrderOn.PART_FILL, fill("a", 4_000_000, "0.1")), 9)
    assert (late.state, late.executed_qty) == (OrderState.CANCELED, 10_000_000)
    assert advance(late, heard(OrderOn.PART_FILL, fill("b", 4_000_000, "0.4")), 9).state is OrderState.FILLED


def test_fold_is_the_same_in_any_order_with_repeats():
    reports = [
        heard(OrderOn.PART_FILL, fill("a", 4_000_000, "0.1"), executed="0.1", fee="200"),
        heard(OrderOn.PART_FILL, fill("b", 4_001_000, "0.3"), executed="0.4", fee="800.2"),
        heard(OrderOn.CANCELED, fill("a", 4_000_000, "0.1"), fill("b", 4_001_000, "0.3"), executed="0.4", fee="800.2"),
    ]
    ends = set()
    for sequence in permutations(reports + reports[:1]):
        order = order_in(OrderOn.SENT)
        for report in sequence:
            order = advance(order, report, 1)
        ends.add((order.state, order.executed_qty, order.executed_funds, order.paid_fee, len(order.fills)))
    assert ends == {(OrderState.CANCELED, 40_000_000, Decimal("1600300"), Decimal("800.2"), 2)}


def test_executed_quantity_without_named_fills_is_kept_and_not_proven():
    order = advance(order_in(OrderOn.SENT), heard(OrderOn.FULL_FILL, executed="0.5"), 1)
    assert order.state is OrderState.FILLED
    assert not order.is_proven
    proven = advance(order, heard(OrderOn.FULL_FILL, fill("a", 4_000_000, "0.5"), executed="0.5"), 2)
    assert proven.is_proven


def test_fill_on_refused_is_a_contradiction_and_changes_nothing():
    refused = order_in(OrderOn.SENT, OrderOn.REFUSED)
    with pytest.raises(IllegalTransition, match="part_fill in state refused"):
        advance(refused, heard(OrderOn.PART_FILL, fill("a", 4_000_000, "0.1")), 1)
    assert refused.executed_qty == 0


def test_more_executed_than_ordered_is_refused_as_an_invariant():
    with pytest.raises(InvariantError, match="executed_qty was 60000000, must be at most 50000000"):
        advance(order_in(OrderOn.SENT), heard(OrderOn.PART_FILL, executed="0.6"), 1)


def test_lost_outcome_becomes_unknown_and_a_stream_fill_resolves_it():
    order = order_in(OrderOn.SENT, OrderOn.OUTCOME_LOST)
    assert order.state is OrderState.UNKNOWN
    assert advance(order, heard(OrderOn.PART_FILL, fill("a", 4_000_000, "0.1")), 1).state is OrderState.WORKING
