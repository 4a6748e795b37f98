"""Prints added up over a span of time: the candles both exchanges show, and what they are folded from.

Spans in which nothing was traded have no bar (upbit.md §1.2, bithumb.md §3.3).
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from arbitrage.domain.units import Exchange
from exchanges.simulator.kst import KST_OFFSET_NS, SECOND

MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
BORDER_NS = {Exchange.UPBIT: 0, Exchange.BITHUMB: KST_OFFSET_NS}
"""What added to a time makes its day begin at a multiple of 24 h: 09:00 KST on Upbit, 00:00 KST on Bithumb."""
_MONDAY_NS = 3 * DAY
"""1970-01-01 was a Thursday."""


class Span(StrEnum):
    """What a candle covers; MINUTES and SECONDS come in multiples."""

    SECONDS = "seconds"
    MINUTES = "minutes"
    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"
    YEARS = "years"


class Bar(msgspec.Struct, gc=False):
    """Everything printed from `start_ns` on. Prices and volumes in 10^-8, value in 10^-22 KRW."""

    start_ns: int
    opening: int
    high: int
    low: int
    closing: int
    volume: int
    bought: int
    """The part of `volume` whose taker bought."""
    value: int
    last_ns: int
    """When the last print came."""


def absorb(bar: Bar, later: Bar) -> None:
    """Add a bar that comes after everything in `bar`."""
    bar.high = max(bar.high, later.high)
    bar.low = min(bar.low, later.low)
    bar.closing = later.closing
    bar.volume += later.volume
    bar.bought += later.bought
    bar.value += later.value
    bar.last_ns = later.last_ns


def precede(bar: Bar, earlier: Bar) -> None:
    """Add a bar that comes before everything in `bar`."""
    bar.opening = earlier.opening
    bar.high = max(bar.high, earlier.high)
    bar.low = min(bar.low, earlier.low)
    bar.volume += earlier.volume
    bar.bought += earlier.bought
    bar.value += earlier.value


def newest(bars: Iterable[Bar], begin: Callable[[int], int], count: int, end_ns: int) -> list[Bar]:
    """Return `count` wider bars that begin before `end_ns`, newest first, out of `bars`, newest first.

    `begin` says which wider bar a start belongs to.
    """
    wide: list[Bar] = []
    for bar in bars:
        start = begin(bar.start_ns)
        if start >= end_ns:
            continue
        if wide and wide[-1].start_ns == start:
            precede(wide[-1], bar)
        elif len(wide) == count:
            break
        else:
            wide.append(msgspec.structs.replace(bar, start_ns=start))
    return wide


def start_of(exchange: Exchange, span: Span, unit: int, at_ns: int) -> int:
    """Return when the span of `unit` that `at_ns` falls into begins, on this exchange's clock."""
    border = BORDER_NS[exchange]
    shifted = at_ns + border
    if span is Span.SECONDS:
        return at_ns - at_ns % (unit * SECOND)
    if span is Span.MINUTES:
        return at_ns - shifted % (unit * MINUTE)
    if span is Span.DAYS:
        return at_ns - shifted % DAY
    if span is Span.WEEKS:
        return at_ns - (shifted + _MONDAY_NS) % (7 * DAY)
    first = datetime.fromtimestamp(shifted // SECOND, UTC).replace(day=1, hour=0, minute=0, second=0)
    if span is Span.YEARS:
        first = first.replace(month=1)
    return int(first.timestamp()) * SECOND - border
