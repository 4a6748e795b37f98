"""What one attempt to even out a lone leg may use: how far it may go, whom it may ask, which books it may believe.

Pure looks at an arb; `arb_step.py` makes the order.
"""

import msgspec

from arbitrage.domain.arb import Arb, Moment
from arbitrage.domain.hedge import HedgeRules, Quote
from arbitrage.domain.order import OrderState, RefusalReason
from arbitrage.domain.units import Exchange, units_floor


def rules_of(arb: Arb, attempt: int, now: Moment) -> HedgeRules:
    """Return how far this attempt may go. What the arb has lost already is off its loss limit.

    Waiting by choice ends with `hedge_hold_ns` and with the first hedge: no arb goes to and fro.
    """
    limits = arb.limits
    hold_ns = min(limits.hedge_hold_ns, limits.hedge_limit_ns // 2)
    left_ns = hold_ns - (now.mono_ns - (arb.uneven_mono_ns or now.mono_ns))
    return HedgeRules(
        slippage_ppm=limits.hedge_slippage_ppm * (attempt + 1),
        max_loss_krw=limits.hedge_max_loss_krw + min(0, units_floor(arb.even_pnl_krw)),
        look_ahead_ns=0 if attempt else max(0, left_ns),
        kappa_ppm=limits.risk_kappa_ppm,
        sigma_ppm=limits.risk_sigma_ppm,
    )


def keeps_refusing(arb: Arb, exchange: Exchange) -> bool:
    """Return whether `exchange` refused more than one order of this arb: attempts are better spent elsewhere."""
    refused = (order for order in arb.orders if order.exchange is exchange and order.state is OrderState.REFUSED)
    return sum(order.refusal is not RefusalReason.STOPPED for order in refused) > 1


def believable(arb: Arb, quote: Quote) -> Quote:
    """Return `quote` without a book that is older than an order that missed on it: what it shows is gone."""
    missed = [
        order.heard_mono_ns
        for order in arb.orders
        if order.exchange is quote.instrument.exchange and order.is_ended and order.executed_qty < order.qty
    ]
    if quote.book is None or not missed or quote.book.recv_mono_ns >= max(missed):
        return quote
    return msgspec.structs.replace(quote, book=None)
