"""Template filters: how figures read on a screen (display.py)."""

from decimal import Decimal

from django import template
from django.utils.safestring import SafeString

from arbitrage import display
from arbitrage.domain.units import percent_text

register = template.Library()


@register.filter
def krw(amount: Decimal) -> str:
    """Return KRW with thousands and two decimals."""
    return display.krw(amount)


@register.filter
def exact(amount: Decimal) -> str:
    """Return every digit."""
    return display.exact(amount)


@register.filter
def signed(amount: Decimal) -> SafeString:
    """Return KRW in green or red."""
    return display.signed(amount)


@register.filter
def percent(ppm: int) -> str:
    """Return ppm as percent."""
    return percent_text(ppm)


@register.filter
def thousands(count: int) -> str:
    """Return a whole number with thousands."""
    return f"{count:,}"


@register.filter
def words(text: str) -> list[str]:
    """Return the words of a text, to loop over."""
    return text.split()
