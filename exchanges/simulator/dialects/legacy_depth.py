"""Legacy book changes: only levels that differ, in absolute quantities (bithumb.md §2.1)."""

import msgspec

from arbitrage.domain.units import Side
from exchanges.simulator.dialects.bithumb_quirks import DepthEdge
from exchanges.simulator.ladder import Ladder

_MOST_KEPT = 120
"""Levels a side remembered beyond those shown; the farthest are then announced as gone."""


class Change(msgspec.Struct, frozen=True):
    """One level's new quantity; 0 = there is none any more."""

    side: Side
    price: int
    qty: int


class Announced:
    """What one client was told about one market, level by level."""

    def __init__(self, sides: dict[Side, Ladder], edge: DepthEdge) -> None:
        self._edge = edge
        self._told = {side: dict(ladder) for side, ladder in sides.items()}

    def changes(self, sides: dict[Side, Ladder]) -> list[Change]:
        """Return what must be said so that the client's best levels are `sides`, and take it as said."""
        return [change for side, ladder in sides.items() for change in self._side(side, ladder)]

    def _side(self, side: Side, ladder: Ladder) -> list[Change]:
        told, shown = self._told[side], dict(ladder)
        changed = [Change(side, price, qty) for price, qty in ladder if told.get(price) != qty]
        gone = [price for price in told if price not in shown]
        if self._edge is DepthEdge.KEPT and ladder:
            sign = 1 if side is Side.ASK else -1
            worst = ladder[-1][0]
            beyond = sorted((price for price in gone if (price - worst) * sign > 0), key=lambda price: price * sign)
            gone = [price for price in gone if price not in set(beyond[:_MOST_KEPT])]
        changed += [Change(side, price, 0) for price in gone]
        for price in gone:
            del told[price]
        told |= shown
        return changed
