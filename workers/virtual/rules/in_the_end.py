"""Rules for what every run must leave behind, once all is at rest."""

from collections.abc import Iterable
from decimal import Decimal

from arbitrage.domain.arb import Arb, ArbState
from arbitrage.domain.order import Order, OrderState
from arbitrage.domain.units import EXCHANGES, QUOTE, Exchange, base_of, exact_sum, to_decimal
from exchanges.simulator.money import FINE_DECIMALS
from workers.virtual.rules.findings import Findings
from workers.virtual.worth import moved_by_others


class InTheEnd:
    """Compares journal and exchanges, once nothing moves any more."""

    def __init__(self, found: Findings) -> None:
        self._found = found
        self._world = found.world
        self._broken = found.broken

    def check(self) -> None:
        """Look at everything once."""
        images = self._found.images
        ours = {order.client_order_id: order for arb in images.values() for order in arb.orders}
        for arb in images.values():
            self._check_closed(arb)
        for exchange in EXCHANGES:
            for client_order_id, order in self._world.orders(exchange).items():
                known = ours.get(client_order_id)
                if known is None:
                    self._broken("unknown_to_journal", f"{exchange} {client_order_id}")
                elif known.executed_qty != order.executed_qty:
                    self._broken(
                        "fills_differ", f"{client_order_id}: {known.executed_qty} here, {order.executed_qty} there"
                    )
                elif known.state is OrderState.REFUSED:
                    self._broken("refused_but_there", client_order_id)
                if order.is_open:
                    self._broken("left_open", f"{exchange} {client_order_id}")
                # Upbit takes the quantity out, Bithumb cancels the taker and names the order in its way.
                if order.prevented_qty or order.canceling_order_id is not None:
                    self._broken("own_orders_crossed", f"{exchange} {client_order_id}")
        self._check_trader()
        self._check_dust(images.values())
        self._check_ledger(ours.values())
        self._check_recorder()

    def _check_trader(self) -> None:
        life = self._world.life
        if life is None or not life.is_ready or life.trader is None:
            self._broken("no_trader", "all is well, and no trader is ready")
            return
        wallets = life.trader.wallets
        for one in wallets.reservations():
            if self._is_at_rest(one.arb_id):
                self._broken("still_reserved", f"{one.exchange} {one.asset} for {one.client_order_id}")
        if wallets.reservations():
            return
        for exchange, asset in self._found.opening:
            if left := wallets.reserved(exchange, asset):
                self._broken("still_reserved", f"{exchange} {asset}: {left} for no order")

    def _check_dust(self, arbs: Iterable[Arb]) -> None:
        life, found = self._world.life, tuple(arbs)
        if life is None or life.trader is None or not all(arb.is_closed for arb in found):
            return
        for market in self._world.env.markets:
            # A person settles all of an arb, the dust that it had taken over included.
            left = sum(
                -arb.dust_in_qty if arb.is_settled_by_hand else arb.filled_imbalance
                for arb in found
                if arb.market == market
            )
            kept = sum(life.trader.desk.dust.at(exchange, market) for exchange in EXCHANGES)
            if left != kept:
                self._broken("dust_differs", f"{market}: {kept} kept, {left} left by all arbs")

    def _is_at_rest(self, arb_id: str) -> bool:
        return all(order.is_ended for order in self._found.images[arb_id].orders)

    def _check_closed(self, arb: Arb) -> None:
        if not arb.is_closed:
            if arb.state is not ArbState.STUCK:
                self._broken("not_at_rest", f"{arb.arb_id} is {arb.state}")
            return
        if arb.why.startswith("operator_resolved"):
            return
        worth = abs(arb.imbalance) * max(order.price for order in arb.orders)
        # What is left may be dust below both exchanges' minimum of 5,000 KRW, no more.
        if worth >= 5_000 * 10**16:
            self._broken("left_uneven", f"{arb.arb_id} by {arb.imbalance}")
        bound = to_decimal(arb.limits.hedge_max_loss_krw) + to_decimal(arb.signal.buy_cost) / 50
        if arb.even_pnl_krw < -bound:
            self._broken("lost_too_much", f"{arb.arb_id} lost {-arb.even_pnl_krw:f} KRW, at most {bound:f}")

    def _check_recorder(self) -> None:
        """Compare what the journal was folded into, behind the trader's back, with what the exchanges have."""
        books = self._world.bookkeeper
        books.catch_up()
        for fault in books.faults:
            self._broken("recorder_gave_up", fault)
        if books.faults or any(arb.is_settled_by_hand for arb in self._found.images.values()):
            return
        told = {where: [amount] for where, amount in books.wallets().items()}
        for exchange in EXCHANGES:
            for asset, amount in moved_by_others(self._world, exchange):
                told.setdefault((exchange, asset), []).append(amount)
        for where, held in self._world.holdings().items():
            true, booked = Decimal(held).scaleb(-FINE_DECIMALS), exact_sum(told.get(where, ()))
            if booked != true:
                self._broken("recorded_differs", f"{where[0]} {where[1]}: {booked:f} booked, {true:f} true")

    def _check_ledger(self, orders: Iterable[Order]) -> None:
        moved: dict[tuple[Exchange, str], list[Decimal]] = {key: [] for key in self._found.opening}
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
            true = Decimal(now[where] - self._found.opening[where]).scaleb(-FINE_DECIMALS)
            if told != true:
                self._broken("ledger_differs", f"{where[0]} {where[1]}: {told:f} told, {true:f} true")
