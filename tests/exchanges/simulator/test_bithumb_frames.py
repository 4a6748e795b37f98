"""A Bithumb book that is shown again is written with its new time, one that changed is written anew."""

import json
from typing import Any

import msgspec

from exchanges.simulator.dialect import BookView, Format, StreamType
from exchanges.simulator.dialects.bithumb import BithumbWords
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks

VIEW = BookView("KRW-BTC", [(99 * 10**8, 10**8)], [(101 * 10**8, 2 * 10**8), (102 * 10**8, 10**8)], 1_000_000)


def written(words: BithumbWords, view: BookView, fmt: Format = Format.DEFAULT, depth: int = 15) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(words.book_frame(view, StreamType.REALTIME, fmt, depth))
    return told


def test_the_same_ladders_again_differ_in_time_alone():
    words = BithumbWords(BithumbQuirks())
    first, again = written(words, VIEW), written(words, msgspec.structs.replace(VIEW, at_ns=5_000_000))
    assert (first["timestamp"], again["timestamp"]) == (1_000, 5_000)
    assert first | {"timestamp": 0} == again | {"timestamp": 0}
    assert first["total_ask_size"] == 3


def test_each_market_format_depth_and_shape_is_written_for_itself():
    words = BithumbWords(BithumbQuirks())
    assert len(written(words, VIEW)["orderbook_units"]) == 2
    assert len(written(words, VIEW, depth=1)["orderbook_units"]) == 1
    assert len(written(words, msgspec.structs.replace(VIEW, shown=1))["orderbook_units"]) == 1
    assert written(words, VIEW, Format.SIMPLE)["tas"] == 3
    other = written(words, msgspec.structs.replace(VIEW, market="KRW-ETH", bids=[(5 * 10**8, 10**8)]))
    assert (other["code"], other["orderbook_units"][0]["bid_price"]) == ("KRW-ETH", 5)


def test_a_changed_side_is_written_anew():
    words = BithumbWords(BithumbQuirks())
    written(words, VIEW)
    changed = written(words, msgspec.structs.replace(VIEW, asks=[(103 * 10**8, 7 * 10**8)]))
    assert (changed["total_ask_size"], changed["orderbook_units"][0]["ask_price"]) == (7, 103)
    changed = written(words, msgspec.structs.replace(VIEW, bids=[(98 * 10**8, 4 * 10**8)]))
    assert (changed["total_bid_size"], changed["orderbook_units"][0]["bid_price"]) == (4, 98)
