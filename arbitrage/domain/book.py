"""One side-by-side view of one market on one exchange, never changed once made."""

import msgspec

from arbitrage.domain.errors import InvariantError
from arbitrage.domain.units import PPM, Exchange, Ns, Ppm, Price, Qty, Side

MAX_LEVELS = 30
MAX_SPREAD_PPM: Ppm = Ppm(100_000)
"""A spread of 10 % or more is not a book to trade on (R1.3)."""


class Level(msgspec.Struct, frozen=True, gc=False):
    """A price and how much stands there, both in 10^-8."""

    price: Price
    qty: Qty


class Book(msgspec.Struct, frozen=True):
    """Levels best first, at most 30 a side.

    `exchange_ns` is the exchange's clock; `recv_wall_ns` and `recv_mono_ns` are ours. Ages are
    taken from `recv_mono_ns` only.
    """

    exchange: Exchange
    market: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    exchange_ns: Ns
    recv_wall_ns: Ns = Ns(0)
    recv_mono_ns: Ns = Ns(0)

    def side(self, side: Side) -> tuple[Level, ...]:
        """Return the levels resting on `side`: BID -> bids."""
        return self.bids if side is Side.BID else self.asks


def ladder_fault(bids: tuple[Level, ...], asks: tuple[Level, ...]) -> str | None:
    """Return why these ladders cannot be traded on, or None (R1.3).

    Bids strictly falling, asks strictly rising, quantities and prices positive, both sides there,
    spread above 0 and below 10 %.
    """
    if not bids or not asks:
        return "side_empty"
    # Two loops with a comparison each: this is done for every frame.
    last = bids[0].price + 1
    for level in bids:
        price = level.price
        if price <= 0 or level.qty <= 0:
            return "level_not_positive"
        if price >= last:
            return "ladder_out_of_order"
        last = price
    last = asks[0].price - 1
    for level in asks:
        price = level.price
        if price <= 0 or level.qty <= 0:
            return "level_not_positive"
        if price <= last:
            return "ladder_out_of_order"
        last = price
    spread = asks[0].price - bids[0].price
    if spread <= 0:
        return "book_crossed"
    if spread * PPM >= bids[0].price * MAX_SPREAD_PPM:
        return "spread_too_wide"
    return None


def book_fault(book: Book, now_mono: Ns, max_age_ns: Ns) -> str | None:
    """Return why `book` must not be traded on at `now_mono`, or None."""
    if now_mono - book.recv_mono_ns > max_age_ns:
        return "book_stale"
    return ladder_fault(book.bids, book.asks)


def fillable(book: Book, side: Side, limit: Price) -> Qty:
    """Return how much an order on `side` could take without passing `limit`.

    Units: price and qty in 10^-8. BID takes asks at or below `limit`; ASK takes bids at or above.
    Zero when the opposite side is empty. Raises InvariantError if levels are out of order.
    """
    total = 0
    last: int | None = None
    sign = side.sign
    for level in book.side(side.opposite):
        if last is not None and (level.price - last) * sign <= 0:
            raise InvariantError(f"{book.exchange} {book.market}: levels out of order at {level.price}")
        last = level.price
        if (level.price - limit) * sign > 0:
            break
        total += level.qty
    return Qty(total)
