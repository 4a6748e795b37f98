"""The seqlock between real processes: no torn snapshot, and a writer killed inside its publish."""

import multiprocessing
import os
import signal
import time

from arbitrage.domain.book import Level
from arbitrage.domain.frame_spec import DecodedBook, FrameDecoder, FrameSpec, TimeUnit
from arbitrage.domain.units import SCALE, Exchange
from fast_path.books import BookReader, BookWriter
from fast_path.core import PythonCore
from fast_path.layout import SLOT_BODY, SLOT_STATUS, WORD

SPEC = FrameSpec("test", 1, None, None, "m", "t", TimeUnit.MILLISECONDS, "u", "ap", "bp", "aq", "bq")
CONTEXT = multiprocessing.get_context("fork")
READS = 20_000


def _book(count):
    # Every number in the book, and the depth, come from `count`.
    depth = 1 + count % 30
    base = (10_000 + count) * SCALE
    asks = tuple(Level(base + (n + 1) * SCALE, count * 100 + n + 1) for n in range(depth))
    bids = tuple(Level(base - (n + 1) * SCALE, count * 100 + n + 51) for n in range(depth))
    return DecodedBook("KRW-BTC", count, bids, asks)


def _publish_flat_out(directory, ready, stop):
    writer = BookWriter(directory, Exchange.UPBIT, ("KRW-BTC",), FrameDecoder(SPEC))
    books = [_book(count) for count in range(1, 400)]
    count = 0
    while not stop.is_set():
        for book in books:
            count += 1
            writer.publish_book(DecodedBook(book.market, count, book.bids, book.asks), book.exchange_ns, count)
        ready.set()


def test_no_snapshot_is_torn_while_a_writer_publishes_flat_out(tmp_path):
    ready, stop = CONTEXT.Event(), CONTEXT.Event()
    part = CONTEXT.Process(target=_publish_flat_out, args=(tmp_path, ready, stop))
    part.start()
    try:
        assert ready.wait(30)
        reader = BookReader(tmp_path, Exchange.UPBIT, ("KRW-BTC",))
        reads, seen, times = 0, 0, set()
        deadline = time.monotonic() + 60
        while reads < READS or (len(times) < 100 and time.monotonic() < deadline):
            reads += 1
            view = reader.read(0)
            if view is None:
                continue
            seen += 1
            count = view.book.recv_wall_ns
            expected = _book(count)
            assert (view.book.bids, view.book.asks) == (expected.bids, expected.asks)
            assert view.book.exchange_ns == view.book.recv_mono_ns == view.frames
            times.add(view.book.exchange_ns)
        assert len(times) >= 100
        assert seen >= len(times)
    finally:
        stop.set()
        part.join(30)
    assert part.exitcode == 0


class _DiesInside(PythonCore):
    """Publishes half a book and is killed there."""

    def publish(self, mem, words, slot, head, bids, asks):
        words[slot // WORD] |= 1
        SLOT_BODY.pack_into(mem, slot + SLOT_STATUS, *([7] * 130))
        os.kill(os.getpid(), signal.SIGKILL)


def _die_inside(directory):
    writer = BookWriter(directory, Exchange.UPBIT, ("KRW-BTC",), FrameDecoder(SPEC))
    writer.publish_book(_book(1), 1, 1)
    writer._core = _DiesInside()
    writer.publish_book(_book(2), 1, 1)


def test_a_writer_killed_inside_its_publish_leaves_no_book_and_its_successor_heals_the_slot(tmp_path):
    part = CONTEXT.Process(target=_die_inside, args=(tmp_path,))
    part.start()
    part.join(30)
    assert part.exitcode == -signal.SIGKILL
    reader = BookReader(tmp_path, Exchange.UPBIT, ("KRW-BTC",))
    begin = time.monotonic()
    assert reader.seq(0) % 2 == 1
    assert reader.read(0) is None
    assert time.monotonic() - begin < 10
    writer = BookWriter(tmp_path, Exchange.UPBIT, ("KRW-BTC",), FrameDecoder(SPEC))
    assert reader.read(0) is None
    writer.publish_book(_book(3), 1, 1)
    assert reader.read(0).book.asks == _book(3).asks
