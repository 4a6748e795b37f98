"""Orders for tests of the adapters, and the machine's clocks."""

import time
from typing import Any

from arbitrage.domain.order import Order, OrderRole, OrderState, TimeInForce
from arbitrage.domain.units import SCALE, Exchange, Ns, Price, Qty, Side


class RealClock:
    """The machine's clocks."""

    def wall_ns(self) -> int:
        return time.time_ns()

    def mono_ns(self) -> int:
        return time.monotonic_ns()


def make_order(exchange: Exchange = Exchange.UPBIT, **changes: Any) -> Order:
    """Return a planned IOC order for 0.01 ETH at 4,321,000 KRW."""
    fields: dict[str, Any] = {
        "client_order_id": "arb-17-b",
        "arb_id": "arb-17",
        "role": OrderRole.BUY_LEG,
        "exchange": exchange,
        "market": "KRW-ETH",
        "side": Side.BID,
        "price": Price(4_321_000 * SCALE),
        "qty": Qty(SCALE // 100),
        "tif": TimeInForce.IOC,
        "state": OrderState.PLANNED,
        "planned_wall_ns": Ns(1),
        "planned_mono_ns": Ns(1),
        "heard_mono_ns": Ns(1),
    }
    return Order(**(fields | changes))
