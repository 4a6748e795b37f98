"""Rules for what is journalled and for what leaves, at the moment it does."""

from arbitrage.domain.arb import Arb
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.order import Order, OrderRole, OrderState
from arbitrage.domain.params import MS, SECOND
from workers.virtual.life import Life
from workers.virtual.rules.findings import Findings
from workers.virtual.world import Sent


class AsItHappens:
    """Looks at each new image of an arb and at each order whose bytes leave."""

    def __init__(self, found: Findings) -> None:
        self._found = found
        self._world = found.world
        self._broken = found.broken
        self._planned: dict[str, int] = {}
        """Which of the traders, counted from 1, planned each order."""
        self._sent: set[str] = set()

    def journalled(self, arb: Arb) -> None:
        """Look at a new image of an arb."""
        for order in arb.orders:
            if order.client_order_id not in self._planned:
                self._planned_now(arb, order)
            if order.state is OrderState.REFUSED and order.refusal is None:
                self._vanished(order)
        if arb.is_closed:
            for order in arb.orders:
                if order.state is OrderState.UNKNOWN and not arb.why.startswith("operator_resolved"):
                    self._broken("unknown_closed", f"{arb.arb_id} closed while {order.client_order_id} is unknown")

    def _planned_now(self, arb: Arb, order: Order) -> None:
        self._planned[order.client_order_id] = len(self._world.lives)
        if order.role is OrderRole.HEDGE and order.side.sign * order.qty + arb.imbalance not in _between(arb.imbalance):
            self._broken("hedge_not_to_size", f"{order.client_order_id} {order.side} {order.qty} for {arb.imbalance}")

    # Not found at its exchange, and no bytes of it ever left, though the trader that planned it lives on.
    def _vanished(self, order: Order) -> None:
        if order.client_order_id not in self._sent and self._planned[order.client_order_id] == len(self._world.lives):
            self._broken("never_sent", f"{order.client_order_id} was planned and not handed to the wire")

    def sent(self, life: Life, one: Sent) -> None:
        """Look at an order whose bytes leave now."""
        control = self._world.control
        order, level = one.order, control.level()
        self._sent.add(order.client_order_id)
        if level is TradingLevel.HALTED:
            self._broken("sent_while_halted", order.client_order_id)
        if level is TradingLevel.REDUCING and order.role is not OrderRole.HEDGE:
            self._broken("sent_while_reducing", order.client_order_id)
        if self._world.person.forbids(order):
            self._broken("sent_while_not_armed", order.client_order_id)
        writers = [other.owner for other in self._world.lives if other.is_running and other.trader is not None]
        if len(writers) > 1:
            self._broken("two_writers", f"{order.client_order_id} while {' and '.join(writers)} live")
        if control.is_cut():
            self._broken("sent_while_cut", order.client_order_id)
        if life.trader is not None and life.trader.fence != control.fence():
            self._broken("sent_when_fenced", f"{order.client_order_id} by {life.owner}, fenced off")
        arb = self._found.images.get(order.arb_id)
        if arb is None or order.client_order_id not in {known.client_order_id for known in arb.orders}:
            self._broken("sent_before_journal", order.client_order_id)
            return
        if order.role is not OrderRole.HEDGE:
            self._leg_sent(arb, order)

    def _leg_sent(self, arb: Arb, order: Order) -> None:
        world = self._world
        now, params = world.clock.mono_ns(), world.operator.params_of(arb.params_epoch)
        if arb.leader and order.client_order_id != arb.leader:
            self._follows(arb, order)
        for exchange, book_ns in (
            (arb.signal.buy_exchange, arb.signal.buy_book_mono_ns),
            (arb.signal.sell_exchange, arb.signal.sell_book_mono_ns),
        ):
            decided_age = arb.opened_mono_ns - book_ns
            if decided_age > params.max_book_age_ns:
                age_ms = decided_age // MS
                self._broken("stale_book", f"{order.client_order_id} on a book of {exchange} {age_ms} ms old")
        apart = abs(arb.signal.buy_book_mono_ns - arb.signal.sell_book_mono_ns)
        if apart > params.max_book_skew_ns:
            self._broken("books_apart", f"{order.client_order_id} on books {apart // MS} ms apart")
        beat_age = arb.opened_mono_ns - world.operator.beaten_mono_ns
        if beat_age > params.max_control_age_ns:
            self._broken(
                "out_of_control", f"{order.client_order_id} with no word of the bridge for {beat_age // MS} ms"
            )
        if now - order.planned_mono_ns > SECOND:
            self._broken("old_signal", f"{order.client_order_id} sent {(now - order.planned_mono_ns) // MS} ms late")
        for other in self._found.open_arbs.values():
            if other.arb_id == arb.arb_id or other.market != arb.market:
                continue
            if any(leg.state is OrderState.UNKNOWN for leg in other.orders):
                self._broken("sent_beside_unknown", f"{order.client_order_id} beside {other.arb_id}")

    # A leg that goes second must bring its arb to nothing, the dust it took over included, and only after the first.
    def _follows(self, arb: Arb, order: Order) -> None:
        leader = next(leg for leg in arb.orders if leg.client_order_id == arb.leader)
        if not leader.is_ended or order.side.sign * order.qty + arb.imbalance:
            self._broken("followed_wrongly", f"{order.client_order_id} {order.qty} for {arb.imbalance}")


def _between(imbalance: int) -> range:
    """Return what may be left of an imbalance once a hedge of it filled: something between it and nothing."""
    return range(0, imbalance) if imbalance > 0 else range(imbalance + 1, 1)
