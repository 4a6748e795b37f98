"""Many orders at once: batch place and cancel, search, pending, history (bithumb.md §3.5, §3.8)."""

from collections.abc import Callable

from exchanges.simulator.dialect import Call
from exchanges.simulator.dialects.bithumb_errors import bad, order_refusal
from exchanges.simulator.dialects.bithumb_order_words import acceptance_words, cancel_words, v2_order_words
from exchanges.simulator.dialects.bithumb_orders import (
    MOST_IDS,
    BithumbOrders,
    cancel_ready,
    error_words,
    ready_order,
    ready_orders,
)
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks
from exchanges.simulator.dialects.reading import read_count, read_states
from exchanges.simulator.dialects.shared import json_answer
from exchanges.simulator.kst import SECOND
from exchanges.simulator.orders import Draft, SimOrder
from exchanges.simulator.rules import State
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wire import Delivery, Params, Response, WireRefusal

_WEEK_MS = 7 * 86_400_000
_NAME = "invalid_parameter"


class BithumbBatches:
    """What the /v2 paths for many orders answer."""

    def __init__(self, quirks: BithumbQuirks, orders: BithumbOrders) -> None:
        self._quirks = quirks
        self._orders = orders

    def place(self, sim: SimExchange, call: Call) -> Response:
        """Answer POST /v2/orders/batch: each order for itself, HTTP 200 even if some or all are refused."""
        items = call.params.rows("batch_orders")
        if not 1 <= len(items) <= self._quirks.batch_most:
            raise bad(f"batch_orders must hold 1 to {self._quirks.batch_most} orders")
        rows: list[dict[str, object]] = []
        for item in items:
            taken = self._place_one(sim, call, item, rows)
            if taken.delivery is Delivery.DROP:
                return taken
        return json_answer({"batch_orders_response": rows})

    def _place_one(self, sim: SimExchange, call: Call, item: Params, rows: list[dict[str, object]]) -> Response:
        def read(asked: Call) -> Draft:
            return self._orders.draft(item, "order_type")

        def note(order: SimOrder) -> Response:
            rows.append(acceptance_words(order))
            return Response(200)

        try:
            before = self._orders.repeated(sim, call, item)
            return sim.take_order(call, read, order_refusal, note) if before is None else note(before)
        except WireRefusal as error:
            named = item.one("client_order_id")
            rows.append(({} if named is None else {"client_order_id": named}) | error_words(error))
            return Response(200)

    def cancel(self, sim: SimExchange, call: Call) -> Response:
        """Answer POST /v2/orders/cancel: what could be cancelled, and what could not and why."""
        success: list[dict[str, str]] = []
        fail: list[dict[str, object]] = []
        for word, text in self._ids(call, self._quirks.batch_most):
            by_id = word == "order_id"
            try:
                order = ready_order(sim, call, text if by_id else None, None if by_id else text)
                cancel_ready(sim, order, call.now)
            except WireRefusal as error:
                fail.append({word: text, "error": error_words(error)})
            else:
                success.append(cancel_words(order, call.now))
        return json_answer({"success": success, "fail": fail})

    def search(self, sim: SimExchange, call: Call) -> Response:
        """Answer POST /v2/orders/search: the orders of these ids; unknown ids are left out."""
        found: dict[str, SimOrder] = {}
        for word, text in self._ids(call, MOST_IDS):
            by_id = word == "order_id"
            order = sim.own_order(call.owner, text if by_id else None, None if by_id else text)
            if order is not None and order.state is not State.ACCEPTED:
                found[order.order_id] = order
        return self._page(list(found.values()), "")

    def pending(self, sim: SimExchange, call: Call) -> Response:
        """Answer GET /v2/orders/pending: open orders, page by page."""
        states = read_states(call, ("wait", "watch"), ("wait",), _NAME)
        return self._paged(call, ready_orders(sim, call, states), 100, lambda order: True)

    def history(self, sim: SimExchange, call: Call) -> Response:
        """Answer GET /v2/orders/history: ended orders of at most seven days, page by page."""
        states = read_states(call, ("done", "cancel"), ("done", "cancel"), _NAME)
        now_ms = call.now * 1_000 // SECOND
        end = _stamp(call, "end_time", now_ms)
        start = _stamp(call, "start_time", end - _WEEK_MS)
        if not 0 <= end - start <= _WEEK_MS:
            raise bad("start_time and end_time must span at most 7 days")
        found = ready_orders(sim, call, states)
        return self._paged(call, found, 1_000, lambda order: start <= order.created_ns * 1_000 // SECOND <= end)

    def _ids(self, call: Call, most: int) -> list[tuple[str, str]]:
        ids, client_ids = call.params.many("order_ids"), call.params.many("client_order_ids")
        rows = [("order_id", text) for text in ids] or [("client_order_id", text) for text in client_ids]
        if not 1 <= len(rows) <= most:
            raise bad(f"1 to {most} order_ids or client_order_ids")
        return rows

    # `next_key` is the id of the last row shown: the next page begins behind it.
    def _paged(self, call: Call, found: list[SimOrder], most: int, fits: Callable[[SimOrder], bool]) -> Response:
        if call.params.one("order_by") not in (None, "asc", "desc"):
            raise bad("order_by must be asc or desc")
        rows = [order for order in found if fits(order)]
        key = call.params.one("next_key")
        if key:
            behind = next((index for index, order in enumerate(rows, 1) if order.order_id == key), None)
            if behind is None:
                raise bad("next_key is unknown")
            rows = rows[behind:]
        limit = read_count(call.params.one("limit"), min(100, most), most, _NAME)
        return self._page(rows[:limit], rows[limit - 1].order_id if len(rows) > limit else "")

    def _page(self, rows: list[SimOrder], next_key: str) -> Response:
        data = [v2_order_words(order, self._quirks) for order in rows]
        return json_answer({"data": data, "has_next": bool(next_key), "next_key": next_key or None})


def _stamp(call: Call, name: str, default: int) -> int:
    text = call.params.one(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) != 13:
        raise bad(f"{name} must be milliseconds")
    return int(text)
