"""Upbit's ways to look orders up: one by id, several by ids, open, closed, and the list of old (upbit.md §1.7)."""

from collections.abc import Iterable

from exchanges.simulator.dialect import Call
from exchanges.simulator.dialects.reading import own_orders, read_count, read_states
from exchanges.simulator.dialects.shared import Extra, json_answer
from exchanges.simulator.dialects.upbit_errors import refusal
from exchanges.simulator.dialects.upbit_orders import order_words
from exchanges.simulator.dialects.upbit_quirks import UpbitQuirks
from exchanges.simulator.kst import SECOND, parse_time
from exchanges.simulator.orders import SimOrder
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wire import Response

WEEK_NS = 7 * 86_400 * SECOND
_ENDED = ("done", "cancel")


def named_order(sim: SimExchange, call: Call, id_word: str = "uuid", client_id_word: str = "identifier") -> SimOrder:
    """Return the order a request names; the exchange's own id wins when both are given (upbit.md §1.7)."""
    order_id, client_id = call.params.one(id_word), call.params.one(client_id_word)
    if order_id is None and client_id is None:
        raise refusal("validation_error", f"{id_word} or {client_id_word} is needed")
    order = sim.own_order(call.owner, order_id, client_id)
    if order is None:
        raise refusal("order_not_found")
    return order


def named_orders(sim: SimExchange, call: Call, most: int) -> dict[str, SimOrder | None]:
    """Return what `uuids[]` or `identifiers[]` name, by the given id; None for an id nobody knows (upbit.md §1.7)."""
    ids, client_ids = call.params.many("uuids"), call.params.many("identifiers")
    if bool(ids) is bool(client_ids) or len(ids) + len(client_ids) > most:
        raise refusal("validation_error", f"1 to {most} uuids[] or identifiers[], not both")
    found = {order_id: sim.own_order(call.owner, order_id, None) for order_id in ids}
    return found | {client_id: sim.own_order(call.owner, None, client_id) for client_id in client_ids}


def is_newest_first(call: Call) -> bool:
    """Return whether `order_by` asks for the newest first, which is the default."""
    order_by = call.params.one("order_by") or "desc"
    if order_by not in ("asc", "desc"):
        raise refusal("validation_error", "order_by must be asc or desc")
    return order_by == "desc"


def count_of(call: Call, word: str, default: int, most: int) -> int:
    """Return a whole number from 1 to `most`."""
    return read_count(call.params.one(word), default, most, "validation_error")


class UpbitLists:
    """Answers of the reading order paths."""

    def __init__(self, quirks: UpbitQuirks) -> None:
        self._quirks = quirks

    def find(self, sim: SimExchange, call: Call) -> Response:
        """Answer GET /v1/order: the one place with `trades`, and without `executed_funds` (upbit.md §1.5)."""
        return json_answer(order_words(named_order(sim, call), self._quirks, Extra.TRADES))

    def by_ids(self, sim: SimExchange, call: Call) -> Response:
        """Answer GET /v1/orders/uuids: ids nobody knows are simply missing, the order is that of creation (§1.7)."""
        market = call.params.one("market")
        found = named_orders(sim, call, 100).values()
        rows = {order.order_id: order for order in found if order is not None and market in (None, order.draft.market)}
        newest_first = is_newest_first(call)
        return self._rows(sorted(rows.values(), key=lambda order: order.created_ns, reverse=newest_first))

    def open(self, sim: SimExchange, call: Call) -> Response:
        """Answer GET /v1/orders/open, by pages; only what was made in the app is in `watch` (upbit.md §1.4, §1.7)."""
        is_newest_first(call)
        found = own_orders(sim, call, read_states(call, ("wait", "watch"), ("wait",), "validation_error"))
        return self._page(found, call)

    def closed(self, sim: SimExchange, call: Call) -> Response:
        """Answer GET /v1/orders/closed: a window of at most seven days, no pages (upbit.md §1.7)."""
        is_newest_first(call)
        states = read_states(call, _ENDED, _ENDED, "validation_error")
        limit = count_of(call, "limit", 100, 1000)
        start, end = self._window(call)
        found = [order for order in own_orders(sim, call, states) if start <= order.created_ns <= end]
        return self._rows(found[:limit])

    def old(self, sim: SimExchange, call: Call) -> Response:
        """Answer GET /v1/orders as it was: by state or ids, a hundred a page (upbit.md §1.3)."""
        is_newest_first(call)
        if call.params.many("uuids") or call.params.many("identifiers"):
            return self.by_ids(sim, call)
        states = read_states(call, ("wait", "watch", *_ENDED), ("wait",), "validation_error")
        return self._page(own_orders(sim, call, states), call)

    def _page(self, found: list[SimOrder], call: Call) -> Response:
        limit, page = count_of(call, "limit", 100, 100), count_of(call, "page", 1, 1_000_000)
        return self._rows(found[(page - 1) * limit : page * limit])

    def _window(self, call: Call) -> tuple[int, int]:
        try:
            texts = [call.params.one(word) for word in ("start_time", "end_time")]
            start, end = (parse_time(text) if text else None for text in texts)
        except ValueError:
            raise refusal("validation_error", "start_time and end_time must be ISO-8601 or milliseconds") from None
        if end is None:
            end = call.now if start is None else start + WEEK_NS
        if start is None:
            start = end - WEEK_NS
        if not start <= end <= start + WEEK_NS:
            raise refusal("validation_error", "the window is at most 7 days")
        return start, end

    def _rows(self, orders: Iterable[SimOrder]) -> Response:
        return json_answer([order_words(order, self._quirks, Extra.EXECUTED_FUNDS) for order in orders])
