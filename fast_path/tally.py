"""The executor's figures: counters and latency of orders, fills, fees and profit.

Nothing here decides anything. Money counters are in 10^-8 KRW and follow an arb that is reopened by
a late fill: what was booked before is taken back first.
"""

from arbitrage.domain.arb import Arb, ArbState, Moment
from arbitrage.domain.order import Order, OrderRole
from arbitrage.domain.ports import Accepted
from arbitrage.domain.units import units_floor
from fast_path.counters import Counters
from fast_path.latency import Latency, Stage


class Tally:
    """Counts what arbs do, by comparing an arb before and after a step."""

    def __init__(self, counters: Counters, latency: Latency) -> None:
        self._counters = counters
        self._latency = latency
        self._sent_mono: dict[str, int] = {}
        self._booked: dict[str, tuple[int, int]] = {}

    def journalled(self, took_ns: int) -> None:
        """Record what a durable append cost."""
        self._latency.record(Stage.JOURNAL_APPEND, took_ns)

    def recovered(self, arb: Arb) -> None:
        """Learn of a closed arb that an earlier process already counted."""
        self._booked[arb.arb_id] = _booked(arb)

    def forget(self, arb: Arb) -> None:
        """Drop what is kept of `arb`."""
        self._booked.pop(arb.arb_id, None)
        for order in arb.orders:
            self._sent_mono.pop(order.client_order_id, None)

    def answered(self, order: Order, answer: Accepted, arb: Arb | None) -> None:
        """Record how long the wire took, and for the second leg how long the whole way took."""
        sent = answer.sent_mono_ns
        self._latency.record(Stage.WIRE_TO_ANSWER, answer.answered_mono_ns - sent)
        self._sent_mono[order.client_order_id] = sent
        if arb is None or arb.leader or order.role is OrderRole.HEDGE:
            return
        legs = [self._sent_mono.get(leg.client_order_id) for leg in arb.orders[:2]]
        known = [leg for leg in legs if leg is not None]
        if len(known) == len(legs):
            frame = max(arb.signal.buy_book_mono_ns, arb.signal.sell_book_mono_ns)
            self._latency.record(Stage.DECISION_TO_WIRE, max(known) - arb.opened_mono_ns)
            self._latency.record(Stage.FRAME_TO_WIRE, max(known) - frame)

    def stepped(self, before: Arb | None, after: Arb, now: Moment) -> None:
        """Count what changed between `before` (None: a new arb) and `after`."""
        old = {order.client_order_id: order for order in before.orders} if before is not None else {}
        for order in after.orders:
            was = old.get(order.client_order_id)
            self._filled(was, order, now)
            if was is None and before is not None:
                self._counters.add("hedges")
        if after.is_closed:
            self._book(after)
        if before is not None and before.state is not after.state:
            self._moved(before, after)

    def _filled(self, was: Order | None, order: Order, now: Moment) -> None:
        new_fills = len(order.fills) - (len(was.fills) if was is not None else 0)
        if not new_fills:
            return
        self._counters.add("fills", new_fills)
        sent = self._sent_mono.get(order.client_order_id)
        if sent is not None and (was is None or not was.fills):
            self._latency.record(Stage.WIRE_TO_FILL, now.mono_ns - sent)

    def _book(self, arb: Arb) -> None:
        pnl, fees = _booked(arb)
        old_pnl, old_fees = self._booked.get(arb.arb_id, (0, 0))
        self._counters.add("pnl_e8", pnl - old_pnl)
        self._counters.add("fees_e8", fees - old_fees)
        self._booked[arb.arb_id] = (pnl, fees)

    def _moved(self, before: Arb, after: Arb) -> None:
        if after.is_closed:
            self._counters.add("arbs_closed")
        elif before.is_closed:
            self._counters.add("arbs_closed", -1)
            self._counters.add("late_fills")
        if after.state is ArbState.STUCK:
            self._counters.add("arbs_stuck")
        if after.state is ArbState.LEGGED:
            self._counters.add("arbs_legged")


def _booked(arb: Arb) -> tuple[int, int]:
    return units_floor(arb.pnl_krw), units_floor(arb.fees_krw)
