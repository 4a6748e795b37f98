"""Placing, cancelling and reading one order or a list, in both document versions (bithumb.md §3.1, §3.5 to §3.7)."""

from exchanges.simulator.dialect import Call
from exchanges.simulator.dialects.bithumb_errors import NOT_FOUND, NOT_READY, WRONG, bad, order_refusal, refusal
from exchanges.simulator.dialects.bithumb_order_words import acceptance_words, cancel_words, order_words
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks, OnRepeat
from exchanges.simulator.dialects.reading import own_orders, read_count, read_draft, read_states
from exchanges.simulator.dialects.shared import Extra, json_answer
from exchanges.simulator.orders import Draft, SimOrder
from exchanges.simulator.rules import State
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wire import Params, Response, WireRefusal

MOST_IDS = 100


def ready_order(sim: SimExchange, call: Call, order_id: str | None, client_id: str | None) -> SimOrder:
    """Return one of the caller's orders that has met the book; the server's id wins when both are given.

    WireRefusal `order_not_found`, or `order_not_ready` while an acceptance is all there is (bithumb.md §3.6).
    """
    order = sim.own_order(call.owner, order_id, client_id)
    if order is None:
        raise refusal(NOT_FOUND)
    if order.state is State.ACCEPTED:
        raise refusal(NOT_READY)
    return order


def ready_orders(sim: SimExchange, call: Call, states: tuple[State, ...]) -> list[SimOrder]:
    """Return the caller's orders in these states that have met the book."""
    return [order for order in own_orders(sim, call, states) if order.state is not State.ACCEPTED]


class BithumbOrders:
    """What the order paths answer."""

    def __init__(self, quirks: BithumbQuirks) -> None:
        self._quirks = quirks

    def draft(self, params: Params, type_word: str) -> Draft:
        """Return what a placement asks for. WireRefusal when a member is wrong."""
        return read_draft(params, type_word, "client_order_id", dict(WRONG))

    def place(self, sim: SimExchange, call: Call) -> Response:
        """Answer POST /v2/orders: an acceptance."""
        before = self.repeated(sim, call, call.params)
        if before is not None:
            return json_answer(acceptance_words(before), self._quirks.place_status)
        return sim.take_order(
            call,
            lambda asked: self.draft(asked.params, "order_type"),
            order_refusal,
            lambda order: json_answer(acceptance_words(order), self._quirks.place_status),
        )

    def place_v1(self, sim: SimExchange, call: Call) -> Response:
        """Answer POST /v1/orders (2.1.0): the full order."""
        before = self.repeated(sim, call, call.params)
        if before is not None:
            return json_answer(order_words(before, self._quirks), self._quirks.place_status)
        return sim.take_order(
            call,
            lambda asked: self.draft(asked.params, "ord_type"),
            order_refusal,
            lambda order: json_answer(order_words(order, self._quirks), self._quirks.place_status),
        )

    def repeated(self, sim: SimExchange, call: Call, params: Params) -> SimOrder | None:
        """Return the order a repeated client order id stands for, where that is no error (bithumb.md §3.6)."""
        if self._quirks.on_repeat is not OnRepeat.EXISTING:
            return None
        return sim.own_order(call.owner, None, params.one("client_order_id"))

    def get(self, sim: SimExchange, call: Call) -> Response:
        """Answer GET /v1/order, with fills."""
        return json_answer(order_words(self._named(sim, call, "uuid"), self._quirks, Extra.TRADES))

    def cancel(self, sim: SimExchange, call: Call) -> Response:
        """Answer DELETE /v2/order: an acceptance; a finished order is not found."""
        order = self._cancelled(sim, call, "order_id")
        return json_answer(cancel_words(order, call.now))

    def cancel_v1(self, sim: SimExchange, call: Call) -> Response:
        """Answer DELETE /v1/order (2.1.0): the order as it stands."""
        order = self._cancelled(sim, call, "uuid")
        return json_answer(order_words(order, self._quirks))

    def list(self, sim: SimExchange, call: Call) -> Response:
        """Answer GET /v1/orders: waiting ones unless a state is named."""
        params = call.params
        states = read_states(call, ("wait", "watch", "done", "cancel"), ("wait",), "invalid_parameter")
        if "watch" in params.many("states") and len(params.many("states")) > 1:
            raise bad("watch cannot be mixed with other states")
        if params.one("order_by") not in (None, "asc", "desc"):
            raise bad("order_by must be asc or desc")
        ids, client_ids = params.many("uuids"), params.many("client_order_ids")
        if len(ids) > MOST_IDS or len(client_ids) > MOST_IDS:
            raise bad(f"at most {MOST_IDS} ids")
        found = ready_orders(sim, call, states)
        if ids or client_ids:
            found = [order for order in found if order.order_id in ids or order.draft.client_order_id in client_ids]
        limit = read_count(params.one("limit"), 100, 100, "invalid_parameter")
        page = read_count(params.one("page"), 1, 1_000_000, "invalid_parameter")
        return json_answer([order_words(order, self._quirks) for order in found[(page - 1) * limit : page * limit]])

    def _named(self, sim: SimExchange, call: Call, id_word: str) -> SimOrder:
        order_id, client_id = call.params.one(id_word), call.params.one("client_order_id")
        if order_id is None and client_id is None:
            raise bad(f"{id_word} or client_order_id is needed")
        return ready_order(sim, call, order_id, client_id)

    def _cancelled(self, sim: SimExchange, call: Call, id_word: str) -> SimOrder:
        order = self._named(sim, call, id_word)
        cancel_ready(sim, order, call.now)
        return order


def cancel_ready(sim: SimExchange, order: SimOrder, now: int) -> None:
    """Take the wish to cancel a waiting order. WireRefusal `order_not_found` once it has ended (bithumb.md §3.7)."""
    if not order.is_open:
        raise refusal(NOT_FOUND)
    sim.matching.cancel(order, now)


def error_words(error: WireRefusal) -> dict[str, object]:
    """Return an error as batches list it (bithumb.md §3.8)."""
    return {"name": error.name, "message": error.message}
