"""Upbit's calls for several orders, sweeps, cancel-and-new and test orders (upbit.md §1.4, §1.7, §1.8)."""

from collections.abc import Sequence

import msgspec

from arbitrage.domain.errors import InvariantError
from arbitrage.domain.instrument import tick_fault
from arbitrage.domain.order import Order, OrderOn, OrderReport, RefusalReason
from arbitrage.domain.order_kind import kind_fault
from arbitrage.domain.params import is_market
from arbitrage.domain.ports import (
    Accepted,
    Answer,
    CancelScope,
    MarketRules,
    NewSize,
    OpenOrder,
    Refused,
    Replaced,
    Swept,
    Unknown,
)
from arbitrage.domain.units import Price
from exchanges.list_shapes import WireCancels, WireCancelsPart, WireCancelsRow, WireInstrument, WireReplaced
from exchanges.many_orders import ManyOrders, rows_of
from exchanges.ratelimit import Lane
from exchanges.reads import read_books, some_id, units
from exchanges.shapes import id_text
from exchanges.transport import Request
from exchanges.upbit.codec import smp_members
from exchanges.upbit.profile import Smp
from exchanges.words import WIRE_ID, Members, body_and_query, ids_query, order_members

MOST_PAIRS = 20
MOST_SWEPT = 300
REMAIN_ONLY = "remain_only"
_NEW_NAMES = {
    "ord_type": "new_ord_type",
    "price": "new_price",
    "volume": "new_volume",
    "identifier": "new_identifier",
    "time_in_force": "new_time_in_force",
}


class UpbitOrders(ManyOrders):
    """What Upbit can do beyond single orders. `smp` is named on every order that makes one."""

    _smp: Smp

    def _cancels_request(self, client_order_ids: Sequence[str]) -> Request:
        query = ids_query(self._facts.ids.client_many, client_order_ids)
        return Request("DELETE", self._facts.paths.cancel_many, query, b"", self._token(query))

    async def market_rules(self, market: str) -> MarketRules:
        """Return fees and bounds, and whether the price step the exchange names is the one we know (upbit.md §1.2).

        The step is of the present price, so the book is looked at in the same breath.
        """
        rules = await super().market_rules(market)
        if rules.ticks is None:
            raise InvariantError(f"{market}: rules without price steps")
        group, query = self._facts.groups.orderbook, f"markets={market}"
        told = self._readable(
            "instruments",
            await self._read_public(self._facts.paths.instruments, query, group),
            lambda data: {row.market: units(row.tick, "tick") for row in self._reads.many(WireInstrument, data)},
        )
        books = self._readable(
            "instruments",
            await self._read_public(self._facts.paths.orderbook, query, group),
            lambda data: {book.market: book for book in read_books(self._decoder, data)},
        )
        book = books.get(market)
        near = [] if book is None else [level.price for level in (*book.bids[:1], *book.asks[:1])]
        step = told.get(market)
        fault = tick_fault(rules.ticks, None if step is None else Price(step), near)
        return msgspec.structs.replace(rules, tick_fault=fault)

    async def cancel_all(self, scope: CancelScope) -> Swept | Refused | Unknown:
        """Ask for the cancel of what rests in `scope`: at most 300 orders, one call in 2 s (upbit.md §1.7, §4).

        The call has the widest lane: its group holds a single request.
        """
        fault = scope_fault(scope)
        if fault is not None:
            return Refused(RefusalReason.INVALID_REQUEST, fault)
        query = scope_query(scope)
        halves: list[WireCancels] = []

        def build() -> Request:
            return Request("DELETE", self._facts.paths.cancel_all, query, b"", self._token(query))

        def read(body: bytes) -> OrderReport:
            halves.append(self._reads.one(WireCancels, body))
            return OrderReport(OrderOn.ACKED)

        answer = await self._ask("cancel_all", self._facts.groups.cancel_all, Lane.HEDGE, build, read)
        if not isinstance(answer, Accepted):
            return answer
        return Swept(self._swept(halves[0].done), self._swept(halves[0].failed))

    def _swept(self, half: list[WireCancelsRow] | WireCancelsPart) -> tuple[OpenOrder, ...]:
        return tuple(
            OpenOrder(
                self.exchange,
                row.market or "",
                id_text(row.exchange_order_id) or "",
                id_text(row.client_order_id),
            )
            for row in rows_of(half)
        )

    async def replace(self, order: Order, new: Order, size: NewSize = NewSize.GIVEN) -> Replaced | Refused | Unknown:
        """Cancel `order` and place `new` once it is cancelled (upbit.md §1.8).

        The new order may never come to be, when the old one fills first: ask for it by its own id.
        """
        fault = self._fault(order) or self._fault(new) or kind_fault(new) or _pair_fault(order, new)
        if fault is not None:
            return Refused(RefusalReason.INVALID_REQUEST, fault)

        def build() -> Request:
            body, query = body_and_query(replace_members(order, new, size, self._smp))
            return Request("POST", self._facts.paths.replace, "", body, self._token(query))

        def read(body: bytes) -> OrderReport:
            told = self._reads.one(WireReplaced, body)
            return OrderReport(OrderOn.ACKED, exchange_order_id=some_id(told.new_exchange_order_id))

        answer = await self._once("replace", (new,), self._facts.groups.place, build, read)
        if not isinstance(answer, Accepted):
            return answer
        new_id = answer.report.exchange_order_id
        if new_id is None:
            raise InvariantError("a replacement was read without its id")
        return Replaced(new_id, answer.sent_mono_ns, answer.answered_mono_ns)

    async def test(self, order: Order) -> Answer:
        """Ask whether `order` would be taken; no order comes of it (upbit.md §1.3).

        Its own id is left out: whether a test burns one is not established (upbit.md §1.4).
        """
        fault = self._fault(order) or kind_fault(order)
        if fault is not None:
            return Refused(RefusalReason.INVALID_REQUEST, fault)

        def build() -> Request:
            members = [member for member in order_members(order, "ord_type", "identifier") if member[0] != "identifier"]
            body, query = body_and_query(members + smp_members(order, self._smp, "smp_type"))
            return Request("POST", self._facts.paths.test, "", body, self._token(query))

        return await self._ask("test", self._facts.groups.test, Lane.QUERY, build, self._reads.accepted)


