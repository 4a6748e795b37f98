"""One exchange's feed: frames -> shared-memory books -> wake the trader. `python -m workers feed upbit`.

Bad frames are counted and kept, and leave their slot as it was; a book with an empty side kills its
slot; when the stream goes down every slot is dead until a whole book comes again, by stream or by
REST polling (R1.2).
"""

import asyncio
from collections import Counter, deque
from pathlib import Path
from typing import assert_never

import msgspec

from arbitrage.domain.errors import ConfigError, FrameInvalid
from arbitrage.domain.frame_spec import DecodedBook, FrameDecoder
from arbitrage.domain.ports import Feed, Frame, StreamState
from arbitrage.domain.units import EXCHANGES, Exchange, Ns
from arbitrage.domain.wire import Wire
from exchanges import registry
from exchanges.drift import DriftLog
from fast_path import core
from fast_path.books import FAULT_FRAME, BookWriter
from fast_path.latency import Stage
from fast_path.wakeup import WakeupSender
from karb_project.env import read_env
from workers.drift_file import DriftFile
from workers.process import Context, run_process
from workers.wire_use import WireUse

BAD_FRAMES_KEPT = 20
_FAULT_EMPTY = "side_empty"
_BAD_FRAME_BYTES = 16_384
_SAVE_EVERY_LOOKS = 10
TELL_EVERY_NS = 60_000_000_000
"""Bad frames can be as many as good ones: the log has one line a minute of them."""


class BadFrame(msgspec.Struct, frozen=True):
    """A frame that was not published, kept for the analyst."""

    fault: str
    recv_wall_ns: int
    data: str


