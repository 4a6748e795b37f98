"""How far legs fill on each exchange, from our own history, and what follows for the next arb (R3.1).

Everything is in ppm and forgets: a mean counts its newest 32 samples most. Where little was seen, what is
known of the whole exchange counts instead, and before anything was seen, a stated prior; while nothing new
is seen, what was goes back to the prior by halves, so that a bad hour does not deny arbs for ever. Fills come
from closed arbs, so that a start reads them from the journal; answers are of this process alone.
"""

from bisect import bisect_left
from collections import OrderedDict

import msgspec

from arbitrage.domain.arb import Arb
from arbitrage.domain.order import Order, OrderRole, RefusalReason
from arbitrage.domain.params import MS, SECOND, Params
from arbitrage.domain.ports import Accepted, Answer, Refused
from arbitrage.domain.signal import Signal
from arbitrage.domain.swings import swing_ppm
from arbitrage.domain.units import PPM, Exchange, Ns

PRIOR_PPM = 950_000
"""How far a leg fills before anything was seen."""
NEWEST = 32
PRIOR_COUNTS = 8
"""What is known of the whole exchange weighs as much as this many legs of one kind."""
HALVED_AFTER_NS = 600 * SECOND
"""What was seen this long ago counts half, compared with the prior."""
PARTS_PPM = (PPM, 600_000, 300_000)
"""How much of the size found may be sent."""
SPREAD_PRIOR_PPM = 500
"""How wide a spread is before the desk has seen any."""
ARBS_KEPT = 1_000
"""An arb counts once: of so many it is known that they did."""
AGES_NS = (100 * MS, 300 * MS)
SHARES_PPM = (300_000, 600_000)
OUR_OWN = frozenset({RefusalReason.NOT_SENT, RefusalReason.STOPPED})
"""Refusals that say nothing of the exchange's book: the order never left."""


class Mean(msgspec.Struct):
    """A mean in ppm or ns that forgets: even over its first samples, then one part in `NEWEST` each."""

    value: int
    count: int = 0

    def add(self, sample: int) -> None:
        """Take one more sample."""
        self.count = min(self.count + 1, NEWEST)
        self.value += (sample - self.value) // self.count