def scope_fault(scope: CancelScope) -> str | None:
    """Return what is wrong with a sweep's scope, or None (upbit.md §1.7)."""
    for name, markets in (("markets", scope.markets), ("excluded", scope.excluded)):
        if len(markets) > MOST_PAIRS:
            return f"{name} names {len(markets)} markets, must be at most {MOST_PAIRS}"
        for market in markets:
            if not is_market(market):
                return f"{name} has {market!r}, must look like KRW-BTC"
    if not 1 <= scope.count <= MOST_SWEPT:
        return f"count was {scope.count}, must be 1 to {MOST_SWEPT}"
    return None


def scope_query(scope: CancelScope) -> str:
    """Return the query of a sweep; comma lists stay one value, also in the hash (upbit.md §2)."""
    parts = [f"pairs={','.join(scope.markets)}" if scope.markets else "quote_currencies=KRW"]
    if scope.excluded:
        parts.append(f"excluded_pairs={','.join(scope.excluded)}")
    parts.append(f"cancel_side={'all' if scope.side is None else scope.side.value}")
    return "&".join([*parts, f"count={scope.count}"])


def replace_members(order: Order, new: Order, size: NewSize, smp: Smp) -> Members:
    """Return the body's members of a cancel-and-new; market and side are the old order's (upbit.md §1.8)."""
    if order.exchange_order_id is not None and WIRE_ID.fullmatch(order.exchange_order_id):
        members = [("prev_order_uuid", order.exchange_order_id)]
    else:
        members = [("prev_order_identifier", order.client_order_id)]
    for name, value in order_members(new, "ord_type", "identifier"):
        if name in _NEW_NAMES:
            is_rest = name == "volume" and size is NewSize.REMAINDER
            members.append((_NEW_NAMES[name], REMAIN_ONLY if is_rest else value))
    return members + smp_members(new, smp, "new_smp_type")


def _pair_fault(order: Order, new: Order) -> str | None:
    if (new.market, new.side) != (order.market, order.side):
        return f"new order was {new.market} {new.side}, must be {order.market} {order.side}"
    if new.client_order_id == order.client_order_id:
        return f"new client_order_id was {new.client_order_id!r}, must differ from the old one"
    return None
