"""Both clocks of whoever runs the trader, for tests of what outlives a process."""

from arbitrage.domain.arb import Moment
from arbitrage.domain.params import MS, SECOND
from arbitrage.domain.units import Ns


class Machine:
    """Both clocks of who runs the trader; another machine's monotonic clock is any number."""

    def __init__(self, mono_ns: int = 1_000 * SECOND) -> None:
        self.mono_ns, self.wall_ns = mono_ns, 1_800_000_000 * SECOND

    @property
    def now(self) -> Moment:
        """Return what both say."""
        return Moment(Ns(self.mono_ns), Ns(self.wall_ns))

    def wait(self, ms: int) -> None:
        """Let time pass."""
        self.mono_ns, self.wall_ns = self.mono_ns + ms * MS, self.wall_ns + ms * MS

    def boot(self, down_ms: int = 0, *, step_ms: int = 0) -> None:
        """Go on after so long on a machine just started, whose wall clock is wrong by a step."""
        self.mono_ns, self.wall_ns = 7 * SECOND, self.wall_ns + (down_ms + step_ms) * MS
