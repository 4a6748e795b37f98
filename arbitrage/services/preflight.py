"""The port to what looks at the exchanges before real money is risked: clock, keys, rights, fees, rules, streams.

The implementation is named in settings (`KARB_PREFLIGHT`), so that this floor knows none above it.
"""

from collections.abc import Iterator
from typing import Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from arbitrage.domain.preflight import Check
from arbitrage.domain.wire import Wire, wire_from_bytes
from arbitrage.services import wire


class Preflight(Protocol):
    """Looks at both exchanges and orders nothing."""

    def examine(self) -> Iterator[Check]:
        """Yield every check as it is made."""


def examine_exchanges() -> Iterator[Check]:
    """Yield the checks of both exchanges, by the wire settings in force."""
    _, data = wire.active()
    in_force, found = wire_from_bytes(data, wire.shipped())
    if in_force is None:
        yield Check("wire settings", problem="; ".join(found))
    made: Any = import_string(settings.KARB_PREFLIGHT)
    preflight: Preflight = made(settings.KARB_ENV, in_force or Wire())
    yield from preflight.examine()
