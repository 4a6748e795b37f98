"""Commands about several orders at once, and those only one exchange knows: the rest of `ports.Gateway`.

What an exchange has no call for answers UNSUPPORTED, and nothing is sent.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from arbitrage.domain.order import Order, OrderOn, OrderReport, RefusalReason
from arbitrage.domain.ports import (
    Accepted,
    Answer,
    CancelScope,
    NewSize,
    Refused,
    RefusedWire,
    Replaced,
    Swept,
    Unknown,
)
from exchanges.list_shapes import WireCancels, WireCancelsPart, WireCancelsRow
from exchanges.ratelimit import Lane
from exchanges.rest_gateway import RestGateway
from exchanges.shapes import id_text
from exchanges.transport import Request
from exchanges.verdict import refusal_of

UNSUPPORTED = Refused(RefusalReason.UNSUPPORTED, "this exchange has no such call")


class ManyOrders(RestGateway, ABC):
    """Cancels of several orders; an exchange's own gateway adds what else it knows."""

    async def cancel_many(self, orders: Sequence[Order]) -> tuple[Answer, ...]:
        """Ask for the cancel of each order; one answer each, in their order (upbit.md §1.7, bithumb.md §3.8)."""
        answers: dict[str, Answer] = {}
        sound = []
        for order in orders:
            fault = self._fault(order)
            if fault is not None:
                answers[order.client_order_id] = Refused(RefusalReason.INVALID_REQUEST, fault)
            elif order.client_order_id not in answers:
                sound.append(order)
        most = self._facts.ids.most_canceled
        for start in range(0, len(sound), most):
            answers.update(await self._cancel_part(sound[start : start + most]))
        return tuple(answers[order.client_order_id] for order in orders)

    async def _cancel_part(self, orders: Sequence[Order]) -> dict[str, Answer]:
        ids = [order.client_order_id for order in orders]
        halves: list[WireCancels] = []

        def read(body: bytes) -> OrderReport:
            halves.append(self._reads.one(WireCancels, body))
            return OrderReport(OrderOn.ACKED)

        def build() -> Request:
            return self._cancels_request(ids)

        whole = await self._ask("cancel_many", self._facts.groups.cancel_many, Lane.CANCEL, build, read)
        if not isinstance(whole, Accepted):
            return dict.fromkeys(ids, whole)
        asked = {
            key: order.client_order_id for order in orders for key in (order.client_order_id, order.exchange_order_id)
        }
        answers: dict[str, Answer] = dict.fromkeys(ids, Unknown("the answer does not name it"))
        for row in rows_of(halves[0].failed):
            answers |= _named(row, asked, self._failed(row))
        for row in rows_of(halves[0].done):
            report = OrderReport(OrderOn.ACKED, exchange_order_id=id_text(row.exchange_order_id))
            answers |= _named(row, asked, Accepted(report, whole.sent_mono_ns, whole.answered_mono_ns))
        return answers

    def _failed(self, row: WireCancelsRow) -> Refused | Unknown:
        """Return why one order of several was not cancelled; Upbit gives no reason (upbit.md §1.7)."""
        if row.error is None:
            return Refused(RefusalReason.OTHER, "not cancelled, no reason given")
        _, name, message = self._reads.errors
        return refusal_of(RefusedWire(str(row.error.get(name, "")), str(row.error.get(message, "")), 400), self._facts)

    @abstractmethod
    def _cancels_request(self, client_order_ids: Sequence[str]) -> Request:
        """Return the signed request that cancels these orders."""

    async def cancel_all(self, scope: CancelScope) -> Swept | Refused | Unknown:
        """Refuse: this exchange cancels only what is named."""
        return UNSUPPORTED

    async def replace(self, order: Order, new: Order, size: NewSize = NewSize.GIVEN) -> Replaced | Refused | Unknown:
        """Refuse: this exchange cannot put an order in another's place."""
        return UNSUPPORTED

    async def test(self, order: Order) -> Answer:
        """Refuse: this exchange has no test order."""
        return UNSUPPORTED


def rows_of(half: list[WireCancelsRow] | WireCancelsPart) -> list[WireCancelsRow]:
    """Return the orders of one half of the answer to a cancel of several."""
    return half.orders if isinstance(half, WireCancelsPart) else half


def _named(row: WireCancelsRow, asked: Mapping[str | None, str], answer: Answer) -> dict[str, Answer]:
    ids = (id_text(row.client_order_id), id_text(row.exchange_order_id))
    return {asked[key]: answer for key in ids if key is not None and key in asked}