class BadFrames:
    """The newest bad frames of one exchange, in memory and, a little later, in a bounded file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: deque[BadFrame] = deque(maxlen=BAD_FRAMES_KEPT)
        self._is_saved = True
        try:
            lines = path.read_bytes().splitlines()
            self._kept.extend(msgspec.json.decode(line, type=BadFrame) for line in lines[-BAD_FRAMES_KEPT:])
        except (FileNotFoundError, msgspec.MsgspecError):
            self._kept.clear()

    def keep(self, fault: str, recv_wall_ns: int, data: bytes) -> None:
        """Remember one frame, cut to 16 KiB."""
        self._kept.append(BadFrame(fault, recv_wall_ns, data[:_BAD_FRAME_BYTES].decode("utf-8", "replace")))
        self._is_saved = False

    def save(self) -> None:
        """Write the file anew if anything came since; whole or not at all. OSError when it cannot be."""
        if self._is_saved:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(".new")
        beside.write_bytes(b"".join(msgspec.json.encode(frame) + b"\n" for frame in self._kept))
        beside.replace(self._path)
        self._is_saved = True


class FeedWorker:
    """Carries one feed's books into shared memory."""

    def __init__(
        self, context: Context, feed: Feed, writer: BookWriter, decoder: FrameDecoder, wakeup: WakeupSender
    ) -> None:
        self._context = context
        self._feed = feed
        self._writer = writer
        self._decoder = decoder
        self._wakeup = wakeup
        self._exchange = feed.exchange
        self._index = EXCHANGES.index(feed.exchange)
        self._ladders: dict[str, tuple[object, object]] = {}
        self._was_up = False
        self._bad = BadFrames(context.env.var_dir / "bad_frames" / f"{feed.exchange}.jsonl")
        self._drift = DriftLog()
        self._drift_file = DriftFile(context, {feed.exchange: (self._drift, feed.drift)})
        self._untold: Counter[str] = Counter()
        self._told_ns: int | None = None
        self._wire = WireUse(context)
        self._wire.heed(self._use_wire)

    def frame_came(self, frame: Frame) -> DecodedBook | None:
        """Publish one frame, wake the trader when the book differs from the one before.

        Return the book, None when the frame could not be read.
        """
        context, data, recv_wall_ns, recv_mono_ns = self._context, frame.data, frame.recv_wall_ns, frame.recv_mono_ns
        context.counters.add("frames")
        try:
            book = self._decoder.decode(data)
        except FrameInvalid as error:
            self._drift.note("frame", str(error), data, recv_wall_ns)
            self._turned_away(FAULT_FRAME, recv_wall_ns, data)
            return None
        fault = self._writer.publish_book(book, recv_wall_ns, recv_mono_ns)
        if fault is not None:
            if fault == _FAULT_EMPTY:
                # A true book with nothing to trade on: the one before is no longer true.
                self._dead(book.market)
            self._turned_away(fault, recv_wall_ns, data)
            return book
        self._published(book)
        latency = context.latency
        latency.record(Stage.FRAME_TO_BOOK, context.clock.mono_ns() - recv_mono_ns)
        # Two clocks: for the report only. A clock of ours that runs behind shows as zero.
        latency.record(Stage.EXCHANGE_TO_FRAME, max(recv_wall_ns - book.exchange_ns, 0))
        return book

    def snapshot_came(self, book: DecodedBook, recv_wall_ns: Ns, recv_mono_ns: Ns) -> None:
        """Publish one polled book."""
        self._context.counters.add("polls")
        fault = self._writer.publish_book(book, recv_wall_ns, recv_mono_ns)
        if fault is not None:
            self._turned_away(fault, recv_wall_ns, msgspec.json.encode(book))
        else:
            self._published(book)

    def market_died(self, market: str, cause: str) -> None:
        """Take one market's book away: the feed does not believe it any more until the next one."""
        self._dead(market)
        self._context.counters.add(f"market_died.{cause}")
        self._context.log.warning("market_died", exchange=self._exchange, market=market, cause=cause)

    def state_changed(self, state: StreamState, cause: str) -> None:
        """Kill every slot when the stream goes, and again when it is back: polled times are another clock."""
        context = self._context
        self._follow_spec()
        match state:
            case StreamState.CONNECTING:
                return
            case StreamState.UP:
                self._die()
                context.counters.add("reconnects", 1 if self._was_up else 0)
                self._was_up = True
                context.log.info("feed_connected", exchange=self._exchange)
            case StreamState.DOWN:
                self._die()
                context.counters.add("disconnects")
                context.log.warning("feed_disconnected", exchange=self._exchange, cause=cause)
            case StreamState.DEGRADED:
                context.counters.add("degraded")
                context.log.error("feed_degraded", exchange=self._exchange, cause=cause)
            case _:
                assert_never(state)

    async def run(self) -> int:
        """Run until asked to stop. A bug in the feed ends the process; the supervisor restarts it."""
        markets = self._writer.markets
        running = asyncio.create_task(
            self._feed.run(markets, self.frame_came, self.state_changed, self.snapshot_came, self.market_died),
            name="feed",
        )
        looks = 0
        try:
            while not running.done() and not self._context.stopping.is_set():
                self._heed_resyncs()
                self._wire.heed(self._use_wire)
                looks += 1
                if looks % _SAVE_EVERY_LOOKS == 0:
                    self._save()
                    self._drift_file.save()
                    self._show_counts()
                    self.tell()
                await self._context.sleep(self._context.rhythm.feed_look_s)
            if running.done():
                running.result()
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            self._save()
        return 0

    def _show_counts(self) -> None:
        # Connections, silence, dead markets, comparisons: counted where they are noticed, shown with the rest.
        for name, count in self._feed.counts.items():
            self._context.counters.set(f"feed.{name}", count)

    def _use_wire(self, wire: Wire) -> None:
        """Use these settings from the next frame on; a changed layout kills every slot until one comes."""
        self._feed.use_wire(wire.of(self._exchange))
        self._follow_spec()

    def _follow_spec(self) -> None:
        """Read frames as the feed lays them out now: settings or another generation may have changed it."""
        if self._feed.spec != self._decoder.spec:
            self._decoder = FrameDecoder(self._feed.spec)
            self._writer.use_decoder(self._decoder)
            self._ladders.clear()
            self._context.log.warning("frame_spec_changed", exchange=self._exchange, spec=self._feed.spec.name)

    def _heed_resyncs(self) -> None:
        asked = self._context.control.take_resyncs(self._exchange)
        if not asked:
            return
        for market in asked:
            self._dead(market)
        self._feed.request_resync()
        self._context.log.info("resync_requested", exchange=self._exchange, markets=list(asked))

    def _dead(self, market: str) -> None:
        self._writer.mark_dead(market)
        self._ladders.pop(market, None)

    def _die(self) -> None:
        self._writer.mark_dead(None)
        self._ladders.clear()

    def _published(self, book: DecodedBook) -> None:
        counters = self._context.counters
        counters.add("books_published")
        ladders = (book.bids, book.asks)
        if self._ladders.get(book.market) == ladders:
            # The same book again (bithumb.md §6.1): its receive time is refreshed, nobody is woken.
            counters.add("duplicates")
            return
        self._ladders[book.market] = ladders
        self._wakeup.notify(self._index, self._writer.index_of(book.market))

    def _turned_away(self, fault: str, recv_wall_ns: int, data: bytes) -> None:
        self._context.counters.add("frames_invalid" if fault == FAULT_FRAME else "book_faults")
        self._bad.keep(fault, recv_wall_ns, data)
        self._untold[fault] += 1

    def tell(self) -> None:
        """Log how many frames were turned away for which fault: the first ones now, later ones once a minute."""
        now = self._context.clock.mono_ns()
        if not self._untold or (self._told_ns is not None and now - self._told_ns < TELL_EVERY_NS):
            return
        self._context.log.warning("frames_turned_away", exchange=self._exchange, faults=dict(self._untold))
        self._untold.clear()
        self._told_ns = now

    def _save(self) -> None:
        try:
            self._bad.save()
        except OSError as error:
            self._context.log.error("bad_frames_not_saved", exchange=self._exchange, cause=str(error))


def open_feed(context: Context, exchange: Exchange) -> tuple[FeedWorker, BookWriter, WakeupSender]:
    """Return the worker of `exchange` with what it writes to, which the caller closes."""
    env = context.env
    feed = registry.feed(exchange, env, context.clock)
    decoder = FrameDecoder(feed.spec)
    writer = BookWriter(env.shm_dir, exchange, env.markets, decoder, core=core.load(env.native))
    wakeup = WakeupSender(env.wakeup_path)
    return FeedWorker(context, feed, writer, decoder, wakeup), writer, wakeup


async def feed_main(context: Context, exchange: Exchange) -> int:
    """Run the feed of `exchange` inside its process."""
    worker, writer, wakeup = open_feed(context, exchange)
    try:
        return await worker.run()
    finally:
        writer.close()
        wakeup.close()


def main(argv: list[str]) -> int:
    """Run `feed upbit` or `feed bithumb`. ConfigError lists what is wrong."""
    names = [exchange.value for exchange in EXCHANGES]
    if len(argv) != 1 or argv[0] not in names:
        raise ConfigError([f"feed needs one of {', '.join(names)}, was given {' '.join(argv) or 'nothing'}"])
    exchange = Exchange(argv[0])
    return run_process(f"feed.{exchange}", lambda context: feed_main(context, exchange), read_env())
