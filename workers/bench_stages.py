"""Each stage of the hot path by itself: the desk's own code on the same seeded books, call by call."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import msgspec

from arbitrage.domain.arb import Moment
from arbitrage.domain.arb_step import open_arb
from arbitrage.domain.book import ladder_fault
from arbitrage.domain.errors import InvariantError
from arbitrage.domain.events import ArbStepped
from arbitrage.domain.frame_spec import FrameDecoder
from arbitrage.domain.ports import Frame
from arbitrage.domain.signal import Caps, Signal, find_signal
from arbitrage.domain.units import EXCHANGES, SCALE, Exchange, Krw, Ns, Qty
from exchanges import registry
from exchanges.bithumb import codec as bithumb_codec
from exchanges.bithumb.auth import BithumbSigner
from exchanges.transport import Request, request_bytes
from exchanges.upbit import codec as upbit_codec
from exchanges.upbit.auth import UpbitSigner
from fast_path.books import BookReader, BookWriter
from fast_path.journal import Journal
from fast_path.wakeup import WakeupReceiver, WakeupSender
from workers.bench_corpus import DEFAULT_SPEC, MARKET, beat, frames, open_control, open_engine, stream_frames

CORPUS = 256


class Case(msgspec.Struct, frozen=True):
    """One thing to time. `run` is timed, `after` is not."""

    name: str
    calls: int
    run: Callable[[], object]
    after: Callable[[], object] | None = None


class Stages:
    """Builds every case once; `close` ends the helper process and the files."""

    def __init__(self, directory: Path, journal_dir: Path, seed: int) -> None:
        self._directory = directory
        self._seed = seed
        self._control = open_control(directory)
        self._engine = open_engine(directory, self._control)
        self._readers = [BookReader(directory, exchange, (MARKET,)) for exchange in EXCHANGES]
        self._decoders = {exchange: registry.frame_decoder(exchange) for exchange in EXCHANGES}
        self._writers = {
            exchange: BookWriter(directory, exchange, (MARKET,), self._decoders[exchange]) for exchange in EXCHANGES
        }
        self._receiver = WakeupReceiver(directory / "wakeup.sock")
        self._sender = WakeupSender(directory / "wakeup.sock")
        self._journals = {
            policy: Journal(journal_dir / f"bench-{policy}.journal", "bench", policy) for policy in ("none", "intent")
        }
        self._sink = _Sink()
        self.prepare()
        self.cases = self._books() + self._decisions() + self._orders() + self._journal()

    @property
    def requests(self) -> tuple[bytes, bytes]:
        """Return one whole signed request for each exchange."""
        return self._sink.requests

    def prepare(self) -> None:
        """Make the books young and the bridge alive again, before each round."""
        beat(self._control, time.monotonic_ns(), time.time_ns())
        for exchange in EXCHANGES:
            frame = stream_frames(exchange, self._seed, 1)[0]
            self._must(self._writers[exchange].publish_frame(Frame(frame, Ns(time.time_ns()), Ns(time.monotonic_ns()))))

    def close(self) -> None:
        """Let go of everything."""
        self._sink.close()
        for journal in self._journals.values():
            journal.close()

    @staticmethod
    def _must(fault: str | None) -> None:
        if fault is not None:
            raise InvariantError(f"the bench's own frame was turned away: {fault}")

    def _books(self) -> list[Case]:
        long_frames, long_decoder = cycle(frames(self._seed, CORPUS, DEFAULT_SPEC)), FrameDecoder(DEFAULT_SPEC)
        short_bytes = stream_frames(Exchange.UPBIT, self._seed, CORPUS)
        short_frames, short_decoder = cycle(short_bytes), self._decoders[Exchange.UPBIT]
        decoded = [short_decoder.decode(data) for data in short_bytes]
        checked, published = cycle(decoded), cycle(decoded)
        writer = self._writers[Exchange.UPBIT]
        whole = cycle([Frame(data, Ns(1), Ns(1)) for data in short_bytes])
        reader = self._readers[0]

        def publish() -> None:
            book = next(published)
            writer._core.publish(
                writer._mem, writer._words, writer._slots[0], (1, 1, 1, book.exchange_ns, 1, 0), book.bids, book.asks
            )

        return [
            Case("decode, DEFAULT frame", 400, lambda: long_decoder.decode(next(long_frames))),
            Case("decode, SIMPLE frame", 400, lambda: short_decoder.decode(next(short_frames))),
            Case("check the ladders", 1000, lambda: ladder_fault((book := next(checked)).bids, book.asks)),
            Case("publish", 1000, publish),
            Case("frame to book (those three)", 400, lambda: self._must(writer.publish_frame(next(whole)))),
            Case("wake the trader", 300, lambda: self._sender.notify(0, 0), self._receiver.drain),
            Case("read", 1000, lambda: reader.read(0).book),  # type: ignore[union-attr]
        ]

    def _decisions(self) -> list[Case]:
        engine = self._engine
        one, other = (reader.read(0).book for reader in self._readers)  # type: ignore[union-attr]
        instruments = [registry.instrument(exchange, MARKET, None) for exchange in EXCHANGES]
        engine.refresh_params()
        caps = Caps(Krw(10**12 * SCALE), Qty(100 * SCALE))

        def decide() -> Signal | object:
            return find_signal(other, one, instruments[0], instruments[1], engine.params, caps, Ns(1))

        decision = engine.step(0, Ns(time.monotonic_ns()))
        if decision.approved is None or decision.signal is None:
            raise InvariantError(f"the bench's own books gave no signal: {decision.denial}")
        self._signal = decision.signal
        return [
            Case("decide (walk both ladders)", 1000, decide),
            Case("two reads, decide, gate", 600, lambda: engine.step(0, Ns(time.monotonic_ns()))),
        ]

    def _orders(self) -> list[Case]:
        now = Moment(Ns(time.monotonic_ns()), Ns(time.time_ns()))
        arb, _ = open_arb(self._signal, arb_id="bench-1", params=self._engine.params, params_epoch=1, now=now)
        self._event = ArbStepped(arb, None, Ns(1))
        buy, sell = arb.orders[0], arb.orders[1]
        upbit, bithumb = UpbitSigner("a" * 40, "s" * 40), BithumbSigner("a" * 40, "s" * 40)

        def upbit_bytes() -> bytes:
            body, query = upbit_codec.order_body(buy)
            return request_bytes(Request("POST", "/v1/orders", "", body, upbit.token(query, 1)), "127.0.0.1:1")

        def bithumb_bytes() -> bytes:
            body, query = bithumb_codec.order_body(sell)
            return request_bytes(Request("POST", "/v2/orders", "", body, bithumb.token(query, 1)), "127.0.0.1:1")

        self._sink.requests = (upbit_bytes(), bithumb_bytes())
        return [
            Case("sign and build, Upbit (HS512)", 600, upbit_bytes),
            Case("sign and build, Bithumb (HS256)", 600, bithumb_bytes),
            Case("send two (sockets to a peer)", 150, self._sink.send, self._sink.receive),
        ]

    def _journal(self) -> list[Case]:
        loose, safe = self._journals["none"], self._journals["intent"]
        return [
            Case("journal append", 300, lambda: loose.append(self._event, durable=True)),
            Case("journal append, on disk", 25, lambda: safe.append(self._event, durable=True)),
        ]


class _Sink:
    """Two keep-alive connections to a process that answers each request."""

    def __init__(self) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        code = f"from workers.bench_child import sink; sink({listener.getsockname()[1]})"
        self._part = subprocess.Popen([sys.executable, "-c", code])
        self._sockets = []
        listener.settimeout(30)
        for _ in range(2):
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(10)
            self._sockets.append(connection)
        listener.close()
        self.requests: tuple[bytes, bytes] = (b"", b"")

    def send(self) -> None:
        self._sockets[0].send(self.requests[0])
        self._sockets[1].send(self.requests[1])

    def receive(self) -> None:
        for connection in self._sockets:
            connection.recv(65536)

    def close(self) -> None:
        for connection in self._sockets:
            connection.close()
        self._part.wait(10)
