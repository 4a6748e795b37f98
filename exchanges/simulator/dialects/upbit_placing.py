"""Upbit's ways to place and cancel orders: acknowledgements, not results (upbit.md §1.4, §1.7, §1.8)."""

from collections.abc import Iterable

import msgspec

from arbitrage.domain.units import Side
from exchanges.simulator.dialect import Call
from exchanges.simulator.dialects import shared
from exchanges.simulator.dialects.reading import Wrong, own_orders, read_draft
from exchanges.simulator.dialects.shared import json_answer
from exchanges.simulator.dialects.upbit_errors import STATUS, refusal
from exchanges.simulator.dialects.upbit_lists import count_of, is_newest_first, named_order, named_orders
from exchanges.simulator.dialects.upbit_orders import brief_words, fault_names, order_types, order_words
from exchanges.simulator.dialects.upbit_quirks import BodyNumbers, HaltedCancel, UpbitQuirks
from exchanges.simulator.money import plain_text
from exchanges.simulator.orders import Draft, SimOrder, Tif
from exchanges.simulator.rules import Smp, State
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.steps import Fault
from exchanges.simulator.wire import Params, Response, WireRefusal, decode_json

_WRONG = {
    Wrong.MEMBER: "validation_error",
    Wrong.PRICE: "invalid_price_{side}",
    Wrong.VOLUME: "invalid_volume_{side}",
    Wrong.TIF: "invalid_time_in_force",
}
_PAIRS_MOST = 20
_REMAIN_ONLY = "remain_only"


