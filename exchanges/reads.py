"""Answers that both exchanges give in the same shape, read into the domain's words. Pure.

Tolerant of keys added, absent or null, and of numbers as text or not; strict where money would be
guessed. ValueError says why an answer cannot be read; the caller decides what that proves.
Shapes: upbit.md §1.3 to §1.7, bithumb.md §3.5 (`/v1` reads).
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from arbitrage.domain.errors import FrameInvalid
from arbitrage.domain.events import Holding
from arbitrage.domain.frame_spec import DecodedBook, FrameDecoder
from arbitrage.domain.order import Fill, OrderOn, OrderReport
from arbitrage.domain.ports import MarketRules, OpenOrder, RefusedWire
from arbitrage.domain.units import Exchange, Ns, Price, Qty, exact_product, units_exact

ENDED_WORDS = frozenset({"done", "cancel"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WIDEST = 30
"""No price, quantity or balance has this many digits before its point."""

T = TypeVar("T")
Id = str | int | None


class WireTrade(msgspec.Struct):
    """One row of `trades[]`."""

    uuid: Id = None
    price: Decimal | None = None
    volume: Decimal | None = None
    funds: Decimal | None = None
    created_at: str | None = None


class WireOrder(msgspec.Struct):
    """An order object; which members are there depends on the call (upbit.md §1.5, bithumb.md §3.5)."""

    uuid: Id = None
    order_id: Id = None
    identifier: Id = None
    client_order_id: Id = None
    market: str | None = None
    state: str | None = None
    volume: Decimal | None = None
    executed_volume: Decimal | None = None
    executed_funds: Decimal | None = None
    paid_fee: Decimal | None = None
    trades: list[WireTrade] | None = None

    @property
    def exchange_order_id(self) -> str | None:
        """Return the exchange's id under either name."""
        return id_text(self.uuid if self.uuid is not None else self.order_id)

    @property
    def own_id(self) -> str | None:
        """Return our id under either name."""
        return id_text(self.identifier if self.identifier is not None else self.client_order_id)


class WireAsset(msgspec.Struct):
    """One row of balances, REST and stream alike."""

    currency: str
    balance: Decimal
    locked: Decimal = Decimal(0)


class _ChanceSide(msgspec.Struct):
    min_total: Decimal | None = None


class _ChanceMarket(msgspec.Struct):
    id: str
    bid: _ChanceSide
    ask: _ChanceSide
    max_total: Decimal | None = None
    state: str | None = None


class _Chance(msgspec.Struct):
    bid_fee: Decimal
    ask_fee: Decimal
    market: _ChanceMarket


class WireMarket(msgspec.Struct):
    """One row of the market list; warnings differ by exchange (upbit.md §1.2, bithumb.md §3.3)."""

    market: str
    market_warning: str | None = None
    market_event: dict[str, Any] | None = None

    @property
    def is_warned(self) -> bool:
        """Return whether the exchange warns of this market."""
        event = self.market_event or {}
        return event.get("warning") is True or self.market_warning not in (None, "NONE")


class WireKey(msgspec.Struct):
    """One row of the list of API keys."""

    access_key: str
    expire_at: str


_ORDER = msgspec.json.Decoder(WireOrder)
_ORDERS = msgspec.json.Decoder(list[WireOrder])
_ASSETS = msgspec.json.Decoder(list[WireAsset])
_CHANCE = msgspec.json.Decoder(_Chance)
_MARKETS = msgspec.json.Decoder(list[WireMarket])
_KEYS = msgspec.json.Decoder(list[WireKey])
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])


def decoded(decoder: "msgspec.json.Decoder[T]", data: bytes) -> T:
    """Return what `decoder` reads in `data`; ValueError when it is something else."""
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def id_text(value: Id) -> str | None:
    """Return an id as text, whatever the wire made it."""
    return None if value is None or value == "" else str(value)


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


def order_report(order: WireOrder) -> OrderReport:
    """Return what an order object says. ValueError when a figure in it cannot be believed."""
    executed = None if order.executed_volume is None else units(order.executed_volume, "executed_volume")
    ordered = None if order.volume is None else units(order.volume, "volume")
    return OrderReport(
        on=event_of(order.state, executed, ordered),
        exchange_order_id=order.exchange_order_id,
        executed_qty=None if executed is None else Qty(executed),
        executed_funds=maybe_plain(order.executed_funds, "executed_funds"),
        paid_fee=maybe_plain(order.paid_fee, "paid_fee"),
        fills=tuple(_fill(trade) for trade in order.trades or ()),
        detail=order.state or "",
    )


