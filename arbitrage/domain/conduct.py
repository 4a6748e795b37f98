"""What the desk did since a person last let it trade, folded from its journal: the figures breakers look at.

The running trader and one that starts fold the same events, so a restart neither resets nor changes a figure.
Money in 10^-8, times on our monotonic clock; of an earlier boot they lie ahead of now and count as now.
"""

from collections import Counter, deque

import msgspec

from arbitrage.domain.arb import Arb, ArbState
from arbitrage.domain.events import ArbStepped, Event, TradingStateChanged
from arbitrage.domain.order import Order, OrderState, RefusalReason
from arbitrage.domain.params import SECOND
from arbitrage.domain.risk import ORDERS_PER_ARB
from arbitrage.domain.units import PPM, QUOTE, Exchange, Krw, Ns, Ppm, units_floor

MINUTE_NS = 60 * SECOND
EXPOSURE_MINUTES = 60
"""`net_krw` looks back this long."""
ORDERS_KEPT = 50
LEAST_ORDERS = 20
"""The refused share is that of the last 50 orders; fewer than 20 say nothing."""
ARBS_KEPT = 2_000
"""A late fill reopens an arb; one closed longer ago than this many others is counted as a new one."""
TIMES_KEPT = 20_000
"""More orders a minute than any bound allows."""
ACTIVE = "active"
_PLANNED = [OrderState.PLANNED] * ORDERS_PER_ARB


class _Known(msgspec.Struct):
    # What was counted of one arb already.
    orders: int = 0
    ended: int = 0  # bits, by position
    unknown: int = 0  # bits, by position
    has_failed: bool = False
    is_counted: bool = False
    pnl: int = 0
    moved: int = 0  # KRW counted as bought on the buying exchange


