"""How much trouble an exchange made lately, as points that fade: refusals, lost answers, streams that fell (R1.1)."""

from enum import StrEnum

from arbitrage.domain.units import Ns

POINT_NS = 500_000_000


class Trouble(StrEnum):
    """What went wrong."""

    REFUSED = "refused"
    LOST = "lost"
    """An answer that never came, was an error or could not be read."""
    STREAM_FELL = "stream_fell"
    DISCONNECTED = "disconnected"


POINTS: dict[Trouble, int] = {
    Trouble.REFUSED: 10,
    Trouble.LOST: 20,
    Trouble.STREAM_FELL: 25,
    Trouble.DISCONNECTED: 15,
}
MOST = 160
"""However long an exchange was away, what it did wrong is below 100 half a minute after it is back."""
BURST_NS = 1_000_000_000
"""What goes wrong again so soon is the same trouble seen by another question."""


class Stability:
    """The points of one exchange. A point is forgotten in half a second, however often one looks."""

    def __init__(self) -> None:
        self._well_at_ns = 0
        """When the last point will be forgotten."""
        self._counted_ns: dict[Trouble, int] = {}

    def add(self, trouble: Trouble, now: Ns) -> None:
        """Note that something went wrong; the same again within a second counts once."""
        if abs(now - self._counted_ns.get(trouble, now - BURST_NS)) < BURST_NS:
            return
        self._counted_ns[trouble] = now
        later = max(self._well_at_ns, now) + POINTS[trouble] * POINT_NS
        self._well_at_ns = min(later, now + MOST * POINT_NS)

    def points(self, now: Ns) -> int:
        """Return the points left; 0 = no trouble that is remembered."""
        return min(max(0, -(-(self._well_at_ns - now) // POINT_NS)), MOST)
