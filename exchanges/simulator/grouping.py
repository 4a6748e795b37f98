"""Books by coarser price steps: which steps a market has, and what a book looks like in one of them.

Upbit only (upbit.md §1.2, §3.2). A grouped book is for looking at: its prices are buckets, not orders.
"""

import msgspec

from exchanges.simulator.dialect import BookView
from exchanges.simulator.ladder import DEPTH, Ladder


def supported_levels(price: int, tick: int) -> tuple[int, ...]:
    """Return the price steps of a market at `price`, both in 10^-8: 0, then powers of ten above the tick up to it.

    Meets the one captured list, KRW-BTC at 103 M with tick 1,000: 0, 10,000 to 100,000,000 (upbit.md §1.2).
    """
    steps = [0]
    step = 1
    while step <= price:
        if step > tick:
            steps.append(step)
        step *= 10
    return tuple(steps)


def grouped(view: BookView, level: int) -> BookView:
    """Return the book in steps of `level`: asks rounded up, bids down, sizes of a bucket together; 0 as it is."""
    if level == 0:
        return view
    bids, asks = _bucketed(view.bids, level, -1), _bucketed(view.asks, level, 1)
    return msgspec.structs.replace(view, bids=bids, asks=asks, level=level)


def _bucketed(levels: Ladder, step: int, sign: int) -> Ladder:
    sizes: dict[int, int] = {}
    for price, qty in levels:
        bucket = -(-price // step) * step if sign > 0 else price // step * step
        if bucket > 0:
            sizes[bucket] = sizes.get(bucket, 0) + qty
    return list(sizes.items())[:DEPTH]
