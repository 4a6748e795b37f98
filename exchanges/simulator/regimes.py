"""Regimes of the seeded market, as data: what a quiet night, a thin book or a crash changes about its usual behaviour.

A regime scales the usual figures; draws stay in their order. NORMAL changes nothing.
"""

from enum import StrEnum

import msgspec

from arbitrage.domain.units import PPM


class Regime(StrEnum):
    """Named behaviours of a market, on both exchanges."""

    NORMAL = "normal"
    QUIET = "quiet"
    """Hardly anything moves, frames come seldom."""
    BURSTY = "bursty"
    """One exchange keeps running ahead of the other."""
    TRENDING = "trending"
    """Up by about 1.5 % a minute, buyers take."""
    THIN = "thin"
    """A twelfth of the liquidity, wide spreads."""
    GAP = "gap"
    """Upbit stays 1.5 % above Bithumb."""
    CRASH = "crash"
    """Down by about 8 % a minute on thin books, sellers take, the exchanges lose each other."""
    PANIC = "panic"
    """A crash without its fall: for prices that are steered."""


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """What differs from usual; scales in ppm of the usual figure, prices in 10^-9."""

    walk_ppm: int = PPM
    """How far the common price steps."""
    drift_ppb: int = 0
    """Where it is pulled every 50 ms, of itself."""
    gap_walk_ppm: int = PPM
    gap_mean_ppb: int = 0
    """What the gap between the exchanges reverts to; above zero Upbit is dearer."""
    burst_wait_ppm: int = PPM
    """Time between two run-aheads."""
    frame_gap_ppm: int = PPM
    depth_ppm: int = PPM
    spread_ppm: int = PPM
    print_wait_ppm: int = PPM
    print_size_ppm: int = PPM
    buyers_ppm: int = PPM // 2
    """Share of takers who buy."""


USUAL = Behaviour()

_CRASH = Behaviour(
    walk_ppm=6 * PPM,
    drift_ppb=-70_000,
    gap_walk_ppm=8 * PPM,
    burst_wait_ppm=400_000,
    frame_gap_ppm=700_000,
    depth_ppm=150_000,
    spread_ppm=6 * PPM,
    print_wait_ppm=150_000,
    print_size_ppm=2 * PPM,
    buyers_ppm=250_000,
)

BEHAVIOURS: dict[Regime, Behaviour] = {
    Regime.NORMAL: USUAL,
    Regime.QUIET: Behaviour(
        walk_ppm=200_000,
        gap_walk_ppm=300_000,
        burst_wait_ppm=10 * PPM,
        frame_gap_ppm=8 * PPM,
        print_wait_ppm=10 * PPM,
        print_size_ppm=500_000,
    ),
    Regime.BURSTY: Behaviour(walk_ppm=2 * PPM, burst_wait_ppm=200_000, print_wait_ppm=400_000),
    Regime.TRENDING: Behaviour(walk_ppm=1_500_000, drift_ppb=12_500, print_wait_ppm=500_000, buyers_ppm=700_000),
    Regime.THIN: Behaviour(depth_ppm=80_000, spread_ppm=3 * PPM, print_size_ppm=300_000),
    Regime.GAP: Behaviour(gap_mean_ppb=15_000_000, gap_walk_ppm=1_500_000, burst_wait_ppm=2 * PPM),
    Regime.CRASH: _CRASH,
    Regime.PANIC: msgspec.structs.replace(_CRASH, drift_ppb=0),
}
