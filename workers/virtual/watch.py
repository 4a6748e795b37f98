"""What must be true of a desk at every moment and in the end, whatever goes wrong around it (R3.1, R4.1).

Each rule has a short name; a violation says which rule, when, and what was seen. The watch looks at the
world from outside: what reached the exchanges, what is in the journal, what the exchanges have.
"""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from arbitrage.domain.arb import Arb, ArbState
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.order import Order, OrderRole, OrderState
from arbitrage.domain.params import MS, SECOND
from arbitrage.domain.units import EXCHANGES, QUOTE, Exchange, base_of, exact_sum, to_decimal
from exchanges.simulator.money import FINE_DECIMALS
from workers.virtual.life import Life
from workers.virtual.world import Sent, World
from workers.virtual.worth import moved_by_others

KNOWN_WITHIN_NS = 5 * SECOND
"""An order the journal does not know by then is lost to the desk."""
SLACK_NS = 1_500 * MS
"""A deadline is looked at every few tens of milliseconds, and a question on its way takes its time-out."""


class Violation(msgspec.Struct, frozen=True):
    """One rule broken, at made-up ns."""

    at_ns: int
    rule: str
    detail: str


class Watch:
    """Looks at one world; `violations` is empty as long as all is well."""

    def __init__(self, world: World) -> None:
        self.violations: list[Violation] = []
        self.images: dict[str, Arb] = {}
        """The newest image of each arb that was journalled, by any trader."""
        self._world = world
        self.opening = world.holdings()
        """What the desk had in the beginning, 10^-22."""
        self._told: set[tuple[str, str]] = set()
        self._uneven_since: dict[str, int] = {}
        self._planned: dict[str, int] = {}
        """Which of the traders, counted from 1, planned each order."""
        self._sent: set[str] = set()

    def broken(self, rule: str, detail: str) -> None:
        """Note a violation, once per rule and detail."""
        if (rule, detail) not in self._told:
            self._told.add((rule, detail))
            self._world.note("watch", rule, detail)
            self.violations.append(Violation(self._world.loop.now_ns, rule, detail))

    # As things happen

    def journalled(self, arb: Arb) -> None:
        """Look at a new image of an arb."""
        self.images[arb.arb_id] = arb
        for order in arb.orders:
            if order.client_order_id not in self._planned:
                self._planned_now(arb, order)
            if order.state is OrderState.REFUSED and order.refusal is None:
                self._vanished(order)
        if arb.is_closed:
            for order in arb.orders:
                if order.state is OrderState.UNKNOWN and not arb.why.startswith("operator_resolved"):
                    self.broken("unknown_closed", f"{arb.arb_id} closed while {order.client_order_id} is unknown")

    def _planned_now(self, arb: Arb, order: Order) -> None:
        self._planned[order.client_order_id] = len(self._world.lives)
        if order.role is OrderRole.HEDGE and order.side.sign * order.qty + arb.imbalance not in _between(arb.imbalance):
            self.broken("hedge_not_to_size", f"{order.client_order_id} {order.side} {order.qty} for {arb.imbalance}")

    # Not found at its exchange, and no bytes of it ever left, though the trader that planned it lives on.
    def _vanished(self, order: Order) -> None:
        if order.client_order_id not in self._sent and self._planned[order.client_order_id] == len(self._world.lives):
            self.broken("never_sent", f"{order.client_order_id} was planned and not handed to the wire")

    def sent(self, life: Life, one: Sent) -> None:
        """Look at an order whose bytes leave now."""
        control = self._world.control
        order, level = one.order, control.level()
        self._sent.add(order.client_order_id)
        if level is TradingLevel.HALTED:
            self.broken("sent_while_halted", order.client_order_id)
        if level is TradingLevel.REDUCING and order.role is not OrderRole.HEDGE:
            self.broken("sent_while_reducing", order.client_order_id)
        writers = [other.owner for other in self._world.lives if other.is_running and other.trader is not None]
        if len(writers) > 1:
            self.broken("two_writers", f"{order.client_order_id} while {' and '.join(writers)} live")
        arb = self.images.get(order.arb_id)
        if arb is None or order.client_order_id not in {known.client_order_id for known in arb.orders}:
            self.broken("sent_before_journal", order.client_order_id)
            return
        if order.role is not OrderRole.HEDGE:
            self._leg_sent(arb, order)

    def _leg_sent(self, arb: Arb, order: Order) -> None:
        world = self._world
        now = world.clock.mono_ns()
        for exchange, book_ns in (
            (arb.signal.buy_exchange, arb.signal.buy_book_mono_ns),
            (arb.signal.sell_exchange, arb.signal.sell_book_mono_ns),
        ):
            decided_age = arb.opened_mono_ns - book_ns
            if decided_age > world.params.max_book_age_ns:
                age_ms = decided_age // MS
                self.broken("stale_book", f"{order.client_order_id} on a book of {exchange} {age_ms} ms old")
        apart = abs(arb.signal.buy_book_mono_ns - arb.signal.sell_book_mono_ns)
        if apart > world.params.max_book_skew_ns:
            self.broken("books_apart", f"{order.client_order_id} on books {apart // MS} ms apart")
        beat_age = arb.opened_mono_ns - world.beaten_mono_ns
        if beat_age > world.params.max_control_age_ns:
            self.broken("out_of_control", f"{order.client_order_id} with no word of the bridge for {beat_age // MS} ms")
        if now - order.planned_mono_ns > SECOND:
            self.broken("old_signal", f"{order.client_order_id} sent {(now - order.planned_mono_ns) // MS} ms late")
        for other in self.images.values():
            if other.arb_id == arb.arb_id or other.market != arb.market or other.is_closed:
                continue
            if any(leg.state is OrderState.UNKNOWN for leg in other.orders):
                self.broken("sent_beside_unknown", f"{order.client_order_id} beside {other.arb_id}")

    # Every half second

    def look(self) -> None:
        """Look at what holds at any moment."""
        self._doubles()
        self._strangers()
        self._uneven()
        self._contradicted()

    def _contradicted(self) -> None:
        life = self._world.life
        if life is not None and life.is_ready and (count := life.context.counters.get("contradictions")):
            self.broken("contradicted", f"{life.owner} could not fold {count} reports")

    def _doubles(self) -> None:
        for client_order_id, count in self._world.reached.items():
            if count > 1 and client_order_id:
                self.broken("sent_twice", f"{client_order_id} reached its exchange {count} times")

    def _strangers(self) -> None:
        known = {order.client_order_id for arb in self.images.values() for order in arb.orders}
        now = self._world.true_clock.wall_ns()
        for exchange in EXCHANGES:
            for client_order_id, order in self._world.orders(exchange).items():
                if order.draft.client_order_id is None:
                    continue
                if client_order_id not in known and now - order.created_ns > KNOWN_WITHIN_NS:
                    self.broken("unknown_to_journal", f"{exchange} {client_order_id}")

    def _uneven(self) -> None:
        world, now = self._world, self._world.loop.now_ns
        is_watched = world.life is not None and world.life.is_ready
        for arb in self.images.values():
            is_at_rest = arb.is_closed or arb.state is ArbState.STUCK
            if is_at_rest or not arb.imbalance or not is_watched:
                self._uneven_since.pop(arb.arb_id, None)
                continue
            since = self._uneven_since.setdefault(arb.arb_id, now)
            limits = arb.limits
            bound = limits.hedge_limit_ns + limits.unresolved_deadline_ns + limits.cancel_after_ns + SLACK_NS
            if now - since > bound and world.control.level() is TradingLevel.ACTIVE:
                self.broken("uneven_too_long", f"{arb.arb_id} by {arb.imbalance} for {(now - since) // MS} ms")

    # In the end

    def check_end(self, arbs: Iterable[Arb]) -> None:
        """Look at what every run must leave behind, once all is at rest."""
        self.look()
        images = {arb.arb_id: arb for arb in arbs}
        ours = {order.client_order_id: order for arb in images.values() for order in arb.orders}
        for arb in images.values():
            self._check_closed(arb)
        for exchange in EXCHANGES:
            for client_order_id, order in self._world.orders(exchange).items():
                if order.draft.client_order_id is None:
                    continue
                known = ours.get(client_order_id)
                if known is None:
                    self.broken("unknown_to_journal", f"{exchange} {client_order_id}")
                elif known.executed_qty != order.executed_qty:
                    self.broken(
                        "fills_differ", f"{client_order_id}: {known.executed_qty} here, {order.executed_qty} there"
                    )
                elif known.state is OrderState.REFUSED:
                    self.broken("refused_but_there", client_order_id)
                if order.is_open:
                    self.broken("left_open", f"{exchange} {client_order_id}")
                if order.prevented_qty:
                    self.broken("own_orders_crossed", f"{exchange} {client_order_id}")
        self._check_trader()
        self._check_ledger(ours.values())

    def _check_trader(self) -> None:
        life = self._world.life
        if life is None or not life.is_ready or life.trader is None:
            self.broken("no_trader", "all is well, and no trader is ready")
            return
        wallets = life.trader.wallets
        for one in wallets.reservations():
            if self._is_at_rest(one.arb_id):
                self.broken("still_reserved", f"{one.exchange} {one.asset} for {one.client_order_id}")
        if wallets.reservations():
            return
        for exchange, asset in self.opening:
            if left := wallets.reserved(exchange, asset):
                self.broken("still_reserved", f"{exchange} {asset}: {left} for no order")

    def _is_at_rest(self, arb_id: str) -> bool:
        return all(order.is_ended for order in self.images[arb_id].orders)

    def _check_closed(self, arb: Arb) -> None:
        if not arb.is_closed:
            if arb.state is not ArbState.STUCK:
                self.broken("not_at_rest", f"{arb.arb_id} is {arb.state}")
            return
        if arb.why.startswith("operator_resolved"):
            return
        worth = abs(arb.imbalance) * max(order.price for order in arb.orders)
        # What is left may be dust below both exchanges' minimum of 5,000 KRW, no more.
        if worth >= 5_000 * 10**16:
            self.broken("left_uneven", f"{arb.arb_id} by {arb.imbalance}")
        bound = to_decimal(arb.limits.hedge_max_loss_krw) + to_decimal(arb.signal.buy_cost) / 50
        if arb.even_pnl_krw < -bound:
            self.broken("lost_too_much", f"{arb.arb_id} lost {-arb.even_pnl_krw:f} KRW, at most {bound:f}")

    def _check_ledger(self, orders: Iterable[Order]) -> None:
        moved: dict[tuple[Exchange, str], list[Decimal]] = {key: [] for key in self.opening}
        for order in orders:
            base = base_of(order.market)
            moved[order.exchange, QUOTE] += [order.executed_funds * -order.side.sign, order.paid_fee.copy_negate()]
            moved[order.exchange, base].append(to_decimal(order.side.sign * order.executed_qty))
        for exchange in EXCHANGES:
            for key, amount in moved_by_others(self._world, exchange):
                moved[exchange, key].append(amount)
        now = self._world.holdings()
        for where, amounts in moved.items():
            told = exact_sum(amounts)
            true = Decimal(now[where] - self.opening[where]).scaleb(-FINE_DECIMALS)
            if told != true:
                self.broken("ledger_differs", f"{where[0]} {where[1]}: {told:f} told, {true:f} true")

    def tally(self) -> Counter[str]:
        """Return how often each rule was broken."""
        return Counter(one.rule for one in self.violations)


def _between(imbalance: int) -> range:
    """Return what may be left of an imbalance once a hedge of it filled: something between it and nothing."""
    return range(0, imbalance) if imbalance > 0 else range(imbalance + 1, 1)
