"""How an exchange's order-book frame is laid out, as data (R1.1: fields mapped by configuration).

The Python decoder here and a native one read the same spec; a spec travels as JSON and can be
replaced at run time. Numbers go from their digits to int; what is not plain digits (an exponent, a
string, more than 8 decimals) goes through `Decimal`: no float either way.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from arbitrage.domain.book import MAX_LEVELS, Level
from arbitrage.domain.errors import FrameInvalid
from arbitrage.domain.units import DECIMALS, INT64_MAX, Ns, Price, Qty, units_exact, units_floor

_KEEP = 160
"""How much of an offending frame an error quotes; the caller keeps the whole of it."""


_DECIMAL = msgspec.json.Decoder(Decimal)
_LONGEST = 30
"""No time has so many digits."""
_LEVELS_KEPT = 1 << 14
"""From one frame to the next nine levels in ten stand as they stood: they are not read anew."""
_ROWS_KEPT = 1 << 13
_ROW_BYTES = 1024
"""A longer row is not kept."""
_SCALES: tuple[int, ...] = tuple(10 ** (DECIMALS - places) for places in range(DECIMALS + 1))
"""What a number without its point is to be multiplied by, by the places it had."""
_LADDERS_KEPT = 256
"""One exchange's frames in three bring a market's rows as they were (bithumb.md §6.1)."""
_SPECS_KEPT = 32


class TimeUnit(StrEnum):
    """The unit of the frame's own clock."""

    MILLISECONDS = "ms"
    MICROSECONDS = "us"


NS_PER = {TimeUnit.MILLISECONDS: 1_000_000, TimeUnit.MICROSECONDS: 1_000}


class Layout(StrEnum):
    """PAIRED: one array, each row an ask and a bid of the same rank, best first. LADDERS: one array per side of
    `[price, qty]` pairs, in any order."""

    PAIRED = "paired"
    LADDERS = "ladders"


class MarketForm(StrEnum):
    """How a market is spelled: `KRW-BTC`, or `BTC_KRW` (bithumb.md §0.1)."""

    QUOTE_BASE = "quote_base"
    BASE_QUOTE = "base_quote"


class FrameSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keys of a whole-book frame in one of two layouts.

    Rows with price 0 are padding and dropped; rows with size 0 are dust below the wire's rounding
    and dropped (upbit.md §3.4, bithumb.md §6.1). `used_keys` says which keys a layout needs.
    """

    name: str
    version: int
    type_key: str | None
    type_value: str | None
    market_key: str
    time_key: str
    time_unit: TimeUnit
    units_key: str = ""
    ask_price_key: str = ""
    bid_price_key: str = ""
    ask_qty_key: str = ""
    bid_qty_key: str = ""
    layout: Layout = Layout.PAIRED
    content_key: str | None = None
    """The member that holds market, time and ladders; None = they stand beside the type. LADDERS alone."""
    asks_key: str = ""
    bids_key: str = ""
    market_form: MarketForm = MarketForm.QUOTE_BASE


_HEAD_KEYS = ("type_key", "market_key", "time_key")
_ROW_KEYS = ("ask_price_key", "bid_price_key", "ask_qty_key", "bid_qty_key")


def used_keys(spec: FrameSpec) -> list[tuple[str, ...]]:
    """Return the fields of the keys that `spec`'s layout reads, those of one object together: they must differ."""
    if spec.layout is Layout.PAIRED:
        return [(*_HEAD_KEYS, "units_key"), _ROW_KEYS]
    ladders = ("asks_key", "bids_key")
    if spec.content_key is None:
        return [(*_HEAD_KEYS, *ladders)]
    return [("type_key", "content_key"), ("market_key", "time_key", *ladders)]


def market_of_symbol(symbol: str) -> str:
    """Return `KRW-BTC` for `BTC_KRW` (bithumb.md §7.1); ValueError when it is no such pair."""
    base, mark, quote = symbol.partition("_")
    if not base or not mark or not quote:
        raise ValueError(f"symbol {symbol!r} is no pair")
    return f"{quote}-{base}"


