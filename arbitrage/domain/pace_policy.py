"""What a desk on a machine that is too slow does about it: fewer markets and a larger edge, step by step (R2.1).

Pure: a window's figures in, the next pace out. It is laid over the stored parameters and never changes them.
"""

from collections.abc import Mapping, Sequence

import msgspec

from arbitrage.domain.params import Params
from arbitrage.domain.units import PPM, Ppm

WELL_PPM = 700_000
"""Well is what stays below this part of the bounds; what lies between is neither too slow nor well."""
WELL_WINDOWS = 3
"""So many windows in a row must be well before one step is undone."""


class Load(msgspec.Struct, frozen=True):
    """What one window measured."""

    p99_ns: int | None
    """From the newer frame to both orders on the wire; None = too few orders to tell."""
    lag_ns: int
    """The worst lateness of the event loop."""


class Pace(msgspec.Struct, frozen=True):
    """How far the desk has slowed down: 0 = not at all."""

    step: int = 0
    well_windows: int = 0


UNHURRIED = Pace()


def judged(pace: Pace, load: Load, params: Params) -> Pace:
    """Return the pace after one window: a step more when it was too slow, one less after enough good ones.

    A figure that is no whole number counts as too slow.
    """
    if _is_over(load, params, PPM):
        return Pace(min(pace.step + 1, params.pace_max_steps))
    if _is_over(load, params, WELL_PPM) or not pace.step:
        return Pace(min(pace.step, params.pace_max_steps))
    if pace.well_windows + 1 < WELL_WINDOWS:
        return Pace(min(pace.step, params.pace_max_steps), pace.well_windows + 1)
    return Pace(min(pace.step, params.pace_max_steps) - 1 if params.pace_max_steps else 0)


def _is_over(load: Load, params: Params, part_ppm: int) -> bool:
    figures = [(load.lag_ns, params.max_loop_lag_ns)]
    if load.p99_ns is not None:
        figures.append((load.p99_ns, params.max_frame_to_order_ns))
    return any(type(value) is not int or value < 0 or value * PPM > bound * part_ppm for value, bound in figures)


def edge_raise_ppm(pace: Pace, params: Params) -> Ppm:
    """Return how much more edge is wanted; never so much that the least edge reaches the largest believed."""
    return Ppm(min(pace.step * params.pace_edge_step_ppm, params.max_edge_ppm - params.min_edge_ppm - 1))


def paced(params: Params, pace: Pace) -> Params:
    """Return the parameters to decide with."""
    more = edge_raise_ppm(pace, params)
    return msgspec.structs.replace(params, min_edge_ppm=params.min_edge_ppm + more) if more else params


def markets_out(pace: Pace, markets: Sequence[str], earned: Mapping[str, int], params: Params) -> frozenset[str]:
    """Return the markets not watched for now: those that earned least, of equals the later ones; one always stays."""
    if not pace.step:
        return frozenset()
    count = -(-len(markets) * pace.step // (params.pace_max_steps + 1))
    by_earning = sorted(range(len(markets)), key=lambda index: (earned.get(markets[index], 0), -index))
    return frozenset(markets[index] for index in by_earning[: min(count, len(markets) - 1)])
