"""Where stock lies, and what that makes an arb worth: trades bring lopsided stock back (R3.3).

An arb moves coins to where it buys and KRW to where it sells. Where that empties a side the edge wanted
rises, where it fills one up again it falls, below zero if it must: never beyond a day's budget, and never so
far that we buy dearer than we sell. Inside the soft band nothing changes; from the hard band on only what
repairs may open, so that a hedge finds coins and KRW on both exchanges.
"""

import msgspec

from arbitrage.domain.balances import Wallets
from arbitrage.domain.params import Params
from arbitrage.domain.signal import Caps, NoSignal, Signal
from arbitrage.domain.units import PPM, QUOTE, Exchange, Krw, Qty


class Strain(msgspec.Struct, frozen=True):
    """How the stock lies for an arb that buys on one exchange and sells on the other.

    Ratios: 0 as wanted, 1_000_000 everything already lies where the arb would move it, -1_000_000 all of it
    lies where the arb takes it from. `coins_over` and `krw_over` (10^-8) are what the arb may move until the
    stock lies as wanted; 0 where it only makes things worse.
    """

    coins_ppm: int
    krw_ppm: int
    coins_over: int
    krw_over: int

    @property
    def ppm(self) -> int:
        """Return both in one: the worse of two alike, and the difference where one repairs what the other spoils."""
        return max(self.coins_ppm, self.krw_ppm, 0) + min(self.coins_ppm, self.krw_ppm, 0)


def lean_ppm(here: int, there: int, share_ppm: int) -> int:
    """Return how lopsided an asset lies: 1_000_000 all here, -1_000_000 all there, 0 as `share_ppm` wants or nothing.

    `share_ppm` is the part that should lie here, above 0 and below 1_000_000. Rounded towards 0.
    """
    total = here + there
    if not total:
        return 0
    over = here * PPM - total * share_ppm
    if over > 0:
        return over * PPM // (total * (PPM - share_ppm))
    return -(-over * PPM // (total * share_ppm))


def share_of(exchange: Exchange, params: Params) -> int:
    """Return the part of each asset that should lie on `exchange`, in ppm."""
    return params.upbit_share_ppm if exchange is Exchange.UPBIT else PPM - params.upbit_share_ppm


def strain_of(wallets: Wallets, base: str, buy: Exchange, sell: Exchange, params: Params) -> Strain:
    """Return how the stock lies for buying `base` on `buy` and selling it on `sell`."""
    return strains_of(wallets, base, buy, sell, params)[0]


def strains_of(wallets: Wallets, base: str, one: Exchange, other: Exchange, params: Params) -> tuple[Strain, Strain]:
    """Return how the stock lies for buying `base` on `one`, and for buying it on `other`."""
    coins_one, coins_other = wallets.stock(one, base), wallets.stock(other, base)
    krw_one, krw_other = wallets.stock(one, QUOTE), wallets.stock(other, QUOTE)
    share_one, share_other = share_of(one, params), share_of(other, params)
    return (
        _strain(coins_one, coins_other, krw_other, krw_one, share_one, share_other),
        _strain(coins_other, coins_one, krw_one, krw_other, share_other, share_one),
    )


def _strain(
    coins_there: int, coins_here: int, krw_there: int, krw_here: int, share_buy: int, share_sell: int
) -> Strain:
    return Strain(
        coins_ppm=lean_ppm(coins_there, coins_here, share_buy),
        krw_ppm=lean_ppm(krw_there, krw_here, share_sell),
        coins_over=max(0, coins_here - (coins_here + coins_there) * share_sell // PPM),
        krw_over=max(0, krw_here - (krw_here + krw_there) * share_buy // PPM),
    )


def shadow_ppm(strain: Strain, params: Params, *, fees_ppm: int, discount_left: int) -> int:
    """Return what is added to the edge wanted; negative is a discount, and there is none once the budget is spent.

    `fees_ppm` are both fees together: a discount ends where the prices themselves would lose.
    """
    ppm = strain.ppm
    beyond = abs(ppm) - params.soft_band_ppm
    if beyond <= 0:
        return 0
    width = params.hard_band_ppm - params.soft_band_ppm
    part = min(beyond, width)
    if ppm > 0:
        return -(-params.surcharge_ppm * part // width)
    if discount_left <= 0:
        return 0
    return -min(params.max_discount_ppm * part // width, params.min_edge_ppm + fees_ppm)


def with_shadow(caps: Caps, strain: Strain, shadow: int) -> Caps:
    """Return `caps` with the shadow price; at a discount no more is moved than lies on the wrong side.

    So a discount can never turn the stock over and be paid for bringing it back.
    """
    coins, krw = caps.base_to_sell, caps.krw_to_spend
    if shadow < 0 and strain.coins_ppm <= strain.krw_ppm:
        coins = Qty(min(coins, strain.coins_over))
    elif shadow < 0:
        krw = Krw(min(krw, strain.krw_over))
    return Caps(krw_to_spend=krw, base_to_sell=coins, shadow_ppm=shadow)


def discounted(found: Signal, plain: Signal | NoSignal, params: Params, *, discount_left: int) -> Signal | NoSignal:
    """Return the arb to send of `found`, with a discount, and `plain`, of the same books without one.

    Both take the best levels first, so `found` is `plain` and more; that more is what a discount costs, counted
    against the least edge. Where it costs too much or adds nothing `plain` goes by itself; where there is no
    `plain`, `found` comes with its cost, for the gate to deny.
    """
    cost = Krw(max(0, _beyond_least(plain, params) - _beyond_least(found, params)))
    if isinstance(plain, Signal) and (cost > discount_left or plain.qty >= found.qty):
        return plain
    return msgspec.structs.replace(found, discount=cost)


def _beyond_least(signal: Signal | NoSignal, params: Params) -> int:
    # What it earns beyond the least edge, rounded against us.
    if isinstance(signal, NoSignal):
        return 0
    return signal.expected_krw + -signal.buy_cost * params.min_edge_ppm // PPM
