"""Bithumb's calls for several orders: batch cancel and batch create (bithumb.md §3.8)."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from arbitrage.domain.errors import InvariantError
from arbitrage.domain.order import Order, OrderOn, OrderReport, RefusalReason
from arbitrage.domain.order_kind import kind_fault
from arbitrage.domain.ports import Accepted, Answer, Refused, RefusedWire, Unknown
from exchanges.list_shapes import WireBatch, WireBatchRow
from exchanges.many_orders import ManyOrders
from exchanges.shapes import id_text
from exchanges.transport import Request
from exchanges.verdict import refusal_of
from exchanges.words import Members, ids_body, order_members

MOST_BATCHED = 30
"""Since 2026-08-20; 20 before (bithumb.md §3.8)."""


class BatchHash(StrEnum):
    """How the objects of a batch go into the hash: two clients differ, neither shows a success (bithumb.md §3.2)."""

    INDEXED = "indexed"
    """`batch_orders[0][market]=…` for every member."""
    JSON = "json"
    """`batch_orders[]=` and the object's own text."""


class BithumbOrders(ManyOrders):
    """What Bithumb can do beyond single orders."""

    _batch_hash: BatchHash

    def _cancels_request(self, client_order_ids: Sequence[str]) -> Request:
        key = self._facts.ids.client_many
        body, query = ids_body(key, client_order_ids)
        return Request("POST", self._facts.paths.cancel_many, "", body, self._token(query))

    async def place_many(self, orders: Sequence[Order]) -> tuple[Answer, ...]:
        """Send up to 30 orders in one request, each once; not atomic: one answer each, in their order.

        How the hash of such a request is made is not established; until it was tried live, `place` is
        the safe way. InvariantError when two orders have one id.
        """
        if len({order.client_order_id for order in orders}) != len(orders):
            raise InvariantError("a batch names an id twice")
        if not 1 <= len(orders) <= MOST_BATCHED:
            fault: str | None = f"a batch of {len(orders)} orders, must be 1 to {MOST_BATCHED}"
        else:
            faults = (self._fault(order) or kind_fault(order) for order in orders)
            fault = next((found for found in faults if found is not None), None)
        if fault is not None:
            return tuple(Refused(RefusalReason.INVALID_REQUEST, fault) for _ in orders)
        batches: list[WireBatch] = []

        def build() -> Request:
            body, query = batch_body(orders, self._batch_hash)
            return Request("POST", self._facts.paths.batch, "", body, self._token(query))

        def read(body: bytes) -> OrderReport:
            batches.append(self._reads.one(WireBatch, body))
            return OrderReport(OrderOn.ACKED)

        whole = await self._once("place_many", orders, self._facts.groups.batch, build, read)
        if not isinstance(whole, Accepted):
            return tuple(whole for _ in orders)
        rows = {id_text(row.client_order_id): row for row in batches[0].rows}
        return tuple(self._batched(rows.get(order.client_order_id), whole) for order in orders)

    def _batched(self, row: WireBatchRow | None, whole: Accepted) -> Answer:
        if row is None:
            return Unknown("the answer does not name it")
        exchange_order_id = id_text(row.exchange_order_id)
        if exchange_order_id is not None:
            report = OrderReport(OrderOn.ACKED, exchange_order_id=exchange_order_id)
            return Accepted(report, whole.sent_mono_ns, whole.answered_mono_ns)
        name = id_text(row.name)
        if name is None:
            return Unknown("the answer names neither an id nor an error")
        return refusal_of(RefusedWire(name, row.message or "", 400), self._facts)


def batch_body(orders: Sequence[Order], style: BatchHash) -> tuple[bytes, str]:
    """Return the body of a batch and its text for the hash, in the style chosen."""
    objects = [order_members(order, "order_type", "client_order_id") for order in orders]
    body = b'{"batch_orders":[' + b",".join(_encoded(members) for members in objects) + b"]}"
    if style is BatchHash.JSON:
        return body, "&".join(f"batch_orders[]={_encoded(members).decode()}" for members in objects)
    parts = [
        f"batch_orders[{index}][{name}]={value}" for index, members in enumerate(objects) for name, value in members
    ]
    return body, "&".join(parts)


def _encoded(members: Members) -> bytes:
    return msgspec.json.encode(dict(members))
