"""What the simulated exchanges write of a book, our decoders read back, to the last unit.

The two sides share no code: a mistake in one is not hidden by the same mistake in the other.
"""

import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbitrage.domain.book import Level
from arbitrage.domain.frame_spec import DecodedBook, FrameDecoder
from arbitrage.domain.units import Exchange, Ns, Price, Qty, Side
from exchanges.bithumb.legacy_books import FoldedBook, read_depth
from exchanges.bithumb.legacy_profile import STREAM_SPEC as LEGACY_SPEC
from exchanges.bithumb.profile import STREAM_SPEC as BITHUMB_SPEC
from exchanges.fields import Fields
from exchanges.simulator.dialect import BookView, Format, StreamType
from exchanges.simulator.dialects.bithumb import BithumbWords
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks, DepthEdge
from exchanges.simulator.dialects.legacy_depth import Announced
from exchanges.simulator.dialects.upbit import UpbitWords
from exchanges.simulator.dialects.upbit_quirks import UpbitQuirks
from exchanges.simulator.money import plain_text
from exchanges.upbit.profile import DEFAULT_SPEC
from exchanges.upbit.profile import STREAM_SPEC as UPBIT_SPEC

FIELDS = Fields(Exchange.BITHUMB)
AT_NS = 1_795_400_000_123_456_000
PRICES = st.integers(1, 10**17)
QTYS = st.one_of(st.integers(1, 10**13), st.integers(1, 30_000))
Ladder = list[tuple[int, int]]


@st.composite
def ladders(draw: st.DrawFn, most: int = 30) -> tuple[Ladder, Ladder]:
    """Return bids and asks, best first, never crossed; one side may be shorter or empty."""
    prices = sorted(draw(st.sets(PRICES, min_size=2, max_size=2 * most)))
    split = draw(st.integers(0, len(prices)))
    bids = [(price, draw(QTYS)) for price in reversed(prices[:split])][:most]
    asks = [(price, draw(QTYS)) for price in prices[split:]][:most]
    return bids, asks


def levels(ladder: Ladder) -> tuple[Level, ...]:
    return tuple(Level(Price(price), Qty(qty)) for price, qty in ladder)


def as_said(ladder: Ladder) -> Ladder:
    """Return what Bithumb's streams show: sizes to four decimals, dust reads 0 (bithumb.md §5.2)."""
    rounded = [(price, (qty + 5_000) // 10_000 * 10_000) for price, qty in ladder]
    return [(price, qty) for price, qty in rounded if qty]


@settings(max_examples=150, deadline=None)
@given(book=ladders())
@pytest.mark.parametrize("fmt", [Format.SIMPLE, Format.DEFAULT])
def test_upbits_frames_read_back_as_the_book_they_were_made_of(fmt: Format, book: tuple[Ladder, Ladder]) -> None:
    bids, asks = book
    view = BookView("KRW-ETH", bids, asks, AT_NS)
    frame = UpbitWords(UpbitQuirks()).book_frame(view, StreamType.REALTIME, fmt, 30)
    read = FrameDecoder(UPBIT_SPEC if fmt is Format.SIMPLE else DEFAULT_SPEC).decode(frame)
    assert (read.bids, read.asks) == (levels(bids), levels(asks))
    assert (read.market, read.exchange_ns) == ("KRW-ETH", AT_NS // 10**6 * 10**6)


@settings(max_examples=150, deadline=None)
@given(book=ladders(15))
def test_bithumbs_frames_read_back_as_the_book_they_show(book: tuple[Ladder, Ladder]) -> None:
    bids, asks = book
    view = BookView("KRW-ETH", bids, asks, AT_NS)
    frame = BithumbWords(BithumbQuirks()).book_frame(view, StreamType.REALTIME, Format.DEFAULT, 15)
    read = FrameDecoder(BITHUMB_SPEC).decode(frame)
    assert (read.bids, read.asks) == (levels(as_said(bids)), levels(as_said(asks)))
    assert read.exchange_ns == AT_NS


@settings(max_examples=100, deadline=None)
@given(book=ladders(), spelt=st.sampled_from([str, int]))
def test_legacy_snapshots_read_back_as_the_book(book: tuple[Ladder, Ladder], spelt: Callable[[int], object]) -> None:
    bids, asks = book
    content = {
        "symbol": "ETH_KRW",
        "datetime": spelt(AT_NS // 1_000),
        "asks": [[plain_text(price), plain_text(qty)] for price, qty in asks],
        "bids": [[plain_text(price), plain_text(qty)] for price, qty in bids],
    }
    read = FrameDecoder(LEGACY_SPEC).decode(json.dumps({"type": "orderbooksnapshot", "content": content}).encode())
    assert (read.market, read.bids, read.asks) == ("KRW-ETH", levels(bids), levels(asks))


@settings(max_examples=60, deadline=None)
@given(books=st.lists(ladders(8), min_size=2, max_size=8))
def test_legacy_diffs_add_up_to_every_book_they_were_made_of(books: list[tuple[Ladder, Ladder]]) -> None:
    sides = [{Side.BID: bids, Side.ASK: asks} for bids, asks in books]
    told = Announced(sides[0], DepthEdge.REMOVED)
    folded = FoldedBook()
    folded.begin(DecodedBook("KRW-ETH", Ns(AT_NS), levels(books[0][0]), levels(books[0][1])))
    for number, shown in enumerate(sides[1:], 1):
        rows = [
            {
                "symbol": "ETH_KRW",
                "orderType": change.side.value,
                "price": plain_text(change.price),
                "quantity": plain_text(change.qty),
                "total": "1",
            }
            for change in told.changes(shown)
        ]
        if not rows:
            continue
        stamp = AT_NS // 1_000 + number
        frame = json.dumps({"type": "orderbookdepth", "content": {"list": rows, "datetime": str(stamp)}})
        (depth,) = read_depth(FIELDS, frame.encode())
        assert folded.fold(depth)
        read = folded.book("KRW-ETH")
        assert (read.bids, read.asks) == (levels(shown[Side.BID]), levels(shown[Side.ASK]))


@settings(max_examples=150, deadline=None)
@given(price=PRICES, qty=QTYS, form=st.sampled_from(["{}", "{}e0", "{}E+0", '"{}"']))
def test_every_spelling_of_a_number_reads_as_the_same_units(price: int, qty: int, form: str) -> None:
    row = f'{{"ap":{form.format(plain_text(price))},"bp":0,"as":{form.format(plain_text(qty))},"bs":0}}'
    frame = f'{{"ty":"orderbook","cd":"KRW-ETH","tms":1795000000123,"obu":[{row}]}}'
    read = FrameDecoder(UPBIT_SPEC).decode(frame.encode())
    assert read.asks == (Level(Price(price), Qty(qty)),)
    assert read.bids == ()
    assert Decimal(plain_text(price)) * 10**8 == price
