"""Fee rates that change while running: at once, or at a moment that is already known, like the end of a coupon.

Bithumb's 0.04 % falls back to 0.25 % when the coupon lapses (bithumb.md §5.4). An order keeps the rate it was
taken at; which rate counts for one that rests over a change is not known.
"""

from collections.abc import Callable
from typing import Any

from arbitrage.domain.units import Exchange
from exchanges.simulator.agenda import Agenda
from exchanges.simulator.state import Sink

FULL_RATE_PPM = 2_500
"""Bithumb without a coupon (bithumb.md §5.4)."""


class Tariff:
    """What one exchange charges, from when on."""

    def __init__(self, exchange: Exchange, use: Callable[[int, int], None], agenda: Agenda, sink: Sink) -> None:
        self._exchange = exchange
        self._use = use
        self._agenda = agenda
        self._sink = sink

    def change(self, bid_fee_ppm: int, ask_fee_ppm: int, from_ns: int) -> None:
        """Charge these rates from a moment on; one that has come already counts from now on."""
        line = {"line": "fee", "exchange": self._exchange.value}
        self._sink.append(line | {"bid_fee_ppm": bid_fee_ppm, "ask_fee_ppm": ask_fee_ppm, "from_ns": from_ns})
        self._plan(bid_fee_ppm, ask_fee_ppm, from_ns)

    def restore(self, line: dict[str, Any]) -> None:
        """Take back one change from the state log."""
        self._plan(line["bid_fee_ppm"], line["ask_fee_ppm"], line["from_ns"])

    def _plan(self, bid_fee_ppm: int, ask_fee_ppm: int, from_ns: int) -> None:
        if from_ns <= self._agenda.now:
            self._use(bid_fee_ppm, ask_fee_ppm)
        else:
            self._agenda.at(from_ns, lambda at: self._use(bid_fee_ppm, ask_fee_ppm))
