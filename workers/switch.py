"""The kill switch's hand on this machine's control block: what `KARB_SWITCH` in the settings names.

No Django here. Works with every other process dead.
"""

from contextlib import closing

from arbitrage.domain.controls import TradingLevel
from fast_path.control import ControlBlock
from fast_path.mailbox import ResolveArb, post
from karb_project.env import Env


class SharedMemorySwitch:
    """Sets the shared-memory word and the latch file; maps them for one command only."""

    def __init__(self, env: Env) -> None:
        self._env = env

    def set_level(self, level: TradingLevel, reason: str, by: str) -> None:
        """Set the level the desk obeys; raises OSError or KArbError when word or latch could not be set."""
        with closing(self._block()) as control:
            control.set_level(level, reason, by)

    def level(self) -> TradingLevel:
        """Return the level the desk obeys."""
        with closing(self._block()) as control:
            return control.level()

    def resolve_arb(self, arb_id: str, reason: str, by: str) -> None:
        """Leave word for the trader; it waits in a file while the trader is down."""
        post(self._env.requests_dir, ResolveArb(arb_id, reason, by))

    def _block(self) -> ControlBlock:
        return ControlBlock(self._env.shm_dir, self._env.markets, self._env.latch_path)
