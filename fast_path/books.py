"""Order books in shared memory: one writer per exchange, any number of readers, one seqlock per market."""

import fcntl
import mmap
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from arbitrage.domain.book import Book, Level, ladder_fault
from arbitrage.domain.errors import ConfigError, FrameInvalid
from arbitrage.domain.frame_spec import DecodedBook, FrameDecoder
from arbitrage.domain.ports import Frame
from arbitrage.domain.units import Exchange, Ns
from fast_path.core import Core, Snapshot, load
from fast_path.layout import (
    MAGIC_BOOKS,
    SLOT_ASK_PRICE,
    SLOT_ASK_QTY,
    SLOT_BID_PRICE,
    SLOT_BID_QTY,
    SLOT_FAULTS,
    SLOT_FRAMES,
    STATUS_LIVE,
    WORD,
    WORD_A,
    books_bytes,
    shape_of,
    slot_offset,
)
from fast_path.shm import SharedFile, create_shared, open_or_create, open_shared

FAULT_FRAME = "frame_invalid"
FAULT_MARKET = "market_unknown"
FAULT_TIME = "time_went_back"

_RETRIES = 200
_LOOK_AGAIN = 256
"""How many reads a reader trusts its mapping before it looks whether the file was made anew."""
_HEAD_VALUES = 10
_ASK_PRICE, _ASK_QTY, _BID_PRICE, _BID_QTY = (
    _HEAD_VALUES + (offset - SLOT_ASK_PRICE) // WORD
    for offset in (SLOT_ASK_PRICE, SLOT_ASK_QTY, SLOT_BID_PRICE, SLOT_BID_QTY)
)


def _books_path(directory: Path, exchange: Exchange) -> Path:
    return directory / f"books.{exchange}.shm"


