"""Pause a market by our own doubt: nothing is opened there for a while, hedges go on (R1.3, R3.2)."""

from collections.abc import Callable
from enum import StrEnum

from arbitrage.domain.events import MarketPaused
from arbitrage.domain.params import Params
from arbitrage.domain.units import EXCHANGES, Ns
from fast_path.journal import Journal, JournalNotWritten
from workers.process import Context


class Cause(StrEnum):
    """Why a market is paused."""

    EDGE_TOO_GOOD = "edge_too_good"
    SLIPPAGE = "slippage"
    PRICE_JUMPED = "price_jumped"
    LADDER_FROZEN = "ladder_frozen"


class Pauses:
    """Pauses markets for one trader: in shared memory first, then in the journal, from which people are told."""

    def __init__(self, context: Context, journal: Journal, params: Callable[[], Params]) -> None:
        self._context = context
        self._journal = journal
        self._params = params

    def pause(self, market: str, cause: Cause, detail: str) -> None:
        """Pause `market` for `pause_ns` from now, and ask both feeds for whole books."""
        context = self._context
        until = context.clock.mono_ns() + self._params().pause_ns
        context.control.pause_market(market, Ns(until))
        for exchange in EXCHANGES:
            context.control.request_resync(exchange, market)
        context.counters.add(f"pauses.{cause}")
        context.log.warning("market_paused", market=market, cause=cause, detail=detail)
        try:
            self._journal.append(MarketPaused(market, cause.value, detail, context.clock.wall_ns()), durable=False)
        except JournalNotWritten as error:
            # The pause stands; only the alert is missing.
            context.log.error("pause_not_journalled", market=market, error=str(error))
