"""The kill switch as the Django shell uses it: the control block and its latch file, nothing else.

Named in settings as `KARB_SWITCH`, so that the shell never imports a floor above it.
"""

from arbitrage.domain.controls import TradingLevel
from fast_path.control import ControlBlock
from karb_project.env import Env


class SharedMemorySwitch:
    """Opens the block for each use: it works with every other process dead."""

    def __init__(self, env: Env) -> None:
        self._env = env

    def set_level(self, level: TradingLevel, reason: str, by: str) -> None:
        """Set the word in shared memory and the latch file; OSError or ConfigError when either failed."""
        control = self._open()
        try:
            control.set_level(level, reason, by)
        finally:
            control.close()

    def level(self) -> TradingLevel:
        """Return the level the desk obeys right now."""
        control = self._open()
        try:
            return control.level()
        finally:
            control.close()

    def _open(self) -> ControlBlock:
        return ControlBlock(self._env.shm_dir, self._env.markets, self._env.latch_path)
