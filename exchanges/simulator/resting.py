"""The accounts' own orders that rest, by price and then by arrival: liquidity like any other."""

from bisect import bisect_left, insort
from collections.abc import Iterator

from arbitrage.domain.units import Side
from exchanges.simulator.ladder import Ladder
from exchanges.simulator.orders import SimOrder


class RestingSide:
    """One side of one market, best first. Finding the best, adding and removing need no look at the others."""

    def __init__(self, side: Side) -> None:
        # Bids: the highest price first.
        self._sign = -side.sign
        self._ranks: list[tuple[int, int]] = []
        self._orders: dict[tuple[int, int], SimOrder] = {}
        self._rank_of: dict[str, tuple[int, int]] = {}
        self._count = 0

    def __contains__(self, order_id: str) -> bool:
        return order_id in self._rank_of

    def __iter__(self) -> Iterator[SimOrder]:
        return (self._orders[rank] for rank in self._ranks)

    def best(self) -> SimOrder | None:
        """Return the order that is met first, or None."""
        return self._orders[self._ranks[0]] if self._ranks else None

    def add(self, order: SimOrder) -> None:
        """Let an order rest behind all others of its price."""
        self._count += 1
        rank = (order.draft.limit * self._sign, self._count)
        insort(self._ranks, rank)
        self._orders[rank] = order
        self._rank_of[order.order_id] = rank

    def remove(self, order_id: str) -> None:
        """Take an order out; nothing happens when it does not rest here."""
        rank = self._rank_of.pop(order_id, None)
        if rank is not None:
            del self._orders[rank]
            del self._ranks[bisect_left(self._ranks, rank)]

    def within(self, bound: int | None) -> Iterator[SimOrder]:
        """Return what an opposite order with this limit would meet, best first; None = everything."""
        for rank in self._ranks:
            if bound is not None and rank[0] > bound * self._sign:
                return
            yield self._orders[rank]

    def levels(self, most: int) -> Ladder:
        """Return what is open by price, best first, at most so many levels; what lies behind is not looked at."""
        rows: Ladder = []
        for order in self:
            price = order.draft.limit
            if rows and rows[-1][0] == price:
                rows[-1] = (price, rows[-1][1] + order.remaining_qty)
            elif len(rows) == most:
                break
            else:
                rows.append((price, order.remaining_qty))
        return rows


class Resting:
    """All resting orders of one exchange."""

    def __init__(self) -> None:
        self._sides: dict[tuple[str, Side], RestingSide] = {}

    def side(self, market: str, side: Side) -> RestingSide:
        """Return one side of one market."""
        found = self._sides.get((market, side))
        if found is None:
            found = self._sides[market, side] = RestingSide(side)
        return found

    def has(self, market: str) -> bool:
        """Return whether any own order rests on a market: asked at every publication."""
        for side in (Side.BID, Side.ASK):
            found = self._sides.get((market, side))
            if found is not None and found.best() is not None:
                return True
        return False

    def of(self, order: SimOrder) -> RestingSide:
        """Return the side an order belongs to."""
        return self.side(order.draft.market, order.draft.side)


def joined(market_levels: Ladder, own: Ladder, side: Side, depth: int) -> Ladder:
    """Return the market's levels and the accounts' own as one ladder, best first, at most `depth` levels."""
    if not own:
        return market_levels
    rows = dict(market_levels)
    for price, qty in own:
        rows[price] = rows.get(price, 0) + qty
    return sorted(rows.items(), key=lambda row: -side.sign * row[0])[:depth]


def merged(shown: tuple[Ladder, Ladder], own_bids: Ladder, own_asks: Ladder, depth: int) -> tuple[Ladder, Ladder]:
    """Return bids and asks as everyone sees them: the market's and the accounts' own, never crossed.

    A resting order stands where others were: what it traded through is no longer there.
    """
    bids, asks = shown
    if own_bids:
        asks = [level for level in asks if level[0] > own_bids[0][0]]
    if own_asks:
        bids = [level for level in bids if level[0] < own_asks[0][0]]
    return joined(bids, own_bids, Side.BID, depth), joined(asks, own_asks, Side.ASK, depth)
