"""One leg after the other: where an exchange cannot be relied on its leg goes first, the other follows its fill (R3.1).

Both legs are planned and reserved at once. The one held back is sized to exactly what the leader filled, once
that is proven; it goes as long as it is worth an order and its moment has not passed. In every other case it
is dropped without having been sent, and what the leader filled is evened out like any lone leg.
"""

from collections.abc import Mapping

import msgspec

from arbitrage.domain import order as orders
from arbitrage.domain.arb import Arb, Moment
from arbitrage.domain.hedge import Quote
from arbitrage.domain.order import Order, OrderOn, OrderReport, RefusalReason
from arbitrage.domain.params import MS
from arbitrage.domain.units import SCALE, Exchange, Ns, Qty

FOLLOW_WITHIN_NS = 1_000 * MS
"""A leg that could not follow by then is dropped: its price is of another moment."""


def held_leg(arb: Arb) -> Order | None:
    """Return the leg that waits for the leader's fill, None when none does."""
    return next((order for order in arb.orders if arb.held and order.client_order_id == arb.held), None)


def dropped(arb: Arb, now_mono: Ns, why: str) -> Arb:
    """Return `arb` without its held leg: refused by ourselves, nothing of it ever left."""
    held = held_leg(arb)
    if held is None:
        return arb
    report = OrderReport(OrderOn.REFUSED, refusal=RefusalReason.STOPPED, detail=why)
    return _changed(arb, orders.advance(held, report, now_mono))


def released(arb: Arb, quotes: Mapping[Exchange, Quote], now: Moment) -> tuple[Arb, Order | None]:
    """Return `arb` with its held leg on its way, sized to the leader's fill, or dropped where it cannot be."""
    held = held_leg(arb)
    assert held is not None
    leader = next(order for order in arb.orders if order.client_order_id == arb.leader)
    # Dust taken over made the legs differ; so do they still when the leader filled whole.
    qty = Qty(held.qty - (leader.qty - leader.executed_qty))
    instrument = quotes[held.exchange].instrument
    if now.mono_ns - arb.opened_mono_ns > FOLLOW_WITHIN_NS:
        return dropped(arb, now.mono_ns, "too late to follow"), None
    if qty <= 0 or qty % instrument.lot_step or qty * held.price < instrument.min_notional * SCALE:
        return dropped(arb, now.mono_ns, "too small to follow"), None
    sized = msgspec.structs.replace(
        held, qty=qty, planned_wall_ns=now.wall_ns, planned_mono_ns=now.mono_ns, heard_mono_ns=now.mono_ns
    )
    return _changed(arb, sized), sized


def _changed(arb: Arb, leg: Order) -> Arb:
    legs = tuple(leg if one.client_order_id == leg.client_order_id else one for one in arb.orders)
    return msgspec.structs.replace(arb, orders=legs, held="")
