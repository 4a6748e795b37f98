"""Answers and frames that no longer have the shape we know: their kinds, and one row of what was seen (R1.1)."""

from enum import StrEnum

import msgspec

from arbitrage.domain.units import Exchange, Ns


class Drift(StrEnum):
    """What was wrong with it."""

    UNREADABLE = "unreadable"
    """It should have been read and could not be."""
    GAP = "gap"
    """It was read, but something usual is missing or strange."""
    ERROR = "error"
    """An error answer that proves nothing: 5xx, a page of HTML, a name we do not know."""
    DIFFERENT = "different"
    """Both generations were read and do not say the same."""


COMMANDS = frozenset({"place", "place_many", "replace", "cancel", "cancel_many", "cancel_all"})
GRAVE = COMMANDS | {"query", "open_orders", "balances", "private_news"}
"""Where an unreadable answer means that we no longer know our own orders or money: trading there stops at once."""


class DriftSeen(msgspec.Struct, frozen=True):
    """One kind of drift of one process and run, counted. `sample` is how the newest began, redacted."""

    exchange: Exchange
    where: str
    finding: str
    kind: Drift
    count: int
    first_wall_ns: Ns
    last_wall_ns: Ns
    sample: str

    @property
    def is_grave(self) -> bool:
        """Return whether trading on the exchange must stop."""
        return self.kind is Drift.UNREADABLE and self.where in GRAVE


class DriftTold(msgspec.Struct, frozen=True):
    """All that one run of one process has seen; counts only rise within a run."""

    run: str
    rows: tuple[DriftSeen, ...]
