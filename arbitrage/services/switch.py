"""The port to what really stops the desk: shared memory and the latch file, without database or broker.

The implementation is named in settings (`KARB_SWITCH`) and loaded when it is used, so that this
floor knows none of the floors above it.
"""

from typing import Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from arbitrage.domain.controls import TradingLevel


class Switch(Protocol):
    """The kill switch's own hand."""

    def set_level(self, level: TradingLevel, reason: str, by: str) -> None:
        """Set the shared-memory word, then the latch file; raises OSError or KArbError when either failed."""

    def level(self) -> TradingLevel:
        """Return the level the desk obeys right now."""

    def resolve_arb(self, arb_id: str, reason: str, by: str) -> None:
        """Leave word for the trader that a STUCK arb was settled by hand; raises OSError when that failed."""


def load_switch() -> Switch:
    """Return a fresh switch on this machine's control block."""
    made: Any = import_string(settings.KARB_SWITCH)
    switch: Switch = made(settings.KARB_ENV)
    return switch