class Conduct:
    """The fold. `heard` takes every event of the journal, in order."""

    def __init__(self) -> None:
        self.failures_in_a_row = 0
        self.worst_loss = 0
        self.is_lowered = False
        """Whether the trader lowered the trading state and nobody has let it trade since."""
        self.earned: Counter[str] = Counter()
        """Per market, since the journal began."""
        self._pnl: Counter[str] = Counter()
        self._refused: deque[int] = deque(maxlen=ORDERS_KEPT)
        self._order_times: deque[int] = deque(maxlen=TIMES_KEPT)
        self._known: dict[str, _Known] = {}
        self._net: deque[list[int]] = deque()  # minute, net bought on Upbit
        self._net_total = 0

    def heard(self, event: Event) -> None:
        """Fold one event."""
        match event:
            case ArbStepped(arb):
                self._stepped(arb)
            case TradingStateChanged(level):
                self.is_lowered = level != ACTIVE
                if level == ACTIVE:
                    self._begin_anew()
            case _:
                pass

    def _begin_anew(self) -> None:
        """Forget what a person has looked at; what is open and where stock went stays."""
        self.failures_in_a_row = self.worst_loss = 0
        self._pnl.clear()
        self._refused.clear()
        self._order_times.clear()

    def started(self, now: Ns) -> None:
        """Take times of an earlier boot for now's: say it once, after the journal was folded."""
        self._order_times = deque((min(time, now) for time in self._order_times), maxlen=TIMES_KEPT)
        for row in self._net:
            row[0] = min(row[0], now // MINUTE_NS)

    # What was counted

    @property
    def session_pnl(self) -> tuple[int, str]:
        """Return profit and its currency; another than KRW when any arb was in another."""
        strange = [quote for quote in self._pnl if quote != QUOTE]
        return (self._pnl[strange[0]], strange[0]) if strange else (self._pnl[QUOTE], QUOTE)

    @property
    def refused_ppm(self) -> Ppm:
        """Return the share of refusals and unknown outcomes among the last orders; 0 of too few."""
        count = len(self._refused)
        return Ppm(sum(self._refused) * PPM // count) if count >= LEAST_ORDERS else Ppm(0)

    def orders_last_minute(self, now: Ns) -> int:
        """Return how many orders were planned in the minute before `now`."""
        times = self._order_times
        while times and now - times[0] >= MINUTE_NS:
            times.popleft()
        return len(times)

    def net_krw(self, exchange: Exchange, now: Ns) -> Krw:
        """Return what was bought more than sold on `exchange` in the last hour, open arbs as if they filled."""
        oldest = now // MINUTE_NS - EXPOSURE_MINUTES
        while self._net and self._net[0][0] <= oldest:
            self._net_total -= self._net.popleft()[1]
        net = self._net_total
        return Krw(net if exchange is Exchange.UPBIT else -net)

    # Folding

    def _stepped(self, arb: Arb) -> None:
        known = self._known.get(arb.arb_id)
        if known is None:
            known = self._known[arb.arb_id] = _Known()
            if len(self._known) > ARBS_KEPT:
                del self._known[next(iter(self._known))]
            if arb.state is ArbState.OPENING and [order.state for order in arb.orders] == _PLANNED:
                # The bytes of both legs wait for this: no more than must be.
                known.orders = ORDERS_PER_ARB
                self._order_times += [arb.opened_mono_ns] * ORDERS_PER_ARB
                self._move(known, arb, arb.signal.buy_cost)
                return
        for index, order in enumerate(arb.orders):
            self._count(known, index, order)
        if len(arb.orders) > 2 or arb.state in (ArbState.LEGGED, ArbState.STUCK):
            known.has_failed = True
        if arb.is_closed or arb.state is ArbState.STUCK:
            self._judge(known, arb)
        if arb.is_closed:
            self._book(known, arb)
        else:
            self._move(known, arb, arb.signal.buy_cost)

    def _count(self, known: _Known, index: int, order: Order) -> None:
        bit = 1 << index
        if index >= known.orders:
            known.orders = index + 1
            self._order_times.append(order.planned_mono_ns)
        if order.state is OrderState.UNKNOWN and not known.unknown & bit:
            known.unknown |= bit
            known.has_failed = True
        if order.is_ended and not known.ended & bit:
            known.ended |= bit
            is_refused = order.refusal is not None and order.refusal is not RefusalReason.STOPPED
            if is_refused:
                known.has_failed = True
            if order.state is not OrderState.REFUSED or order.refusal is not RefusalReason.STOPPED:
                self._refused.append(1 if is_refused or known.unknown & bit else 0)

    def _judge(self, known: _Known, arb: Arb) -> None:
        if known.is_counted:
            return
        if known.has_failed:
            known.is_counted = True
            self.failures_in_a_row += 1
        elif arb.matched_qty:
            # Not counted yet: a late fill may still show that it failed.
            self.failures_in_a_row = 0

    def _book(self, known: _Known, arb: Arb) -> None:
        pnl = units_floor(arb.even_pnl_krw)
        self._pnl[arb.market.partition("-")[0]] += pnl - known.pnl
        self.earned[arb.market] += pnl - known.pnl
        known.pnl = pnl
        self.worst_loss = max(self.worst_loss, -pnl)
        self._move(known, arb, _moved(arb))

    def _move(self, known: _Known, arb: Arb, bought: int) -> None:
        more = bought - known.moved
        if not more:
            return
        known.moved = bought
        minute = arb.opened_mono_ns // MINUTE_NS
        if not self._net or self._net[-1][0] < minute:
            self._net.append([minute, 0])
        more = more if arb.signal.buy_exchange is Exchange.UPBIT else -more
        self._net[-1][1] += more
        self._net_total += more


def _moved(arb: Arb) -> int:
    """Return what was really bought more than sold on the buying exchange."""
    funds = (
        order.side.sign * units_floor(order.executed_funds)
        for order in arb.orders
        if order.exchange is arb.signal.buy_exchange
    )
    return sum(funds)
