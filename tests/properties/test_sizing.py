"""Sizing equals the best of all lots to the last figure, and what it makes is taken by both exchanges."""

from random import Random

from msgspec.structs import replace
from sizing_books import brute_force, compared, random_case
from sizing_orders import faults_of, looked_at, random_signal

from arbitrage.domain import signal
from arbitrage.domain.units import Price, Qty
from tests.sabotage import Edit, apply


def test_every_figure_equals_brute_force_in_20000_of_20000_random_books() -> None:
    equal, outcomes = compared(seed=20_261_126, books=20_000)
    assert equal == 20_000
    assert set(outcomes) == {"signal", "no_gap", "no_balance", "under_minimum", "edge_lost"}
    assert outcomes["signal"] > 5_000


def test_brute_force_tells_a_walk_that_takes_one_level_too_few(monkeypatch) -> None:
    apply(monkeypatch, (Edit(signal._walk, "if ask_at == len(asks) or", "if ask_at == 3 or ask_at == len(asks) or"),))
    assert compared(seed=20_261_126, books=400)[0] < 400


def test_best_lots_are_more_than_one_and_fewer_than_all_in_many_books() -> None:
    random = Random(3)
    cases = [random_case(random) for _ in range(300)]
    found = [one for one in map(brute_force, cases) if isinstance(one, tuple)]
    assert len(found) > 60
    assert len({one[0] for one in found}) > 30


def test_no_order_of_the_desk_breaks_a_rule_of_either_exchange() -> None:
    assert looked_at(seed=20_261_126, orders=6_000) == []


def test_exchange_rules_tell_a_price_between_two_ticks_and_legs_of_two_sizes() -> None:
    random = Random(5)
    found = next(one for one in iter(lambda: random_signal(random), 0) if one is not None and one.buy_limit > 10**9)
    off = replace(found, buy_limit=Price(found.buy_limit + 1))
    assert [fault.rpartition(": ")[2] for fault in faults_of(off)] == ["price_off_tick"]
    small = replace(found, qty=Qty(1))
    assert [fault.rpartition(": ")[2] for fault in faults_of(small)] == ["under_minimum", "under_minimum"]
