"""How a book leaves an exchange: variations of its wire form as settings, and what faults do to it on its way.

Both can be changed while running, on a whole exchange or on one market. Without any, books leave as they are.
"""

from collections.abc import Callable
from enum import StrEnum

import msgspec

from arbitrage.domain.instrument import TickTable
from arbitrage.domain.units import PPM, Price
from exchanges.simulator.dialect import BookView
from exchanges.simulator.ladder import Ladder

Transform = Callable[[BookView], list[BookView]]
"""What becomes of a book on its way to the streams: `[]` = lost, two = sent twice, another = altered."""


class Stamp(StrEnum):
    """What a book's time says."""

    TRUE = "true"
    EQUAL = "equal"
    """All the same from now on (upbit.md §3.4: it may repeat)."""
    BACKWARD = "backward"
    """Each earlier than the one before by the step."""
    SHIFTED = "shifted"
    """Off by the step: above zero it lies in the future."""


class BookShape(msgspec.Struct, frozen=True):
    """One way of writing a book (upbit.md §3.4, §5.1; bithumb.md §3.3, §6.1). The default changes nothing."""

    levels: int | None = None
    """Levels a side whatever was asked for; 31 is one more than any exchange shows. None = as asked."""
    padded_to: int = 0
    """Rows of price 0 and size 0 are added up to this many."""
    zero_size_every: int = 0
    """Every n-th level has size 0: dust that was rounded away; 0 = none."""
    off_tick_ppm: int = 0
    """Added to every price, in millionths of a tick."""
    stamp: Stamp = Stamp.TRUE
    stamp_step_ns: int = 0


_PLAIN = BookShape()


class Publication:
    """One exchange's door for books: shapes for streams and REST alike, transforms for streams only."""

    def __init__(self, ticks: TickTable) -> None:
        self.transforms: list[Transform] = []
        """Applied in order; install and remove them at any time."""
        self._ticks = ticks
        self._shapes: dict[str | None, BookShape] = {}
        self._stamps: dict[str, int] = {}

    def use_shape(self, shape: BookShape, market: str | None = None) -> None:
        """Write books this way from now on: those of `market`, or of all markets without a shape of their own."""
        self._shapes[market] = shape
        self._stamps.clear()

    def reset(self) -> None:
        """Write books as they are again, and let all through."""
        self._shapes.clear()
        self._stamps.clear()
        self.transforms.clear()

    def shaped(self, view: BookView) -> BookView:
        """Return the book in its wire form."""
        if not self._shapes:
            return view
        shape = self._shapes.get(view.market) or self._shapes.get(None, _PLAIN)
        if shape == _PLAIN:
            return view
        bids, asks = self._side(view.bids, shape, -1), self._side(view.asks, shape, 1)
        shown = max(shape.padded_to, shape.levels or 0) if shape.levels is not None or shape.padded_to else None
        return BookView(view.market, bids, asks, self._stamp(view, shape), shown)

    def leaving(self, view: BookView) -> list[BookView]:
        """Return the books that reach the streams in place of this one."""
        views = [view]
        for transform in list(self.transforms):
            views = [after for before in views for after in transform(before)]
        return views

    def _side(self, levels: Ladder, shape: BookShape, sign: int) -> Ladder:
        levels = levels[:] if shape.levels is None else levels[: shape.levels]
        while levels and shape.levels is not None and len(levels) < shape.levels:
            price, qty = levels[-1]
            price += sign * int(self._ticks.tick_at(Price(price)))
            if price <= 0:
                break
            levels.append((price, qty))
        if shape.off_tick_ppm:
            levels = [
                (price + int(self._ticks.tick_at(Price(price))) * shape.off_tick_ppm // PPM, qty)
                for price, qty in levels
            ]
        every = shape.zero_size_every
        if every:
            levels = [(price, 0 if rank % every == 0 else qty) for rank, (price, qty) in enumerate(levels, 1)]
        return levels + [(0, 0)] * (shape.padded_to - len(levels))

    def _stamp(self, view: BookView, shape: BookShape) -> int:
        if shape.stamp is Stamp.TRUE:
            return view.at_ns
        if shape.stamp is Stamp.SHIFTED:
            return view.at_ns + shape.stamp_step_ns
        stamp = self._stamps.get(view.market)
        if stamp is None:
            stamp = view.at_ns
        elif shape.stamp is Stamp.BACKWARD:
            stamp -= shape.stamp_step_ns
        self._stamps[view.market] = stamp
        return stamp