class _Place(msgspec.Struct):
    # One exchange.
    fill: Mean
    kinds: dict[tuple[int, int], Mean]
    trouble: Mean
    latency_ns: Mean
    seen_wall_ns: int = 0

    def faded(self, value: int, now_wall: Ns) -> int:
        halvings = min(max(0, now_wall - self.seen_wall_ns) // HALVED_AFTER_NS, 30)
        return PRIOR_PPM + ((value - PRIOR_PPM) >> halvings)


class LegHistory:
    """What our legs came to on each exchange. No clock, no I/O."""

    def __init__(self) -> None:
        self._places: dict[Exchange, _Place] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()

    def fold(self, arb: Arb) -> None:
        """Learn from a closed arb, once: a late fill changes nothing any more."""
        if not arb.is_closed or arb.arb_id in self._seen:
            return
        self._seen[arb.arb_id] = None
        if len(self._seen) > ARBS_KEPT:
            self._seen.popitem(last=False)
        for leg in arb.orders[:2]:
            if leg.refusal in OUR_OWN and not leg.executed_qty:
                continue
            place, filled = self._place(leg.exchange), leg.executed_qty * PPM // leg.qty
            place.seen_wall_ns = max(place.seen_wall_ns, arb.closed_wall_ns or 0)
            place.fill.add(filled)
            place.kinds.setdefault(_kind(arb, leg), Mean(0)).add(filled)

    def answered(self, exchange: Exchange, answer: Answer) -> None:
        """Learn what came of sending an order: how long it took, or that it was refused or lost."""
        if isinstance(answer, Refused) and answer.reason is RefusalReason.STOPPED:
            return
        place = self._place(exchange)
        place.trouble.add(0 if isinstance(answer, Accepted) else PPM)
        if isinstance(answer, Accepted):
            place.latency_ns.add(answer.answered_mono_ns - answer.sent_mono_ns)

    def fill_ppm(self, exchange: Exchange, now_wall: Ns) -> int:
        """Return how far a leg fills on an exchange."""
        place = self._place(exchange)
        return place.faded(place.fill.value, now_wall)

    def is_hard(self, exchange: Exchange, params: Params, now_wall: Ns) -> bool:
        """Return whether an exchange cannot be relied on: it fills too little, refuses too much or answers too late."""
        place = self._place(exchange)
        return (
            place.faded(place.fill.value, now_wall) < params.hard_leg_fill_ppm
            or place.trouble.value > params.hard_leg_trouble_ppm
            or place.latency_ns.value > params.hard_leg_latency_ns
        )

    def expected_fill_ppm(self, exchange: Exchange, age_ns: int, share_ppm: int, now_wall: Ns) -> int:
        """Return how far a leg fills that takes this share of what a book of this age shows."""
        place = self._place(exchange)
        kind = place.kinds.get((_rank(age_ns, AGES_NS), _rank(share_ppm, SHARES_PPM)))
        value = place.fill.value
        if kind is not None:
            value = (kind.value * kind.count + value * PRIOR_COUNTS) // (kind.count + PRIOR_COUNTS)
        return place.faded(value, now_wall)

    def _place(self, exchange: Exchange) -> _Place:
        place = self._places.get(exchange)
        if place is None:
            # The prior counts as so many legs already.
            place = self._places[exchange] = _Place(Mean(PRIOR_PPM, PRIOR_COUNTS), {}, Mean(0, PRIOR_COUNTS), Mean(0))
        return place


def leader(history: LegHistory, signal: Signal, params: Params, now_wall: Ns) -> OrderRole | None:
    """Return the leg that goes first because its exchange cannot be relied on; None = both go together.

    Where neither can, the one that fills less goes first, and the purchase when both fill alike.
    """
    buy, sell = signal.buy_exchange, signal.sell_exchange
    buy_is_hard = history.is_hard(buy, params, now_wall)
    if not history.is_hard(sell, params, now_wall):
        return OrderRole.BUY_LEG if buy_is_hard else None
    if buy_is_hard and history.fill_ppm(buy, now_wall) <= history.fill_ppm(sell, now_wall):
        return OrderRole.BUY_LEG
    return OrderRole.SELL_LEG


class Odds(msgspec.Struct, frozen=True):
    """Both sides of the legging rule for one size: what both legs filling brings, what one filling alone costs."""

    part_ppm: int
    gain_ppm: int
    risk_ppm: int

    @property
    def worth(self) -> int:
        """Return what sending this size is worth, in ppm of the whole size found."""
        return (self.gain_ppm - self.risk_ppm) * self.part_ppm // PPM


def lone_cost_ppm(params: Params, *, fees_ppm: int, spread_ppm: int, sigma_ppm: int) -> int:
    """Return what a lone leg costs: half a spread, both fees, and the swing of the price until we have reacted.

    `spread_ppm` and `sigma_ppm` are what the desk has seen, 0 for nothing yet.
    """
    swing = swing_ppm(sigma_ppm or params.risk_sigma_ppm, params.reaction_ns) * params.risk_kappa_ppm // PPM
    return (spread_ppm or SPREAD_PRIOR_PPM) // 2 + fees_ppm + swing


def best_odds(
    history: LegHistory,
    signal: Signal,
    lone_ppm: int,
    *,
    weight_ppm: int,
    first: OrderRole | None,
    now_wall: Ns,
    parts_ppm: tuple[int, ...] = PARTS_PPM,
) -> Odds:
    """Return the odds of the part of `signal` that is worth most; of the first named when all are worth the same.

    `lone_ppm` is what a lone leg costs, weighed with `weight_ppm`. With a `first` leg the other follows its fill:
    alone is only the first. An arb that brings stock back counts what that is worth, too.
    """
    edge_ppm = _edge_ppm(signal)
    buy_age = max(0, signal.found_mono_ns - signal.buy_book_mono_ns)
    sell_age = max(0, signal.found_mono_ns - signal.sell_book_mono_ns)
    found = []
    for part_ppm in parts_ppm:
        qty = signal.qty * part_ppm // PPM
        buy_share = qty * PPM // signal.buy_shown if signal.buy_shown else part_ppm
        sell_share = qty * PPM // signal.sell_shown if signal.sell_shown else part_ppm
        buy = history.expected_fill_ppm(signal.buy_exchange, buy_age, buy_share, now_wall)
        sell = history.expected_fill_ppm(signal.sell_exchange, sell_age, sell_share, now_wall)
        both = buy * sell // PPM
        alone = (buy if first is OrderRole.BUY_LEG else sell if first is not None else buy + sell - both) - both
        risk = lone_ppm * alone // PPM * weight_ppm // PPM
        found.append(Odds(part_ppm, edge_ppm * both // PPM, risk))
    return max(found, key=lambda odds: odds.worth) if found[1:] else found[0]


def is_whole_best(whole: Odds, signal: Signal) -> bool:
    """Return whether no smaller part can be worth more than the whole: not even if it were sure to fill."""
    return whole.worth >= _edge_ppm(signal) * PARTS_PPM[1] // PPM


def _edge_ppm(signal: Signal) -> int:
    return signal.net_edge_ppm - min(0, signal.shadow_ppm)


def _kind(arb: Arb, leg: Order) -> tuple[int, int]:
    signal = arb.signal
    is_buy = leg.role is OrderRole.BUY_LEG
    seen_ns, shown = (
        (signal.buy_book_mono_ns, signal.buy_shown) if is_buy else (signal.sell_book_mono_ns, signal.sell_shown)
    )
    # The signal keeps the moment it was found: a restart sets the arb's own clock anew.
    age_ns = max(0, (signal.found_mono_ns or seen_ns) - seen_ns)
    return _rank(age_ns, AGES_NS), _rank(leg.qty * PPM // shown if shown else PPM, SHARES_PPM)


def _rank(value: int, bounds: tuple[int, ...]) -> int:
    # How many bounds, which rise, it lies above.
    return bisect_left(bounds, value)
