"""What to do with an uneven fill: complete the short leg, reverse the long one, or wait, at least cost (R3.1).

`plan` looks at both exchanges and picks the one where evening out costs least, inside a loss limit that the
order's own limit price keeps. A spread wider than usual is worth waiting for as long as what it should give
back is more than what the price may swing meanwhile. What is too small to order anywhere is dust; what
cannot be priced now is held and asked again.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from arbitrage.domain.book import Book, fillable
from arbitrage.domain.instrument import Instrument
from arbitrage.domain.swings import swing_ppm
from arbitrage.domain.units import (
    PPM,
    SCALE,
    Exchange,
    Krw,
    Price,
    Qty,
    Side,
    fee_ceil,
    notional_ceil,
    notional_floor,
    to_decimal,
)


class Quote(msgspec.Struct, frozen=True):
    """What one exchange offers right now. `book` is None when it is stale, dead or unhealthy.

    `free_base` and `free_krw` are what a hedge may use, in 10^-8: the 5 % reserve is open to hedges.
    """

    instrument: Instrument
    book: Book | None
    free_base: Qty
    free_krw: Krw
    usual_spread_ppm: int = 0
    """How wide the spread usually is here; 0 = not known."""
    sigma_ppm: int = 0
    """How far the market swings in the square root of a second; 0 = not known."""


class HedgeOrder(msgspec.Struct, frozen=True):
    """Send this as an IOC limit order. `loss_krw` is the expected loss against the uneven leg's price."""

    exchange: Exchange
    side: Side
    qty: Qty
    price: Price
    loss_krw: Krw


class Dust(msgspec.Struct, frozen=True):
    """Too small to order on either exchange: booked, not hedged."""


class Hold(msgspec.Struct, frozen=True):
    """Nothing sensible can be sent now; ask again at the next tick."""

    reason: str


HedgePlan = HedgeOrder | Dust | Hold


class HedgeRules(msgspec.Struct, frozen=True):
    """How far this attempt may reach, and what it may cost."""

    slippage_ppm: int
    max_loss_krw: int
    look_ahead_ns: int = 0
    """How long it may wait before it is asked again; 0 = act now if anything can be done."""
    kappa_ppm: int = PPM
    """What a swing of the price while we wait is weighed with."""
    sigma_ppm: int = 0
    """The swing to reckon with where none is known."""


def plan(imbalance: int, basis: Decimal, quotes: Mapping[Exchange, Quote], rules: HedgeRules) -> HedgePlan:
    """Return how to bring `imbalance` (base bought minus sold, 10^-8) to zero.

    `basis` is the average price of the uneven leg in KRW. The loss limit bounds what this one order
    may cost against it, filled at its own limit. Ties go to the exchange listed first.
    """
    side = Side.ASK if imbalance > 0 else Side.BID
    amount = Qty(abs(imbalance))
    if all(_is_dust(side, amount, basis, quote) for quote in quotes.values()):
        return Dust()
    reasons = []
    best: tuple[Decimal, HedgeOrder] | None = None
    soonest: Decimal | None = None
    for exchange, quote in quotes.items():
        candidate = _candidate(exchange, side, amount, basis, quote, rules)
        if isinstance(candidate, str):
            reasons.append(f"{exchange}:{candidate}")
            continue
        unit_loss = Decimal(candidate.loss_krw) / candidate.qty
        later = unit_loss - _given_back(candidate, quote)
        soonest = later if soonest is None else min(soonest, later)
        if best is None or unit_loss < best[0]:
            best = (unit_loss, candidate)
    if best is None or soonest is None:
        return Hold(" ".join(reasons))
    if best[1].loss_krw > rules.max_loss_krw:
        return Hold(f"loss_over_limit:{best[1].loss_krw}")
    if rules.look_ahead_ns and soonest + _swing(best[1], quotes[best[1].exchange], rules) < best[0]:
        return Hold("waiting_costs_less")
    return best[1]


def _given_back(candidate: HedgeOrder, quote: Quote) -> Decimal:
    # What half of the spread beyond the usual is worth per unit: a touch that was swept comes back.
    book = quote.book
    assert book is not None
    bid, ask = book.bids[0].price, book.asks[0].price
    excess = ask - bid - (ask + bid) // 2 * quote.usual_spread_ppm // PPM
    if not quote.usual_spread_ppm or excess <= 0:
        return Decimal(0)
    return to_decimal(excess) / 2


