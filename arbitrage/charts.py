"""Bars for the screen: numbers to the shapes of an inline SVG. Floats are allowed here, nowhere else in the shell."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

WIDTH = 720
HEIGHT = 210
FOOT = 20
"""Room under the bars for the hours."""


class Bar(msgspec.Struct, frozen=True):
    """One bar: its place and size in the SVG's own units, its words, and whether it stands above zero."""

    x: float
    y: float
    width: float
    height: float
    is_gain: bool
    label: str
    title: str


class BarChart(msgspec.Struct, frozen=True):
    """Bars around a zero line at `zero_y`. `is_empty` when every value is zero."""

    bars: tuple[Bar, ...]
    zero_y: float
    top_text: str
    is_empty: bool
    width: int = WIDTH
    height: int = HEIGHT


def bar_chart(rows: Sequence[tuple[str, Decimal, str]]) -> BarChart:
    """Return the chart of rows of label, value and title; the largest value fills the height."""
    high = max((value for _, value, _ in rows), default=Decimal(0))
    low = min((value for _, value, _ in rows), default=Decimal(0))
    top, bottom = max(high, Decimal(0)), min(low, Decimal(0))
    span = top - bottom
    room = HEIGHT - FOOT
    zero_y = float(top / span) * room if span else float(room)
    step = WIDTH / max(len(rows), 1)
    bars = []
    for index, (label, value, title) in enumerate(rows):
        height = float(abs(value) / span) * room if span else 0.0
        y = zero_y - height if value >= 0 else zero_y
        bars.append(
            Bar(
                x=round(index * step + step * 0.15, 2),
                y=round(y, 2),
                width=round(step * 0.7, 2),
                height=round(max(height, 1.5 if value else 0.0), 2),
                is_gain=value >= 0,
                label=label,
                title=title,
            )
        )
    return BarChart(tuple(bars), round(zero_y, 2), f"{max(top, -bottom):,.0f}", not span)
