"""Rules for what must hold whenever one looks."""

from arbitrage.domain.arb import Arb
from arbitrage.domain.order import OrderState
from arbitrage.domain.params import MS, SECOND
from arbitrage.domain.units import EXCHANGES
from workers.virtual.life import Life
from workers.virtual.rules.findings import Findings

KNOWN_WITHIN_NS = 5 * SECOND
"""An order the journal does not know by then is lost to the desk."""
TAKEN_WITHIN_NS = 2 * SECOND
"""New parameters are in use by then, once the bridge is there."""
CANCEL_SLACK_NS = 3 * SECOND
"""A trader that is asked to end may take this long over its last answers."""
_MAY_FILL = (OrderState.WORKING, OrderState.CANCELING)


class AtAnyMoment:
    """Looks at the world every so often."""

    def __init__(self, found: Findings) -> None:
        self._found = found
        self._world = found.world
        self._broken = found.broken
        self._working_since: dict[str, int] = {}
        self._watched: Life | None = None
        self._watched_since = 0
        """Since when this trader has been there without a break."""
        self._untaken_since: int | None = None

    def look(self) -> None:
        """Look at what holds at any moment."""
        self._doubles()
        self._strangers()
        is_watched = self._is_watched()
        self._open_arbs(is_watched=is_watched)
        self._contradicted()
        self._params(is_watched=is_watched)

    def _contradicted(self) -> None:
        life = self._world.life
        if life is not None and life.is_ready and (count := life.context.counters.get("contradictions")):
            self._broken("contradicted", f"{life.owner} could not fold {count} reports")

    def _doubles(self) -> None:
        for client_order_id, count in self._world.reached.items():
            if count > 1 and client_order_id:
                self._broken("sent_twice", f"{client_order_id} reached its exchange {count} times")

    def _strangers(self) -> None:
        known, now = self._found.known_orders, self._world.true_clock.wall_ns()
        for exchange in EXCHANGES:
            orders = self._world.orders(exchange)
            for client_order_id in sorted(orders.keys() - known):
                if now - orders[client_order_id].created_ns > KNOWN_WITHIN_NS:
                    self._broken("unknown_to_journal", f"{exchange} {client_order_id}")

    def _is_watched(self) -> bool:
        life = self._world.life
        return life is not None and life.is_ready and life.owner not in self._world.loop.standing_still

    # What the operator wants takes hold, as soon as it gets through.
    def _params(self, *, is_watched: bool) -> None:
        world, now = self._world, self._world.loop.now_ns
        is_due = is_watched and world.operator.bridge_beats
        if not is_due or world.control.applied_epoch() >= world.operator.usable_epoch:
            self._untaken_since = None
        elif self._untaken_since is None:
            self._untaken_since = now
        elif now - self._untaken_since > TAKEN_WITHIN_NS:
            wanted, used = world.operator.usable_epoch, world.control.applied_epoch()
            self._broken("params_not_taken", f"the desk trades with set {used}, the operator wants {wanted}")

    def _open_arbs(self, *, is_watched: bool) -> None:
        if not is_watched or self._world.life is not self._watched:
            self._watched = self._world.life if is_watched else None
            self._watched_since = self._world.loop.now_ns
        for arb in self._found.open_arbs.values():
            self._uncancelled(arb, is_watched=is_watched)

    # An order that the journal calls working was acknowledged: it ends by itself, or is cancelled in its time. Whose
    # trader was dead then has it cancelled once it lives again: a new process does not begin its time anew.
    def _uncancelled(self, arb: Arb, *, is_watched: bool) -> None:
        now, limits = self._world.loop.now_ns, arb.limits
        for order in arb.orders:
            name = order.client_order_id
            if order.state not in _MAY_FILL:
                self._working_since.pop(name, None)
                continue
            since = self._working_since.setdefault(name, now)
            asked = self._world.cancels_asked.get(name, -1)
            due = max(max(since, asked) + limits.cancel_after_ns, self._watched_since)
            if is_watched and now - due > limits.query_after_ns + CANCEL_SLACK_NS:
                self._broken("never_cancelled", f"{name} works for {(now - since) // MS} ms")
