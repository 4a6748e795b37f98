"""Recorded books of real exchanges, read from a directory of JSON lines (tests/frames/README.md).

A line is a frame with a receive time and base64 bytes, or one with the raw text. What is not an order
book of a KRW market is passed over; what should be one and cannot be read is counted. Never fatal,
unless nothing at all is left to play.
"""

import base64
import binascii
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.params import is_market
from arbitrage.domain.units import INT64_MAX, Exchange, units_exact, units_floor
from exchanges.simulator.ladder import Ladder

_LONGEST_GAP_NS = 5_000_000_000
_GUESSED_GAP_NS = 1_000_000_000
_UNGROUPED = (0, 1)
"""`level` of a book that is not grouped by price: 0 on Upbit, 1 on Bithumb."""


class RecordedBook(msgspec.Struct, frozen=True):
    """One market's books in order: how long each stands in ns, its bids and its asks. Played in a loop."""

    frames: tuple[tuple[int, Ladder, Ladder], ...]


class Recording(msgspec.Struct, frozen=True):
    """What a directory held. `passed_over`: other kinds of lines; `unusable`: `file:line: why` of broken ones."""

    books: dict[tuple[Exchange, str], RecordedBook]
    frames: int
    passed_over: int
    unusable: tuple[str, ...]

    @property
    def markets(self) -> tuple[str, ...]:
        """Return the recorded markets, by name."""
        return tuple(sorted({market for _, market in self.books}))


class _Unusable(ValueError):
    """A line that should have been a book."""


def read_recording(directory: Path) -> Recording:
    """Return all playable books under `directory`. ConfigError when there is no such directory or no book in it."""
    if not directory.is_dir():
        raise ConfigError([f"--recording {directory} is not a directory"])
    found: dict[tuple[Exchange, str], list[tuple[int | None, Ladder, Ladder]]] = {}
    passed_over = 0
    unusable = []
    for path in sorted(directory.glob("*.jsonl")):
        exchange_of_file: Exchange | None = None
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            try:
                row = msgspec.json.decode(line)
                if not isinstance(row, dict):
                    raise _Unusable("not an object")
                if row.get("t") == "header":
                    exchange_of_file = _exchange(str(row.get("exchange", "")))
                frame = _frame(row, exchange_of_file)
            except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
                unusable.append(f"{path.name}:{number}: {error}")
                continue
            if frame is None:
                passed_over += 1
            else:
                exchange, market, at_ns, bids, asks = frame
                found.setdefault((exchange, market), []).append((at_ns, bids, asks))
    if not found:
        raise ConfigError(
            [f"--recording {directory} has no usable order book of a KRW market ({len(unusable)} unusable lines)"]
        )
    books = {key: RecordedBook(_paced(rows)) for key, rows in found.items()}
    return Recording(books, sum(map(len, found.values())), passed_over, tuple(unusable))


def _exchange(word: str) -> Exchange | None:
    return next((exchange for exchange in Exchange if exchange.value == word.lower()), None)


# The book in one line, or None when the line is of another kind.
def _frame(
    row: dict[str, Any], exchange_of_file: Exchange | None
) -> tuple[Exchange, str, int | None, Ladder, Ladder] | None:
    if "legacy" in str(row.get("proto", "")):
        return None
    exchange = _exchange(str(row.get("exchange", ""))) or exchange_of_file
    recv_ns: int | None = None
    if isinstance(row.get("b64"), str) and row.get("t") == "recv":
        try:
            raw = base64.b64decode(row["b64"], validate=True)
        except binascii.Error as error:
            raise _Unusable(f"b64: {error}") from None
        if isinstance(row.get("ts"), int | float):
            recv_ns = int(Decimal(str(row["ts"])).scaleb(9))
    elif isinstance(row.get("raw"), str):
        raw = row["raw"].encode()
    else:
        return None
    frame = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode(raw)
    if frame.get("type", frame.get("ty")) != "orderbook" or exchange is None:
        return None
    market = frame.get("code", frame.get("cd"))
    if not isinstance(market, str) or not market.startswith("KRW-") or not is_market(market):
        return None
    if frame.get("level", frame.get("lv", 0)) not in _UNGROUPED:
        return None
    bids, asks = _ladders(frame)
    return exchange, market, recv_ns or _own_time(frame), bids, asks


def _ladders(frame: dict[str, Any]) -> tuple[Ladder, Ladder]:
    units = frame.get("orderbook_units", frame.get("obu"))
    if not isinstance(units, list):
        raise _Unusable("no orderbook_units")
    bids: Ladder = []
    asks: Ladder = []
    try:
        for unit in units:
            for ladder, short, long in ((bids, "b", "bid"), (asks, "a", "ask")):
                price = units_exact(Decimal(unit.get(f"{long}_price", unit.get(f"{short}p"))))
                qty = min(units_floor(Decimal(unit.get(f"{long}_size", unit.get(f"{short}s")))), INT64_MAX)
                if price < 0 or qty < 0:
                    raise _Unusable("a negative price or size")
                if price and qty:
                    ladder.append((price, qty))
    except (TypeError, AttributeError, ArithmeticError) as error:
        raise _Unusable(f"orderbook_units: {error!r}") from None
    if not bids or not asks or bids[0][0] >= asks[0][0]:
        raise _Unusable("a side is empty or the book is crossed")
    if bids != sorted(bids, reverse=True) or asks != sorted(asks):
        raise _Unusable("levels out of order")
    return bids, asks


# Milliseconds on Upbit, microseconds on Bithumb.
def _own_time(frame: dict[str, Any]) -> int | None:
    stamp = frame.get("timestamp", frame.get("tms"))
    if not isinstance(stamp, int):
        return None
    return stamp * (1_000 if stamp >= 10**15 else 1_000_000)


def _paced(rows: list[tuple[int | None, Ladder, Ladder]]) -> tuple[tuple[int, Ladder, Ladder], ...]:
    frames = []
    for index, (at_ns, bids, asks) in enumerate(rows):
        following = rows[index + 1][0] if index + 1 < len(rows) else None
        gap = _GUESSED_GAP_NS
        if at_ns is not None and following is not None and following >= at_ns:
            gap = min(max(following - at_ns, 1_000_000), _LONGEST_GAP_NS)
        frames.append((gap, bids, asks))
    return tuple(frames)
