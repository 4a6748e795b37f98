"""Legacy books: whole frames, REST, and diffs folded on a REST book; the recorded ones among them."""

import json
from pathlib import Path

import pytest

from arbitrage.domain.book import MAX_LEVELS, Level, ladder_fault
from arbitrage.domain.errors import FrameInvalid
from arbitrage.domain.frame_spec import DecodedBook, FrameDecoder
from arbitrage.domain.units import SCALE, Exchange, Ns, Price, Qty
from exchanges.bithumb.legacy_books import MOST_KEPT, FoldedBook, read_book, read_depth
from exchanges.bithumb.legacy_codec import LegacyReads
from exchanges.bithumb.legacy_profile import STREAM_SPEC, LegacySettings
from exchanges.fields import Fields
from exchanges.upbit.profile import STREAM_SPEC as SIMPLE_SPEC

FIELDS = Fields(Exchange.BITHUMB)
READS = LegacyReads(FIELDS, LegacySettings())
FRAMES = Path(__file__).parents[2] / "frames"
AT_US = 1790000000734102


def recorded(name: str, kind: str) -> list[bytes]:
    lines = [json.loads(line) for line in (FRAMES / name).read_text().splitlines()]
    return [line["raw"].encode() for line in lines if line["kind"] == kind]


def snapshot(**changes: object) -> bytes:
    content = {
        "symbol": "BTC_KRW",
        "datetime": "1790000000412345",
        "asks": [["131247000", "0.5"], ["131246000", "0.0871"]],
        "bids": [["131244000", "1"], ["131245000", "0.1530"]],
    }
    return json.dumps({"type": "orderbooksnapshot", "content": content | changes}).encode()


def depth(*rows: tuple[str, str, str], at_us: object = str(AT_US)) -> bytes:
    levels = [
        {"symbol": "BTC_KRW", "orderType": side, "price": price, "quantity": qty, "total": "1"}
        for side, price, qty in rows
    ]
    return json.dumps({"type": "orderbookdepth", "content": {"list": levels, "datetime": at_us}}).encode()


def base(at_ns: int = AT_US * 1000) -> DecodedBook:
    return DecodedBook(
        "KRW-BTC",
        Ns(at_ns),
        tuple(Level(Price((100 - n) * SCALE), Qty(SCALE)) for n in range(3)),
        tuple(Level(Price((101 + n) * SCALE), Qty(SCALE)) for n in range(3)),
    )


def test_whole_frame_is_a_book_best_first_in_either_order() -> None:
    book = FrameDecoder(STREAM_SPEC).decode(snapshot())
    assert (book.market, book.exchange_ns) == ("KRW-BTC", 1790000000412345_000)
    assert [level.price // SCALE for level in book.asks] == [131_246_000, 131_247_000]
    assert [level.price // SCALE for level in book.bids] == [131_245_000, 131_244_000]
    assert book.bids[0].qty == 15_300_000
    assert ladder_fault(book.bids, book.asks) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "BTCKRW"}, {"symbol": "BTC_"}, {"datetime": "x"}, {"datetime": 0}, {"asks": [["1_0", "1"]]},
        {"asks": [[" 1", "1"]]}, {"asks": [["-1", "1"]]}, {"asks": [["1"]]}, {"asks": [["1", "1", "1"]]},
        {"asks": None}, {"asks": [["0.000000001", "1"]]}, {"bids": [["1e3", "1"]]},
    ],
)  # fmt: skip
def test_frame_that_cannot_be_believed_is_invalid(changes: dict[str, object]) -> None:
    with pytest.raises(FrameInvalid):
        FrameDecoder(STREAM_SPEC).decode(snapshot(**changes))


def test_numbers_instead_of_text_padding_and_dust_are_read_over() -> None:
    book = FrameDecoder(STREAM_SPEC).decode(snapshot(asks=[[131_246_000, 0.0871], ["0", "0"], ["131247000", "0"]]))
    assert book.asks == (Level(Price(131_246_000 * SCALE), Qty(8_710_000)),)


def test_both_generations_of_the_same_seconds_tell_of_like_books() -> None:
    """Three recorded frames each, of 2024: the legacy diffs land within the books of the other generation."""
    name = "bithumb-both-generations-2024-11-28.jsonl"
    books = [FrameDecoder(SIMPLE_SPEC).decode(raw) for raw in recorded(name, "orderbook")]
    diffs = [read_depth(FIELDS, raw)[0] for raw in recorded(name, "orderbookdepth")]
    assert (len(books), len(diffs)) == (3, 3)
    assert {book.market for book in books} == {one.market for one in diffs} == {"USD-ABC"}
    # The newest size told by diffs at a price of the last book is that book's size there.
    last = {level.price: level.qty for level in (*books[-1].bids, *books[-1].asks)}
    told = {change.price: change.qty for one in diffs for change in one.changes}
    shared = {price for price in told if price in last and told[price]}
    assert len(shared) >= 3
    assert sum(told[price] == last[price] for price in shared) >= len(shared) - 1
    for one in diffs:
        assert abs(one.exchange_ns - books[0].exchange_ns) < 2_000_000_000


