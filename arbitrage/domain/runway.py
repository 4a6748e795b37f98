"""How long stock lasts at the present drift, what may be traded, and what to move where, in words (R3.3).

The desk trades what is there and never transfers: these are words for a person. Whether an exchange takes or sends
a coin at all right now is said where it is known, and called unknown where it is not.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from arbitrage.domain.balances import runway_ns
from arbitrage.domain.inventory import lean_ppm, share_of
from arbitrage.domain.params import SECOND, Params
from arbitrage.domain.units import EXCHANGES, PPM, QUOTE, SCALE, Exchange, Ns, fee_ceil, to_decimal

HOUR_NS = 3600 * SECOND
SMALLEST_ORDER = 5_000 * SCALE
"""Neither exchange takes an order of fewer KRW (upbit.md §1.3, bithumb.md §1.3)."""
UNKNOWN_WALLET = "unknown"
OPEN_WALLET = "open"


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """One asset on one exchange, in 10^-8. `came` is what trades brought within the window, negative what they took."""

    exchange: Exchange
    asset: str
    free: int
    locked: int
    came: int


class Supply(StrEnum):
    """Whether the next arb finds what it needs here."""

    AMPLE = "ample"
    ENOUGH = "enough"
    """One largest order, and little more."""
    SMALL = "small"
    """Less than one largest order: arbs are made smaller."""
    EMPTY = "empty"
    """Less than the smallest order an exchange takes."""


class StockLine(msgspec.Struct, frozen=True, kw_only=True):
    """How one asset stands on one exchange. Quantities in 10^-8."""

    exchange: Exchange
    asset: str
    held: int
    tradable: int
    """What new arbs may take: free, less the reserve."""
    movable: int
    """What lies here above the split wanted and is free: what a person might move; 0 while a wallet is shut."""
    lean_ppm: int
    """1,000,000 all of it is here, -1,000,000 none is."""
    wanted: int | None
    """What one largest order takes; None while no price is known."""
    supply: Supply
    runway_ns: Ns | None
    """How long it lasts at the present drift; None when it does not shrink."""
    wallet: str
    """What is known of deposits and withdrawals of it here."""


def stock_lines(
    held: Sequence[Held],
    params: Params,
    prices: Mapping[str, int],
    window_ns: int,
    wallets: Mapping[tuple[Exchange, str], str],
) -> tuple[StockLine, ...]:
    """Return a line for each asset on each exchange, KRW first, then by name.

    `prices` are KRW in 10^-8 per whole coin; `wallets` says `OPEN_WALLET` or why not, where that is known.
    """
    known = {(one.exchange, one.asset): one for one in held}
    assets = sorted({one.asset for one in held}, key=lambda asset: (asset != QUOTE, asset))
    lines = []
    for asset in assets:
        both = [known.get((at, asset), Held(exchange=at, asset=asset, free=0, locked=0, came=0)) for at in EXCHANGES]
        for one, other in (both, both[::-1]):
            walls = [wallets.get((at.exchange, asset), UNKNOWN_WALLET) for at in (one, other)]
            line = _line(one, other, params, prices.get(asset), window_ns, walls[0])
            is_shut = any(_is_shut(wallet) for wallet in walls)
            lines.append(msgspec.structs.replace(line, movable=0) if is_shut else line)
    return tuple(lines)


def _is_shut(wallet: str) -> bool:
    return wallet not in (UNKNOWN_WALLET, OPEN_WALLET)


def _line(one: Held, other: Held, params: Params, price: int | None, window_ns: int, wallet: str) -> StockLine:
    here, there = one.free + one.locked, other.free + other.locked
    share = share_of(one.exchange, params)
    tradable = max(0, one.free - fee_ceil(here, params.reserve_ppm))
    wanted = largest_order(one.asset, params, price)
    return StockLine(
        exchange=one.exchange,
        asset=one.asset,
        held=here,
        tradable=tradable,
        movable=max(0, min(one.free, here - (here + there) * share // PPM)),
        lean_ppm=lean_ppm(here, there, share),
        wanted=wanted,
        supply=_supply(tradable, wanted, one.asset, price),
        runway_ns=runway_ns(tradable, -one.came, window_ns),
        wallet=wallet,
    )


def largest_order(asset: str, params: Params, price: int | None) -> int | None:
    """Return what one largest order takes of `asset`, in 10^-8; None for a coin whose price is not known."""
    if asset == QUOTE:
        return params.max_notional_krw
    named: int | None = params.max_qty.get(asset)
    if not price:
        return named
    by_notional: int = params.max_notional_krw * SCALE // price
    return by_notional if named is None else min(by_notional, named)


def _supply(tradable: int, wanted: int | None, asset: str, price: int | None) -> Supply:
    worth = tradable if asset == QUOTE else tradable * price // SCALE if price else None
    if not tradable or (worth is not None and worth < SMALLEST_ORDER):
        return Supply.EMPTY
    if wanted is None:
        return Supply.AMPLE
    if tradable < wanted:
        return Supply.SMALL
    return Supply.ENOUGH if 2 * tradable < 3 * wanted else Supply.AMPLE


def advice(one: StockLine, other: StockLine, params: Params) -> str:
    """Return what to do so that `one` does not run dry, or "" when it is well. `other` is the other exchange's line."""
    is_short = one.supply in (Supply.SMALL, Supply.EMPTY)
    if not is_short and one.lean_ppm > -params.soft_band_ppm:
        return ""
    parts = [f"{one.exchange} has {_amount(one.tradable)} {one.asset} to trade"]
    if is_short and one.wanted is not None:
        parts.append(f"one largest order takes {_amount(one.wanted)}")
    if one.runway_ns is not None:
        parts.append(f"empty in {hours_text(one.runway_ns)} at the present drift")
    parts.append(_what_to_do(one, other, params, is_short=is_short))
    return "; ".join(parts)


def _what_to_do(one: StockLine, other: StockLine, params: Params, *, is_short: bool) -> str:
    walls = f"its wallets: {other.exchange} {other.wallet}, {one.exchange} {one.wallet}"
    if one.lean_ppm < 0 and (_is_shut(one.wallet) or _is_shut(other.wallet)):
        return f"trades bring it back as gaps allow, it cannot be moved now ({walls})"
    if other.movable and one.lean_ppm < 0:
        by_hand = f"moving {_amount(other.movable)} {one.asset} from {other.exchange} evens it out ({walls})"
        return f"trades bring it back as gaps allow, {by_hand}"
    if is_short and one.wanted is not None:
        lacking = (one.wanted - one.tradable) * PPM // (PPM - params.reserve_ppm) + 1
        return f"top up {_amount(lacking)} {one.asset} there, at least"
    return "top up there" if is_short else "trades bring it back as gaps allow"


def hours_text(ns: int) -> str:
    """Return a time in hours with one decimal: `2.5 h`."""
    tenths = ns * 10 // HOUR_NS
    return f"{tenths // 10}.{tenths % 10} h"


def _amount(units: int) -> str:
    return f"{to_decimal(units).normalize():,f}"
