"""A chance to buy on one exchange and sell on the other: found, sized and priced in integers.

The walk is the exact optimum over two ladders (R2.1, R3.2): profit is concave in quantity, so taking
the best remaining ask against the best remaining bid while the marginal edge is worth it, up to the
first cap met, earns the most. Pure ints throughout, so that a native twin can answer bit for bit.
"""

from bisect import bisect_right
from enum import StrEnum
from math import lcm

import msgspec

from arbitrage.domain.book import Book, Level
from arbitrage.domain.instrument import Instrument, TickTable, from_price_of
from arbitrage.domain.params import Params
from arbitrage.domain.units import PPM, SCALE, Exchange, Krw, Ns, Price, Qty, fee_ceil, notional_ceil

SHARE_LEVELS = 10
"""`book_share_ppm` counts the quantity of this many best levels (R3.2)."""
_NO_HIGHER_BAND = 2**63


class Signal(msgspec.Struct, frozen=True):
    """What to buy where, at which limits, and what it should earn net of both fees.

    Units: prices, qty and KRW in 10^-8, edge in ppm of the bought notional. `buy_cost` and
    `sell_proceeds` are the walked notionals without fees.
    """

    market: str
    buy_exchange: Exchange
    sell_exchange: Exchange
    qty: Qty
    buy_limit: Price
    sell_limit: Price
    buy_cost: Krw
    sell_proceeds: Krw
    fees: Krw
    net_edge_ppm: int
    buy_book_mono_ns: Ns
    sell_book_mono_ns: Ns
    found_mono_ns: Ns = Ns(0)
    """When it was found: an executor must not send one that has grown old."""
    buy_shown: Qty = Qty(0)
    """What the bought book showed down to the limit; 0 = not told."""
    sell_shown: Qty = Qty(0)
    shadow_ppm: int = 0
    """What the place of our stock added to the edge wanted; negative where this arb brings it back."""
    discount: Krw = Krw(0)
    """What its part below the least edge is expected to cost against that edge; 0 without a discount."""

    @property
    def expected_krw(self) -> Krw:
        """Return what the arb earns if both legs fill at the walked prices."""
        return Krw(self.sell_proceeds - self.buy_cost - self.fees)

    def krw_needed(self, buy_fee_ppm: int) -> Krw:
        """Return what the buy leg may lock: limit notional and the fee on top (upbit.md §1.6)."""
        notional = notional_ceil(self.buy_limit, self.qty)
        return Krw(notional + fee_ceil(notional, buy_fee_ppm))


class NoSignalReason(StrEnum):
    """Why there is nothing to send. NO_GAP is the market's usual state; all others are counted."""

    NO_GAP = "no_gap"
    NO_PARAMS = "no_params"
    BOOK_MISSING = "book_missing"
    SIDE_EMPTY = "side_empty"
    NO_TICK = "no_tick"
    NO_BALANCE = "no_balance"
    UNDER_MINIMUM = "under_minimum"
    EDGE_LOST = "edge_lost"
    """The edge did not survive rounding: prices to ticks, quantity to lots, fees upwards."""


class NoSignal(msgspec.Struct, frozen=True):
    """Nothing to send, and why."""

    reason: NoSignalReason

    @property
    def is_denial(self) -> bool:
        """Return whether a gap was there and was not used: counted as `denied.<reason>`."""
        return self.reason is not NoSignalReason.NO_GAP


class Caps(msgspec.Struct, frozen=True):
    """What the wallets allow, reserve and open reservations already taken off; 10^-8."""

    krw_to_spend: Krw
    """On the exchange where we buy, fee included."""
    base_to_sell: Qty
    """On the exchange where we sell."""
    shadow_ppm: int = 0
    """Added to the edge wanted, for where our stock lies; negative where the arb brings it back."""

    def edge_wanted(self, params: Params) -> int:
        """Return the least edge in ppm; below 0 only where an arb may pay for bringing stock back."""
        return params.min_edge_ppm + self.shadow_ppm


NO_GAP = NoSignal(NoSignalReason.NO_GAP)
SIDE_EMPTY = NoSignal(NoSignalReason.SIDE_EMPTY)
NO_TICK = NoSignal(NoSignalReason.NO_TICK)
NO_BALANCE = NoSignal(NoSignalReason.NO_BALANCE)
UNDER_MINIMUM = NoSignal(NoSignalReason.UNDER_MINIMUM)
EDGE_LOST = NoSignal(NoSignalReason.EDGE_LOST)


class _Bounds(msgspec.Struct, frozen=True):
    # Everything the walk must respect, as ints: the interface of a native twin.
    keep_ppm: int  # of each KRW sold, after the fee
    pay_ppm: int  # of each KRW bought, fee and least edge included
    max_qty: int
    spend_scaled: int  # greatest buy limit x qty, in 10^-16 KRW
    ask_ceiling: int
    bid_floor: int


class _Walked(msgspec.Struct, frozen=True):
    # Notionals in 10^-16 KRW, exact.
    qty: int
    cost_scaled: int
    proceeds_scaled: int
    last_bid: int
    buy_limit: int