class BookWriter:
    """Publishes the books of one exchange. ConfigError when another process already does."""

    def __init__(
        self,
        directory: Path,
        exchange: Exchange,
        markets: Sequence[str],
        decoder: FrameDecoder,
        *,
        core: Core | None = None,
        mono_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Open the file, or make a new one when the markets changed; every slot begins dead."""
        self.exchange = exchange
        self.markets = tuple(markets)
        self._decoder = decoder
        self._core = load() if core is None else core
        self._mono_ns = mono_ns
        self._index = {market: index for index, market in enumerate(self.markets)}
        self._slots = tuple(slot_offset(index) for index in range(len(self.markets)))
        self._last_exchange_ns = [0] * len(self.markets)
        self._file = self._open(_books_path(directory, exchange))
        self._mem, self._words = self._file.mem, self._file.words
        self.mark_dead(None)

    def _open(self, path: Path) -> SharedFile:
        shape, size = shape_of(self.markets), books_bytes(len(self.markets))
        while True:
            file = open_shared(path, MAGIC_BOOKS, 0) or open_or_create(path, MAGIC_BOOKS, size, shape=shape)
            try:
                fcntl.flock(file.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                raise ConfigError([f"{path} is being written by another feed of {self.exchange}"]) from None
            if file.shape == shape and file.is_current():
                return file
            if file.is_current():
                create_shared(path, MAGIC_BOOKS, size, shape=shape)
                file.words[WORD_A] = 1
            file.close()

    def index_of(self, market: str) -> int:
        """Return the slot of a market. KeyError when it is not one of ours."""
        return self._index[market]

    def use_decoder(self, decoder: FrameDecoder) -> None:
        """Read frames with another decoder from now on; every book is dead until its next whole frame."""
        self._decoder = decoder
        self.mark_dead(None)

    def publish_frame(self, frame: Frame) -> str | None:
        """Decode, check and publish. Return None, or the fault's word, in which case the slot stands as it was.

        Words: frame_invalid, market_unknown, time_went_back, or one of `ladder_fault`.
        """
        try:
            decoded = self._decoder.decode(frame.data)
        except FrameInvalid:
            return FAULT_FRAME
        return self.publish_book(decoded, frame.recv_wall_ns, frame.recv_mono_ns)

    def publish_book(self, decoded: DecodedBook, recv_wall_ns: Ns, recv_mono_ns: Ns) -> str | None:
        """Check and publish a decoded book, from the stream or from REST; answers as `publish_frame`."""
        index = self._index.get(decoded.market)
        if index is None:
            return FAULT_MARKET
        slot = self._slots[index]
        words = self._words
        bids, asks, exchange_ns = decoded.bids, decoded.asks, decoded.exchange_ns
        if exchange_ns < self._last_exchange_ns[index]:
            fault: str | None = FAULT_TIME
        else:
            fault = ladder_fault(bids, asks)
        faults = words[(slot + SLOT_FAULTS) // WORD]
        if fault is not None:
            words[(slot + SLOT_FAULTS) // WORD] = faults + 1
            return fault
        frames = words[(slot + SLOT_FRAMES) // WORD] + 1
        head = (self._mono_ns(), recv_mono_ns, recv_wall_ns, exchange_ns, frames, faults)
        self._core.publish(self._mem, words, slot, head, bids, asks)
        self._last_exchange_ns[index] = exchange_ns
        return None

    def mark_dead(self, market: str | None) -> None:
        """Take a market's book (None: every book) from the readers until the next whole frame.

        Also forgets the exchange's last time, so that a feed whose clock was set back comes to life again.
        """
        for index in range(len(self.markets)) if market is None else (self._index[market],):
            self._core.mark_dead(self._mem, self._words, self._slots[index])
            self._last_exchange_ns[index] = 0

    def close(self) -> None:
        """Mark every book dead and let go of the file."""
        self.mark_dead(None)
        self.forsake()

    def forsake(self) -> None:
        """Let go of the file as a killed process does: books stay as they are and grow old."""
        self._file.close()


class SlotView:
    """One moment of one slot. The ladders become `Level`s only when `book` is asked for."""

    __slots__ = (
        "_book",
        "_exchange",
        "_market",
        "_values",
        "best_ask",
        "best_bid",
        "exchange_ns",
        "faults",
        "frames",
        "published_mono_ns",
        "recv_mono_ns",
        "recv_wall_ns",
        "seq",
    )

    def __init__(self, exchange: Exchange, market: str, seq: int, values: Snapshot) -> None:
        self._exchange = exchange
        self._market = market
        self._values = values
        self._book: Book | None = None
        self.seq = seq
        self.published_mono_ns = Ns(values[4])
        """When the writer published it."""
        self.recv_mono_ns = Ns(values[5])
        """When the frame came off the wire: ages count from here."""
        self.recv_wall_ns = Ns(values[6])
        """The same by our wall clock."""
        self.exchange_ns = Ns(values[7])
        """When the exchange says it made it."""
        self.frames = values[8]
        """How many books were ever published in this slot."""
        self.faults = values[9]
        """How many books of this market had been turned away by then."""
        self.best_bid = values[_BID_PRICE]
        """The best bid's price in 10^-8."""
        self.best_ask = values[_ASK_PRICE]
        """The best ask's price in 10^-8."""

    @property
    def ask_words(self) -> Snapshot:
        """Return the asks as they lie in the slot, prices before quantities: to be compared, not read."""
        return self._values[_ASK_PRICE:_BID_PRICE]

    @property
    def bid_words(self) -> Snapshot:
        """Return the bids likewise."""
        return self._values[_BID_PRICE:]

    @property
    def book(self) -> Book:
        """Return the whole book."""
        if self._book is None:
            values = self._values
            n_bid, n_ask = values[1], values[2]
            self._book = Book(
                self._exchange,
                self._market,
                tuple(map(Level, values[_BID_PRICE : _BID_PRICE + n_bid], values[_BID_QTY : _BID_QTY + n_bid])),  # type: ignore[arg-type]
                tuple(map(Level, values[_ASK_PRICE : _ASK_PRICE + n_ask], values[_ASK_QTY : _ASK_QTY + n_ask])),  # type: ignore[arg-type]
                self.exchange_ns,
                self.recv_wall_ns,
                self.recv_mono_ns,
            )
        return self._book


class BookReader:
    """Reads the books of one exchange; waits for the file, and follows it when it is made anew."""

    def __init__(
        self, directory: Path, exchange: Exchange, markets: Sequence[str], *, core: Core | None = None
    ) -> None:
        self.exchange = exchange
        self.markets = tuple(markets)
        self._path = _books_path(directory, exchange)
        self._shape = shape_of(self.markets)
        self._core = load() if core is None else core
        self._slots = tuple(slot_offset(index) for index in range(len(self.markets)))
        self._file: SharedFile | None = None
        self._reads = 0
        self._views: list[SlotView | None] = [None] * len(self.markets)
        """What each slot of the file showed last; it shows that until its sequence number or its faults move."""

    def read(self, index: int) -> SlotView | None:
        """Return the market's book, or None: no file yet, never written, dead, or the writer is stuck inside."""
        file = self._file
        self._reads += 1
        if file is None or file.words[WORD_A] or not self._reads % _LOOK_AGAIN:
            file = self._current()
            if file is None:
                return None
        slot, view, words = self._slots[index], self._views[index], file.words
        if view is not None and words[slot // WORD] == view.seq and words[(slot + SLOT_FAULTS) // WORD] == view.faults:
            return view
        found = self._core.snapshot(file.mem, words, slot, _RETRIES)
        if found is None or found[1][0] != STATUS_LIVE:
            return None
        view = self._views[index] = SlotView(self.exchange, self.markets[index], *found)
        return view

    def seq(self, index: int) -> int:
        """Return the slot's sequence number: it moves with every change. -1 while there is no file."""
        self._reads += 1
        file = self._current()
        return -1 if file is None else int(file.words[self._slots[index] // WORD])

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _current(self) -> SharedFile | None:
        file = self._file
        if file is not None and not file.words[WORD_A] and (self._reads % _LOOK_AGAIN or file.is_current()):
            return file
        self.close()
        opened = open_shared(self._path, MAGIC_BOOKS, 0, access=mmap.ACCESS_READ)
        if opened is not None and (opened.shape != self._shape or opened.words[WORD_A]):
            opened.close()
            opened = None
        self._file = opened
        self._views = [None] * len(self.markets)
        return opened
