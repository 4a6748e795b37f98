"""Markets of a lively stream: which are silent, whose clock cannot be believed, who is behind REST."""

import json

import msgspec

from arbitrage.domain.book import Level
from arbitrage.domain.frame_spec import DecodedBook
from arbitrage.domain.units import SCALE, Ns, Price, Qty
from exchanges.bithumb.legacy_profile import STREAM_SPEC as LADDERS
from exchanges.bithumb.profile import STREAM_SPEC as PAIRED
from exchanges.freshness import FROZEN_NS, Doubt, Head, HeadReader, Watch, is_behind

SECOND = 1_000_000_000


def frame(time: int, size: object = 1, market: str = "KRW-BTC") -> bytes:
    return json.dumps({"type": "orderbook", "code": market, "orderbook_units": [size], "timestamp": time}).encode()


def watch() -> Watch:
    return Watch(PAIRED, ("KRW-BTC", "KRW-ETH"), 0)


def test_head_is_read_in_both_layouts_and_nothing_else_has_one() -> None:
    assert HeadReader(PAIRED).read(frame(7)) == Head("KRW-BTC", 7_000)
    nested = b'{"type":"x","content":{"symbol":"BTC_KRW","datetime":"9","asks":[],"bids":[]}}'
    assert HeadReader(LADDERS).read(nested) == Head("KRW-BTC", 9_000)
    for data in (b"{", b"[]", b'{"code":"KRW-BTC"}', b'{"code":"KRW-BTC","timestamp":"x"}', b"\xff"):
        assert HeadReader(PAIRED).read(data) is None
        assert HeadReader(LADDERS).read(data) is None


def test_market_of_which_nothing_new_comes_is_quiet_even_when_its_frame_is_repeated() -> None:
    seen = watch()
    assert seen.saw(frame(1), SECOND, None) is None
    for now in range(2, 12):
        assert seen.saw(frame(1), now * SECOND, None) is None
        assert seen.saw(frame(now, market="KRW-ETH"), now * SECOND, None) is None
    assert seen.quiet(11 * SECOND, 10 * SECOND) == ("KRW-BTC",)
    seen.rest("KRW-BTC", 11 * SECOND)
    assert seen.quiet(12 * SECOND, 10 * SECOND) == ()
    assert seen.last("KRW-BTC") == frame(1)


def test_time_that_goes_back_three_frames_long_is_doubted_once_and_then_begins_anew() -> None:
    seen = watch()
    seen.saw(frame(1_000), 1, None)
    assert [seen.saw(frame(time), 2, None) for time in (900, 901)] == [None, None]
    assert seen.saw(frame(902), 2, None) == ("KRW-BTC", Doubt.TIME_BACK)
    assert seen.saw(frame(903), 2, None) is None
    assert seen.counts["times_back"] == 3


def test_one_stray_frame_from_before_is_only_counted() -> None:
    seen = watch()
    for time in (1_000, 900, 1_001, 950, 1_002, 960):
        assert seen.saw(frame(time), 1, None) is None
    assert seen.counts["times_back"] == 3


def test_time_that_stands_still_under_changing_books_is_doubted() -> None:
    seen = watch()
    seen.saw(frame(1_000), 0, None)
    for number in range(10):
        assert seen.saw(frame(1_000, size=2 + number), FROZEN_NS - 1, None) is None
    assert seen.saw(frame(1_000, size=99), FROZEN_NS, None) == ("KRW-BTC", Doubt.TIME_FROZEN)
    assert seen.counts["times_frozen"] == 1


def test_markets_nobody_asked_for_are_read_over() -> None:
    seen = watch()
    assert seen.saw(frame(1, market="KRW-XRP"), 1, None) is None
    assert seen.quiet(10**12, 1) == ("KRW-BTC", "KRW-ETH")


def book(*bids: int, size: int = 1) -> DecodedBook:
    levels = tuple(Level(Price(price * SCALE), Qty(size)) for price in bids)
    return DecodedBook("KRW-BTC", Ns(1), levels, (Level(Price(1_000 * SCALE), Qty(size)),))


def test_other_prices_near_the_top_are_behind_other_sizes_and_far_levels_are_not() -> None:
    assert not is_behind(book(5, 4, 3, 2, 1), book(5, 4, 3, 2, 1, size=7))
    assert not is_behind(book(9, 8, 7, 6, 5, 4), book(9, 8, 7, 6, 5, 3))
    assert is_behind(book(5, 4, 3, 2, 1), book(5, 4, 3, 1))
    assert is_behind(None, book(5))
    assert not is_behind(None, msgspec.structs.replace(book(), asks=()))
