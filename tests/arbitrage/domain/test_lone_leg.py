"""A lone leg: waits only where that costs less, never to and fro, never loses more than it may, is evened out once."""

from collections.abc import Iterator
from decimal import Decimal
from random import Random

import msgspec
import pytest
from desk_builders import book, e8, fill, heard, moment, opened, quotes
from lone_leg_model import (
    L_MAX_KRW,
    MIDDLE,
    SEEN_MS,
    STEP_MS,
    Lived,
    World,
    best_moment,
    beyond_middle,
    least_expected,
    live,
    told,
)

from arbitrage.domain.arb import Action, Arb, ArbState, Halt, OrderHeard, Place, Tick
from arbitrage.domain.arb_step import advance
from arbitrage.domain.book import Book
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.order import OrderOn
from arbitrage.domain.params import DEFAULT_PARAMS, MS, Params
from arbitrage.domain.units import SCALE, Exchange

UPBIT = book(Exchange.UPBIT, [(3_998_000, "2")], [(4_000_000, "2")])
WIDE = book(Exchange.UPBIT, [(3_980_000, "2")], [(4_000_000, "2")])
HOLD_MS = DEFAULT_PARAMS.hedge_hold_ns // MS


def legged(params: Params = DEFAULT_PARAMS, **kwargs: object) -> Arb:
    """Return an arb whose purchase of 0.5 filled at 10 ms and whose sale missed."""
    arb = opened(params, **kwargs)
    for order, report in zip(
        arb.orders,
        (heard(OrderOn.FULL_FILL, fill("b", 4_000_000, "0.5"), fee="1000"), heard(OrderOn.CANCELED, executed="0")),
        strict=True,
    ):
        arb, _ = advance(arb, OrderHeard(order.client_order_id, report), moment(10))
    assert arb.state is ArbState.LEGGED
    return arb


def tick(arb: Arb, upbit: Book, *, at: int) -> tuple[Arb, tuple[Action, ...]]:
    """Let time pass where Upbit's spread is usually 0.05 %, and Bithumb is away."""
    found = quotes(msgspec.structs.replace(upbit, recv_mono_ns=moment(at).mono_ns), None)
    known = {
        exchange: msgspec.structs.replace(one, usual_spread_ppm=500, sigma_ppm=300) for exchange, one in found.items()
    }
    return advance(arb, Tick(known, TradingLevel.ACTIVE), moment(at))


def placed(actions: tuple[Action, ...]) -> Iterator[str]:
    """Yield the ids of the orders to place."""
    return (action.order.client_order_id for action in actions if isinstance(action, Place))


def test_lone_leg_waits_for_a_wide_spread_and_goes_when_it_closed():
    arb, actions = tick(legged(), WIDE, at=60)
    assert (arb.state, actions) == (ArbState.LEGGED, ())
    _, actions = tick(arb, UPBIT, at=110)
    assert list(placed(actions)) == ["t1-1-h0"]


def test_waiting_ends_with_its_time_although_the_spread_stays_wide():
    arb = legged()
    for at in range(60, 10 + HOLD_MS, 50):
        arb, actions = tick(arb, WIDE, at=at)
        assert actions == ()
    _, actions = tick(arb, WIDE, at=10 + HOLD_MS)
    assert list(placed(actions)) == ["t1-1-h0"]


def test_no_second_wait_after_the_first_hedge():
    arb, _ = tick(legged(), UPBIT, at=60)
    missed = OrderHeard("t1-1-h0", heard(OrderOn.CANCELED, fill("h", 3_998_000, "0.2"), fee="0"))
    arb, _ = advance(arb, missed, moment(80))
    _, actions = tick(arb, WIDE, at=110)
    assert list(placed(actions)) == ["t1-1-h1"]


def test_waiting_takes_at_most_half_of_the_whole_time():
    hasty = msgspec.structs.replace(DEFAULT_PARAMS, hedge_limit_ns=500 * MS)
    arb, actions = tick(legged(hasty), WIDE, at=240)
    assert actions == ()
    _, actions = tick(arb, WIDE, at=261)
    assert list(placed(actions)) == ["t1-1-h0"]


def test_never_waits_where_that_is_switched_off():
    _, actions = tick(legged(msgspec.structs.replace(DEFAULT_PARAMS, hedge_hold_ns=0)), WIDE, at=60)
    assert list(placed(actions)) == ["t1-1-h0"]


