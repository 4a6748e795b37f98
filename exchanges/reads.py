"""Answers that both exchanges give in the same shape, read into the domain's words. Pure.

Tolerant of keys added, absent or null, and of numbers as text or not; strict where money would be
guessed. ValueError says why an answer cannot be read; the caller decides what that proves.
Shapes: upbit.md §1.3 to §1.7, bithumb.md §3.5 (`/v1` reads).
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from arbitrage.domain.errors import FrameInvalid
from arbitrage.domain.events import Holding
from arbitrage.domain.frame_spec import DecodedBook, FrameDecoder
from arbitrage.domain.order import Fill, OrderOn, OrderReport
from arbitrage.domain.ports import MarketRules, OpenOrder, RefusedWire
from arbitrage.domain.units import Ns, Price, Qty, exact_product, units_exact
from exchanges.fields import Fields, Shape
from exchanges.shapes import (
    Id,
    WireAccepted,
    WireBalance,
    WireChance,
    WireOrder,
    WireOrderRow,
    WireTrade,
    id_text,
)

ENDED_WORDS = frozenset({"done", "cancel"})
STATE_WORDS = ENDED_WORDS | {"wait", "watch", "trade", "prevented"}
"""Every state either exchange documents, REST and stream (upbit.md §1.6, §3.7, bithumb.md §3.9)."""
ERROR_NAMES = ("error", "name", "message")
_OLD_STYLE = "V1::Exceptions::"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WIDEST = 30
"""No price, quantity or balance has this many digits before its point."""

T = TypeVar("T")
S = TypeVar("S", bound=Shape)


_RAWS = msgspec.json.Decoder(list[msgspec.Raw])


def decoded(decoder: "msgspec.json.Decoder[T]", data: bytes) -> T:
    """Return what `decoder` reads in `data`; ValueError when it is something else."""
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def some_id(value: str | int) -> str:
    """Return an id as text. ValueError when it is empty."""
    text = id_text(value)
    if text is None:
        raise ValueError("an id was empty")
    return text


def units(value: Decimal, name: str) -> int:
    """Return a price or quantity in 10^-8. ValueError unless exact, finite and not negative."""
    plain(value, name)
    return units_exact(value)


def plain(value: Decimal, name: str) -> Decimal:
    """Return `value` if it is a finite, not negative figure of a sane length; ValueError if not."""
    if not value.is_finite() or value < 0 or (value and not -_WIDEST <= value.adjusted() <= _WIDEST):
        raise ValueError(f"{name} was {value}, must be a plain number from 0")
    return value


def maybe_plain(value: Decimal | None, name: str) -> Decimal | None:
    """Return None for None, else `plain`."""
    return None if value is None else plain(value, name)


def iso_ns(text: str) -> Ns:
    """Return UTC nanoseconds of an ISO time with zone, seconds or microseconds (upbit.md §1.5)."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time {text!r} has no zone")
    return Ns((moment - _EPOCH) // timedelta(microseconds=1) * 1000)


def ms_ns(value: Decimal) -> Ns:
    """Return UTC nanoseconds of milliseconds, however the wire spells them. ValueError unless whole."""
    plain(value, "time in ms")
    if value != value.to_integral_value():
        raise ValueError(f"time in ms was {value}, must be whole")
    return Ns(int(value) * 1_000_000)


def event_of(state: str | None, executed: int | None, ordered: int | None) -> OrderOn:
    """Return what an order's state and executed volume prove, never more.

    Truth is the executed volume: a filled market buy ends `cancel` (upbit.md §1.6), a part-filled IOC
    ends `done` (bithumb.md §3.9). An end needs a word for an end and a volume; a state word we do
    not know claims nothing.
    """
    if executed is None:
        return OrderOn.ACKED
    if ordered is not None and 0 < ordered == executed:
        return OrderOn.FULL_FILL
    if state in ENDED_WORDS:
        return OrderOn.CANCELED
    return OrderOn.PART_FILL if executed else OrderOn.ACKED


class Reads:
    """Reads answers by one exchange's field maps. What is read over but looks changed is in `take_gaps`."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._gaps: list[str] = []
        name = fields.name
        self.errors = name("error_body", "error"), name("error", "name"), name("error", "message")
        """The names of the error member, its name and its message."""

    def take_gaps(self) -> tuple[str, ...]:
        """Return what looked changed since the last call: usual members missing, state words unknown."""
        if not self._gaps:
            return ()
        gaps, self._gaps = tuple(dict.fromkeys(self._gaps)), []
        return gaps

    def one(self, shape: type[S], data: bytes) -> S:
        """Return one object. ValueError when it is none of this shape."""
        return self._seen(self._fields.one(shape, data))

    def many(self, shape: type[S], data: bytes) -> list[S]:
        """Return an array of objects. ValueError when it is none."""
        return [self._seen(row) for row in self._fields.many(shape, data)]

    def accepted(self, data: bytes, client_order_id: str | None = None) -> OrderReport:
        """Return what the acknowledgement of an order or a cancel says.

        ValueError when it names no order, or another one than ours: an answer can come twice or late on a
        connection and be taken for the next request's. None = the request named no order of ours.
        """
        row = self.one(WireAccepted, data)
        _same_order(client_order_id, row.client_order_id)
        executed = None if row.executed_qty is None else units(row.executed_qty, "executed_qty")
        ordered = None if row.qty is None else units(row.qty, "qty")
        return OrderReport(
            on=event_of(row.state, executed, ordered),
            exchange_order_id=some_id(row.exchange_order_id),
            executed_qty=None if executed is None else Qty(executed),
            detail=row.state or "",
        )

    def order(self, data: bytes, client_order_id: str) -> OrderReport:
        """Return the report of an order asked for by our id. ValueError when the answer is of another order."""
        order = self.one(WireOrder, data)
        _same_order(client_order_id, order.client_order_id)
        self._look_at_state(order.state)
        return order_report(order)

    def open_orders(self, data: bytes) -> tuple[OpenOrder, ...]:
        """Return a page of resting orders."""
        found = []
        for row in self.many(WireOrderRow, data):
            if row.market is None:
                raise ValueError("an open order without market")
            order_id = some_id(row.exchange_order_id)
            found.append(OpenOrder(self._fields.exchange, row.market, order_id, id_text(row.client_order_id)))
        return tuple(found)

    def balances(self, data: bytes) -> tuple[Holding, ...]:
        """Return all holdings; an asset that is not there is zero (upbit.md §1.3)."""
        return tuple(holding(row.asset, row.free, row.locked) for row in self.many(WireBalance, data))

    def rules(self, data: bytes) -> MarketRules:
        """Return fees and bounds of `orders/chance`, the higher of the two sides' minimums."""
        chance = self.one(WireChance, data)
        market = self._seen(chance.market)
        minimums = [side.min_total for side in (market.bid, market.ask) if side.min_total is not None]
        if not minimums:
            raise ValueError("orders/chance names no min_total")
        return MarketRules(
            market=market.market,
            bid_fee=plain(chance.bid_fee, "bid_fee"),
            ask_fee=plain(chance.ask_fee, "ask_fee"),
            min_total=plain(max(minimums), "min_total"),
            max_total=maybe_plain(market.max_total, "max_total"),
            is_active=market.state in (None, "active"),
        )

    def _seen(self, row: S) -> S:
        self._gaps += [f"{row.object_name}.{name} was absent" for name in row.gaps()]
        return row

    def _look_at_state(self, state: str) -> None:
        if state not in STATE_WORDS:
            self._gaps.append(f"order.state was {state[:40]!r}, a word never seen")


def _same_order(asked: str | None, named: Id) -> None:
    told = id_text(named)
    if asked is not None and told not in (None, asked):
        raise ValueError(f"asked for {asked}, was told of {told}")


def order_report(order: WireOrder) -> OrderReport:
    """Return what an order object says. ValueError when a figure in it cannot be believed."""
    executed = units(order.executed_qty, "executed_qty")
    ordered = None if order.qty is None else units(order.qty, "qty")
    return OrderReport(
        on=event_of(order.state, executed, ordered),
        exchange_order_id=some_id(order.exchange_order_id),
        executed_qty=Qty(executed),
        executed_funds=maybe_plain(order.executed_funds, "executed_funds"),
        paid_fee=maybe_plain(order.paid_fee, "paid_fee"),
        fills=tuple(_fill(trade) for trade in order.trades or ()),
        detail=f"{order.state} {order.cancel_type or ''}".rstrip(),
    )


def _fill(trade: WireTrade) -> Fill:
    price = Price(units(trade.price, "trade price"))
    qty = Qty(units(trade.qty, "trade qty"))
    funds = exact_product(price, qty) if trade.funds is None else plain(trade.funds, "funds")
    return Fill(some_id(trade.trade_id), price, qty, funds, iso_ns(trade.at))


def holding(asset: str, free: Decimal, locked: Decimal) -> Holding:
    """Return a balance row as a holding: `free` excludes `locked` (upbit.md §1.3, bithumb.md §3.5)."""
    return Holding(asset, plain(free, "free"), plain(locked, "locked"))


def read_books(decoder: FrameDecoder, data: bytes) -> tuple[DecodedBook, ...]:
    """Return the books of an order-book answer. ValueError when one of them is none."""
    try:
        return tuple(decoder.decode(bytes(raw)) for raw in decoded(_RAWS, data))
    except FrameInvalid as error:
        raise ValueError(str(error)) from None


def wire_error(data: bytes, http_status: int, names: tuple[str, str, str] = ERROR_NAMES) -> RefusedWire | None:
    """Return the error object of an answer, or None when its body is no such object.

    `name` is text on private calls, a number on public ones, which Bithumb sends with HTTP 200
    (upbit.md §1.2, bithumb.md §3.4). The style of 2019, `V1::Exceptions::InvalidQueryPayload`, is
    turned into the present one (upbit.md §4.1).
    """
    if data.lstrip()[:1] != b"{":
        return None
    try:
        body: Any = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    outer, name, message = names
    error = body.get(outer)
    if not isinstance(error, dict):
        return None if error is None else RefusedWire(_modern(str(error)), "", http_status)
    return RefusedWire(_modern(str(error.get(name, ""))), str(error.get(message, ""))[:200], http_status)


def _modern(name: str) -> str:
    # `V1::Exceptions::InvalidQueryPayload` -> `invalid_query_payload`
    if not name.startswith(_OLD_STYLE):
        return name[:100]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.removeprefix(_OLD_STYLE)).lower()[:100]
