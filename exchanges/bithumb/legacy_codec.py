"""Bithumb's legacy answers (v1.2): the envelope, orders, balances, fills. Pure.

Everything is text on this wire, numbers with thousands separators at times (bithumb.md §1.1). ValueError
says why an answer cannot be read; the caller decides what that proves.
"""

from collections import Counter
from decimal import Decimal, InvalidOperation
from typing import ClassVar

import msgspec

from arbitrage.domain.events import Holding
from arbitrage.domain.order import Fill, OrderOn, OrderReport
from arbitrage.domain.units import Ns, Price, Qty, Side, exact_product, exact_sum, units_exact
from exchanges.bithumb.legacy_profile import LegacySettings
from exchanges.fields import Fields, Shape
from exchanges.reads import plain
from exchanges.shapes import id_text

Id = str | int | None
_NS_PER_US = 1_000
_NS_PER_HOUR = 3_600_000_000_000
_NULL = (b"", b"null", b'""')


class Envelope(Shape):
    """Every answer's outside: the order's id stands beside the status (bithumb.md §1.1)."""

    object_name: ClassVar[str] = "legacy_envelope"
    status: str
    message: str = ""
    data: msgspec.Raw = msgspec.Raw()
    exchange_order_id: Id = None


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


class _OpenRow(Shape):
    object_name: ClassVar[str] = "legacy_open_order"
    exchange_order_id: str | int
    base: str
    quote: str
    side: str
    price: msgspec.Raw
    qty: msgspec.Raw
    remaining_qty: msgspec.Raw
    placed_us: msgspec.Raw


class _Fill(Shape):
    object_name: ClassVar[str] = "legacy_fill"
    at_us: msgspec.Raw
    price: msgspec.Raw
    qty: msgspec.Raw
    fee: msgspec.Raw = msgspec.Raw()
    fee_asset: str | None = None


class _Order(Shape):
    object_name: ClassVar[str] = "legacy_order"
    side: str
    state: str
    base: str
    quote: str
    qty: msgspec.Raw
    fills: list[_Fill] | None = None


class _Transaction(Shape):
    object_name: ClassVar[str] = "legacy_transaction"
    kind: str | int
    at_us: msgspec.Raw
    qty: msgspec.Raw
    price: msgspec.Raw
    fee: msgspec.Raw = msgspec.Raw()


class _Account(Shape):
    object_name: ClassVar[str] = "legacy_account"
    fee_rate: msgspec.Raw


_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])


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