class UpbitPlacing:
    """Answers of the paths that make and end orders."""

    def __init__(self, quirks: UpbitQuirks) -> None:
        self._quirks = quirks
        self._names = fault_names(quirks)

    def chance(self, sim: SimExchange, call: Call) -> Response:
        """Answer GET /v1/orders/chance (upbit.md §1.3)."""
        market = call.params.one("market") or ""
        if market not in sim.market.markets:
            raise refusal("notfoundmarket")
        kinds = {side: order_types(side) for side in Side}
        return json_answer(shared.chance(sim.rules, call.owner, market, kinds, {}))

    def place(self, sim: SimExchange, call: Call) -> Response:
        """Answer POST /v1/orders: 201, `wait`, nothing executed (upbit.md §1.4, §1.6)."""
        return sim.take_order(call, self._draft, self._fault, lambda order: json_answer(self._words(order), 201))

    def place_test(self, sim: SimExchange, call: Call) -> Response:
        """Answer POST /v1/orders/test: the same checks and words, and no order (upbit.md §1.3)."""
        draft = self._draft(call)
        order = sim.matching.trial(call.owner, draft, call.now)
        if isinstance(order, Fault):
            raise self._fault(order, draft.side)
        return json_answer(self._words(order), 201)

    def cancel(self, sim: SimExchange, call: Call) -> Response:
        """Answer DELETE /v1/order: the order as it still is; it ends a little later (upbit.md §1.7)."""
        order = named_order(sim, call)
        if not order.is_open:
            raise refusal(self._quirks.closed_cancel_name)
        if self._is_halted(sim, order):
            raise refusal("market_offline")
        answer = json_answer(self._words(order))
        sim.matching.cancel(order, call.now)
        return answer

    def cancel_by_ids(self, sim: SimExchange, call: Call) -> Response:
        """Answer DELETE /v1/orders/uuids; `success` comes last asked first, as it was captured (upbit.md §1.7)."""
        named = named_orders(sim, call, 20)
        word = "uuid" if call.params.many("uuids") else "identifier"
        found: list[SimOrder] = []
        failed: list[dict[str, object]] = []
        for given, order in named.items():
            if order is not None and order.is_open and not self._is_halted(sim, order):
                found.append(order)
            else:
                failed.append({word: given} if order is None else brief_words(order))
        return self._cancel_all(sim, call, found[::-1], failed)

    def cancel_open(self, sim: SimExchange, call: Call) -> Response:
        """Answer DELETE /v1/orders/open: up to twenty of everything unless told otherwise (upbit.md §1.7)."""
        pairs, quotes, excluded = (_listed(call, word) for word in ("pairs", "quote_currencies", "excluded_pairs"))
        side = call.params.one("cancel_side") or "all"
        if side not in ("all", "bid", "ask") or (pairs is not None and quotes is not None):
            raise refusal("validation_error", "cancel_side, or both pairs and quote_currencies")
        if any(names is not None and len(names) > _PAIRS_MOST for names in (pairs, excluded)):
            raise refusal("validation_error", f"at most {_PAIRS_MOST} pairs")
        is_newest_first(call)
        count = count_of(call, "count", 20, 300)

        def is_meant(market: str) -> bool:
            if market in (excluded or ()):
                return False
            return market in pairs if pairs is not None else quotes is None or market.split("-")[0] in quotes

        found = [
            order
            for order in own_orders(sim, call, (State.WAIT,))
            if is_meant(order.draft.market) and side in ("all", order.draft.side.value)
        ]
        refused = [brief_words(order) for order in found[:count] if self._is_halted(sim, order)]
        return self._cancel_all(sim, call, [one for one in found[:count] if not self._is_halted(sim, one)], refused)

    def _is_halted(self, sim: SimExchange, order: SimOrder) -> bool:
        return self._quirks.halted_cancel is HaltedCancel.REFUSED and sim.closing.is_closed(order.draft.market)

    def _cancel_all(
        self, sim: SimExchange, call: Call, orders: Iterable[SimOrder], failed: list[dict[str, object]]
    ) -> Response:
        rows = []
        for order in orders:
            rows.append(brief_words(order))
            sim.matching.cancel(order, call.now)
        return json_answer(
            {
                "success": {"count": len(rows), "orders": rows},
                "failed": {"count": len(failed), "orders": failed},
            }
        )

    def cancel_and_new(self, sim: SimExchange, call: Call) -> Response:
        """Answer cancel_and_new: the old order still in `wait`, and an id that may never exist (upbit.md §1.8)."""
        order = named_order(sim, call, "prev_order_uuid", "prev_order_identifier")
        draft = self._successor(order, call.params)
        words = self._words(order)
        found = sim.matching.replace(order, draft, call.now)
        if isinstance(found, Fault):
            raise self._fault(found, draft.side)
        words["new_order_uuid"] = found
        if draft.client_order_id is not None:
            words["new_order_identifier"] = draft.client_order_id
        return json_answer(words, self._quirks.cancel_and_new_status)

    # The same market and side; `remain_only` stands for the volume that is left when the old order has ended.
    def _successor(self, order: SimOrder, params: Params) -> Draft:
        takes_rest = params.one("new_volume") == _REMAIN_ONLY
        pairs = [("market", order.draft.market), ("side", order.draft.side.value)]
        pairs += [
            (key.removeprefix("new_"), value)
            for key, value in params.pairs
            if key.startswith("new_") and value != _REMAIN_ONLY
        ]
        if takes_rest:
            pairs.append(("volume", plain_text(order.remaining_qty)))
        draft = _read(Params(pairs))
        return msgspec.structs.replace(draft, volume=None) if takes_rest else draft

    def _draft(self, call: Call) -> Draft:
        self._check_spelling(call)
        return _read(call.params)

    def _check_spelling(self, call: Call) -> None:
        if self._quirks.body_numbers is BodyNumbers.ACCEPTED:
            return
        members = decode_json(call.request.body)
        if any(not isinstance(members.get(name, ""), str) for name in ("price", "volume")):
            raise refusal("validation_error", "price and volume must be text")

    def _fault(self, fault: Fault, side: Side) -> WireRefusal:
        name = self._names[fault].format(side=side.value)
        return refusal(name) if name in STATUS else WireRefusal(400, name)

    def _words(self, order: SimOrder) -> dict[str, object]:
        return order_words(order, self._quirks)


def _read(params: Params) -> Draft:
    draft = read_draft(params, "ord_type", "identifier", _WRONG)
    smp = params.one("smp_type")
    if smp is None:
        return draft
    if smp not in tuple(Smp):
        raise refusal("validation_error", "smp_type is unknown")
    if draft.tif is Tif.POST_ONLY and smp != Smp.NONE:
        raise refusal("invalid_post_only")
    return msgspec.structs.replace(draft, smp=Smp(smp))


def _listed(call: Call, word: str) -> list[str] | None:
    text = call.params.one(word)
    return text.split(",") if text else None
