"""Rules for what must come to an end or to a person: an outcome not known, an order that does not end, a lone leg.

Time counts while a trader is at work, and all of it counts: a new process does not begin it anew. What it may add
fairly is known from outside: a bounded share each time, and what the wall clock was set back.
"""

from itertools import takewhile

import msgspec

from arbitrage.domain.arb import Arb, ArbState
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.events import Event, TraderStarted
from arbitrage.domain.order import Order, OrderRole
from arbitrage.domain.params import MS
from workers.virtual.life import Life
from workers.virtual.rules.findings import Findings

SLACK_NS = 1_500 * MS
"""A deadline is looked at every few tens of milliseconds, and a question on its way takes its time-out."""
WHOLE_TIMES = 4
"""After so many restarts an order that nobody knows of may still have its whole time to be found."""
_UNDECIDED = (ArbState.OPENING, ArbState.UNRESOLVED, ArbState.HEDGING)


class _Lasting(msgspec.Struct):
    state: ArbState
    starts: int
    """How often a trader had started when it began."""
    set_back_ns: int
    """How far the wall clock had been set back until then."""
    lived_ns: int
    """How long traders were at work since."""


class InTime:
    """Takes the time of what is not decided and of what is uneven."""

    def __init__(self, found: Findings) -> None:
        self._found = found
        self._world = found.world
        self._broken = found.broken
        self._undecided: dict[str, _Lasting] = {}
        self._uneven: dict[str, _Lasting] = {}
        self._hedges_before: dict[str, int] = {}
        self._was: dict[str, ArbState] = {}
        self._starts = 0
        self._power_cuts = 0
        self._at_work: Life | None = None
        self._counted_ns = 0
        """Until when the time of whoever is at work is counted."""
        self._offset_ns = 0
        self._set_back_ns = 0

    def event(self, event: Event) -> None:
        """Take note of a trader that takes over what the journal left."""
        if not isinstance(event, TraderStarted):
            return
        self._count()
        self._starts += 1
        self._at_work = self._world.life
        cuts = sum(life.lost_power for life in self._world.lives)
        if cuts > self._power_cuts:
            # A power cut may have taken the record of what went on: the desk cannot know of it.
            self._power_cuts = cuts
            for lasting in (*self._undecided.values(), *self._uneven.values()):
                lasting.starts, lasting.set_back_ns, lasting.lived_ns = self._starts, self._set_back_ns, 0

    def journalled(self, arb: Arb) -> None:
        """Look where an arb stands now."""
        is_at_rest = arb.is_closed or arb.state is ArbState.STUCK
        before = self._was.get(arb.arb_id)
        self._was[arb.arb_id] = arb.state
        if arb.state not in _UNDECIDED:
            self._undecided.pop(arb.arb_id, None)
        elif arb.arb_id not in self._undecided or before is not arb.state:
            self._undecided[arb.arb_id] = self._begun(arb)
        if is_at_rest or not arb.imbalance:
            self._uneven.pop(arb.arb_id, None)
        elif arb.arb_id not in self._uneven:
            self._uneven[arb.arb_id] = self._begun(arb)
        self._hedged(arb, before)

    def look(self) -> None:
        """Look whether anything lasts too long."""
        self._count()
        for arb_id, lasting in self._undecided.items():
            arb = self._found.images[arb_id]
            bound = _deadline_ns(arb) + self._added_ns(arb, lasting, _deadline_ns(arb)) + SLACK_NS
            if lasting.lived_ns > bound:
                lived, starts = lasting.lived_ns // MS, self._starts - lasting.starts
                self._broken("undecided_too_long", f"{arb_id} {arb.state} for {lived} ms over {starts} restarts")
        for arb_id, lasting in self._uneven.items():
            arb = self._found.images[arb_id]
            limits, restarts = arb.limits, self._starts - lasting.starts
            longest = limits.unresolved_deadline_ns + limits.cancel_after_ns
            bound = longest + 2 * limits.hedge_limit_ns - (limits.hedge_limit_ns >> restarts) + SLACK_NS
            bound += self._added_ns(arb, lasting, longest)
            if lasting.lived_ns > bound and self._world.control.level() is TradingLevel.ACTIVE:
                lived = lasting.lived_ns // MS
                self._broken("uneven_too_long", f"{arb_id} by {arb.imbalance} for {lived} ms over {restarts} restarts")

    # Hedges in a row that met nothing are as many as the desk may try, whoever tries them. A fill that comes late,
    # and the end of HALTED, begin them anew.
    def _hedged(self, arb: Arb, before: ArbState | None) -> None:
        hedges = [order for order in arb.orders if order.role is OrderRole.HEDGE]
        is_stopped = arb.state is ArbState.LEGGED and arb.uneven_wall_ns is None
        if before is ArbState.CLOSED or is_stopped:
            self._hedges_before[arb.arb_id] = len(hedges)
        ours = hedges[self._hedges_before.get(arb.arb_id, 0) :]
        missed = sum(1 for _ in takewhile(_met_nothing, reversed(ours[:-1])))
        if missed >= arb.limits.hedge_max_attempts:
            self._broken("hedged_too_often", f"{arb.arb_id}: {missed} hedges met nothing, and one more was planned")

    # The clocks

    def _begun(self, arb: Arb) -> _Lasting:
        counted_later = self._world.loop.now_ns - self._counted_ns
        return _Lasting(arb.state, self._starts, self._set_back_ns, -counted_later)

    def _count(self) -> None:
        now, life = self._world.loop.now_ns, self._world.life
        offset = self._world.clock.wall_ns() - self._world.true_clock.wall_ns()
        self._set_back_ns += max(0, self._offset_ns - offset)
        self._offset_ns = offset
        is_at_work = life is not None and life is self._at_work and life.is_running
        if is_at_work and life is not None and life.owner not in self._world.loop.standing_still:
            for lasting in (*self._undecided.values(), *self._uneven.values()):
                lasting.lived_ns += now - self._counted_ns
        self._counted_ns = now

    def _added_ns(self, arb: Arb, lasting: _Lasting, limit: int) -> int:
        """Return what restarts may have added to a time of at most `limit`."""
        added = self._set_back_ns - lasting.set_back_ns
        for restart in range(1, self._starts - lasting.starts + 1):
            grace = 2 * arb.limits.not_found_grace_ns if restart <= WHOLE_TIMES else 0
            added += min(limit, max(limit >> restart, grace))
        return added


def _deadline_ns(arb: Arb) -> int:
    limits = arb.limits
    more = 0 if arb.state is ArbState.UNRESOLVED else limits.cancel_after_ns
    return limits.unresolved_deadline_ns + more


def _met_nothing(order: Order) -> bool:
    return order.is_ended and not order.executed_qty