def _swing(candidate: HedgeOrder, quote: Quote, rules: HedgeRules) -> Decimal:
    # What the price may move against us per unit until we are asked again.
    ppm = swing_ppm(quote.sigma_ppm or rules.sigma_ppm, rules.look_ahead_ns) * rules.kappa_ppm // PPM
    return to_decimal(candidate.price * ppm // PPM)


def _is_dust(side: Side, amount: Qty, basis: Decimal, quote: Quote) -> bool:
    instrument = quote.instrument
    orderable = instrument.qty_down(amount)
    if quote.book is not None and quote.book.bids and quote.book.asks:
        touch = quote.book.side(side.opposite)[0].price
        return notional_floor(touch, orderable) < instrument.min_notional
    return basis * orderable < instrument.min_notional


def _candidate(
    exchange: Exchange, side: Side, amount: Qty, basis: Decimal, quote: Quote, rules: HedgeRules
) -> HedgeOrder | str:
    book, instrument = quote.book, quote.instrument
    if book is None or not book.bids or not book.asks:
        return "no_book"
    touch = book.side(side.opposite)[0].price
    reach = touch * rules.slippage_ppm // PPM
    limit = (
        instrument.price_up(Price(touch + reach))
        if side is Side.BID
        else instrument.price_down(Price(max(touch - reach, 1)))
    )
    if limit <= 0:
        return "no_price"
    qty = instrument.qty_down(min(amount, _affordable(side, limit, quote)))
    if side is Side.ASK and qty and notional_floor(limit, qty) < instrument.min_notional:
        # The exchange values a sale at its limit: stay as far from the touch as its minimum allows.
        least = instrument.price_up(Price(-(-instrument.min_notional * SCALE // qty)))
        limit = least if least <= touch else limit
    limit = _within_loss(side, limit, touch, qty, basis, instrument, rules.max_loss_krw)
    if notional_floor(limit, qty) < instrument.min_notional:
        return "under_minimum" if qty == instrument.qty_down(amount) else "no_balance"
    taken = Qty(min(qty, fillable(book, side, limit)))
    if not taken:
        return "no_depth"
    return HedgeOrder(exchange, side, qty, limit, Krw(_loss(side, qty, taken, limit, basis, quote)))


def _within_loss(
    side: Side, limit: Price, touch: Price, qty: Qty, basis: Decimal, instrument: Instrument, max_loss: int
) -> Price:
    # As far as the order may go without losing more than it may; `plan` says no where the touch is beyond that.
    if not qty:
        return limit
    value = int(basis * qty) + side.sign * max_loss
    fee = PPM + side.sign * instrument.fee_ppm
    if side is Side.BID:
        return max(min(limit, instrument.price_down(Price(value * SCALE * PPM // (qty * fee)))), touch)
    least = instrument.price_up(Price(max(-(-value * SCALE * PPM // (qty * fee)), 1)))
    return min(max(limit, least), touch)


def _affordable(side: Side, limit: Price, quote: Quote) -> Qty:
    if side is Side.ASK:
        return quote.free_base
    fee_ppm = quote.instrument.fee_ppm
    return Qty(max(0, quote.free_krw * PPM * SCALE // (limit * (PPM + fee_ppm))))


def _loss(side: Side, qty: Qty, taken: Qty, limit: Price, basis: Decimal, quote: Quote) -> int:
    """Return the expected loss in 10^-8 KRW on `qty`: the book as far as it goes, the rest at the limit."""
    assert quote.book is not None
    left, value = taken, 0
    for level in quote.book.side(side.opposite):
        step = min(left, level.qty)
        value += notional_ceil(level.price, Qty(step)) if side is Side.BID else notional_floor(level.price, Qty(step))
        left = Qty(left - step)
        if not left:
            break
    rest = Qty(qty - taken)
    value += notional_ceil(limit, rest) if side is Side.BID else notional_floor(limit, rest)
    fee = fee_ceil(value, quote.instrument.fee_ppm)
    at_basis = int(basis * qty)
    return value + fee - at_basis if side is Side.BID else at_basis - value + fee