class LegacyReads:
    """Every legacy answer read through the field maps as they count now."""

    def __init__(self, fields: Fields, settings: LegacySettings) -> None:
        self.fields = fields
        self._settings = settings

    def envelope(self, data: bytes) -> Envelope:
        """Return an answer's outside. ValueError when it is none: HTML, another shape, nothing at all."""
        return self.fields.one(Envelope, data)

    def open_rows(self, data: msgspec.Raw) -> tuple[OpenRow, ...]:
        """Return a listing of resting orders."""
        return tuple(self._open_row(row) for row in self.fields.many(_OpenRow, data))

    def _open_row(self, row: _OpenRow) -> OpenRow:
        exchange_order_id = id_text(row.exchange_order_id)
        if exchange_order_id is None:
            raise ValueError("an open order without an id")
        return OpenRow(
            exchange_order_id,
            f"{row.quote}-{row.base}",
            Side(row.side),
            Price(_units(row.price, "price")),
            Qty(_units(row.qty, "qty")),
            Qty(_units(row.remaining_qty, "remaining_qty")),
            _moment(row.placed_us, "placed_us", self._settings.order_hours_ahead),
        )

    def detail(self, data: msgspec.Raw, exchange_order_id: str) -> Detail:
        """Return one order with its fills, given as an object or as an array of one (bithumb.md §1.4).

        A part-filled live order is Pending, a cancelled one keeps its fills. Truth is the sum of the fills.
        """
        is_list = bytes(data).lstrip()[:1] == b"["
        rows = self.fields.many(_Order, data) if is_list else [self.fields.one(_Order, data)]
        if len(rows) != 1:
            raise ValueError(f"asked for one order, was told of {len(rows)}")
        found = rows[0]
        ordered = _units(found.qty, "qty")
        fills = self._fills(found.fills or [])
        executed = sum(fill.qty for fill in fills)
        report = OrderReport(
            on=_on(found.state, executed, ordered),
            exchange_order_id=exchange_order_id,
            executed_qty=Qty(executed),
            executed_funds=exact_sum(fill.funds for fill in fills),
            paid_fee=_fee(found),
            fills=fills,
            detail=found.state,
        )
        return Detail(f"{found.quote}-{found.base}", Side(found.side), report)

    def _fills(self, rows: list[_Fill]) -> tuple[Fill, ...]:
        fills = []
        twins: Counter[str] = Counter()
        for row in rows:
            price, qty = Price(_units(row.price, "fill price")), Qty(_units(row.qty, "fill qty"))
            at = _moment(row.at_us, "fill at_us", self._settings.fill_hours_ahead)
            fills.append(Fill(match_id(at, price, qty, twins), price, qty, exact_product(price, qty), at))
        return tuple(fills)

    def transactions(self, data: msgspec.Raw, side: Side) -> tuple[tuple[Match, ...], int]:
        """Return a page's matches of `side`, and how many rows the page had."""
        rows = self.fields.many(_Transaction, data)
        word = "1" if side is Side.BID else "2"
        return tuple(self._match(row, side) for row in rows if str(row.kind) == word), len(rows)

    def _match(self, row: _Transaction, side: Side) -> Match:
        # Sales are written with a minus in places; the side is known.
        price = Price(_units(row.price, "price"))
        qty = Qty(_units(msgspec.Raw(bytes(row.qty).replace(b"-", b"").replace(b"+", b"")), "qty"))
        fee = Decimal(0) if bytes(row.fee) in _NULL else number(row.fee, "fee")
        at = _moment(row.at_us, "at_us", self._settings.fill_hours_ahead)
        return Match(side, price, qty, exact_product(price, qty), fee, at)

    def balances(self, data: msgspec.Raw) -> tuple[Holding, ...]:
        """Return every holding: members end in the coin's name in small letters (bithumb.md §1.4)."""
        free, locked = self.fields.name("legacy_balance", "free"), self.fields.name("legacy_balance", "locked")
        try:
            members = _MEMBERS.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ValueError(f"legacy_balance: {error}") from None
        found = []
        for name, amount in members.items():
            if not name.startswith(free):
                continue
            asset = name.removeprefix(free)
            in_use = members.get(f"{locked}{asset}")
            if in_use is None:
                raise ValueError(f"balance of {asset} lacks {locked}{asset}")
            found.append(Holding(asset.upper(), number(amount, name), number(in_use, f"{locked}{asset}")))
        if not found:
            raise ValueError("an answer without any balance")
        return tuple(found)

    def trade_fee(self, data: msgspec.Raw) -> Decimal:
        """Return the account's fee as a rate (bithumb.md §1.4)."""
        return number(self.fields.one(_Account, data).fee_rate, "fee_rate")


def _on(status: str, executed: int, ordered: int) -> OrderOn:
    # A word for an end that we do not know ends nothing.
    if 0 < ordered == executed:
        return OrderOn.FULL_FILL
    if status in ("Completed", "Cancel"):
        return OrderOn.CANCELED
    return OrderOn.PART_FILL if executed else OrderOn.ACKED


def match_id(at: Ns, price: Price, qty: Qty, twins: Counter[str]) -> str:
    """Return a name for a fill the wire gives none (bithumb.md §7.1): its time, price and quantity, numbered
    where several are alike. The same fills have the same names at every reading."""
    name = f"{at // _NS_PER_US}-{price}-{qty}"
    twins[name] += 1
    return f"{name}-{twins[name]}"


def _fee(found: _Order) -> Decimal | None:
    fees = []
    for row in found.fills or []:
        if bytes(row.fee) in _NULL:
            return None
        if row.fee_asset not in (None, found.quote):
            raise ValueError(f"a fee in {row.fee_asset}, must be in {found.quote}")
        fees.append(number(row.fee, "fill fee"))
    return exact_sum(fees)
