"""Bithumb's legacy answers (v1.2): the envelope, orders, balances, fills. Pure.

Everything is text on this wire, numbers with thousands separators at times (bithumb.md §1.1). ValueError
says why an answer cannot be read; the caller decides what that proves.
"""

from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import TypeVar

import msgspec

from arbitrage.domain.events import Holding
from arbitrage.domain.order import Fill, OrderOn, OrderReport
from arbitrage.domain.units import Ns, Price, Qty, Side, exact_product, exact_sum, units_exact
from exchanges.bithumb.legacy_profile import LegacySettings
from exchanges.reads import plain
from exchanges.shapes import id_text

T = TypeVar("T")
Id = str | int | None
_NS_PER_US = 1_000
_NS_PER_HOUR = 3_600_000_000_000
_NULL = (b"", b"null", b'""')


class Envelope(msgspec.Struct):
    """Every answer's outside: `order_id` stands beside the status (bithumb.md §1.1)."""

    status: str
    message: str = ""
    data: msgspec.Raw = msgspec.Raw()
    order_id: Id = None


class OpenRow(msgspec.Struct, frozen=True):
    """One resting order of a listing, in our units (bithumb.md §1.4)."""

    exchange_order_id: str
    market: str
    side: Side
    price: Price
    qty: Qty
    remaining_qty: Qty
    placed_wall_ns: Ns


class Match(msgspec.Struct, frozen=True):
    """One row of the transactions that is a buy or a sale: no order's id is in it (bithumb.md §1.4)."""

    side: Side
    price: Price
    qty: Qty
    funds: Decimal
    fee: Decimal
    at_wall_ns: Ns


class Detail(msgspec.Struct, frozen=True):
    """One order asked for by id."""

    market: str
    side: Side
    report: OrderReport


class _OpenRow(msgspec.Struct):
    order_id: str | int
    order_currency: str
    payment_currency: str
    type: str
    price: msgspec.Raw
    units: msgspec.Raw
    units_remaining: msgspec.Raw
    order_date: msgspec.Raw


class _Contract(msgspec.Struct):
    transaction_date: msgspec.Raw
    price: msgspec.Raw
    units: msgspec.Raw
    fee: msgspec.Raw = msgspec.Raw()
    fee_currency: str | None = None
    total: msgspec.Raw = msgspec.Raw()


class _Detail(msgspec.Struct):
    type: str
    order_status: str
    order_currency: str
    payment_currency: str
    order_qty: msgspec.Raw
    contract: list[_Contract] | None = None


class _Transaction(msgspec.Struct):
    search: str | int
    transfer_date: msgspec.Raw
    units: msgspec.Raw
    price: msgspec.Raw
    amount: msgspec.Raw = msgspec.Raw()
    fee: msgspec.Raw = msgspec.Raw()


class _Account(msgspec.Struct):
    trade_fee: msgspec.Raw


_ENVELOPE = msgspec.json.Decoder(Envelope)
_OPEN_ROWS = msgspec.json.Decoder(list[_OpenRow])
_DETAIL = msgspec.json.Decoder(list[_Detail] | _Detail)
_TRANSACTIONS = msgspec.json.Decoder(list[_Transaction])
_BALANCES = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ACCOUNT = msgspec.json.Decoder(_Account)


def read_as(decoder: "msgspec.json.Decoder[T]", data: bytes | msgspec.Raw) -> T:
    """Return what `decoder` reads in `data`; ValueError when it is something else."""
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def envelope(data: bytes) -> Envelope:
    """Return an answer's outside. ValueError when it is none: HTML, another shape, nothing at all."""
    return read_as(_ENVELOPE, data)


def number(raw: msgspec.Raw, name: str) -> Decimal:
    """Return a figure that is a number or text, separators stripped (bithumb.md §1.1). ValueError for any other."""
    text = bytes(raw).strip(b'"').replace(b",", b"").decode("utf-8", "replace")
    if "_" in text or text != text.strip():
        raise ValueError(f"{name} was {text!r}, must be a plain number from 0")
    try:
        return plain(Decimal(text), name)
    except InvalidOperation:
        raise ValueError(f"{name} was {text[:40]!r}, must be a plain number from 0") from None


def _units(raw: msgspec.Raw, name: str) -> int:
    return units_exact(number(raw, name))


def _moment(raw: msgspec.Raw, name: str, hours_ahead: int) -> Ns:
    # 16-digit microseconds, as number or text (bithumb.md §1.4).
    at = number(raw, name)
    if at != int(at) or not 10**15 <= at < 10**16:
        raise ValueError(f"{name} was {at}, must be microseconds since 1970")
    return Ns(int(at) * _NS_PER_US - hours_ahead * _NS_PER_HOUR)


def _side(text: str) -> Side:
    return Side(text)


def read_open_rows(data: msgspec.Raw, settings: LegacySettings) -> tuple[OpenRow, ...]:
    """Return a listing of resting orders."""
    return tuple(_open_row(row, settings) for row in read_as(_OPEN_ROWS, data))


