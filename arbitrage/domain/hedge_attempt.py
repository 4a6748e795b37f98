"""What one attempt to even out a lone leg may use: how far it may go, whom it may ask when, and which books to believe.

Pure looks at an arb; `arb_step.py` makes the order. Attempts that meet nothing are paced, so that an exchange
that says no at once cannot use all of them up before a short trouble is over.
"""

from collections.abc import Mapping
from itertools import takewhile

import msgspec

from arbitrage.domain.arb import Arb, Moment
from arbitrage.domain.hedge import HedgeRules, Quote
from arbitrage.domain.order import Order, OrderRole, OrderState, RefusalReason
from arbitrage.domain.units import Exchange, Ns, units_floor


def rules_of(arb: Arb, attempt: int, now: Moment) -> HedgeRules:
    """Return how far this attempt may go. What the arb has lost already is off its loss limit.

    Waiting by choice ends with `hedge_hold_ns` and with the first hedge: no arb goes to and fro.
    """
    limits = arb.limits
    reach = min(attempt, limits.hedge_max_attempts - 1) + 1
    hold_ns = min(limits.hedge_hold_ns, limits.hedge_limit_ns // 2)
    left_ns = hold_ns - _uneven_ns(arb, now)
    return HedgeRules(
        slippage_ppm=limits.hedge_slippage_ppm * reach,
        max_loss_krw=limits.hedge_max_loss_krw + min(0, units_floor(arb.even_pnl_krw)),
        look_ahead_ns=0 if attempt else max(0, left_ns),
        kappa_ppm=limits.risk_kappa_ppm,
        sigma_ppm=limits.risk_sigma_ppm,
        split_from_ns=Ns(now.mono_ns - limits.hedge_patience_ns) if _may_split(arb, now) else None,
        split_open_ns=limits.hedge_patience_ns,
    )


def _may_split(arb: Arb, now: Moment) -> bool:
    # A split needs one attempt more: only where twice as many are left as it takes, and half of the time.
    plenty = 2 * (len(_hedges(arb)) + 2) <= arb.limits.hedge_max_attempts
    return plenty and 2 * _uneven_ns(arb, now) < arb.limits.hedge_limit_ns


def is_past_time(arb: Arb, now: Moment) -> bool:
    """Return whether it has been uneven for as long as it may be."""
    return _uneven_ns(arb, now) >= arb.limits.hedge_limit_ns


def _uneven_ns(arb: Arb, now: Moment) -> int:
    return 0 if arb.uneven_mono_ns is None else now.mono_ns - arb.uneven_mono_ns


def is_spent(arb: Arb, now: Moment) -> bool:
    """Return whether no further hedge may be tried.

    Within the time limit only attempts in a row that met nothing count: a thin book that gives a little is a way out.
    """
    spent = len(_hedges(arb)) if is_past_time(arb, now) else _met_nothing(arb)
    return spent >= arb.limits.hedge_max_attempts


def believable(arb: Arb, quote: Quote, now: Moment) -> Quote:
    """Return `quote` without a book that is of no use now: older than an order that missed on it, or to be left alone.

    What an older book shows is gone. An exchange where hedges keep meeting nothing is left alone for a while.
    """
    exchange = quote.instrument.exchange
    missed = [
        order.heard_mono_ns
        for order in arb.orders
        if order.exchange is exchange
        and order.is_ended
        and (order.executed_qty < order.qty or order.role is OrderRole.HEDGE)
    ]
    is_old = quote.book is not None and quote.book.recv_mono_ns < max(missed, default=0)
    if is_old or _is_resting(arb, exchange, now):
        return msgspec.structs.replace(quote, book=None)
    return quote


def asked_first(
    arb: Arb, quotes: Mapping[Exchange, Quote], believed: Mapping[Exchange, Quote], now: Moment
) -> dict[Exchange, Quote] | None:
    """Return the quotes to plan with before all `believed` ones, or None while a younger book is worth waiting for.

    An exchange that keeps refusing is left out; one that said nothing for `hedge_patience_ns` has no book.
    """
    willing = {one: quote for one, quote in believed.items() if not _keeps_refusing(arb, one)} or dict(believed)
    silent = [exchange for exchange, quote in willing.items() if _is_awaited(arb, quotes[exchange], quote, now)]
    if silent and now.mono_ns - arb.changed_mono_ns < arb.limits.hedge_patience_ns:
        return None
    return willing | {exchange: msgspec.structs.replace(willing[exchange], book=None) for exchange in silent}


def _keeps_refusing(arb: Arb, exchange: Exchange) -> bool:
    # More than one order of this arb: attempts are better spent elsewhere.
    refused = (order for order in arb.orders if order.exchange is exchange and order.state is OrderState.REFUSED)
    return sum(order.refusal is not RefusalReason.STOPPED for order in refused) > 1


def _is_awaited(arb: Arb, quote: Quote, believed: Quote, now: Moment) -> bool:
    # After a hedge that filled whole, what is left belongs on the other exchange: a book of that since then shows that
    # it is still there. The book we took from is not waited for, but past the time: then a plan that fails is the end.
    if quote.book is None:
        return False
    newest = arb.orders[-1]
    has_filled = newest.role is OrderRole.HEDGE and newest.executed_qty == newest.qty
    if has_filled and quote.instrument.exchange is not newest.exchange:
        return quote.book.recv_mono_ns < newest.heard_mono_ns
    return believed.book is None and (not has_filled or is_past_time(arb, now))


def _is_resting(arb: Arb, exchange: Exchange, now: Moment) -> bool:
    # One hedge that met nothing is followed at once on the next book. From the second in a row on an exchange each
    # pause is twice the one before, and all pauses together are half of the time limit. Past its time nothing rests.
    # What our own last check kept back would be kept back elsewhere, too: it rests both.
    hedges = _hedges(arb)
    here = [one for one in hedges if one.exchange is exchange or one.refusal is RefusalReason.STOPPED]
    if len(here) < 2 or here[-1].executed_qty or here[-2].executed_qty or is_past_time(arb, now):
        return False
    left = max(arb.limits.hedge_max_attempts - _met_nothing(arb), 1)
    return now.mono_ns - hedges[-1].planned_mono_ns < arb.limits.hedge_limit_ns // 2 >> left


def _hedges(arb: Arb) -> list[Order]:
    # Those of this unevenness: a fill that comes late, or a stop that is lifted, starts time and attempts anew. They
    # are counted, not told by a clock: a restart sets the clocks of what works and of what ended apart.
    return [order for order in arb.orders if order.role is OrderRole.HEDGE][arb.hedges_before :]


def _met_nothing(arb: Arb) -> int:
    # How many of the newest in a row: one that filled a part begins anew.
    ended = takewhile(lambda order: order.is_ended and not order.executed_qty, reversed(_hedges(arb)))
    return sum(1 for _ in ended)
