"""What may be spent where: the exchange's figures, less what our own orders may still take (R3.3).

Every figure errs against us: floors of what is there, ceilings of what an order may lock, and what
an ended order spent stays taken off until the exchange's own figure is younger than the order's end.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from arbitrage.domain.errors import InvariantError
from arbitrage.domain.events import Holding
from arbitrage.domain.order import Order
from arbitrage.domain.signal import Caps
from arbitrage.domain.units import (
    PPM,
    QUOTE,
    Exchange,
    Krw,
    Ns,
    Qty,
    Side,
    base_of,
    fee_ceil,
    notional_ceil,
    units_ceil,
    units_floor,
)


class Shortage(msgspec.Struct, frozen=True):
    """Why nothing was reserved: one side had too little. Figures in 10^-8."""

    exchange: Exchange
    asset: str
    wanted: int
    spendable: int


class Reservation(msgspec.Struct, frozen=True):
    """What one order may still take."""

    client_order_id: str
    arb_id: str
    exchange: Exchange
    asset: str
    amount: int


class _Purse(msgspec.Struct):
    # One asset on one exchange, in 10^-8.
    free: int = 0
    locked: int = 0
    as_of_ns: int = 0
    reserved: int = 0
    spent: list[tuple[int, int]] = []
    """(when the order ended, amount) of ended orders that `free` may not know of yet."""

    def uncommitted(self) -> int:
        return self.free - self.on_the_way()

    def on_the_way(self) -> int:
        # What our orders may still take, or took without the exchange's figure knowing of it.
        if not self.spent:
            return self.reserved
        return self.reserved + sum(amount for _, amount in self.spent)


class Wallets:
    """Balances of all exchanges and the reservations of our open orders. No clock, no I/O."""

    def __init__(self) -> None:
        self._purses: dict[tuple[Exchange, str], _Purse] = defaultdict(_Purse)
        self._reservations: dict[str, Reservation] = {}
        self._read_mono: dict[Exchange, Ns] = {}
        self.version = 0
        """Moves whenever any figure does: what was worked out from them may be kept until then."""

    def replace_all(self, exchange: Exchange, holdings: Sequence[Holding], as_of_mono_ns: Ns) -> None:
        """Take over a whole reading: assets not in it are gone.

        `as_of_mono_ns` is when the question left, on our clock: the answer can know of nothing later.
        """
        named = {holding.asset for holding in holdings}
        gone = [asset for where, asset in self._purses if where is exchange and asset not in named]
        self.update(exchange, holdings, as_of_mono_ns)
        for asset in gone:
            self._set(exchange, asset, 0, 0, as_of_mono_ns)
        self._read_mono[exchange] = max(as_of_mono_ns, self.read_mono_ns(exchange))

    def read_mono_ns(self, exchange: Exchange) -> Ns:
        """Return when the newest whole reading of `exchange` was asked for; 0 when there was none."""
        return self._read_mono.get(exchange, Ns(0))

    def update(self, exchange: Exchange, holdings: Sequence[Holding], as_of_mono_ns: Ns) -> None:
        """Take over the assets named, as a stream tells them; a reading older than the last is dropped."""
        for holding in holdings:
            self._set(exchange, holding.asset, units_floor(holding.free), units_floor(holding.locked), as_of_mono_ns)

    def _set(self, exchange: Exchange, asset: str, free: int, locked: int, as_of_ns: int) -> None:
        purse = self._purses[exchange, asset]
        if as_of_ns < purse.as_of_ns:
            return
        self.version += 1
        purse.free, purse.locked, purse.as_of_ns = free, locked, as_of_ns
        purse.spent = [(ended_ns, amount) for ended_ns, amount in purse.spent if ended_ns >= as_of_ns]

    def free(self, exchange: Exchange, asset: str) -> int:
        """Return what the exchange last called free, 10^-8."""
        return self._purses[exchange, asset].free

    def total(self, exchange: Exchange, asset: str) -> int:
        """Return free plus locked as the exchange last said, 10^-8."""
        purse = self._purses[exchange, asset]
        return purse.free + purse.locked

    def stock(self, exchange: Exchange, asset: str) -> int:
        """Return what will be there when all that is on its way has left, 10^-8; what comes in is not counted yet."""
        purse = self._purses[exchange, asset]
        return max(0, purse.free + purse.locked - purse.on_the_way())

    def reserved(self, exchange: Exchange, asset: str) -> int:
        """Return what open orders of ours may still take, 10^-8."""
        return self._purses[exchange, asset].reserved

    def reservations(self) -> tuple[Reservation, ...]:
        """Return every reservation; empty when all orders ended."""
        return tuple(self._reservations.values())

    def spendable(self, exchange: Exchange, asset: str, reserve_ppm: int) -> int:
        """Return what a new arb may take: never negative, the reserve kept back rounded up."""
        purse = self._purses[exchange, asset]
        kept = fee_ceil(purse.free + purse.locked, reserve_ppm)
        return max(0, purse.uncommitted() - kept)

    def caps(self, buy_exchange: Exchange, sell_exchange: Exchange, base: str, reserve_ppm: int) -> Caps:
        """Return what a signal may use on each side."""
        return Caps(
            krw_to_spend=Krw(self.spendable(buy_exchange, QUOTE, reserve_ppm)),
            base_to_sell=Qty(self.spendable(sell_exchange, base, reserve_ppm)),
        )

    def reserve(self, orders: Sequence[Order], fees_ppm: Mapping[Exchange, int], reserve_ppm: int) -> Shortage | None:
        """Reserve for all `orders` of an arb at once, or for none and return the first shortage.

        A purchase takes its limit notional and the fee on top (upbit.md §1.6), a sale its quantity.
        InvariantError when an order is already reserved for.
        """
        wanted: dict[tuple[Exchange, str], int] = defaultdict(int)
        taken = [_taken_by(order, fees_ppm) for order in orders]
        for reservation in taken:
            wanted[reservation.exchange, reservation.asset] += reservation.amount
        for (exchange, asset), amount in wanted.items():
            spendable = self.spendable(exchange, asset, reserve_ppm)
            if amount > spendable:
                return Shortage(exchange, asset, amount, spendable)
        self._add(taken)
        return None

    def hold(self, order: Order, fees_ppm: Mapping[Exchange, int]) -> None:
        """Reserve for an order that is sent regardless: a hedge, or one found open at recovery.

        This may reach into the reserve, or past it; then nothing is spendable until it ended.
        """
        self._add([_taken_by(order, fees_ppm)])

    def _add(self, taken: Sequence[Reservation]) -> None:
        ids = [reservation.client_order_id for reservation in taken]
        for client_order_id in ids:
            if client_order_id in self._reservations or ids.count(client_order_id) > 1:
                raise InvariantError(f"{client_order_id}: reserved twice")
        for reservation in taken:
            self._reservations[reservation.client_order_id] = reservation
            self._purses[reservation.exchange, reservation.asset].reserved += reservation.amount
        self.version += 1

    def settle(self, order: Order, now_mono: Ns) -> None:
        """Give back what an ended order did not take; safe to call twice.

        What it spent stays off until a reading asked for after `now_mono` arrives; what it received is
        not counted before the exchange says so. InvariantError when the order has not ended.
        """
        if not order.is_ended:
            raise InvariantError(f"{order.client_order_id}: settled in state {order.state}")
        if not self._drop(order.client_order_id):
            return
        spent = units_ceil(order.executed_funds) + units_ceil(order.paid_fee)
        if order.side is Side.ASK:
            spent = order.executed_qty
        if spent:
            purse = self._purses[order.exchange, _spent_asset(order)]
            purse.spent = [*purse.spent, (now_mono, spent)]
            self.version += 1

    def release_arb(self, arb_id: str) -> None:
        """Drop whatever is left reserved for an arb that is over."""
        for reservation in self.reservations():
            if reservation.arb_id == arb_id:
                self._drop(reservation.client_order_id)

    def _drop(self, client_order_id: str) -> bool:
        reservation = self._reservations.pop(client_order_id, None)
        if reservation is None:
            return False
        self._purses[reservation.exchange, reservation.asset].reserved -= reservation.amount
        self.version += 1
        return True

    def skew_ppm(self, asset: str, one: Exchange, other: Exchange) -> int:
        """Return how lopsided `asset` lies: +1_000_000 all on `one`, -1_000_000 all on `other`, 0 even."""
        here, there = self.total(one, asset), self.total(other, asset)
        return (here - there) * PPM // (here + there) if here + there else 0


def runway_ns(free: int, net_outflow: int, window_ns: int) -> Ns | None:
    """Return how long `free` lasts at the drift of the last `window_ns`; None when it is not shrinking."""
    if net_outflow <= 0:
        return None
    return Ns(max(free, 0) * window_ns // net_outflow)


def _spent_asset(order: Order) -> str:
    return QUOTE if order.side is Side.BID else base_of(order.market)


def _taken_by(order: Order, fees_ppm: Mapping[Exchange, int]) -> Reservation:
    amount: int = order.qty
    if order.side is Side.BID:
        notional = order.funds if order.is_by_funds else notional_ceil(order.price, order.qty)
        amount = notional + fee_ceil(notional, fees_ppm[order.exchange])
    return Reservation(order.client_order_id, order.arb_id, order.exchange, _spent_asset(order), amount)
