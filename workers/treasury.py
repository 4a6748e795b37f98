"""Balances: read from both exchanges at start, when an order ended, and every few seconds (R3.3).

The private stream only says that something changed; the figures come from REST, whose question has a
time, so that a reservation is given back only by a reading that can know of the order's end.
"""

import asyncio
from collections.abc import Callable, Mapping

from arbitrage.domain.balances import Wallets
from arbitrage.domain.errors import AuthRefused, ExchangeError
from arbitrage.domain.events import BalancesRead
from arbitrage.domain.params import SECOND
from arbitrage.domain.ports import Gateway
from arbitrage.domain.units import Exchange, Ns
from fast_path.executor import Executor
from fast_path.journal import Journal
from workers.process import Context

EVERY_S = 5.0
APART_S = 0.15
AGAIN_S = 1.0
"""After a question that failed: arbs wait for balances (`max_balance_age_ns`), the exchange's limit for us."""
JOURNAL_EVERY_NS = 10 * SECOND


class Treasury:
    """Keeps `wallets` true to the exchanges, and the journal told about settled balances."""

    def __init__(
        self,
        context: Context,
        gateways: Mapping[Exchange, Gateway],
        wallets: Wallets,
        journal: Journal,
        executor: Callable[[], Executor],
    ) -> None:
        self._context = context
        self._gateways = gateways
        self._wallets = wallets
        self._journal = journal
        self._executor = executor
        self._wanted = {exchange: asyncio.Event() for exchange in gateways}
        self._read_mono: dict[Exchange, int] = {}
        self._kept_mono: dict[Exchange, int] = {}
        self._unread: set[Exchange] = set()
        """Exchanges whose last question failed; told when it begins."""

    def want(self, exchange: Exchange) -> None:
        """Ask for a reading soon; many calls make one reading."""
        self._wanted[exchange].set()

    def is_known(self, exchange: Exchange) -> bool:
        """Return whether this exchange's balances were ever read by this process."""
        return exchange in self._read_mono

    async def read(self, exchange: Exchange, *, journal_ns: int = JOURNAL_EVERY_NS) -> None:
        """Read all balances now. ExchangeError when they cannot be had."""
        asked: Ns = self._context.clock.mono_ns()
        executor = self._executor()
        was_open, changes = executor.has_open_orders(exchange), executor.order_changes(exchange)
        holdings = await self._gateways[exchange].balances()
        self._wallets.replace_all(exchange, holdings, asked)
        self._read_mono[exchange] = asked
        self._unread.discard(exchange)
        # An order that came and went while we waited may be half in this reading.
        settled = not was_open and executor.order_changes(exchange) == changes
        last = self._kept_mono.get(exchange)
        if last is None or (settled and asked - last >= journal_ns):
            self._kept_mono[exchange] = asked
            self._journal.append(
                BalancesRead(exchange, tuple(holdings), settled, self._context.clock.wall_ns()), durable=False
            )

    async def keep(self, exchange: Exchange) -> None:
        """Read until cancelled: when wanted, and every few seconds anyway."""
        wanted = self._wanted[exchange]
        while True:
            timer = asyncio.get_running_loop().call_later(EVERY_S, wanted.set)
            try:
                await wanted.wait()
            finally:
                timer.cancel()
            wanted.clear()
            try:
                await self.read(exchange)
            except AuthRefused as error:
                self._context.log.error("balances_refused", exchange=exchange, error=str(error))
                self._context.counters.add("auth_refused")
            except ExchangeError as error:
                if exchange not in self._unread:
                    self._context.log.warning("balances_not_read", exchange=exchange, error=str(error))
                self._unread.add(exchange)
                wanted.set()
                await asyncio.sleep(AGAIN_S)
            await asyncio.sleep(APART_S)
