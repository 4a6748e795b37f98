"""What an arb earned, by cause: each part exact, and their sum the arb's P&L to the last digit."""

import random
from decimal import Decimal

import msgspec
import pytest
from desk_story import arb, legs, order

from arbitrage.domain.order import OrderState
from arbitrage.domain.pnl import CAUSES, Parts, added, parts_of
from arbitrage.domain.units import Exchange, Krw, Side

E8 = 10**8
BUY, SELL = 150_000_000, 150_300_000


def shown(parts):
    return {name: str(getattr(parts, name).normalize()) for name in CAUSES if getattr(parts, name)}


def story(*, bought, sold, qty=E8 // 100, hedges=(), **signal):
    both = legs("a1", buy=BUY, sell=SELL, qty=qty, bought=bought, sold=sold)
    made = arb("a1", (*both, *hedges))
    return msgspec.structs.replace(made, signal=msgspec.structs.replace(made.signal, **signal))


def hedge(side, exchange, price, qty, position=2):
    fills = ((f"h{position}", qty),)
    return order("a1", position, exchange=exchange, side=side, price=price, qty=qty, fills=fills)


def test_an_arb_that_fills_as_promised_has_edge_and_fees():
    parts = parts_of(story(bought=E8 // 100, sold=E8 // 100))
    assert shown(parts) == {"edge": "3E+3", "fees": "-1351.2"}
    assert parts.pnl == Decimal("1648.8")


def test_what_the_books_promised_beyond_the_fills_is_slippage():
    # The walk saw 2,000 KRW better prices than the limits at which the legs filled.
    parts = parts_of(story(bought=E8 // 100, sold=E8 // 100, buy_cost=Krw(1_498_000 * E8)))
    assert shown(parts) == {"edge": "5E+3", "fees": "-1351.2", "slippage": "-2E+3"}


def test_a_discount_stands_apart_from_the_edge_it_is_taken_from():
    parts = parts_of(story(bought=E8 // 100, sold=E8 // 100, discount=Krw(700 * E8)))
    assert shown(parts) == {"edge": "3.7E+3", "discount": "-7E+2", "fees": "-1351.2"}


def test_half_filled_on_both_sides_is_half_the_edge():
    parts = parts_of(story(bought=E8 // 200, sold=E8 // 200))
    assert shown(parts) == {"edge": "1.5E+3", "fees": "-675.6"}


def test_a_lone_leg_sold_again_is_all_hedge_and_fees():
    back = hedge(Side.ASK, Exchange.UPBIT, 149_900_000, E8 // 100)
    parts = parts_of(story(bought=E8 // 100, sold=0, hedges=(back,)))
    # Bought for 1,500,000, sold for 1,499,000 with 749.5 fee; the leg's own fee is 750.
    assert shown(parts) == {"fees": "-7.5E+2", "hedge": "-1749.5"}


def test_the_short_leg_completed_elsewhere_bears_its_own_cost():
    more = hedge(Side.ASK, Exchange.BITHUMB, 150_200_000, E8 // 200)
    parts = parts_of(story(bought=E8 // 100, sold=E8 // 200, hedges=(more,)))
    assert shown(parts) == {"edge": "1.5E+3", "fees": "-1050.6", "hedge": "699.6"}
    assert parts.pnl == parts_of(story(bought=E8 // 100, sold=E8 // 200, hedges=(more,))).pnl


def test_what_is_left_over_is_dust_at_what_it_cost():
    parts = parts_of(story(bought=E8 // 100, sold=E8 // 100 - 3_000))
    # 0.00003 BTC at 150,000,000.
    assert parts.dust == Decimal(-4_500)
    assert parts.hedge == 0
    assert parts.pnl == Decimal("1648.8") - Decimal("4509") + Decimal("1.8036")


def test_dust_of_another_arb_that_is_sold_along_comes_back():
    parts = parts_of(story(bought=E8 // 100 - 3_000, sold=E8 // 100))
    assert parts.dust == Decimal(4_509)


def test_nothing_filled_is_nothing_earned():
    assert parts_of(story(bought=0, sold=0)) == Parts()


def test_an_order_not_yet_heard_of_counts_as_far_as_it_is_known():
    both = legs("a1", buy=BUY, sell=SELL, qty=E8 // 100, bought=E8 // 100, sold=0)
    waiting = msgspec.structs.replace(both[1], state=OrderState.UNKNOWN)
    assert parts_of(arb("a1", (both[0], waiting))).pnl == Decimal("-1500750")


@pytest.mark.parametrize("seed", range(20))
def test_the_parts_of_any_arb_sum_to_its_pnl_to_the_last_digit(seed):
    rng = random.Random(seed)
    made = []
    for number in range(25):
        qty = rng.randrange(1, 10**9)
        made.append(
            story(
                bought=rng.choice([qty, rng.randrange(qty + 1)]),
                sold=rng.choice([qty, rng.randrange(qty + 1)]),
                qty=qty,
                hedges=tuple(_odd_hedge(rng, n + 2) for n in range(rng.randrange(3))),
                buy_cost=Krw(rng.randrange(10**20)),
                sell_proceeds=Krw(rng.randrange(10**20)),
                discount=Krw(rng.randrange(10**12)),
            )
        )
        assert parts_of(made[number]).pnl == made[number].pnl_krw
    assert added(map(parts_of, made)).pnl == sum((one.pnl_krw for one in made), Decimal(0))


def _odd_hedge(rng, position):
    side, exchange = rng.choice(list(Side)), rng.choice(list(Exchange))
    made = hedge(side, exchange, rng.randrange(1, 2 * BUY), rng.randrange(1, 10**8), position)
    # Nine decimals and more were seen on the wire.
    return msgspec.structs.replace(
        made,
        paid_fee=Decimal(rng.randrange(10**12)).scaleb(-9),
        executed_funds=Decimal(rng.randrange(10**25)).scaleb(-18),
    )
