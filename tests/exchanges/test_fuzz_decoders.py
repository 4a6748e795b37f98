"""Mutated frames and bodies: a decoder says FrameInvalid or ValueError, and nothing else, ever."""

import inspect
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import mutated, survives

from arbitrage.domain.errors import FrameInvalid
from arbitrage.domain.frame_spec import FrameDecoder
from arbitrage.domain.units import Exchange
from exchanges import list_shapes, reads
from exchanges.bithumb import codec as bithumb
from exchanges.bithumb.profile import FACTS as BITHUMB
from exchanges.field_maps import SHIPPED
from exchanges.fields import Fields, Shape
from exchanges.reads import Reads
from exchanges.shapes import WireMarket
from exchanges.stream import control_frame
from exchanges.upbit import codec as upbit
from exchanges.upbit.profile import FACTS as UPBIT

OF_UPBIT = Reads(Fields(Exchange.UPBIT))
OF_BITHUMB = Reads(Fields(Exchange.BITHUMB))
UPBIT_NEWS = upbit.NewsReader(Fields(Exchange.UPBIT)).read
BITHUMB_NEWS = bithumb.NewsReader(Fields(Exchange.BITHUMB)).read

LIST_SHAPES = {
    readers: [
        shape
        for _, shape in inspect.getmembers(list_shapes, inspect.isclass)
        if issubclass(shape, Shape) and shape.object_name in SHIPPED[exchange]
    ]
    for readers, exchange in ((OF_UPBIT, Exchange.UPBIT), (OF_BITHUMB, Exchange.BITHUMB))
}
ANNOUNCEMENTS = upbit.AnnouncementReader(Fields(Exchange.UPBIT)).read

BOOK: dict[str, Any] = {
    "ty": "orderbook", "cd": "KRW-ETH", "tms": 1795000000123, "tas": 812.4, "tbs": 640.0,
    "obu": [{"ap": 4322000, "bp": 4321000, "as": 3.1, "bs": 0.84}, {"ap": 4323000, "bp": 4320000, "as": 11.5, "bs": 7}],
    "st": "REALTIME", "lv": 0,
}  # fmt: skip
NEWS: dict[str, Any] = {
    "type": "myOrder", "uuid": "u", "order_id": "o", "state": "trade", "trade_uuid": "t", "trade_id": "t", "price": 1,
    "volume": 0.5, "remaining_volume": 0.5, "executed_volume": 0.5, "trade_price": 1, "trade_quantity": 0.5,
    "order_quantity": 1, "executed_quantity": 0.5, "paid_fee": 0.1, "trade_timestamp": 1795000000123,
    "identifier": "i", "client_order_id": "i",
}  # fmt: skip
SIMPLE_NEWS: dict[str, Any] = {
    "ty": "myOrder", "uid": "u", "oid": "o", "s": "trade", "tuid": "t", "tid": "t", "p": 1, "v": 0.5, "rv": 0.5,
    "ev": 0.5, "tp": 1, "tq": 0.5, "oq": 1, "eq": 0.5, "pf": 0.1, "ttms": 1795000000123, "id": "i", "coid": "i",
}  # fmt: skip
ASSETS: dict[str, Any] = {
    "type": "myAsset", "assets": [{"currency": "KRW", "balance": "1.5", "locked": 0}, {"currency": "BTC"}],
    "ast": [{"cu": "KRW", "b": 1.5, "l": 0}], "title": "t", "category": "c",
}  # fmt: skip
ORDER: dict[str, Any] = {
    "uuid": "u", "state": "wait", "market": "KRW-ETH", "volume": "1", "executed_volume": "0.5", "paid_fee": "0.1",
    "trades": [{"uuid": "t", "price": "1", "volume": "0.5", "funds": "0.5", "created_at": "2026-11-22T10:00:00+09:00"}],
}  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(data=mutated(BOOK))
@pytest.mark.parametrize("facts", [UPBIT, BITHUMB], ids=["upbit", "bithumb"])
def test_book_frames(facts, data: bytes) -> None:
    try:
        FrameDecoder(facts.stream_spec).decode(data)
    except FrameInvalid:
        return


@settings(max_examples=300, deadline=None)
@given(data=st.one_of(mutated(NEWS), mutated(SIMPLE_NEWS), mutated(ASSETS)))
@pytest.mark.parametrize(
    "read_news", [UPBIT_NEWS, BITHUMB_NEWS, ANNOUNCEMENTS], ids=["upbit", "bithumb", "announcements"]
)
def test_private_frames(read_news, data: bytes) -> None:
    try:
        read_news(data)
    except FrameInvalid:
        return


@settings(max_examples=400, deadline=None)
@given(data=mutated(ORDER))
def test_order_answers(data: bytes) -> None:
    survives(lambda body: OF_UPBIT.order(body, "any"), data)
    survives(lambda body: OF_UPBIT.open_orders(b"[" + body + b"]"), data)
    for readers in (OF_UPBIT, OF_BITHUMB):
        survives(readers.accepted, data)
        survives(readers.balances, data)
        survives(readers.rules, data)
        for shape in LIST_SHAPES[readers]:
            survives(lambda body, readers=readers, shape=shape: readers.many(shape, b"[" + body + b"]"), data)
        survives(lambda body, readers=readers: readers.many(WireMarket, body), data)
    survives(lambda body: reads.read_books(FrameDecoder(UPBIT.rest_spec), body), data)
    reads.wire_error(data, 400)
    control_frame(data)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_at_all(data: bytes) -> None:
    reads.wire_error(data, 400)
    control_frame(data)
    survives(UPBIT_NEWS, data)
    survives(BITHUMB_NEWS, data)
    survives(FrameDecoder(UPBIT.stream_spec).decode, data)


@pytest.mark.parametrize("depth", [200, 20_000])
def test_deep_nesting_is_not_a_crash(depth: int) -> None:
    data = b'{"type":' + b"[" * depth + b"]" * depth + b"}"
    assert reads.wire_error(data, 400) is None
    assert control_frame(data) is None
    survives(UPBIT_NEWS, data)
    survives(OF_UPBIT.balances, data)
