"""Mutated legacy frames and answers: FrameInvalid or ValueError, and nothing else, ever."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from legacy_answers import DETAIL, MATCH, OPEN
from mutations import mutated, survives

from arbitrage.domain.errors import FrameInvalid
from arbitrage.domain.frame_spec import FrameDecoder
from arbitrage.domain.ports import Accepted, Refused, Unknown
from arbitrage.domain.units import Exchange, Side
from exchanges.bithumb.legacy_books import FoldedBook, read_book, read_depth
from exchanges.bithumb.legacy_codec import LegacyReads
from exchanges.bithumb.legacy_profile import STREAM_SPEC, LegacySettings
from exchanges.bithumb.legacy_verdict import command_answer
from exchanges.fields import Fields
from exchanges.freshness import HeadReader
from exchanges.transport import HttpAnswer

FIELDS = Fields(Exchange.BITHUMB)
READS = LegacyReads(FIELDS, LegacySettings())
LEVEL: dict[str, Any] = {
    "symbol": "BTC_KRW",
    "orderType": "ask",
    "price": "131246000",
    "quantity": "0.08",
    "total": "2",
}
DEPTH: dict[str, Any] = {"type": "orderbookdepth", "content": {"list": [LEVEL], "datetime": "1790000000734102"}}
WHOLE: dict[str, Any] = {
    "type": "orderbooksnapshot",
    "content": {
        "symbol": "BTC_KRW", "datetime": "1790000000412345",
        "asks": [["131246000", "0.0871"]], "bids": [["131245000", "0.1530"]],
    },
}  # fmt: skip
BOOK: dict[str, Any] = {
    "status": "0000",
    "data": {
        "timestamp": "1790000000123", "payment_currency": "KRW", "order_currency": "BTC",
        "bids": [{"price": "131245000", "quantity": "0.0313"}], "asks": [{"price": "131247000", "quantity": "0.12"}],
    },
}  # fmt: skip
ACCEPTED: dict[str, Any] = {"status": "0000", "order_id": "C0101", "message": "m"}


@settings(max_examples=300, deadline=None)
@given(whole=mutated(WHOLE), depth=mutated(DEPTH), level=mutated(LEVEL))
def test_frames(whole: bytes, depth: bytes, level: bytes) -> None:
    for data in (whole, b'{"type":"orderbookdepth","content":{"datetime":"1790000000734102","list":[' + level + b"]}}"):
        for read in (FrameDecoder(STREAM_SPEC).decode, lambda frame: read_depth(FIELDS, frame)):
            try:
                read(data)
            except FrameInvalid:
                continue
        HeadReader(STREAM_SPEC).read(data)
    try:
        changes = read_depth(FIELDS, depth)
    except FrameInvalid:
        return
    folded = FoldedBook()
    for one in changes:
        folded.fold(one)
        folded.book(one.market)


@settings(max_examples=300, deadline=None)
@given(detail=mutated(DETAIL), row=mutated(OPEN), match=mutated(MATCH), book=mutated(BOOK))
def test_answers(detail: bytes, row: bytes, match: bytes, book: bytes) -> None:
    survives(lambda data: READS.detail(msgspec.Raw(data), "C01"), detail)
    survives(lambda data: READS.open_rows(msgspec.Raw(b"[" + data + b"]")), row)
    survives(lambda data: READS.transactions(msgspec.Raw(b"[" + data + b"]"), Side.ASK), match)
    for data in (detail, row, match):
        survives(lambda body: READS.balances(msgspec.Raw(body)), data)
        survives(lambda body: READS.trade_fee(msgspec.Raw(body)), data)
    survives(lambda data: read_book(READS, data), book)


@settings(max_examples=300, deadline=None)
@given(
    body=st.one_of(mutated(ACCEPTED), st.binary(max_size=200)), status=st.sampled_from([200, 201, 302, 400, 429, 500])
)
def test_only_a_readable_success_is_accepted(body: bytes, status: int) -> None:
    answer = command_answer(HttpAnswer(status, {}, body, 1, 2), None, READS.envelope)
    assert isinstance(answer, Accepted | Refused | Unknown)
    if isinstance(answer, Accepted):
        assert status < 300
        assert b"0000" in body


@pytest.mark.parametrize("depth", [200, 20_000])
def test_deep_nesting_is_not_a_crash(depth: int) -> None:
    data = b'{"type":"orderbookdepth","content":' + b"[" * depth + b"]" * depth + b"}"
    with pytest.raises(FrameInvalid):
        read_depth(FIELDS, data)
    with pytest.raises(ValueError):
        READS.envelope(data)
