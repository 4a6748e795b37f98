"""Slippage of an arb: signed, weighted by what was executed, hedges included."""

import msgspec
from desk_builders import fill, heard, moment, opened

from arbitrage.domain.arb import Arb
from arbitrage.domain.order import Order, OrderOn, OrderRole, OrderState, advance
from arbitrage.domain.slippage import slippage_ppm
from arbitrage.domain.units import SCALE, Exchange, Price, Qty, Side


def filled(arb: Arb, index: int, *fills: tuple[int, str]) -> Arb:
    """Return the arb with fills (price, qty) on one of its orders."""
    named = [fill(f"{index}-{place}", price, qty) for place, (price, qty) in enumerate(fills)]
    order = advance(arb.orders[index], heard(OrderOn.PART_FILL, *named), moment(1).mono_ns)
    return msgspec.structs.replace(arb, orders=(*arb.orders[:index], order, *arb.orders[index + 1 :]))


def hedged(arb: Arb, side: Side, exchange: Exchange, qty: str) -> Arb:
    """Return the arb with one more order, a hedge that has not filled."""
    leg: Order = arb.orders[0]
    more = msgspec.structs.replace(
        leg,
        client_order_id="h",
        role=OrderRole.HEDGE,
        side=side,
        exchange=exchange,
        qty=Qty(int(float(qty) * SCALE)),
        price=Price(4_000_000 * SCALE),
        state=OrderState.SENT,
        fills=(),
    )
    return msgspec.structs.replace(arb, orders=(*arb.orders, more))


ARB = opened()  # 0.5 bought at 4,000,000 and sold at 4,020,000


def test_both_legs_at_the_expected_prices_are_no_slippage():
    assert slippage_ppm(filled(filled(ARB, 0, (4_000_000, "0.5")), 1, (4_020_000, "0.5"))) == 0


def test_nothing_filled_says_nothing():
    assert slippage_ppm(ARB) is None


def test_a_dearer_purchase_and_a_cheaper_sale_add_up():
    # 4,000 KRW dearer and 2,010 cheaper, of 2,010,000 expected: 2,990.05 ppm, against us.
    assert slippage_ppm(filled(filled(ARB, 0, (4_008_000, "0.5")), 1, (4_015_980, "0.5"))) == 2_991


def test_better_prices_are_below_zero():
    assert slippage_ppm(filled(filled(ARB, 0, (3_980_000, "0.5")), 1, (4_020_000, "0.5"))) == -4_976


def test_fills_weigh_by_their_quantity():
    # 0.4 at the expected price and 0.1 at 1 % more: 4,000 KRW of 2,010,000.
    arb = filled(filled(ARB, 0, (4_000_000, "0.4"), (4_040_000, "0.1")), 1, (4_020_000, "0.5"))
    assert slippage_ppm(arb) == 1_991


def test_a_part_fill_is_weighed_against_its_own_part():
    assert slippage_ppm(filled(filled(ARB, 0, (4_004_000, "0.1")), 1, (4_020_000, "0.1"))) == 996


def test_a_lone_leg_evened_out_at_a_loss_counts_the_loss():
    bought = filled(ARB, 0, (4_000_000, "0.5"))
    undone = filled(hedged(bought, Side.ASK, Exchange.UPBIT, "0.5"), 2, (3_990_000, "0.5"))
    # 15,000 KRW less than the sale was expected to bring, of 2,010,000.
    assert slippage_ppm(undone) == 7_463