def test_every_recorded_diff_folds_on_a_book_around_it() -> None:
    frames = recorded("bithumb-legacy-2021-06-01.jsonl", "orderbookdepth")
    folded: dict[str, FoldedBook] = {}
    changes = 0
    for raw in frames:
        for one in read_depth(FIELDS, raw):
            if one.market not in folded:
                folded[one.market] = FoldedBook()
                folded[one.market].begin(
                    DecodedBook(one.market, Ns(one.exchange_ns - one.exchange_ns % 1_000_000), (), ())
                )
            assert folded[one.market].fold(one)
            changes += len(one.changes)
    # 91 of cryptofeed's, one of gocryptotrader's.
    assert len(frames) == 92
    assert changes > 92
    for market, book in folded.items():
        whole = book.book(market)
        assert len(whole.bids) <= MAX_LEVELS
        assert [level.price for level in whole.bids] == sorted((level.price for level in whole.bids), reverse=True)
        assert ladder_fault(whole.bids, whole.asks) in (None, "side_empty", "spread_too_wide")


def test_rest_book_is_read_in_milliseconds() -> None:
    data = {
        "timestamp": "1790000000123", "payment_currency": "KRW", "order_currency": "BTC",
        "bids": [{"price": "131,244,000", "quantity": "1"}, {"price": "131245000", "quantity": "0.0313"}],
        "asks": [{"price": "131247000", "quantity": "0.1200"}],
    }  # fmt: skip
    book = read_book(READS, json.dumps({"status": "0000", "data": data}).encode())
    assert (book.market, book.exchange_ns) == ("KRW-BTC", 1790000000123_000_000)
    assert book.bids == (
        Level(Price(131_245_000 * SCALE), Qty(3_130_000)),
        Level(Price(131_244_000 * SCALE), Qty(SCALE)),
    )
    with pytest.raises(ValueError, match="5500"):
        read_book(READS, b'{"status":"5500","message":"m"}')
    with pytest.raises(ValueError):
        read_book(READS, json.dumps({"status": "0000", "data": data | {"timestamp": "1790000000"}}).encode())


def test_diffs_change_add_and_take_levels_away() -> None:
    book = FoldedBook()
    book.begin(base())
    (one,) = read_depth(
        FIELDS, depth(("ask", "101", "0"), ("ask", "102", "0.5"), ("bid", "100.5", "2"), ("bid", "7", "0"))
    )
    assert book.fold(one)
    found = book.book("KRW-BTC")
    assert [(level.price / SCALE, level.qty / SCALE) for level in found.asks] == [(102, 0.5), (103, 1)]
    assert [(level.price / SCALE, level.qty / SCALE) for level in found.bids] == [
        (100.5, 2),
        (100, 1),
        (99, 1),
        (98, 1),
    ]
    assert found.exchange_ns == AT_US * 1000


def test_diffs_that_came_before_the_rest_book_wait_and_older_ones_are_left_out() -> None:
    book = FoldedBook()
    for at_us, price in ((AT_US - 5_000, "90"), (AT_US, "91"), (AT_US + 1, "92")):
        assert book.fold(read_depth(FIELDS, depth(("bid", price, "1"), at_us=at_us))[0])
    assert not book.is_whole
    book.begin(base(at_ns=AT_US * 1000 - AT_US * 1000 % 1_000_000))
    assert [level.price // SCALE for level in book.book("KRW-BTC").bids] == [100, 99, 98, 92, 91]


def test_diff_older_than_the_last_one_asks_for_a_new_start() -> None:
    book = FoldedBook()
    book.begin(base())
    assert book.fold(read_depth(FIELDS, depth(("bid", "97", "1"), at_us=AT_US + 5_000))[0])
    assert not book.fold(read_depth(FIELDS, depth(("bid", "96", "1"), at_us=AT_US))[0])
    assert 96 * SCALE not in [level.price for level in book.book("KRW-BTC").bids]


def test_levels_far_from_the_market_are_forgotten_before_they_fill_the_memory() -> None:
    book = FoldedBook()
    book.begin(base())
    rows = [("ask", str(200 + number), "1") for number in range(MOST_KEPT + 10)]
    assert book.fold(read_depth(FIELDS, depth(*rows))[0])
    book.book("KRW-BTC")
    assert len(book._sides["ask"]) == 500  # type: ignore[index]


@pytest.mark.parametrize(
    "data",
    [
        b"{", b"[]", b'{"status":"0000","resmsg":"Connected Successfully"}', snapshot(), depth(("ask", "0", "1")),
        depth(("ask", "1", "-1")), depth(("buy", "1", "1")), depth(("ask", "1", "1"), at_us="x"),
        depth(("ask", "0.000000001", "1")),
    ],
)  # fmt: skip
def test_what_is_no_diff_is_invalid(data: bytes) -> None:
    with pytest.raises(FrameInvalid):
        read_depth(FIELDS, data)