class DecodedBook(msgspec.Struct, frozen=True):
    """A frame's content in house units; not yet checked by `ladder_fault`."""

    market: str
    exchange_ns: Ns
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class FrameDecoder:
    """Decode whole-book frames of one spec. Pure: bytes in, ladders out."""

    def __init__(self, spec: FrameSpec) -> None:
        self.spec = spec
        self._decoder = _frame_decoder(spec)
        self._rows = _row_decoder(spec) if spec.layout is Layout.PAIRED else None
        self._ns_per = NS_PER[spec.time_unit]

    def decode(self, data: bytes) -> DecodedBook:
        """Return the book in `data`. FrameInvalid when it is anything else.

        Prices must be exact in 10^-8; sizes are cut down to 10^-8 and capped at int64.
        Levels past the 30th are left out.
        """
        if self._rows is not None:
            try:
                return self._by_rows(self._rows, data)
            except (ValueError, TypeError, ArithmeticError, msgspec.MsgspecError):
                # Read level by level below, which says what is wrong.
                pass
        try:
            frame: Any = self._decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise FrameInvalid(f"{self.spec.name}: {error}: {data[:_KEEP]!r}") from None
        return self._build(frame, data)

    def _by_rows(self, rows: "_RowDecoder", data: bytes) -> DecodedBook:
        # The same by whole rows, of which most were read before. ValueError when it is not as plain as most frames.
        frame: Any = rows.frame.decode(data)
        spec = self.spec
        if spec.type_key is not None and frame.type != spec.type_value:
            raise ValueError
        bids, asks = rows.read(bytes(frame.units))
        time = whole_number(frame.time) * self._ns_per
        if not 0 < time <= INT64_MAX:
            raise ValueError
        market = frame.market if spec.market_form is MarketForm.QUOTE_BASE else market_of_symbol(frame.market)
        return DecodedBook(market, Ns(time), bids, asks)

    def _build(self, frame: Any, data: bytes) -> DecodedBook:
        # The book of an already parsed frame; `data` is quoted in the error.
        spec = self.spec
        if spec.type_key is not None and frame.type != spec.type_value:
            raise FrameInvalid(f"{spec.name}: {spec.type_key} was {frame.type!r}, must be {spec.type_value!r}")
        try:
            if spec.layout is Layout.PAIRED:
                bids = _ladder([(unit.bid_price, unit.bid_qty) for unit in frame.units])
                asks = _ladder([(unit.ask_price, unit.ask_qty) for unit in frame.units])
            else:
                frame = frame if spec.content_key is None else frame.content
                bids, asks = best_first(frame.bids, frame.asks)
            time = whole_number(frame.time) * self._ns_per
            market = frame.market if spec.market_form is MarketForm.QUOTE_BASE else market_of_symbol(frame.market)
        except (ValueError, ArithmeticError, msgspec.MsgspecError) as error:
            raise FrameInvalid(f"{spec.name}: {error}: {data[:_KEEP]!r}") from None
        if not 0 < time <= INT64_MAX:
            raise FrameInvalid(
                f"{spec.name}: {spec.time_key} was {bytes(frame.time)!r}, must be a positive int64 in ns"
            )
        return DecodedBook(market, Ns(time), bids, asks)


class _RowDecoder(NamedTuple):
    # A PAIRED frame whose rows are left as they stand, and what reads all of them: (bids, asks).
    frame: msgspec.json.Decoder[Any]
    read: Callable[[bytes], tuple[tuple[Level, ...], tuple[Level, ...]]]


@lru_cache(maxsize=_SPECS_KEPT)
def _frame_decoder(spec: FrameSpec) -> msgspec.json.Decoder[Any]:
    if spec.layout is Layout.LADDERS:
        return msgspec.json.Decoder(_ladders(spec))
    unit = _unit(spec, msgspec.Raw)
    return msgspec.json.Decoder(_paired(spec, list[unit]))  # type: ignore[valid-type]


@lru_cache(maxsize=_SPECS_KEPT)
def _row_decoder(spec: FrameSpec) -> _RowDecoder:
    unit: Any = _unit(spec, Any)
    decode = msgspec.json.Decoder(unit, float_hook=str.encode).decode

    @lru_cache(maxsize=_ROWS_KEPT)
    def read_row(row: bytes) -> tuple[Level | None, Level | None]:
        if len(row) > _ROW_BYTES:
            raise ValueError
        found: Any = decode(b"{" + row + b"}")
        return _level(found.bid_price, found.bid_qty), _level(found.ask_price, found.ask_qty)

    @lru_cache(maxsize=_LADDERS_KEPT)
    def read(units: bytes) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        if units[:2] != b"[{" or units[-2:] != b"}]":
            raise ValueError
        # A cut that is not between two rows leaves an open string or bracket before it, which is no JSON.
        rows = units[2:-2].split(b"},{")
        if len(rows) > MAX_LEVELS:
            raise ValueError
        bids, asks = zip(*map(read_row, rows), strict=True)
        return (
            bids if all(bids) else tuple([bid for bid in bids if bid is not None]),
            asks if all(asks) else tuple([ask for ask in asks if ask is not None]),
        )

    frame: Any = _paired(spec, msgspec.Raw)
    return _RowDecoder(msgspec.json.Decoder(frame), read)


def _unit(spec: FrameSpec, number: Any) -> type:
    return msgspec.defstruct(
        "Unit",
        [(name, number) for name in ("ask_price", "bid_price", "ask_qty", "bid_qty")],
        gc=False,
        rename={
            "ask_price": spec.ask_price_key,
            "bid_price": spec.bid_price_key,
            "ask_qty": spec.ask_qty_key,
            "bid_qty": spec.bid_qty_key,
        },
    )