def _open_row(row: _OpenRow, settings: LegacySettings) -> OpenRow:
    exchange_order_id = id_text(row.order_id)
    if exchange_order_id is None:
        raise ValueError("an open order without order_id")
    return OpenRow(
        exchange_order_id,
        f"{row.payment_currency}-{row.order_currency}",
        _side(row.type),
        Price(_units(row.price, "price")),
        Qty(_units(row.units, "units")),
        Qty(_units(row.units_remaining, "units_remaining")),
        _moment(row.order_date, "order_date", settings.order_hours_ahead),
    )


def read_detail(data: msgspec.Raw, exchange_order_id: str, settings: LegacySettings) -> Detail:
    """Return one order with its fills, given as an object or as an array of one (bithumb.md §1.4).

    A part-filled live order is Pending, a cancelled one keeps its fills. Truth is the sum of the fills.
    """
    found = read_as(_DETAIL, data)
    if isinstance(found, list):
        if len(found) != 1:
            raise ValueError(f"asked for one order, was told of {len(found)}")
        found = found[0]
    ordered = _units(found.order_qty, "order_qty")
    fills = _fills(found.contract or [], settings)
    executed = sum(fill.qty for fill in fills)
    report = OrderReport(
        on=_on(found.order_status, executed, ordered),
        exchange_order_id=exchange_order_id,
        executed_qty=Qty(executed),
        executed_funds=exact_sum(fill.funds for fill in fills),
        paid_fee=_fee(found),
        fills=fills,
        detail=found.order_status,
    )
    return Detail(f"{found.payment_currency}-{found.order_currency}", _side(found.type), report)


def _on(status: str, executed: int, ordered: int) -> OrderOn:
    # A word for an end that we do not know ends nothing.
    if 0 < ordered == executed:
        return OrderOn.FULL_FILL
    if status in ("Completed", "Cancel"):
        return OrderOn.CANCELED
    return OrderOn.PART_FILL if executed else OrderOn.ACKED


def _fills(rows: list[_Contract], settings: LegacySettings) -> tuple[Fill, ...]:
    fills = []
    twins: Counter[str] = Counter()
    for row in rows:
        price, qty = Price(_units(row.price, "contract price")), Qty(_units(row.units, "contract units"))
        at = _moment(row.transaction_date, "transaction_date", settings.fill_hours_ahead)
        fills.append(Fill(match_id(at, price, qty, twins), price, qty, exact_product(price, qty), at))
    return tuple(fills)


def match_id(at: Ns, price: Price, qty: Qty, twins: Counter[str]) -> str:
    """Return a name for a fill the wire gives none (bithumb.md §7.1): its time, price and quantity, numbered
    where several are alike. The same fills have the same names at every reading."""
    name = f"{at // _NS_PER_US}-{price}-{qty}"
    twins[name] += 1
    return f"{name}-{twins[name]}"


def _fee(found: _Detail) -> Decimal | None:
    fees = []
    for row in found.contract or []:
        if bytes(row.fee) in _NULL:
            return None
        if row.fee_currency not in (None, found.payment_currency):
            raise ValueError(f"a fee in {row.fee_currency}, must be in {found.payment_currency}")
        fees.append(number(row.fee, "contract fee"))
    return exact_sum(fees)


def read_transactions(data: msgspec.Raw, side: Side, settings: LegacySettings) -> tuple[tuple[Match, ...], int]:
    """Return a page's matches of `side`, and how many rows the page had."""
    rows = read_as(_TRANSACTIONS, data)
    word = "1" if side is Side.BID else "2"
    return tuple(_match(row, side, settings) for row in rows if str(row.search) == word), len(rows)


def _match(row: _Transaction, side: Side, settings: LegacySettings) -> Match:
    # Sales are written with a minus in places; the side is known.
    price = Price(_units(row.price, "price"))
    qty = Qty(_units(msgspec.Raw(bytes(row.units).replace(b"-", b"").replace(b"+", b"")), "units"))
    fee = Decimal(0) if bytes(row.fee) in _NULL else number(row.fee, "fee")
    at = _moment(row.transfer_date, "transfer_date", settings.fill_hours_ahead)
    return Match(side, price, qty, exact_product(price, qty), fee, at)


def read_balances(data: msgspec.Raw) -> tuple[Holding, ...]:
    """Return every holding: members end in the coin's name in small letters (bithumb.md §1.4)."""
    members = read_as(_BALANCES, data)
    found = []
    for name, free in members.items():
        if not name.startswith("available_"):
            continue
        asset = name.removeprefix("available_")
        in_use = members.get(f"in_use_{asset}")
        if in_use is None:
            raise ValueError(f"balance of {asset} lacks in_use_{asset}")
        found.append(Holding(asset.upper(), number(free, name), number(in_use, f"in_use_{asset}")))
    if not found:
        raise ValueError("an answer without any balance")
    return tuple(found)


def read_trade_fee(data: msgspec.Raw) -> Decimal:
    """Return the account's fee as a rate (bithumb.md §1.4)."""
    return number(read_as(_ACCOUNT, data).trade_fee, "trade_fee")
