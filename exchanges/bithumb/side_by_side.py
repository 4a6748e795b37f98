"""Both of Bithumb's generations asked the same, now and then, and what they answer differently (R1.1).

It reads; it places nothing, and nobody trades on what it finds.
"""

import asyncio
from collections import deque
from collections.abc import Sequence

from arbitrage.domain.errors import ExchangeError
from arbitrage.domain.order import Order
from arbitrage.domain.ports import Found
from arbitrage.domain.units import Ns
from arbitrage.domain.wire import SHIPPED_WIRE, Duty, ExchangeWire, Generation
from exchanges.bithumb.gateway import BithumbGateway
from exchanges.bithumb.legacy_gateway import LegacyGateway
from exchanges.comparison import (
    ENDS,
    Comparison,
    balance_differences,
    open_order_differences,
    order_differences,
)
from exchanges.drift import IS_COMPARING
from exchanges.transport import Clock

EVERY_S = 5.0
ORDERS_KEPT = 20
"""The newest orders are compared, each until both sides told of its end alike."""


class SideBySide:
    """Compares while a duty is in `compare`."""

    def __init__(
        self,
        jwt: BithumbGateway,
        legacy: LegacyGateway,
        clock: Clock,
        markets: Sequence[str],
        every_s: float = EVERY_S,
    ) -> None:
        self.comparison = Comparison(jwt.drift)
        self.every_s = every_s
        self._jwt = jwt
        self._legacy = legacy
        self._clock = clock
        self._markets = tuple(markets)
        self._wire = SHIPPED_WIRE
        self._orders: deque[tuple[Order, Generation, str]] = deque(maxlen=ORDERS_KEPT)

    def use(self, wire: ExchangeWire) -> None:
        """Compare what these settings ask for."""
        self._wire = wire

    def follow(self, order: Order, generation: Generation, exchange_order_id: str) -> None:
        """Compare this order too."""
        if Duty.ORDERS in self._wire.compare:
            self._orders.append((order, generation, exchange_order_id))

    async def run(self) -> None:
        """Compare until cancelled, in a task of its own."""
        IS_COMPARING.set(True)
        while True:
            await asyncio.sleep(self.every_s)
            for duty, compare in ((Duty.READS, self._reads), (Duty.ORDERS, self._each_order)):
                if duty not in self._wire.compare:
                    continue
                try:
                    await compare()
                except ExchangeError:
                    self.comparison.missed(duty)

    async def _reads(self) -> None:
        # The one in use is read before and after: what moved meanwhile is not compared.
        is_legacy = self._wire.generation(Duty.READS) is Generation.LEGACY
        used, other = (self._legacy, self._jwt) if is_legacy else (self._jwt, self._legacy)
        before = await used.balances(), await used.open_orders()
        theirs = await other.balances(), await other.open_orders()
        after = await used.balances(), await used.open_orders()
        if balance_differences(before[0], after[0]) or open_order_differences(before[1], after[1], self._markets):
            self.comparison.missed(Duty.READS)
            return
        found = balance_differences(after[0], theirs[0])
        found += open_order_differences(after[1], theirs[1], self._markets)
        self.comparison.checked(Duty.READS, found, Ns(self._clock.wall_ns()))

    async def _each_order(self) -> None:
        for row in tuple(self._orders):
            await self._one_order(*row)

    async def _one_order(self, order: Order, generation: Generation, exchange_order_id: str) -> None:
        is_legacy = generation is Generation.LEGACY
        used, other = (self._legacy, self._jwt) if is_legacy else (self._jwt, self._legacy)
        before = await used.by_id(order, exchange_order_id)
        theirs = await other.by_id(order, exchange_order_id)
        after = await used.by_id(order, exchange_order_id)
        if not (isinstance(before, Found) and isinstance(theirs, Found) and before == after):
            self.comparison.missed(Duty.ORDERS)
            return
        found = order_differences(exchange_order_id, before.report, theirs.report)
        self.comparison.checked(Duty.ORDERS, found, Ns(self._clock.wall_ns()))
        if not found and before.report.on in ENDS and theirs.report.on in ENDS:
            self._orders.remove((order, generation, exchange_order_id))
