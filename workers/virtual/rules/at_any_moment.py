"""Rules for what must hold whenever one looks."""

from arbitrage.domain.arb import ArbState
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.params import MS, SECOND
from arbitrage.domain.units import EXCHANGES
from workers.virtual.rules.findings import Findings

KNOWN_WITHIN_NS = 5 * SECOND
"""An order the journal does not know by then is lost to the desk."""
SLACK_NS = 1_500 * MS
"""A deadline is looked at every few tens of milliseconds, and a question on its way takes its time-out."""


class AtAnyMoment:
    """Looks at the world every so often."""

    def __init__(self, found: Findings) -> None:
        self._found = found
        self._world = found.world
        self._broken = found.broken
        self._uneven_since: dict[str, int] = {}

    def look(self) -> None:
        """Look at what holds at any moment."""
        self._doubles()
        self._strangers()
        self._uneven()
        self._contradicted()

    def _contradicted(self) -> None:
        life = self._world.life
        if life is not None and life.is_ready and (count := life.context.counters.get("contradictions")):
            self._broken("contradicted", f"{life.owner} could not fold {count} reports")

    def _doubles(self) -> None:
        for client_order_id, count in self._world.reached.items():
            if count > 1 and client_order_id:
                self._broken("sent_twice", f"{client_order_id} reached its exchange {count} times")

    def _strangers(self) -> None:
        known = {order.client_order_id for arb in self._found.images.values() for order in arb.orders}
        now = self._world.true_clock.wall_ns()
        for exchange in EXCHANGES:
            for client_order_id, order in self._world.orders(exchange).items():
                if client_order_id not in known and now - order.created_ns > KNOWN_WITHIN_NS:
                    self._broken("unknown_to_journal", f"{exchange} {client_order_id}")

    def _uneven(self) -> None:
        world, now = self._world, self._world.loop.now_ns
        life, still = world.life, world.loop.standing_still
        is_watched = life is not None and life.is_ready and life.owner not in still
        for arb in self._found.images.values():
            is_at_rest = arb.is_closed or arb.state is ArbState.STUCK
            if is_at_rest or not arb.imbalance or not is_watched:
                self._uneven_since.pop(arb.arb_id, None)
                continue
            since = self._uneven_since.setdefault(arb.arb_id, now)
            limits = arb.limits
            bound = limits.hedge_limit_ns + limits.unresolved_deadline_ns + limits.cancel_after_ns + SLACK_NS
            if now - since > bound and world.control.level() is TradingLevel.ACTIVE:
                self._broken("uneven_too_long", f"{arb.arb_id} by {arb.imbalance} for {(now - since) // MS} ms")
