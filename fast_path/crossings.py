"""The tasks that cross the network for the executor: place, cancel, query. Each waits and reports; none decides.

Each order has a task of its own, so that no leg can lose the other. Whatever comes of a task goes back
through `hear`, in one synchronous step.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from arbitrage.domain.arb import Arb
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.order import Order, OrderOn, OrderReport
from arbitrage.domain.ports import Accepted, Answer, Found, Gateway, Lookup, NotFound, Refused, Unknown
from arbitrage.domain.units import Exchange, Ns
from fast_path.counters import Counters
from fast_path.desk import Desk
from fast_path.tally import Tally

Hear = Callable[[Order, OrderReport, Ns | None], None]
"""Takes what was heard of an order, and when the question left that it answers (None: not asked for)."""


class Crossings:
    """All requests of one trader's orders that are under way."""

    def __init__(
        self,
        *,
        desk: Desk,
        gateways: Mapping[Exchange, Gateway],
        counters: Counters,
        tally: Tally,
        hear: Hear,
        find: Callable[[str], Arb | None],
    ) -> None:
        self._desk = desk
        self._gateways = gateways
        self._counters = counters
        self._tally = tally
        self._hear = hear
        self._find = find
        self._asking: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._unsent: Counter[Exchange] = Counter()

    def unsent(self, exchange: Exchange) -> int:
        """Return how many orders are to be placed that `exchange`'s request budget does not know of yet."""
        return self._unsent[exchange]

    def place(self, order: Order) -> None:
        """Send `order`, once."""
        self._unsent[order.exchange] += 1
        self._spawn(self._place(order))

    def cancel(self, order: Order) -> None:
        """Ask the exchange to cancel `order`, unless that question is under way."""
        self._spawn(self._cancel(order))

    def query(self, order: Order) -> None:
        """Ask the exchange for `order` by its own id, unless that question is under way."""
        self._spawn(self._query(order))

    async def finish(self, within_s: float) -> None:
        """Wait for answers under way, at most `within_s`; what takes longer is given up."""
        end = asyncio.get_running_loop().time() + within_s
        while self._tasks and (left := end - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(set(self._tasks), timeout=left)
        late = set(self._tasks)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._desk.log("task_broke", error=repr(error))
            self._desk.halt(TradingLevel.HALTED, f"task broke: {error!r}")

    async def _place(self, order: Order) -> None:
        self._unsent[order.exchange] -= 1
        self._hear(order, OrderReport(OrderOn.SENT), None)
        self._counters.add("orders_sent")
        answer: Answer = Unknown("the send was abandoned")
        try:
            answer = await self._gateways[order.exchange].place(order)
        finally:
            self._hear(order, self._report_of(order, answer), None)
            self._desk.answered(order, answer)

    def _report_of(self, order: Order, answer: Answer) -> OrderReport:
        match answer:
            case Accepted():
                self._tally.answered(order, answer, self._find(order.arb_id))
                return answer.report
            case Refused(reason, detail):
                self._counters.add(f"refused.{reason}")
                self._desk.log("order_refused", client_order_id=order.client_order_id, reason=reason, detail=detail)
                return OrderReport(OrderOn.REFUSED, refusal=reason, detail=detail)
            case Unknown(cause):
                self._counters.add("orders_unknown")
                self._desk.log("order_outcome_lost", client_order_id=order.client_order_id, cause=cause)
                return OrderReport(OrderOn.OUTCOME_LOST, detail=cause)

    async def _cancel(self, order: Order) -> None:
        key = f"cancel {order.client_order_id}"
        if key in self._asking:
            return
        self._asking.add(key)
        try:
            answer = await self._gateways[order.exchange].cancel(order)
        finally:
            self._asking.discard(key)
        self._counters.add("cancels_sent")
        if isinstance(answer, Refused):
            self._hear(order, OrderReport(OrderOn.CANCEL_REFUSED, detail=answer.detail), None)

    async def _query(self, order: Order) -> None:
        if order.client_order_id in self._asking:
            return
        asked = self._desk.now().mono_ns
        self._asking.add(order.client_order_id)
        try:
            found: Lookup = await self._gateways[order.exchange].query(order)
        finally:
            self._asking.discard(order.client_order_id)
        self._counters.add("queries_sent")
        match found:
            case Found(report):
                self._hear(order, report, None)
            case NotFound():
                self._hear(order, OrderReport(OrderOn.NOT_FOUND), asked)
            case Unknown():
                pass