def test_what_an_arb_lost_already_is_off_the_limit_of_its_next_hedge():
    careful = msgspec.structs.replace(DEFAULT_PARAMS, hedge_max_loss_krw=8_000 * SCALE, hedge_hold_ns=0)
    arb, _ = tick(legged(careful), UPBIT, at=60)
    assert arb.orders[2].price == 3_988_000 * SCALE, "as far as 8,000 reach, less the 1,000 of the purchase's fee"
    # 0.4 are gone at 3,988,000: 4,800 and 798 of fees; of 8,000 there are 1,402 left for the last 0.1.
    part = OrderHeard("t1-1-h0", heard(OrderOn.CANCELED, fill("h", 3_988_000, "0.4"), fee="797.6"))
    arb, _ = advance(arb, part, moment(80))
    low = book(Exchange.UPBIT, [(3_970_000, "2")], [(4_000_000, "2")])
    arb, actions = tick(arb, low, at=110)
    assert (arb.state, actions) == (ArbState.LEGGED, ()), "3,000 and a fee for the rest is too much"
    arb, actions = tick(arb, UPBIT, at=160)
    assert list(placed(actions)) == ["t1-1-h1"]
    assert arb.orders[3].price == 3_988_000 * SCALE


def test_leg_still_uneven_past_its_time_is_evened_out_and_stops_what_is_new():
    late = DEFAULT_PARAMS.hedge_limit_ns // MS + 10
    arb, actions = tick(legged(), UPBIT, at=late - 1)
    assert [type(action) for action in actions] == [Place]
    arb, actions = tick(legged(), UPBIT, at=late)
    assert list(placed(actions)) == ["t1-1-h0"]
    assert [action.level for action in actions if isinstance(action, Halt)] == [TradingLevel.REDUCING]
    assert arb.state is ArbState.HEDGING


@pytest.fixture(scope="module")
def lived() -> list[Lived]:
    """Return what came of a thousand random lone legs; `tests.lone_leg_model` does more."""
    return [live(seed) for seed in range(7_000, 8_000)]


def test_a_thousand_lone_legs_are_evened_out_in_time_or_stop_the_desk(lived):
    uneven = [one for one in lived if one.uneven_at_first]
    assert len(uneven) > 700
    for one in uneven:
        assert one.is_one_way, "evened out once, never past zero"
        assert not one.is_late
        if one.state is ArbState.CLOSED:
            assert abs(one.left) * 4_000_000 < 6_000 * SCALE, "no more than dust"
            assert one.lost_krw <= L_MAX_KRW
        else:
            assert (one.state, one.was_told) == (ArbState.STUCK, True)


@pytest.mark.parametrize("sigma_ppm", [50, 100])
def test_lone_legs_in_calm_markets_cost_within_a_twentieth_of_who_sees_a_second_ahead(lived, sigma_ppm):
    calm = [one for one in lived if one.oracle_krw is not None and one.sigma_ppm == sigma_ppm and not one.has_jump]
    cost, oracle = sum(one.cost_krw for one in calm), sum(one.oracle_krw for one in calm)
    assert len(calm) > 70
    assert oracle < cost < oracle * 21 / 20, told(calm)


def test_what_the_desk_took_does_not_stand_in_the_models_book_again():
    world, at = World(Random(3)), 100
    whole = world.left(Exchange.UPBIT, at)
    first, second = whole.bids[:2]
    half = second.qty // 2
    order = msgspec.structs.replace(
        opened().orders[1], exchange=Exchange.UPBIT, price=second.price, qty=first.qty + half
    )
    assert world.fill(order, at).executed_qty == order.qty
    left = world.left(Exchange.UPBIT, at)
    assert left.bids == (msgspec.structs.replace(second, qty=second.qty - half), *whole.bids[2:])
    assert left.asks == whole.asks
    assert world.left(Exchange.BITHUMB, at) == world.book(Exchange.BITHUMB, at)
    assert world.book(Exchange.UPBIT, at) == whole, "who it is compared with finds all of it"


@pytest.mark.parametrize("uneven", ["0.5", "-0.3"])
def test_where_the_price_stands_still_the_least_expected_cost_is_that_of_the_best_moment(uneven):
    world, units, middle = World(Random(3)), e8(uneven), MIDDLE * SCALE
    moments = [world.paid(units, at, middle) for at in range(SEEN_MS[0], SEEN_MS[1] + 1, STEP_MS)]
    best = min(one for one in moments if one is not None) + MIDDLE * units // SCALE
    least = least_expected(beyond_middle(world, units, *SEEN_MS), 1)
    assert abs(least - best) < Decimal("0.001")
    assert best > 0


def test_where_the_price_swings_seeing_ahead_and_between_the_ticks_is_worth_something():
    units, ahead, between, blind, at_once = e8("0.5"), Decimal(0), Decimal(0), Decimal(0), Decimal(0)
    for seed in range(25):
        world = World(Random(seed))
        world.sigma_ppm, world.jump_at = 300, -1
        rows = beyond_middle(world, units, *SEEN_MS)
        ahead += world.cheapest(units, *SEEN_MS)
        between += least_expected(rows, 300)
        blind += best_moment(rows)
        at_once += best_moment(rows[:1])
    assert ahead < between < blind < at_once
