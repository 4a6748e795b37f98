"""How lively a market is among hundreds: a plateau of busy ones, then a long tail of silent ones (bithumb.md §6.1)."""

from enum import StrEnum

from arbitrage.domain.units import PPM, Exchange


class Activity(StrEnum):
    """EVEN: every market is as busy as the busiest. TAILED: the later in the list of markets, the quieter."""

    EVEN = "even"
    TAILED = "tailed"


_BUSY = {Exchange.UPBIT: 112, Exchange.BITHUMB: 68}
"""The rank of half the full rate: 493 markets make about 950 frames/s on each exchange, as measured on Bithumb."""
SILENT_PPM = 3 * PPM
"""Markets with waits longer than this show a book only when it has changed."""


def wait_ppm(activity: Activity, exchange: Exchange, rank: int) -> int:
    """Return by how much longer than usual everything takes on the market at `rank`, counted from 0."""
    if activity is Activity.EVEN:
        return PPM
    return PPM + PPM * rank**3 // _BUSY[exchange] ** 3
