"""How figures read on a screen. Nothing shown is ever read back."""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from arbitrage.fields import decimal_text


def krw(amount: Decimal | None) -> str:
    """Return KRW with thousands, two decimals: `1,234.50`. The exact figure stands on the row's own page."""
    if amount is None:
        return "–"
    with localcontext(prec=80):
        return f"{amount.quantize(Decimal('0.01'), ROUND_HALF_EVEN):,f}"


def exact(amount: Decimal | None) -> str:
    """Return every digit, with thousands: `1,234.0000000001`."""
    if amount is None:
        return "–"
    whole, dot, part = decimal_text(amount).partition(".")
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}{int(whole.lstrip('-') or '0'):,}{dot}{part}"


def signed(amount: Decimal) -> SafeString:
    """Return KRW in green or red, with its sign."""
    kind = "gain" if amount > 0 else "loss" if amount < 0 else "zero"
    return format_html('<span class="karb-num karb-{}">{}{}</span>', kind, "+" if amount > 0 else "", krw(amount))


def duration(ns: int) -> str:
    """Return a duration in the unit that reads best."""
    for size, unit in ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs")):
        if ns >= size:
            tenths = ns * 10 // size
            return f"{tenths // 10}.{tenths % 10} {unit}" if tenths < 1_000 else f"{tenths // 10:,} {unit}"
    return f"{ns} ns"


def age(at: datetime | None, now: datetime | None = None) -> str:
    """Return how long ago: `0.4 s`, `12 min`, `3 d`."""
    if at is None:
        return "never"
    passed = max((now or timezone.now()) - at, timedelta())
    seconds = passed.total_seconds()
    if seconds < 10:
        return f"{seconds:.1f} s"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"
