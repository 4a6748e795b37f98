import json

import pytest
from desk_builders import LONG_SPEC

from arbitrage.domain.book import Level
from arbitrage.domain.errors import ConfigError
from arbitrage.domain.frame_spec import DecodedBook, FrameDecoder
from arbitrage.domain.ports import Frame
from arbitrage.domain.units import SCALE, Exchange
from fast_path.books import BookReader, BookWriter
from fast_path.layout import SLOT_FAULTS, WORD, slot_offset

MARKETS = ("KRW-BTC", "KRW-ETH")


def _book(market="KRW-BTC", at=1000, depth=3, mid=100):
    bids = tuple(Level((mid - 1 - n) * SCALE, (n + 1) * SCALE) for n in range(depth))
    asks = tuple(Level((mid + 1 + n) * SCALE, (n + 2) * SCALE) for n in range(depth))
    return DecodedBook(market, at, bids, asks)


def _frame(market="KRW-BTC", at=1, rows=((101.5, 100.5, 0.25, 1.5), (102, 100, 2, 3)), kind="orderbook"):
    units = [dict(zip(("ask_price", "bid_price", "ask_size", "bid_size"), row, strict=True)) for row in rows]
    data = json.dumps({"type": kind, "code": market, "timestamp": at, "orderbook_units": units}).encode()
    return Frame(data, 77, 88)


@pytest.fixture
def writer(tmp_path):
    ticks = iter(range(10_000, 20_000))
    return BookWriter(tmp_path, Exchange.UPBIT, MARKETS, FrameDecoder(LONG_SPEC), mono_ns=lambda: next(ticks))


@pytest.fixture
def reader(tmp_path):
    return BookReader(tmp_path, Exchange.UPBIT, MARKETS)


