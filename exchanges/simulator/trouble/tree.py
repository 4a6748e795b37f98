"""Changes of shape on decoded JSON. Numbers keep their spelling unless a fault is about them."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from exchanges.simulator.trouble import shapes

_READ = msgspec.json.Decoder(float_hook=lambda text: msgspec.Raw(text.encode()))
_LADDERS = ("orderbook_units", "obu")
_PRICES = ("ask_price", "bid_price", "ap", "bp")
_STAMPS = ("timestamp", "tms", "datetime")
_ZERO_UNIT = {
    "orderbook_units": dict.fromkeys(("ask_price", "bid_price", "ask_size", "bid_size"), 0),
    "obu": dict.fromkeys(("ap", "bp", "as", "bs"), 0),
}
_FLAGS = ("market_warning", "warning", "caution")

Change = Callable[[dict[str, Any]], dict[str, Any]]


def read_tree(body: bytes) -> Any:
    """Return what JSON text holds, fractions as raw text; None for anything else."""
    try:
        return _READ.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def write_tree(tree: Any) -> bytes:
    """Return compact JSON."""
    return msgspec.json.encode(tree)


def change_tree(fault: shapes.Shape, tree: Any) -> Any:
    """Return `tree` as the fault shapes it."""
    match fault:
        case shapes.ArrayAsObject(key=key):
            return _as_object(tree, key) if isinstance(tree, list) else tree
        case shapes.ArrayReversed():
            return tree[::-1] if isinstance(tree, list) else tree
        case shapes.MarketVanished(gone=gone):
            return (
                [row for row in tree if not (isinstance(row, dict) and row.get("market") == gone)]
                if isinstance(tree, list)
                else tree
            )
        case shapes.MarketAppeared(fresh=fresh):
            if not isinstance(tree, list) or not tree or not isinstance(tree[-1], dict):
                return tree
            return [*tree, {**tree[-1], "market": fresh}]
        case shapes.NumberRespelled(field=field, spelling=spelling):
            return _numbers(tree, field, spelling)
    return _each_object(tree, _change_of(fault))


def _as_object(rows: list[Any], key: str) -> dict[str, Any]:
    return {
        str(row[key]) if isinstance(row, dict) and key in row else str(index): row for index, row in enumerate(rows)
    }


def _each_object(tree: Any, change: Change) -> Any:
    if isinstance(tree, list):
        return [_each_object(item, change) for item in tree]
    if isinstance(tree, dict):
        return change({name: _each_object(value, change) for name, value in tree.items()})
    return tree


def _change_of(fault: shapes.Shape) -> Change:
    match fault:
        case shapes.ExtraField(name=name):
            return lambda row: {**row, name: "?"}
        case shapes.NewEnumValue(field=field, value=value):
            return lambda row: {**row, field: value} if field in row else row
        case shapes.KeyMissing(field=field):
            return lambda row: {name: value for name, value in row.items() if name != field}
        case shapes.KeyNull(field=field):
            return lambda row: {**row, field: None}
        case shapes.NullAbsent():
            return lambda row: {name: value for name, value in row.items() if value is not None}
        case shapes.FieldRenamed(from_=old, to=new):
            return lambda row: {new if name == old else name: value for name, value in row.items()}
        case shapes.ErrorRenamed(spelling=name_spelling):
            return lambda row: _error_renamed(row, name_spelling)
        case shapes.LadderLength(levels=levels):
            return lambda row: _cut(row, levels)
        case shapes.PricesOffTick():
            return lambda row: {name: _off_tick(value) if name in _PRICES else value for name, value in row.items()}
        case shapes.TimesRespelled(spelling=spelling):
            return lambda row: {
                name: _time(value, spelling) if name.endswith("_at") else value for name, value in row.items()
            }
        case shapes.TimestampShifted(by_ns=by_ns):
            return lambda row: {name: _shifted(name, value, by_ns) for name, value in row.items()}
        case shapes.WarningFlipped():
            return lambda row: {name: _flipped(value) if name in _FLAGS else value for name, value in row.items()}
    return lambda row: row


def _error_renamed(row: dict[str, Any], spelling: shapes.NameSpelling) -> dict[str, Any]:
    error = row.get("error")
    if not isinstance(error, dict) or "name" not in error:
        return row
    name: object = 400 if spelling is shapes.NameSpelling.NUMBER else str(error["name"])
    return {**row, "error": {**error, "name": name}}


def _cut(row: dict[str, Any], levels: int) -> dict[str, Any]:
    for name in _LADDERS:
        if isinstance(row.get(name), list):
            units = row[name][:levels]
            row = {**row, name: units + [_ZERO_UNIT[name]] * (levels - len(units))}
    return row


def _off_tick(value: Any) -> Any:
    text = number_text(value)
    if text is None or not Decimal(text):
        return value
    return msgspec.Raw(f"{Decimal(text):f}".partition(".")[0].encode() + b".12345678")


def _time(value: Any, spelling: shapes.TimeSpelling) -> Any:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value
    match spelling:
        case shapes.TimeSpelling.UTC:
            return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
        case shapes.TimeSpelling.SUB_SECOND:
            return moment.replace(microsecond=123_000).isoformat(timespec="milliseconds")
        case shapes.TimeSpelling.MICROSECONDS:
            return moment.replace(microsecond=123_456).isoformat(timespec="microseconds")


# Milliseconds, or microseconds from 16 digits up (bithumb.md §6.1).
def _shifted(name: str, value: Any, by_ns: int) -> Any:
    if name in _STAMPS and isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return str(_shifted(name, int(value), by_ns))
    if name not in _STAMPS or not isinstance(value, int):
        return value
    return value + by_ns // (1_000 if value >= 10**15 else 1_000_000)


def _flipped(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, dict):
        return {name: _flipped(inner) for name, inner in value.items()}
    return "CAUTION" if value == "NONE" else "NONE"


def _numbers(tree: Any, field: str, spelling: shapes.Spelling) -> Any:
    if isinstance(tree, list):
        return [_numbers(item, field, spelling) for item in tree]
    if not isinstance(tree, dict):
        return tree
    return {
        name: _number(value, spelling)
        if (not field or name == field) and number_text(value) is not None
        else _numbers(value, field, spelling)
        for name, value in tree.items()
    }


def number_text(value: Any) -> str | None:
    """Return a JSON number's text; None for what is none."""
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


# The same value in other letters; what has a fraction cannot be an int and stays.
def _number(value: Any, spelling: shapes.Spelling) -> Any:
    plain = f"{Decimal(number_text(value) or '0'):f}"
    whole, _, part = plain.partition(".")
    match spelling:
        case shapes.Spelling.TEXT:
            return plain
        case shapes.Spelling.INT:
            return value if part.strip("0") else msgspec.Raw(whole.encode())
        case shapes.Spelling.FLOAT:
            return msgspec.Raw(f"{whole}.{part or '0'}".encode())
        case shapes.Spelling.EXPONENT:
            return msgspec.Raw(f"{Decimal(plain):E}".replace("E+", "E").encode())
        case shapes.Spelling.LONG:
            return msgspec.Raw(f"{whole}.{part.ljust(24, '0')}".encode())
