"""What to do with an uneven fill: complete the short leg, reverse the long one, or wait, at least cost (R3.1).

`plan` looks at both exchanges and picks the one where evening out costs least, inside a loss limit that the
order's own limit price keeps. Where taking from both books costs less still, by more than the price may swing
meanwhile, only the larger part is ordered: what is left is planned anew when that has ended. A spread wider than
usual is worth waiting for as long as what it should give back is more than what the price may swing meanwhile. What
is too small to order anywhere is dust; what cannot be priced now is held and asked again.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from arbitrage.domain.book import Book, fillable
from arbitrage.domain.hedge_split import Parts, Reach, cheapest
from arbitrage.domain.instrument import Instrument
from arbitrage.domain.swings import swing_ppm
from arbitrage.domain.units import (
    PPM,
    SCALE,
    Exchange,
    Krw,
    Ns,
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
    """Send this as an IOC limit order. `loss_krw` is this order's expected loss against the uneven leg's price."""

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
    split_from_ns: Ns | None = None
    """Only between books received at or after this may it be split (our monotonic clock); None = not at all."""
    split_open_ns: int = 0
    """How long the rest of a split may lie open until the first part is known and the other exchange was heard of."""


def plan(imbalance: int, basis: Decimal, quotes: Mapping[Exchange, Quote], rules: HedgeRules) -> HedgePlan:
    """Return how to bring `imbalance` (base bought minus sold, 10^-8) to zero.

    `basis` is the average price of the uneven leg in KRW. The loss limit bounds what this one order
    may cost against it, filled at its own limit. Ties go to the exchange listed first.
    """
    side = Side.ASK if imbalance > 0 else Side.BID
    amount = Qty(abs(imbalance))
    if all(_is_dust(side, amount, basis, quote) for quote in quotes.values()):
        return Dust()
    asked = {exchange: _candidate(exchange, side, amount, basis, quote, rules) for exchange, quote in quotes.items()}
    found = {exchange: order for exchange, order in asked.items() if isinstance(order, HedgeOrder)}
    if not found:
        return Hold(" ".join(f"{exchange}:{reason}" for exchange, reason in asked.items()))
    best = min(found.values(), key=_unit_loss)
    whole = _Way(best, best.loss_krw, _unit_loss(best), min(_later(order, quotes) for order in found.values()))
    way = _split(amount, basis, quotes, found, rules)
    if way is None or way.now + _open(way.order, amount, quotes, rules) >= whole.now:
        way = whole
    if way.loss_krw > rules.max_loss_krw:
        return Hold(f"loss_over_limit:{way.loss_krw}")
    if rules.look_ahead_ns and way.later + _swing(way.order, quotes, rules, rules.look_ahead_ns) < way.now:
        return Hold("waiting_costs_less")
    return way.order


class _Way(msgspec.Struct, frozen=True):
    # The order that goes first, what evening all out loses in 10^-8 KRW, and that per unit in KRW: now, and later when
    # the spreads have closed.
    order: HedgeOrder
    loss_krw: int
    now: Decimal
    later: Decimal


def _unit_loss(order: HedgeOrder) -> Decimal:
    return Decimal(order.loss_krw) / order.qty


def _later(order: HedgeOrder, quotes: Mapping[Exchange, Quote]) -> Decimal:
    return _unit_loss(order) - to_decimal(_given_back(quotes[order.exchange]))


def _split(
    amount: Qty,
    basis: Decimal,
    quotes: Mapping[Exchange, Quote],
    whole: Mapping[Exchange, HedgeOrder],
    rules: HedgeRules,
) -> _Way | None:
    # A part on each exchange, as cheap as both books allow. The larger part goes first; the rest is planned anew then.
    if rules.split_from_ns is None or len(whole) < 2:
        return None
    side = next(iter(whole.values())).side
    now, later = {}, {}
    for exchange, order in whole.items():
        quote = quotes[exchange]
        assert quote.book is not None
        if quote.book.recv_mono_ns < rules.split_from_ns:
            return None
        fee_ppm = quote.instrument.fee_ppm
        now[exchange] = Reach(quote.book.side(side.opposite), order.price, order.qty, fee_ppm)
        later[exchange] = msgspec.structs.replace(now[exchange], better_by=_given_back(quote))
    parts, then = cheapest(side, amount, now), cheapest(side, amount, later)
    orders = parts and _parts(side, amount, basis, quotes, parts, rules)
    if not orders or not then:
        return None
    qty = sum(order.qty for order in orders)
    if qty < max(order.qty for order in whole.values()):
        return None
    loss = sum(order.loss_krw for order in orders)
    per_unit = Decimal(then.paid) / (PPM * SCALE * amount) - side.sign * basis
    return _Way(orders[0], loss, Decimal(loss) / qty, per_unit)


def _parts(
    side: Side, amount: Qty, basis: Decimal, quotes: Mapping[Exchange, Quote], parts: Parts, rules: HedgeRules
) -> list[HedgeOrder] | None:
    # An order for each part, larger first, with its share of the loss limit; None where one cannot be ordered, or could
    # not be any more when the price has moved or half of it has filled.
    left, orders = amount, list[HedgeOrder]()
    for exchange in sorted(parts.qty, key=lambda one: -parts.qty[one]):
        quote = quotes[exchange]
        share = quote.instrument.qty_down(left if orders else parts.qty[exchange])
        allowed = msgspec.structs.replace(rules, max_loss_krw=rules.max_loss_krw * share // amount)
        order = _candidate(exchange, side, share, basis, quote, allowed)
        if isinstance(order, str) or _is_dust(side, Qty(share // 2), basis, quote):
            return None
        left = Qty(left - order.qty)
        orders.append(order)
    return orders


def _open(first: HedgeOrder, amount: Qty, quotes: Mapping[Exchange, Quote], rules: HedgeRules) -> Decimal:
    # What the price may move against the rest until the first part has answered, per unit of all.
    return _swing(first, quotes, rules, rules.split_open_ns) * (amount - first.qty) / amount


def _given_back(quote: Quote) -> Price:
    # What half of the spread beyond the usual is worth per unit: a touch that was swept comes back.
    book = quote.book
    assert book is not None
    bid, ask = book.bids[0].price, book.asks[0].price
    excess = ask - bid - (ask + bid) // 2 * quote.usual_spread_ppm // PPM
    return Price(max(excess, 0) // 2 if quote.usual_spread_ppm else 0)


def _swing(order: HedgeOrder, quotes: Mapping[Exchange, Quote], rules: HedgeRules, time_ns: int) -> Decimal:
    # What the price may move against us per unit in that time.
    ppm = swing_ppm(quotes[order.exchange].sigma_ppm or rules.sigma_ppm, time_ns) * rules.kappa_ppm // PPM
    return to_decimal(order.price * ppm // PPM)


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
