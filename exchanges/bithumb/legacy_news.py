"""Own orders and balances of the legacy generation, asked for again and again: it has no private stream
(bithumb.md §0.1). The news are those a stream would bring."""

import asyncio
from collections.abc import Callable, Sequence

from arbitrage.domain.errors import ExchangeError
from arbitrage.domain.events import Holding
from arbitrage.domain.order import OrderOn, OrderReport
from arbitrage.domain.ports import BalanceNews, OrderNews, PrivateNews, StreamNews, StreamState
from arbitrage.domain.units import Qty
from exchanges.bithumb.legacy_calls import LegacyCalls
from exchanges.bithumb.legacy_codec import OpenRow
from exchanges.bithumb.legacy_forms import BALANCE_FORM
from exchanges.bithumb.legacy_ids import Followed, IdMemory

FAILURES_ALLOWED = 3
"""Rounds in a row that may fail before the news count as down."""
_WAIT_AFTER_FAILURE_S = 1.0


class PolledNews:
    """Polls until cancelled; `tell` is handed the news."""

    def __init__(
        self, calls: LegacyCalls, memory: IdMemory, markets: Sequence[str], tell: Callable[[PrivateNews], None]
    ) -> None:
        """`markets` are looked at with the balances even where no order is followed: for strange ones."""
        self._calls = calls
        self._memory = memory
        self._markets = markets
        self._tell = tell
        self._held: dict[str, Holding] | None = None
        self._balances_due_ns = 0
        self._strange: set[str] = set()
        self._failures = 0
        self._state = StreamState.DOWN

    async def run(self) -> None:
        """Ask for followed orders twice a second, for balances every few; say UP once both were had."""
        while True:
            if self._state is StreamState.DOWN:
                self._move(StreamState.CONNECTING)
            try:
                await self._round()
            except ExchangeError:
                self._failures += 1
                if self._state is StreamState.CONNECTING or self._failures >= FAILURES_ALLOWED:
                    self._move(StreamState.DOWN)
                await asyncio.sleep(_WAIT_AFTER_FAILURE_S)
                continue
            self._failures = 0
            self._move(StreamState.UP)
            await asyncio.sleep(self._calls.settings.poll_orders_ns / 1e9)

    async def _round(self) -> None:
        now = self._calls.clock.mono_ns()
        markets = {one.market for one in self._memory.followed.values()}
        if self._state is not StreamState.UP or now >= self._balances_due_ns:
            await self._balances()
            self._balances_due_ns = now + self._calls.settings.poll_balances_ns
            markets.update(self._markets)
        for market in sorted(markets):
            await self._orders(market)

    async def _balances(self) -> None:
        rows = await self._calls.read(BALANCE_FORM, self._calls.reads.balances)
        before, self._held = self._held, {row.asset: row for row in rows}
        if before is not None:
            changed = tuple(row for row in rows if before.get(row.asset) != row)
            if changed:
                self._tell(BalanceNews(changed))

    async def _orders(self, market: str) -> None:
        """Ask for the details of each followed order that changed, or is listed no more."""
        followed = {name: one for name, one in self._memory.followed.items() if one.market == market}
        rows = {row.exchange_order_id: row for row in await self._calls.open_rows(market)}
        self._memory.saw(rows, self._calls.clock.wall_ns())
        for exchange_order_id, one in followed.items():
            row = rows.pop(exchange_order_id, None)
            executed = None if row is None else row.qty - row.remaining_qty
            if executed != one.executed_qty and exchange_order_id in self._memory.followed:
                await self._changed(exchange_order_id, one)
        for row in rows.values():
            self._strange_seen(row)

    async def _changed(self, exchange_order_id: str, one: Followed) -> None:
        found = await self._calls.detail(one.market, exchange_order_id)
        report = found.report
        one.executed_qty = report.executed_qty or 0
        self._memory.heard(one.market, found.side, report)
        self._tell(OrderNews(one.client_order_id, exchange_order_id, report))

    def _strange_seen(self, row: OpenRow) -> None:
        """Tell once of an order nobody here placed. While an answer is awaited it may be that one."""
        waiting = (*self._memory.in_flight.values(), *self._memory.lost.values())
        if row.exchange_order_id in self._strange or any(order.market == row.market for order in waiting):
            return
        self._strange.add(row.exchange_order_id)
        executed = Qty(row.qty - row.remaining_qty)
        report = OrderReport(
            OrderOn.PART_FILL if executed else OrderOn.ACKED,
            exchange_order_id=row.exchange_order_id,
            executed_qty=executed,
        )
        self._tell(OrderNews(self._memory.owner_of(row.exchange_order_id), row.exchange_order_id, report))

    def _move(self, state: StreamState) -> None:
        if state is not self._state:
            self._state = state
            self._tell(StreamNews(state))