def _faults(writer, index):
    return writer._file.words[(slot_offset(index) + SLOT_FAULTS) // WORD]


def test_a_frame_comes_out_as_the_book_it_was(writer, reader):
    assert writer.publish_frame(_frame(at=1_700_000_000_000)) is None
    view = reader.read(0)
    assert view.book.exchange is Exchange.UPBIT
    assert view.book.market == "KRW-BTC"
    assert view.book.asks == (Level(10_150_000_000, 25_000_000), Level(10_200_000_000, 200_000_000))
    assert view.book.bids == (Level(10_050_000_000, 150_000_000), Level(10_000_000_000, 300_000_000))
    assert view.book.exchange_ns == 1_700_000_000_000_000_000
    assert (view.book.recv_wall_ns, view.book.recv_mono_ns) == (77, 88)
    assert (view.published_mono_ns, view.recv_mono_ns) == (10_000, 88)
    assert (view.best_bid, view.best_ask) == (10_050_000_000, 10_150_000_000)
    assert (view.frames, view.faults) == (1, 0)
    assert reader.read(1) is None


def test_markets_have_their_own_slots_in_order(writer, reader):
    assert writer.index_of("KRW-ETH") == 1
    assert writer.publish_book(_book("KRW-ETH", mid=50), 1, 2) is None
    assert reader.read(0) is None
    assert reader.read(1).book.market == "KRW-ETH"
    with pytest.raises(KeyError):
        writer.index_of("KRW-XRP")


def test_thirty_levels_fit_and_a_shorter_book_leaves_nothing_behind(writer, reader):
    writer.publish_book(_book(at=1, depth=30), 1, 2)
    assert reader.read(0).book.asks == _book(depth=30).asks
    assert reader.read(0).book.bids == _book(depth=30).bids
    writer.publish_book(_book(at=2, depth=1), 1, 2)
    assert reader.read(0).book.asks == _book(depth=1).asks
    assert reader.read(0)._values[-30:] == (SCALE,) + (0,) * 29


def test_levels_past_the_thirtieth_are_left_out(writer, reader):
    assert writer.publish_book(_book(depth=31), 1, 2) is None
    assert reader.read(0).book.bids == _book(depth=30).bids


@pytest.mark.parametrize(
    ("frame", "fault"),
    [
        (Frame(b"{", 1, 2), "frame_invalid"),
        (_frame(kind="ticker"), "frame_invalid"),
        (_frame(market="KRW-XRP"), "market_unknown"),
        (_frame(rows=((100, 101, 1, 1),)), "book_crossed"),
        (_frame(rows=((112, 100, 1, 1),)), "spread_too_wide"),
        (_frame(rows=((101, 100, 1, 1), (101, 99, 1, 1))), "ladder_out_of_order"),
        (_frame(rows=((0, 100, 0, 1),)), "side_empty"),
        (_frame(at=0), "frame_invalid"),
    ],
)
def test_a_faulty_frame_is_named_and_the_slot_stands(writer, reader, frame, fault):
    writer.publish_book(_book(at=5), 1, 2)
    seq = reader.seq(0)
    assert writer.publish_frame(frame) == fault
    assert reader.seq(0) == seq
    assert reader.read(0).book.bids == _book().bids


def test_faults_are_counted_in_the_slot(writer, reader):
    writer.publish_frame(_frame(rows=((100, 101, 1, 1),)))
    writer.publish_frame(_frame(rows=((100, 101, 1, 1),)))
    assert _faults(writer, 0) == 2
    writer.publish_book(_book(), 1, 2)
    assert (reader.read(0).frames, reader.read(0).faults) == (1, 2)
    assert _faults(writer, 1) == 0


def test_time_going_back_is_refused_until_the_book_is_marked_dead(writer, reader):
    assert writer.publish_book(_book(at=100), 1, 2) is None
    assert writer.publish_book(_book(at=100, mid=90), 1, 2) is None
    assert writer.publish_book(_book(at=99), 1, 2) == "time_went_back"
    assert reader.read(0).book.bids == _book(mid=90).bids
    writer.mark_dead("KRW-BTC")
    assert reader.read(0) is None
    assert writer.publish_book(_book(at=99), 1, 2) is None
    assert reader.read(0).book.exchange_ns == 99


def test_a_refused_book_does_not_move_the_time(writer):
    crossed = DecodedBook("KRW-BTC", 500, _book().asks[:1], _book().bids[:1])
    assert writer.publish_book(crossed, 1, 2) == "book_crossed"
    assert writer.publish_book(_book(at=100), 1, 2) is None


def test_one_market_or_all_are_marked_dead(writer, reader):
    writer.publish_book(_book("KRW-BTC"), 1, 2)
    writer.publish_book(_book("KRW-ETH"), 1, 2)
    writer.mark_dead("KRW-ETH")
    assert reader.read(0) is not None
    assert reader.read(1) is None
    writer.mark_dead(None)
    assert reader.read(0) is None


def test_seq_moves_with_every_change(writer, reader):
    seen = [reader.seq(0)]
    for step in (lambda: writer.publish_book(_book(), 1, 2), lambda: writer.mark_dead("KRW-BTC")):
        step()
        seen.append(reader.seq(0))
    assert seen == [2, 4, 6]


def test_a_view_does_not_change_when_the_slot_does(writer, reader):
    writer.publish_book(_book(mid=100), 1, 2)
    view = reader.read(0)
    writer.publish_book(_book(mid=90), 1, 2)
    assert view.book.bids == _book(mid=100).bids
    assert view.book is view.book


def test_reader_waits_for_the_file(tmp_path, reader):
    assert reader.read(0) is None
    assert reader.seq(0) == -1
    writer = BookWriter(tmp_path, Exchange.UPBIT, MARKETS, FrameDecoder(LONG_SPEC))
    writer.publish_book(_book(), 1, 2)
    assert reader.read(0).book.asks == _book().asks


def test_a_restarted_writer_begins_with_dead_books_and_goes_on_in_the_same_file(tmp_path, writer, reader):
    writer.publish_book(_book(at=100), 1, 2)
    writer._file.close()
    again = BookWriter(tmp_path, Exchange.UPBIT, MARKETS, FrameDecoder(LONG_SPEC))
    assert reader.read(0) is None
    assert again.publish_book(_book(at=50), 1, 2) is None
    assert reader.read(0).frames == 2


def test_a_slot_left_odd_by_a_killed_writer_heals_at_open(tmp_path, writer, reader):
    writer.publish_book(_book(), 1, 2)
    writer._file.words[slot_offset(0) // WORD] += 1
    assert reader.read(0) is None
    writer._file.close()
    again = BookWriter(tmp_path, Exchange.UPBIT, MARKETS, FrameDecoder(LONG_SPEC))
    assert reader.seq(0) % 2 == 0
    again.publish_book(_book(mid=90), 1, 2)
    assert reader.read(0).book.bids == _book(mid=90).bids


def test_a_second_writer_is_refused(tmp_path, writer):
    with pytest.raises(ConfigError, match=r"books\.upbit\.shm is being written by another feed of upbit"):
        BookWriter(tmp_path, Exchange.UPBIT, MARKETS, FrameDecoder(LONG_SPEC))
    with pytest.raises(ConfigError):
        BookWriter(tmp_path, Exchange.UPBIT, ("KRW-XRP",), FrameDecoder(LONG_SPEC))
    BookWriter(tmp_path, Exchange.BITHUMB, MARKETS, FrameDecoder(LONG_SPEC))


def test_other_markets_make_a_new_file_which_old_readers_never_mistake(tmp_path, writer, reader):
    writer.publish_book(_book("KRW-BTC"), 1, 2)
    assert reader.read(0) is not None
    writer._file.close()
    fresh = BookWriter(tmp_path, Exchange.UPBIT, ("KRW-ETH", "KRW-BTC"), FrameDecoder(LONG_SPEC))
    fresh.publish_book(_book("KRW-ETH"), 1, 2)
    assert reader.read(0) is None
    renewed = BookReader(tmp_path, Exchange.UPBIT, ("KRW-ETH", "KRW-BTC"))
    assert renewed.read(0).book.market == "KRW-ETH"


def test_reader_follows_a_file_that_was_removed_and_made_anew(tmp_path, writer, reader):
    writer.publish_book(_book(mid=100), 1, 2)
    assert reader.read(0) is not None
    (tmp_path / "books.upbit.shm").unlink()
    again = BookWriter(tmp_path, Exchange.UPBIT, MARKETS, FrameDecoder(LONG_SPEC))
    again.publish_book(_book(mid=90), 1, 2)
    views = [reader.read(0) for _ in range(300)]
    assert views[-1].book.bids == _book(mid=90).bids


def test_a_closed_writer_leaves_no_book_to_trade_on(writer, reader):
    writer.publish_book(_book(), 1, 2)
    writer.close()
    assert reader.read(0) is None


def test_a_slot_that_stands_is_read_once_and_shows_its_next_faults(writer, reader):
    writer.publish_book(_book(), 1, 2)
    first = reader.read(0)
    assert reader.read(0) is first
    writer.publish_frame(_frame(at=1, rows=((100, 101, 1, 1),)))
    assert (first.faults, reader.read(0).faults) == (0, 1)
    writer.publish_book(_book(at=1001, mid=200), 3, 4)
    assert (reader.read(0).book.bids, reader.read(0).book.recv_mono_ns) == (_book(mid=200).bids, 4)
    writer.mark_dead("KRW-BTC")
    assert reader.read(0) is None
