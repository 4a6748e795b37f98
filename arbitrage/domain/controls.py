"""The kill switch's three positions, and what the hot path sees of the operator's controls."""

from enum import IntEnum

import msgspec

from arbitrage.domain.units import Exchange, Ns


class TradingLevel(IntEnum):
    """ACTIVE opens arbs; REDUCING only finishes and hedges; HALTED only cancels. Higher wins."""

    ACTIVE = 0
    REDUCING = 1
    HALTED = 2


class Standing(msgspec.Struct, frozen=True):
    """What the world says against a market: exchanges that warn of it, and where its coin cannot come in or go out."""

    warned: frozenset[Exchange] = frozenset()
    suspended: frozenset[Exchange] = frozenset()


class Controls(msgspec.Struct, frozen=True):
    """One reading of the control block for one market.

    `level` is the worst of global, both exchanges and the market. `beat_mono_ns` is the last sign of
    life of the bridge, which carries an operator's changes here: when it is old, nothing new opens.
    """

    level: TradingLevel
    beat_mono_ns: Ns
    params_epoch: int
