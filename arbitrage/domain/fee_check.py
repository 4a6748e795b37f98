"""Whether an order was charged what its exchange's rules say: a coupon that ran out shows here first."""

from decimal import Decimal

from arbitrage.domain.instrument import Instrument
from arbitrage.domain.order import Order
from arbitrage.domain.units import EXACT

SLACK_PPM = 10
"""How far the rate may lie off, besides a step of the fee's rounding for every fill."""


def is_other_fee(order: Order, instrument: Instrument) -> bool:
    """Return whether `order`, proven by its fills, was charged another rate than `instrument` says.

    A fee of 0 says nothing: it is what is known while no fee was told.
    """
    if not order.is_proven or not order.paid_fee or not order.executed_funds:
        return False
    off = abs(EXACT.subtract(order.paid_fee, instrument.fee_on(order.executed_funds)))
    slack = EXACT.multiply(order.executed_funds, Decimal(SLACK_PPM).scaleb(-6, EXACT))
    return off > EXACT.add(slack, EXACT.multiply(instrument.fee_step_dec, Decimal(len(order.fills))))
