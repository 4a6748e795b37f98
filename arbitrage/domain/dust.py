"""Dust: what arbs left uneven because no exchange takes an order that small, and where it lies (R3.1).

Too much base lies where it was bought, too little is owed where it was sold. The next arb of the opposite
direction, which sells where the surplus lies or buys where it is owed, takes it over: one of its legs is
smaller by as much. Nothing is kept on disk: the journal's arbs say it all again at the next start.
"""

from math import lcm

from arbitrage.domain.arb import Arb
from arbitrage.domain.instrument import Instrument
from arbitrage.domain.signal import Signal
from arbitrage.domain.units import PPM, SCALE, Exchange

MOST_PPM = 900_000
"""An arb takes over less than this part of a smallest order: what it does not get rid of is dust again."""


class DustLedger:
    """What all closed arbs left, per exchange and market, in 10^-8 of the base. No clock, no I/O."""

    def __init__(self) -> None:
        self._left: dict[tuple[Exchange, str], int] = {}
        self._of_arb: dict[str, tuple[Exchange, int]] = {}

    def fold(self, arb: Arb) -> None:
        """Take over the newest image of an arb; safe to call twice, and again after a late fill."""
        exchange, qty = _left_by(arb)
        where, old = self._of_arb.pop(arb.arb_id, (exchange, 0))
        self._add(where, arb.market, -old)
        if qty:
            self._add(exchange, arb.market, qty)
            self._of_arb[arb.arb_id] = exchange, qty

    def at(self, exchange: Exchange, market: str) -> int:
        """Return the dust of `market` on `exchange`: above 0 too much base, below 0 too little."""
        return self._left.get((exchange, market), 0)

    def everywhere(self) -> dict[tuple[Exchange, str], int]:
        """Return all dust there is."""
        return dict(self._left)

    def _add(self, exchange: Exchange, market: str, qty: int) -> None:
        left = self.at(exchange, market) + qty
        if left:
            self._left[exchange, market] = left
        else:
            self._left.pop((exchange, market), None)


def _left_by(arb: Arb) -> tuple[Exchange, int]:
    # An open arb keeps its market to itself, so that what it took over is offered to nobody else meanwhile.
    qty = arb.filled_imbalance if arb.is_closed else 0
    if arb.is_settled_by_hand:
        # A person evened out everything, what it had taken over included.
        qty = -arb.dust_in_qty
    return (arb.signal.buy_exchange if qty > 0 else arb.signal.sell_exchange), qty


def taken_over(ledger: DustLedger, signal: Signal, buys: Instrument, sells: Instrument) -> int:
    """Return the dust an arb of `signal` may take over, in 10^-8: above 0 it buys less, below 0 it sells less.

    Whole lots of both exchanges, less than a smallest order, and never so much that the smaller leg would be
    below its exchange's minimum. The larger of what can be sold and what can be bought.
    """
    surplus = max(0, ledger.at(signal.sell_exchange, signal.market))
    owed = max(0, -ledger.at(signal.buy_exchange, signal.market))
    least = min(buys.min_notional, sells.min_notional) * MOST_PPM // PPM
    smaller = buys if surplus >= owed else sells
    limit = signal.buy_limit if surplus >= owed else signal.sell_limit
    most = min(max(surplus, owed), least * SCALE // max(signal.buy_limit, signal.sell_limit))
    qty: int = most - most % lcm(buys.lot_step, sells.lot_step)
    if (signal.qty - qty) * limit < smaller.min_notional * SCALE:
        return 0
    return qty if surplus >= owed else -qty
