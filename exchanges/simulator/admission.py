"""Whether an order is taken: ids, ticks, totals, depth, and the rules that may refuse at entry. Pure.

What the wire calls each fault is the dialect's business (upbit.md §4.1, bithumb.md §3.10).
"""

import re
from collections.abc import Callable

from arbitrage.domain.units import PPM, Price, Side
from exchanges.simulator.ladder import Ladder, swept
from exchanges.simulator.money import Fine, fine_of_units, funds_of
from exchanges.simulator.orders import Draft, OrdType, Tif
from exchanges.simulator.rules import OnUnfit, Rules
from exchanges.simulator.steps import Fault

Books = Callable[[Side], Ladder]
"""What rests on a side right now, the accounts' own orders included."""


def id_fault(rules: Rules, client_order_id: str | None, *, is_burned: bool) -> Fault | None:
    """Return why a client order id cannot be used; used once, it is burned for ever (upbit.md §1.4)."""
    if client_order_id is None:
        return None
    if not re.fullmatch(rules.client_id_pattern, client_order_id):
        return Fault.CLIENT_ID_INVALID
    return Fault.CLIENT_ID_BURNED if is_burned else None


def rule_fault(rules: Rules, draft: Draft, books: Books) -> Fault | None:
    """Return why an order for a listed market breaks the exchange's rules, or None."""
    opposite = books(draft.side.opposite)
    if draft.ord_type is OrdType.LIMIT:
        limit = draft.limit
        if limit <= 0 or limit % rules.ticks.tick_at(Price(limit)):
            return Fault.PRICE_OFF_TICK
        bids = books(Side.BID)
        if rules.lowest_price_ppm is not None and bids and limit * PPM < bids[0][0] * rules.lowest_price_ppm:
            return Fault.PRICE_UNDER_LIMIT
    total = estimated_total(draft, opposite)
    if total < rules.min_total:
        return Fault.UNDER_MINIMUM
    if total > (rules.max_limit_total if draft.ord_type is OrdType.LIMIT else rules.max_market_total):
        return Fault.OVER_MAXIMUM
    if rules.market_depth is not None and draft.ord_type in (OrdType.PRICE, OrdType.MARKET):
        return None if covers(draft, opposite[: rules.market_depth]) else Fault.BEYOND_DEPTH
    return _tif_fault(rules, draft, opposite)


# Only where an exchange says it at entry; else the order is taken and ends `cancel` when it meets the book.
def _tif_fault(rules: Rules, draft: Draft, opposite: Ladder) -> Fault | None:
    if draft.tif is Tif.POST_ONLY and rules.on_post_only_taking is OnUnfit.REFUSE and reached(draft, opposite):
        return Fault.POST_ONLY_TAKES
    if draft.tif is Tif.FOK and rules.on_fok_short is OnUnfit.REFUSE and not covers(draft, reached(draft, opposite)):
        return Fault.FOK_SHORT
    return None


def estimated_total(draft: Draft, opposite: Ladder) -> Fine:
    """Return what an order is worth; a market sell at the best bid, which is a guess (upbit.md §5.2)."""
    if draft.by_funds:
        return fine_of_units(draft.price or 0)
    best = opposite[0][0] if opposite else 0
    price = draft.limit if draft.ord_type is OrdType.LIMIT else best
    return funds_of(price, draft.volume or 0)


def reached(draft: Draft, opposite: Ladder) -> Ladder:
    """Return the levels an order may take: to its bound, the first one for `best`, all for market orders."""
    if draft.ord_type is OrdType.BEST:
        return opposite[:1]
    return opposite if draft.bound is None else swept(opposite, draft.bound, draft.side.sign)


def covers(draft: Draft, levels: Ladder) -> bool:
    """Return whether these levels fill the whole order."""
    if draft.by_funds:
        return sum(funds_of(price, qty) for price, qty in levels) >= fine_of_units(draft.price or 0)
    return sum(qty for _, qty in levels) >= (draft.volume or 0)


class BurstGuard:
    """Order stabilisation: counts a market's orders and rests it after a burst (upbit.md §1.4)."""

    def __init__(self) -> None:
        self._seen: dict[str, list[int]] = {}
        self._rests_until: dict[str, int] = {}

    def is_resting(self, rules: Rules, market: str, now: int) -> bool:
        """Count one order, and return whether its market takes none right now."""
        burst = rules.burst
        if burst is None:
            return False
        if now < self._rests_until.get(market, 0):
            return True
        recent = [at for at in self._seen.get(market, []) if now - at < burst.within_ns]
        self._seen[market] = [*recent, now]
        if len(recent) < burst.most:
            return False
        self._rests_until[market] = now + burst.rest_ns
        return True