def has_gap(best_bid: int, best_ask: int, buy_fee_ppm: int, sell_fee_ppm: int, min_edge_ppm: int) -> bool:
    """Return whether buying at `best_ask` and selling at `best_bid` is worth `min_edge_ppm` net of both fees."""
    return best_bid * (PPM - sell_fee_ppm) >= best_ask * (PPM + buy_fee_ppm + min_edge_ppm)


def find_signal(
    bid_book: Book,
    ask_book: Book,
    buy_instrument: Instrument,
    sell_instrument: Instrument,
    params: Params,
    caps: Caps,
    now: Ns,
) -> Signal | NoSignal:
    """Return the best arb of buying from `ask_book` and selling into `bid_book`, or why there is none.

    Levels are taken while the marginal edge is at least `min_edge_ppm` and the shadow price of `caps`, within:
    `book_share_ppm` of the best ten levels and `max_slippage_ppm` from the touch on each side, `max_qty`, both
    notional limits and `caps`. The quantity is cut to the lot of both exchanges; limits are the last prices
    taken, rounded outward to the tick. Costs and fees are rounded up, proceeds down. Ages are the gate's
    business: `now` (our monotonic clock) is only written into the signal.
    """
    bids = bid_book.bids
    asks = ask_book.asks
    if not bids or not asks:
        return SIDE_EMPTY
    keep_ppm = PPM - sell_instrument.fee_ppm
    pay_ppm = PPM + buy_instrument.fee_ppm + caps.edge_wanted(params)
    if bids[0].price * keep_ppm < asks[0].price * pay_ppm:
        return NO_GAP
    bounds = _bounds(asks, bids, buy_instrument, sell_instrument, params, caps, keep_ppm, pay_ppm)
    try:
        walked = _walk(asks, bids, buy_instrument.ticks, bounds)
        lot = lcm(buy_instrument.lot_step, sell_instrument.lot_step)
        if walked.qty % lot:
            walked = _cut(asks, bids, buy_instrument, walked.qty - walked.qty % lot)
        if not walked.qty:
            return _too_small(asks, bids, buy_instrument, sell_instrument, caps)
        sell_limit = sell_instrument.price_down(Price(walked.last_bid))
    except ValueError:
        return NO_TICK
    if (
        walked.buy_limit * walked.qty < buy_instrument.min_notional * SCALE
        or sell_limit * walked.qty < sell_instrument.min_notional * SCALE
    ):
        return _too_small(asks, bids, buy_instrument, sell_instrument, caps)
    return _signal(bid_book, ask_book, buy_instrument, sell_instrument, params, caps, walked, sell_limit, now)


