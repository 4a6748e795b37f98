"""What the trader knows of itself and of both exchanges at the moment of a signal: the gate's other input."""

import msgspec

from arbitrage.domain.units import Krw, Ns, Ppm, Qty


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """What the trader knows about itself at the moment of a signal: plain ints, all required.

    Money in 10^-8 KRW, quantities in 10^-8, times on our monotonic clock in ns; 0 = never.
    """

    open_arbs: int
    open_arbs_market: int
    """Of those, on the signal's market."""
    unresolved_legs: int
    """Legs of unknown outcome on this market or either of its two exchanges' orders for it."""
    orders_last_second: int
    daily_pnl: Krw
    """Of today's closed arbs (KST day); the only figure that may be negative."""
    daily_notional: Krw
    """Bought today."""
    breakers_tripped: int
    """How many breakers say that nothing new may be opened (`breakers.py`)."""
    exchange_net: Krw
    """How far stock went this arb's way within the hour: net bought on the one, net sold on the other exchange."""
    krw_spendable: Krw
    """On the buying exchange, reserve and reservations taken off."""
    base_spendable: Qty
    """On the selling exchange, likewise."""
    balances_read_ns: Ns
    """When the older of both exchanges' balances was asked for; 0 = never."""
    strain_ppm: int
    """How much the arb would worsen the place of our stock (`inventory.Strain`); negative where it repairs."""
    strain_shadow_ppm: int
    """What that adds to the edge wanted; negative is a discount."""
    discount_left: Krw
    """Of today's budget for discounts, open arbs taken off."""
    legging_gain_ppm: int
    """What the arb is expected to bring by both legs filling, as far as each fills (`legging.Odds`)."""
    legging_risk_ppm: int
    """What one leg filling alone is expected to cost, weighed."""
    buy_fee_ppm: Ppm
    buy_min_notional: Krw
    sell_min_notional: Krw
    exchange_rest_until_ns: Ns
    """The later of both exchanges' rests."""
    market_pause_until_ns: Ns
    market_rest_until_ns: Ns
    """Set after each arb of the market (`rest_after_arb_ns`)."""
    streams_down: int
    """How many of the two private streams are not up."""
    buy_request_budget: int
    sell_request_budget: int
    """Order requests each exchange would still take this second."""
    book_delay_ns: int
    """By how much more than usual the slower of both books came late, by its exchange's clock."""
    widest_spread_ppm: Ppm
    """The wider of both books' spreads."""
    price_jump_ppm: Ppm
    """How far the gap between both exchanges is from what it usually is."""
    ladder_still_ns: int
    """For how long a book stood while its frames went on and the other exchange moved (`stillness.py`); 0 = none."""
    trouble_points: int
    """What the worse of both exchanges did wrong lately (`stability.py`)."""
    market_warnings: int
    """On how many of both exchanges a notice or warning stands against this market."""
    wallets_suspended: int
    """On how many of both exchanges its coins cannot come in or go out."""
    loop_lag_ns: Ns
    locks_closed: int
    """How many locks keep real orders back right now; 0 in a simulated world."""
