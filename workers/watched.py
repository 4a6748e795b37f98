"""What a watchdog watches: the trader of its own machine, through shared memory."""

import os
from typing import Protocol

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.deadman import Sign
from fast_path.counters import CounterView
from workers.process import Context

TRADER = "trader"


class Watched(Protocol):
    """A trader as far as a watchdog can see and stop it."""

    def sign(self) -> Sign | None:
        """Return what it last showed of itself, None when it never showed anything."""

    def is_gone(self) -> bool:
        """Return whether its process is known to have ended, so that it can send nothing any more."""

    def stop(self, reason: str) -> bool:
        """Take its right to send from it, for good; return False where that is not in this hand."""

    def tell(self, *, has_tripped: bool) -> None:
        """Let it know whether the watchdog has tripped, where it can hear that."""


class OwnTrader:
    """The trader of this machine, by the control block and the trader's counters: nothing of this runs in it.

    Which process it is says the one that holds the trader's lock; another that tries to start beats, and is not it.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._counters = CounterView(context.env.shm_dir, TRADER)

    def sign(self) -> Sign | None:
        """Return its last heartbeat with the rounds it has done."""
        beat = self._context.control.heartbeat(TRADER)
        if beat is None:
            return None
        count = self._counters.get
        return Sign(count("pid"), beat.mono_ns, count("rounds"), count("ready") == 1, count("gone") == 1)

    def is_gone(self) -> bool:
        """Return whether no process has its number any more; a number that cannot be asked for counts as there."""
        pid = self._counters.get("pid")
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False

    def stop(self, reason: str) -> bool:
        """Raise the fence, so that it sends nothing whenever it wakes, and latch HALTED.

        The fence and the word in memory hold even when the latch file cannot be written.
        """
        control = self._context.control
        control.raise_fence()
        try:
            control.set_level(TradingLevel.HALTED, reason, "watchdog")
        except OSError as error:
            self._context.log.error("latch_not_written", error=str(error))
        return True

    def tell(self, *, has_tripped: bool) -> None:
        """Say nothing: fence and kill switch say it."""