def _bounds(
    asks: tuple[Level, ...],
    bids: tuple[Level, ...],
    buy_instrument: Instrument,
    sell_instrument: Instrument,
    params: Params,
    caps: Caps,
    keep_ppm: int,
    pay_ppm: int,
) -> _Bounds:
    ask, bid = asks[0].price, bids[0].price
    share = params.book_share_ppm
    best_asks = best_bids = 0
    for level in asks[:SHARE_LEVELS]:
        best_asks += level.qty
    for level in bids[:SHARE_LEVELS]:
        best_bids += level.qty
    # The dearest price a sale can get is the touch, so this bounds the sold notional whatever fills.
    sell_notional = min(params.max_notional_krw, sell_instrument.max_notional)
    max_qty = min(best_asks * share // PPM, best_bids * share // PPM, caps.base_to_sell, sell_notional * SCALE // bid)
    named = params.max_qty.get(buy_instrument.base)
    if named is not None and named < max_qty:
        max_qty = named
    # The largest notional n with n + ceil(fee) <= krw_to_spend: the exchange locks the fee on top.
    affordable = caps.krw_to_spend * PPM // (PPM + buy_instrument.fee_ppm)
    spend = min(affordable, params.max_notional_krw, buy_instrument.max_notional)
    return _Bounds(
        keep_ppm=keep_ppm,
        pay_ppm=pay_ppm,
        max_qty=max(max_qty, 0),
        spend_scaled=max(spend, 0) * SCALE,
        ask_ceiling=ask + ask * params.max_slippage_ppm // PPM,
        bid_floor=bid - bid * params.max_slippage_ppm // PPM,
    )


def _walk(asks: tuple[Level, ...], bids: tuple[Level, ...], ticks: TickTable, bounds: _Bounds) -> _Walked:
    # Merge-walk. The buy leg locks limit x qty, so its bound is checked at the rounded price of each level.
    keep_ppm, pay_ppm, max_qty, spend_scaled = bounds.keep_ppm, bounds.pay_ppm, bounds.max_qty, bounds.spend_scaled
    ask, bid = asks[0].price, bids[0].price
    ask_left: int = asks[0].qty
    bid_left: int = bids[0].qty
    tick, band_end = _band(ticks, ask)
    limit = ask + -ask % tick
    ask_at = bid_at = qty = cost = proceeds = last_bid = buy_limit = 0
    while True:
        take = ask_left if ask_left < bid_left else bid_left
        filled = qty + take
        if filled > max_qty:
            filled = max_qty
        if filled * limit > spend_scaled:
            filled = spend_scaled // limit
        if filled <= qty:
            break
        take = filled - qty
        qty = filled
        cost += take * ask
        proceeds += take * bid
        last_bid, buy_limit = bid, limit
        ask_left -= take
        bid_left -= take
        if not ask_left:
            ask_at += 1
            if ask_at == len(asks) or asks[ask_at].price > bounds.ask_ceiling:
                break
            ask, ask_left = asks[ask_at].price, asks[ask_at].qty
            if ask >= band_end:
                tick, band_end = _band(ticks, ask)
            limit = ask + -ask % tick
        elif bid_left:
            break  # neither level is used up: a cap was met
        if not bid_left:
            bid_at += 1
            if bid_at == len(bids) or bids[bid_at].price < bounds.bid_floor:
                break
            bid, bid_left = bids[bid_at].price, bids[bid_at].qty
        if bid * keep_ppm < ask * pay_ppm:
            break
    return _Walked(qty, cost, proceeds, last_bid, buy_limit)


def _band(ticks: TickTable, price: int) -> tuple[int, int]:
    # The tick at `price` and where its band ends. ValueError when no band covers it.
    bands = ticks.bands
    above = bisect_right(bands, price, key=from_price_of)
    if not above:
        raise ValueError(f"no tick band covers price {price}")
    return bands[above - 1].tick, bands[above].from_price if above < len(bands) else _NO_HIGHER_BAND


def _cut(asks: tuple[Level, ...], bids: tuple[Level, ...], buy_instrument: Instrument, qty: int) -> _Walked:
    # The same walk for a smaller quantity: lots may give back the whole of the last level.
    if not qty:
        return _Walked(0, 0, 0, 0, 0)
    cost, last_ask = _priced(asks, qty)
    proceeds, last_bid = _priced(bids, qty)
    return _Walked(qty, cost, proceeds, last_bid, buy_instrument.price_up(Price(last_ask)))


def _priced(levels: tuple[Level, ...], qty: int) -> tuple[int, int]:
    # Exact notional (10^-16 KRW) of the best `qty`, and the last price it takes.
    scaled = 0
    last = 0
    for level in levels:
        take = level.qty if level.qty < qty else qty
        scaled += take * level.price
        last = level.price
        qty -= take
        if not qty:
            break
    return scaled, last


def _too_small(
    asks: tuple[Level, ...],
    bids: tuple[Level, ...],
    buy_instrument: Instrument,
    sell_instrument: Instrument,
    caps: Caps,
) -> NoSignal:
    # Would the wallets alone have been enough for a minimum order on both sides?
    krw_least = buy_instrument.min_notional + fee_ceil(buy_instrument.min_notional, buy_instrument.fee_ppm)
    short = caps.krw_to_spend < krw_least or (caps.base_to_sell * bids[0].price < sell_instrument.min_notional * SCALE)
    return NO_BALANCE if short else UNDER_MINIMUM


def _signal(
    bid_book: Book,
    ask_book: Book,
    buy_instrument: Instrument,
    sell_instrument: Instrument,
    params: Params,
    caps: Caps,
    walked: _Walked,
    sell_limit: Price,
    now: Ns,
) -> Signal | NoSignal:
    buy_cost = -(-walked.cost_scaled // SCALE)
    sell_proceeds = walked.proceeds_scaled // SCALE
    fees = fee_ceil(buy_cost, buy_instrument.fee_ppm) + fee_ceil(
        -(-walked.proceeds_scaled // SCALE), sell_instrument.fee_ppm
    )
    expected = sell_proceeds - buy_cost - fees
    edge_ppm = expected * PPM // buy_cost
    # At the limits themselves a fill may earn little, but must never lose: more than repairing may cost, that is.
    wanted = caps.edge_wanted(params)
    worst = wanted if wanted < 0 else 0
    loses = sell_limit * (PPM - sell_instrument.fee_ppm) < walked.buy_limit * (PPM + buy_instrument.fee_ppm + worst)
    if loses or edge_ppm < wanted or (expected <= 0 and not worst):
        return EDGE_LOST
    return Signal(
        market=ask_book.market,
        buy_exchange=ask_book.exchange,
        sell_exchange=bid_book.exchange,
        qty=Qty(walked.qty),
        buy_limit=Price(walked.buy_limit),
        sell_limit=sell_limit,
        buy_cost=Krw(buy_cost),
        sell_proceeds=Krw(sell_proceeds),
        fees=Krw(fees),
        net_edge_ppm=edge_ppm,
        buy_book_mono_ns=ask_book.recv_mono_ns,
        sell_book_mono_ns=bid_book.recv_mono_ns,
        found_mono_ns=now,
        buy_shown=_shown(ask_book.asks, walked.buy_limit, 1),
        sell_shown=_shown(bid_book.bids, sell_limit, -1),
        shadow_ppm=caps.shadow_ppm,
    )


def _shown(levels: tuple[Level, ...], limit: int, sign: int) -> Qty:
    # What a leg could have taken without passing its limit.
    shown = 0
    for level in levels:
        if (level.price - limit) * sign > 0:
            break
        shown += level.qty
    return Qty(shown)
