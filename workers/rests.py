"""Who is left in peace for how long: an exchange or market that refuses orders or loses answers.

Every leg sent there would be a lone leg elsewhere, evened out at a loss. The first rest is short; each
trouble that comes after one doubles it. Told the time, holds no clock.
"""

from arbitrage.domain.params import SECOND
from arbitrage.domain.units import Ns

FIRST_NS = 2 * SECOND
LONGEST_NS = 600 * SECOND


class Rests:
    """Rests by name: an exchange, or a market on one."""

    def __init__(self) -> None:
        self._until: dict[str, Ns] = {}
        self._in_a_row: dict[str, int] = {}

    def until(self, *names: str) -> Ns:
        """Return when the longest of these rests ends; 0 when none ever began."""
        latest = Ns(0)
        for name in names:
            until = self._until.get(name)
            if until is not None and until > latest:
                latest = until
        return latest

    def rest(self, name: str, until_ns: int) -> None:
        """Let `name` rest until then; a longer rest under way stays."""
        self._until[name] = Ns(max(until_ns, self._until.get(name, 0)))

    def trouble(self, name: str, now: Ns) -> int:
        """Let `name` rest after trouble, and return for how long in ns.

        What goes wrong during a rest (hedges must try) is the same trouble: the rest begins anew, and is no longer.
        """
        row = self._in_a_row.get(name, 0)
        if not row or now >= self.until(name):
            row += 1
        self._in_a_row[name] = row
        length = min(FIRST_NS << min(row - 1, 20), LONGEST_NS)
        self.rest(name, now + length)
        return length

    def well(self, name: str) -> None:
        """Learn that `name` served an order: its next trouble is a first one again."""
        self._in_a_row.pop(name, None)
