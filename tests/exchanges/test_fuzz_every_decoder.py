"""Every decoder there is, on damaged samples of what it reads: no crash, and no book that the bytes do not say."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbitrage.domain.errors import FrameInvalid
from arbitrage.domain.frame_spec import FrameDecoder, FrameSpec
from arbitrage.domain.units import Exchange, Side
from exchanges.bithumb import codec as bithumb
from exchanges.bithumb.legacy_books import read_book, read_depth
from exchanges.bithumb.legacy_codec import LegacyReads
from exchanges.bithumb.legacy_profile import STREAM_SPEC as LEGACY_SPEC
from exchanges.bithumb.legacy_profile import LegacySettings
from exchanges.bithumb.profile import STREAM_SPEC as BITHUMB_SPEC
from exchanges.fields import Fields
from exchanges.list_shapes import (
    WireAnnouncement,
    WireBatch,
    WireCancels,
    WireInstrument,
    WireMarketWarning,
    WireNotice,
    WireOrderPage,
    WireReplaced,
    WireTransfer,
    WireWallet,
)
from exchanges.reads import Reads
from exchanges.shapes import WireKey, WireMarket
from exchanges.upbit import codec as upbit
from exchanges.upbit.profile import DEFAULT_SPEC
from exchanges.upbit.profile import STREAM_SPEC as UPBIT_SPEC

ROW: dict[str, Any] = {
    "ap": 4322000, "bp": 4321000, "as": 3.1, "bs": 0.84,
    "ask_price": 4322000, "bid_price": 4321000, "ask_size": 3.1, "bid_size": 0.84,
}  # fmt: skip
BOOK: dict[str, Any] = {
    "ty": "orderbook", "cd": "KRW-ETH", "tms": 1795000000123, "obu": [ROW, {**ROW, "ap": 4323000, "bp": 4320000}],
    "type": "orderbook", "code": "KRW-ETH", "timestamp": 1795000000123456,
    "orderbook_units": [ROW, {**ROW, "ask_price": 4323000, "bid_price": 4320000}],
}  # fmt: skip
PAIRS = [["4322000", "3.1"], ["4323000", "0.5"]]
LEGACY_BOOK: dict[str, Any] = {
    "type": "orderbooksnapshot",
    "content": {"symbol": "ETH_KRW", "datetime": "1795000000123456", "asks": PAIRS, "bids": [["4321000", "0.84"]]},
}
LEGACY_DEPTH: dict[str, Any] = {
    "type": "orderbookdepth",
    "content": {
        "list": [{"symbol": "ETH_KRW", "orderType": "ask", "price": "4322000", "quantity": "0", "total": "0"}],
        "datetime": "1795000000123456",
    },
}
LEGACY_REST: dict[str, Any] = {
    "status": "0000",
    "data": {
        "timestamp": "1795000000123", "order_currency": "ETH", "payment_currency": "KRW",
        "bids": [{"price": "4,321,000", "quantity": "0.84"}], "asks": [{"price": "4322000", "quantity": "3.1"}],
    },
}  # fmt: skip
EVERYTHING: dict[str, Any] = {
    "status": "0000", "message": "m", "order_id": "C1", "order_date": "1795000000123456", "type": "bid",
    "order_status": "Completed", "order_currency": "ETH", "payment_currency": "KRW", "order_price": "1",
    "order_qty": "1", "units": "1", "units_remaining": "0.5", "price": "4321000", "watch_price": "0",
    "contract": [{"transaction_date": "1795000000123456", "price": "1", "units": "0.5", "fee": "0.1", "total": "1"}],
    "search": "1", "transfer_date": 1795000000123456, "fee": "1", "amount": "1", "fee_currency": "KRW",
    "total_eth": "1", "available_eth": "0.5", "in_use_eth": "0.5", "available_krw": "1", "trade_fee": "0.0025",
    "uuid": "u", "order_id2": "o", "state": "trade", "s": "trade", "trade_uuid": "t", "tuid": "t", "identifier": "i",
    "volume": 0.5, "executed_volume": 0.5, "remaining_volume": "0.5", "created_at": "2026-11-22T10:00:00+09:00",
    "market": "KRW-ETH", "trades": [], "currency": "ETH", "wallet_state": "working", "tick_size": "1000",
    "access_key": "k", "expire_at": "2027-03-01T09:00:00+09:00", "title": "t", "categories": ["c"],
    "success": {"count": 1, "orders": [{"uuid": "u"}]}, "failed": {"count": 0, "orders": []}, "data": [{"uuid": "u"}],
    "ty": "myOrder", "uid": "u", "ab": "BID", "ap": 1, "p": 1, "v": 1, "ev": 1, "ttms": 1795000000123,
}  # fmt: skip

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**40), 10**40), st.floats(), st.text(max_size=20),
    st.sampled_from(["NaN", "-0", "1e999", "1E-400", "0x1", "1,2,3", "9" * 60, "", "1e19", "-1"]),
)  # fmt: skip
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(st.text(max_size=5), SCALARS, max_size=3))


def places(value: Any, into: list[Any]) -> list[Any]:
    """Return every object and array inside `value`."""
    if isinstance(value, dict | list) and value:
        into.append(value)
        for inner in value.values() if isinstance(value, dict) else value:
            places(inner, into)
    return into


@st.composite
def damaged(draw: st.DrawFn, sample: Any) -> bytes:
    """Return `sample` with members at any depth replaced, dropped or doubled, then perhaps with its bytes damaged."""
    frame = json.loads(json.dumps(sample))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.sampled_from(places([frame], [])))
        key = draw(st.sampled_from(sorted(place))) if isinstance(place, dict) else draw(st.integers(0, len(place) - 1))
        match draw(st.integers(0, 2)):
            case 0:
                place[key] = draw(VALUES)
            case 1 if isinstance(place, dict):
                del place[key]
            case _:
                place[key] = [place[key], place[key]]
        if not isinstance(frame, dict | list) or not frame:
            break
    data = bytearray(json.dumps(frame).encode("utf-8", "surrogatepass"))
    for _ in range(draw(st.integers(0, 3))):
        if data:
            data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


def exactly(text: Any) -> Decimal | None:
    """Return the number a JSON value says, None when it says none."""
    try:
        value = Decimal(str(text)) if isinstance(text, int | Decimal | str) and not isinstance(text, bool) else None
    except ArithmeticError:
        return None
    return value if value is not None and value.is_finite() else None


def said(data: bytes, spec: FrameSpec) -> set[tuple[str, Decimal, Decimal]]:
    """Return every (side, price, size) the bytes say, read by another parser."""
    frame = json.loads(data.decode("utf-8", "replace"), parse_float=Decimal)
    rows = frame[spec.units_key]
    found = set()
    for row in rows:
        for side, price_key, qty_key in (
            ("ask", spec.ask_price_key, spec.ask_qty_key),
            ("bid", spec.bid_price_key, spec.bid_qty_key),
        ):
            price, qty = exactly(row[price_key]), exactly(row[qty_key])
            if price is not None and qty is not None:
                found.add((side, price, qty))
    return found


@settings(max_examples=400, deadline=None)
@given(data=damaged(BOOK))
@pytest.mark.parametrize("spec", [UPBIT_SPEC, DEFAULT_SPEC, BITHUMB_SPEC], ids=lambda spec: spec.name)
def test_a_damaged_book_is_invalid_or_is_what_the_bytes_say(spec: FrameSpec, data: bytes) -> None:
    try:
        book = FrameDecoder(spec).decode(data)
    except FrameInvalid:
        return
    facts = said(data, spec)
    for side, ladder in (("ask", book.asks), ("bid", book.bids)):
        told = {(price * 10**8, min(int(qty * 10**8), 2**63 - 1)) for at, price, qty in facts if at == side and qty > 0}
        assert {(Decimal(level.price), level.qty) for level in ladder} <= told, data


@settings(max_examples=300, deadline=None)
@given(data=damaged(LEGACY_BOOK))
def test_a_damaged_legacy_snapshot_is_invalid_or_a_book(data: bytes) -> None:
    try:
        book = FrameDecoder(LEGACY_SPEC).decode(data)
    except FrameInvalid:
        return
    assert all(level.price > 0 and 0 < level.qty < 2**63 for level in (*book.bids, *book.asks))
    assert [level.price for level in book.bids] == sorted((level.price for level in book.bids), reverse=True)
    assert [level.price for level in book.asks] == sorted(level.price for level in book.asks)


def _invalid(read: Callable[[bytes], object]) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        try:
            read(data)
        except FrameInvalid:
            return

    return run


def _unreadable(read: Callable[[bytes], object]) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        try:
            read(data)
        except ValueError:
            return

    return run


def _legacy(read: Callable[[msgspec.Raw], object]) -> Callable[[bytes], None]:
    return _unreadable(lambda data: read(LEGACY.envelope(b'{"status":"0000","data":' + data + b"}").data))


FIELDS = Fields(Exchange.BITHUMB)
LEGACY = LegacyReads(FIELDS, LegacySettings())
UPBIT, BITHUMB = Reads(Fields(Exchange.UPBIT)), Reads(Fields(Exchange.BITHUMB))
SHAPES = (
    WireAnnouncement, WireBatch, WireCancels, WireInstrument, WireMarketWarning, WireNotice, WireOrderPage,
    WireReplaced, WireTransfer, WireWallet, WireKey, WireMarket,
)  # fmt: skip
DECODERS: dict[str, tuple[Any, Callable[[bytes], None]]] = {
    "legacy depth": (LEGACY_DEPTH, _invalid(lambda data: read_depth(FIELDS, data))),
    "legacy rest book": (LEGACY_REST, _unreadable(lambda data: read_book(LEGACY, data))),
    "legacy envelope": (EVERYTHING, _unreadable(LEGACY.envelope)),
    "legacy open orders": ([EVERYTHING], _legacy(LEGACY.open_rows)),
    "legacy order detail": (EVERYTHING, _legacy(lambda raw: LEGACY.detail(raw, "C1"))),
    "legacy transactions": ([EVERYTHING], _legacy(lambda raw: LEGACY.transactions(raw, Side.BID))),
    "legacy balances": (EVERYTHING, _legacy(LEGACY.balances)),
    "legacy trade fee": (EVERYTHING, _legacy(LEGACY.trade_fee)),
    "upbit news": (EVERYTHING, _invalid(upbit.NewsReader(Fields(Exchange.UPBIT)).read)),
    "bithumb news": (EVERYTHING, _invalid(bithumb.NewsReader(Fields(Exchange.BITHUMB)).read)),
}
for _shape in SHAPES:
    for _name, _reads in (("upbit", UPBIT), ("bithumb", BITHUMB)):
        DECODERS[f"{_name} {_shape.__name__}"] = (
            EVERYTHING,
            _unreadable(lambda data, reads=_reads, shape=_shape: reads.one(shape, data)),
        )
        DECODERS[f"{_name} list of {_shape.__name__}"] = (
            [EVERYTHING],
            _unreadable(lambda data, reads=_reads, shape=_shape: reads.many(shape, data)),
        )


@settings(max_examples=60, deadline=None)
@given(draw=st.data())
@pytest.mark.parametrize("name", list(DECODERS))
def test_a_damaged_answer_is_turned_away_by_its_own_error_only(name: str, draw: st.DataObject) -> None:
    sample, read = DECODERS[name]
    read(draw.draw(damaged(sample)))


@pytest.mark.parametrize("name", list(DECODERS))
@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{}", b"[" * 3_000, b"\xff\xfe", b'"' + b"a" * 5_000 + b'"'])
def test_nonsense_is_turned_away_by_its_own_error_only(name: str, data: bytes) -> None:
    DECODERS[name][1](data)
