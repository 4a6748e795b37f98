"""Every recorded real book reads the same here as in ccxt's own parser, level by level."""

import asyncio
import base64
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from clients.client_bench import PYTHON, SCRIPTS

from arbitrage.domain.frame_spec import DecodedBook, FrameDecoder, FrameSpec, TimeUnit
from arbitrage.domain.units import Exchange, Ns, units_exact, units_floor
from exchanges.bithumb.legacy_books import FoldedBook, read_depth
from exchanges.bithumb.profile import STREAM_SPEC as BITHUMB_SPEC
from exchanges.fields import Fields
from exchanges.upbit.profile import STREAM_SPEC as UPBIT_SPEC

FIELDS = Fields(Exchange.BITHUMB)
FRAMES = Path(__file__).parents[1] / "frames"
MAX_LEVELS = 30
TIME = "1790134773006"


def diffs() -> list[dict[str, str]]:
    """Return every recorded change of Bithumb's legacy stream, by file and in order: market, raw text."""
    found = []
    for path in sorted(FRAMES.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            if row.get("kind") == "orderbookdepth":
                market = read_depth(FIELDS, row["raw"].encode())[0].market
                found.append({"exchange": "bithumb", "market": market, "raw": row["raw"]})
    return found


def recorded() -> list[dict[str, str]]:
    """Return every order book of the recordings that both formats' keys can read: exchange, market, raw text."""
    found = []
    for path in sorted(FRAMES.glob("*.jsonl")):
        exchange = "upbit"
        for line in path.read_text().splitlines():
            row = json.loads(line)
            if row.get("t", "recv") != "recv" or "legacy" in row.get("proto", ""):
                continue
            raw = base64.b64decode(row["b64"]).decode() if "b64" in row else row["raw"]
            frame = json.loads(raw)
            if isinstance(frame, dict) and frame.get("type", frame.get("ty")) == "orderbook":
                market = frame.get("code", frame.get("cd"))
                if not {"timestamp", "tms"} & frame.keys():
                    # Its author cut the time out; without one a frame is no book to us. The rest is compared.
                    raw = raw[:-1] + (',"tms":' if "ty" in frame else ',"timestamp":') + TIME + "}"
                found.append({"exchange": row.get("exchange", exchange), "market": market, "raw": raw})
    return found


def spec_for(exchange: str, raw: str) -> FrameSpec:
    """Return the exchange's spec under the keys this frame has; SIMPLE frames of November 2024 count in ms."""
    shipped = UPBIT_SPEC if exchange == "upbit" else BITHUMB_SPEC
    keys = UPBIT_SPEC if '"ty"' in raw else BITHUMB_SPEC
    frame = json.loads(raw)
    stamp = str(frame.get("timestamp", frame.get("tms")))
    unit = TimeUnit.MILLISECONDS if len(stamp) == 13 else TimeUnit.MICROSECONDS
    return msgspec.structs.replace(keys, name=shipped.name, time_unit=unit)


def ladder(rows: list[list[str]]) -> list[tuple[int, int]]:
    """Return ccxt's levels in 10^-8, without the padding and the dust that are no liquidity."""
    levels = [(units_exact(Decimal(price)), units_floor(Decimal(size))) for price, size in rows]
    return [(price, qty) for price, qty in levels if price and qty][:MAX_LEVELS]


def ours(book: DecodedBook) -> dict[str, list[tuple[int, int]]]:
    """Return our levels as pairs."""
    return {side: [(level.price, level.qty) for level in getattr(book, side)] for side in ("bids", "asks")}


async def parsed_by_ccxt(frames: list[dict[str, str]]) -> dict[str, Any]:
    """Return what ccxt makes of the frames, in order."""
    process = await asyncio.create_subprocess_exec(
        str(PYTHON),
        str(SCRIPTS / "recorded_books.py"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate("\n".join(json.dumps(frame) for frame in frames).encode())
    assert process.returncode == 0
    report: dict[str, Any] = json.loads(out)
    return report


async def test_every_recorded_book_is_the_same_as_ccxts() -> None:
    frames = recorded()
    assert len(frames) == 145 + 3 + 5 + 3
    theirs = (await parsed_by_ccxt(frames))["books"]
    assert len(theirs) == len(frames)
    for frame, their in zip(frames, theirs, strict=True):
        book = FrameDecoder(spec_for(frame["exchange"], frame["raw"])).decode(frame["raw"].encode())
        assert ours(book) == {side: ladder(their[side]) for side in ("bids", "asks")}, frame["raw"][:200]
        assert book.market == frame["market"]
        assert str(book.exchange_ns).startswith(str(their["timestamp"])), frame["raw"][:200]


async def test_recorded_legacy_diffs_add_up_to_the_same_books_as_ccxts() -> None:
    frames = diffs()
    assert len(frames) == 92 + 3
    theirs = (await parsed_by_ccxt(frames))["books"]
    books: dict[str, FoldedBook] = {}
    for frame, their in zip(frames, theirs, strict=True):
        (depth,) = read_depth(FIELDS, frame["raw"].encode())
        # ccxt begins with nothing, so both do here.
        book = books.get(depth.market)
        if book is None:
            book = books[depth.market] = FoldedBook()
            book.begin(DecodedBook(depth.market, Ns(0), (), ()))
        assert book.fold(depth), frame["raw"][:200]
        assert ours(book.book(depth.market)) == {side: ladder(their[side]) for side in ("bids", "asks")}
        assert str(depth.exchange_ns).startswith(str(their["timestamp"]))