def _paired(spec: FrameSpec, units: Any) -> type:
    fields: list[Any] = [("market", str), ("time", msgspec.Raw), ("units", units)]
    rename = {"market": spec.market_key, "time": spec.time_key, "units": spec.units_key}
    if spec.type_key is not None:
        fields.insert(0, ("type", str))
        rename["type"] = spec.type_key
    return msgspec.defstruct("Frame", fields, rename=rename)


Pair = tuple[msgspec.Raw, msgspec.Raw]
"""Price and quantity as they stand on the wire."""
Row = tuple[msgspec.Raw | bytes, msgspec.Raw | bytes]
Number = int | bytes
"""A number of a row: a whole one read already, any other as it is written."""


def _ladders(spec: FrameSpec) -> type:
    fields: list[Any] = [("market", str), ("time", msgspec.Raw), ("asks", list[Pair]), ("bids", list[Pair])]
    rename = {"market": spec.market_key, "time": spec.time_key, "asks": spec.asks_key, "bids": spec.bids_key}
    head: list[Any] = [] if spec.type_key is None else [("type", str)]
    if spec.content_key is None:
        return msgspec.defstruct("Frame", head + fields, rename=rename | {"type": spec.type_key or ""})
    content = msgspec.defstruct("Content", fields, rename=rename)
    names = {"type": spec.type_key or "", "content": spec.content_key}
    return msgspec.defstruct("Frame", [*head, ("content", content)], rename=names)


def best_first(bids: Sequence[Pair], asks: Sequence[Pair]) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    """Return both ladders of `(price, qty)` pairs, numbers or text, best level first, 30 at most (bithumb.md §1.3:
    the order of asks is not established). ValueError when a level is no plain number."""
    sides = []
    for rows, falling in ((bids, True), (asks, False)):
        levels = _ladder([(_unquoted(price), _unquoted(qty)) for price, qty in rows], len(rows))
        sides.append(tuple(sorted(levels, key=lambda level: level.price, reverse=falling)[:MAX_LEVELS]))
    return sides[0], sides[1]


def whole_number(raw: msgspec.Raw) -> int:
    """Return a whole number however JSON spells it: digits, text, `.0` or an exponent (upbit.md §6 idea 6).

    ValueError when it is anything else.
    """
    text = bytes(raw)
    if text.isdigit():
        return int(text)
    value = _DECIMAL.decode(text)
    if not value.is_finite() or value.adjusted() > _LONGEST or value != value.to_integral_value():
        raise ValueError(f"{text!r} is no whole number")
    return int(value)


def _unquoted(raw: msgspec.Raw) -> bytes:
    text = bytes(raw)
    if text[:1] != b'"':
        return text
    # Python would take blanks and underscores for part of a number.
    if not text[1:-1].replace(b".", b"", 1).isdigit():
        raise ValueError(f"{text!r} is no plain number")
    return text[1:-1]


def _ladder(rows: Sequence[Row], most: int = MAX_LEVELS) -> tuple[Level, ...]:
    levels = []
    for price_raw, qty_raw in rows:
        level = _level(bytes(price_raw), bytes(qty_raw))
        if level is not None:
            levels.append(level)
        if len(levels) == most:
            break
    return tuple(levels)


# Typed: JSON's `true` is no 1.
@lru_cache(maxsize=_LEVELS_KEPT, typed=True)
def _level(price_number: Number, qty_number: Number) -> Level | None:
    """Return one level, None for padding and dust. ValueError when it is out of bounds."""
    price = _units(price_number, _price)
    if price == 0:
        return None
    qty = _units(qty_number, _qty)
    if price < 0 or qty < 0:
        raise ValueError(f"level {price_number!r} x {qty_number!r} is negative")
    if price > INT64_MAX:
        raise ValueError(f"{price_number!r} is beyond int64 in 10^-{DECIMALS}")
    return Level(Price(price), Qty(min(qty, INT64_MAX))) if qty else None


def _units(number: Number, read: Callable[[bytes], int]) -> int:
    if isinstance(number, bytes):
        return read(number)
    if type(number) is not int or number > INT64_MAX:
        raise ValueError(f"{number!r} is no number to read at once")
    return number * _SCALES[0]


@lru_cache(maxsize=_LEVELS_KEPT)
def _price(text: bytes) -> int:
    # Sizes change, prices come back. ValueError when it is no exact price.
    plain = _plain_units(text)
    return units_exact(_DECIMAL.decode(text)) if plain is None else plain


def _qty(text: bytes) -> int:
    plain = _plain_units(text)
    return units_floor(_DECIMAL.decode(text)) if plain is None else plain


def _plain_units(text: bytes) -> int | None:
    """Return a plain JSON number of at most 8 decimals in 10^-8, from its digits alone; None for any other."""
    whole, _, part = text.partition(b".")
    if len(part) > DECIMALS or len(whole) > DECIMALS * 3:
        return None
    try:
        return int(whole + part) * _SCALES[len(part)]
    except ValueError:
        return None