def _fill(trade: WireTrade) -> Fill:
    trade_id = id_text(trade.uuid)
    if trade_id is None or trade.price is None or trade.volume is None or trade.created_at is None:
        raise ValueError("a row of trades lacks uuid, price, volume or created_at")
    price = Price(units(trade.price, "trade price"))
    qty = Qty(units(trade.volume, "trade volume"))
    funds = exact_product(price, qty) if trade.funds is None else plain(trade.funds, "funds")
    return Fill(trade_id=trade_id, price=price, qty=qty, funds=funds, at_wall_ns=iso_ns(trade.created_at))


def read_order(data: bytes) -> WireOrder:
    """Return one order object. ValueError when it names no order at all."""
    order = decoded(_ORDER, data)
    if order.exchange_order_id is None:
        raise ValueError("an order without an id")
    return order


def matching_report(body: bytes, client_order_id: str) -> OrderReport:
    """Return the report of an order asked for by our id. ValueError when the answer is of another order."""
    order = read_order(body)
    if order.own_id not in (None, client_order_id):
        raise ValueError(f"asked for {client_order_id}, was told of {order.own_id}")
    return order_report(order)


def read_open_orders(exchange: Exchange, data: bytes) -> tuple[OpenOrder, ...]:
    """Return a page of resting orders."""
    found = []
    for order in decoded(_ORDERS, data):
        exchange_order_id = order.exchange_order_id
        if exchange_order_id is None or order.market is None:
            raise ValueError("an open order without id or market")
        found.append(OpenOrder(exchange, order.market, exchange_order_id, order.own_id))
    return tuple(found)


def holdings(rows: list[WireAsset]) -> tuple[Holding, ...]:
    """Return balance rows as holdings: `balance` is what is free (upbit.md §1.3, bithumb.md §3.5)."""
    return tuple(Holding(row.currency, plain(row.balance, "balance"), plain(row.locked, "locked")) for row in rows)


def read_balances(data: bytes) -> tuple[Holding, ...]:
    """Return all holdings; an asset that is not there is zero (upbit.md §1.3)."""
    return holdings(decoded(_ASSETS, data))


def read_rules(data: bytes) -> MarketRules:
    """Return fees and bounds of `orders/chance`, the higher of the two sides' minimums."""
    chance = decoded(_CHANCE, data)
    minimums = [side.min_total for side in (chance.market.bid, chance.market.ask) if side.min_total is not None]
    if not minimums:
        raise ValueError("orders/chance names no min_total")
    return MarketRules(
        market=chance.market.id,
        bid_fee=plain(chance.bid_fee, "bid_fee"),
        ask_fee=plain(chance.ask_fee, "ask_fee"),
        min_total=plain(max(minimums), "min_total"),
        max_total=maybe_plain(chance.market.max_total, "max_total"),
        is_active=chance.market.state in (None, "active"),
    )


def read_books(decoder: FrameDecoder, data: bytes) -> tuple[DecodedBook, ...]:
    """Return the books of an order-book answer. ValueError when one of them is none."""
    try:
        return tuple(decoder.decode(bytes(raw)) for raw in decoded(_RAWS, data))
    except FrameInvalid as error:
        raise ValueError(str(error)) from None


def read_markets(data: bytes) -> list[WireMarket]:
    """Return the market list."""
    return decoded(_MARKETS, data)


def read_keys(data: bytes) -> list[WireKey]:
    """Return the account's keys and when they end."""
    return decoded(_KEYS, data)


def wire_error(data: bytes, http_status: int) -> RefusedWire | None:
    """Return the error object of an answer, or None when its body is no such object.

    `name` is text on private calls, a number on public ones, which Bithumb sends with HTTP 200
    (upbit.md §1.2, bithumb.md §3.4).
    """
    if data.lstrip()[:1] != b"{":
        return None
    try:
        body: Any = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    error = body.get("error")
    if not isinstance(error, dict):
        return None if error is None else RefusedWire(str(error)[:100], "", http_status)
    return RefusedWire(str(error.get("name", ""))[:100], str(error.get("message", ""))[:200], http_status)
