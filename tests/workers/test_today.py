"""Today's figures: per Korean day, proof against a clock that jumps, blind to positions settled by hand."""

from decimal import Decimal

import msgspec
from desk_story import arb, legs
from hypothesis import given
from hypothesis import strategies as st

from arbitrage.domain.params import SECOND
from workers.today import DAY_NS, KST_NS, Today

E8 = 10**8
NOON = 20_000 * DAY_NS - KST_NS + 12 * 3600 * SECOND
MIDNIGHT = 20_001 * DAY_NS - KST_NS


def closed(arb_id: str, at_ns: int, *, sold: int = E8, bought: int = E8):
    orders = legs(arb_id, buy=100_000, sell=101_000, qty=E8, bought=bought, sold=sold)
    return msgspec.structs.replace(arb(arb_id, orders), closed_wall_ns=at_ns)


def test_arb_counts_on_the_korean_day_it_closed():
    today = Today()
    today.add(closed("a", MIDNIGHT - 1))
    today.add(closed("b", MIDNIGHT))
    each = (1_000 * E8 - 50 * E8 - 4_040 * E8 // 100, 100_000 * E8)
    assert today.figures(MIDNIGHT - 1) == each
    assert today.figures(MIDNIGHT) == each


def test_new_day_begins_at_nothing():
    today = Today()
    today.add(closed("a", NOON))
    assert today.figures(NOON + DAY_NS) == (0, 0)


def test_arb_that_closed_again_counts_once_with_its_newest_figures():
    today = Today()
    today.add(closed("a", NOON, sold=E8 // 2, bought=E8 // 2))
    today.add(closed("a", NOON + 1))
    assert today.figures(NOON)[1] == 100_000 * E8


def test_clock_that_jumps_ahead_and_comes_back_loses_no_loss():
    today = Today()
    today.add(closed("a", NOON))
    before = today.figures(NOON)
    assert today.figures(NOON + 3 * DAY_NS) == (0, 0)
    today.add(closed("b", NOON + 3 * DAY_NS))
    assert today.figures(NOON) == before
    today.add(closed("c", NOON + 1))
    assert today.figures(NOON)[1] == 2 * before[1]


def test_lone_leg_settled_by_hand_is_neither_profit_nor_loss():
    today = Today()
    today.add(closed("only-sold", NOON, bought=0))
    pnl, _ = today.figures(NOON)
    assert pnl == -4_040 * E8 // 100, "its fee, not 101,000 KRW of profit that would hide losses"
    today.add(closed("only-bought", NOON, sold=0))
    assert today.figures(NOON)[0] == pnl - 50 * E8


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 3), st.integers(0, E8)), max_size=40))
def test_sums_kept_ready_equal_the_newest_of_each(steps):
    today, newest = Today(), {}
    for name, day, qty in steps:
        today.add(closed(name, NOON + day * DAY_NS, sold=qty, bought=qty))
        newest[name, day] = qty
    for day in range(4):
        bought = sum(Decimal(qty) * 100_000 for (_, at), qty in newest.items() if at == day)
        assert today.figures(NOON + day * DAY_NS)[1] == bought


def test_a_discount_counts_on_the_day_its_arb_closed_and_not_when_nothing_filled():
    def discounted(arb_id: str, at_ns: int, discount: int, *, qty: int = E8):
        one = closed(arb_id, at_ns, sold=qty, bought=qty)
        return msgspec.structs.replace(one, signal=msgspec.structs.replace(one.signal, discount=discount))

    today = Today()
    today.add(discounted("a", MIDNIGHT - 1, 700))
    today.add(discounted("b", MIDNIGHT, 40))
    today.add(discounted("c", MIDNIGHT, 5))
    today.add(discounted("void", MIDNIGHT, 900, qty=0))
    assert (today.discount(MIDNIGHT - 1), today.discount(MIDNIGHT), today.discount(MIDNIGHT + DAY_NS)) == (700, 45, 0)
    today.add(discounted("c", MIDNIGHT + 1, 5))
    assert today.discount(MIDNIGHT) == 45
