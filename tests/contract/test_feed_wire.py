"""A feed whose exchange renamed a member of its book frame: nothing is published until the spec is mended, live."""

from pathlib import Path

import msgspec
import pytest
from contract_bench import MARKET
from quiet_feed import QuietFeed, frame

from arbitrage.domain.frame_spec import FrameDecoder
from arbitrage.domain.ports import Frame
from arbitrage.domain.units import Exchange, Ns
from arbitrage.domain.wire import ExchangeWire, Wire, wire_to_bytes
from exchanges import registry
from fast_path.books import BookReader, BookWriter
from fast_path.wakeup import WakeupSender
from karb_project.env import read_env
from workers import feed as worker
from workers.process import Context

SPEC = registry.frame_decoder(Exchange.UPBIT).spec
RENAMED = msgspec.structs.replace(SPEC, version=2, units_key="levels", ask_price_key="askPrice")
MENDED = wire_to_bytes(Wire({Exchange.UPBIT: ExchangeWire(frames={SPEC.name: RENAMED})}))


def renamed(at: int, mono: int = 1) -> Frame:
    old = frame(at, mono=mono)
    return msgspec.structs.replace(old, data=old.data.replace(b'"obu"', b'"levels"').replace(b'"ap"', b'"askPrice"'))


class Bench:
    def __init__(self, folder: Path) -> None:
        self.env = read_env(
            {"KARB_VAR_DIR": str(folder / "var"), "KARB_SHM_DIR": str(folder / "shm"), "KARB_MARKETS": MARKET}
        )
        self.context = Context("feed.upbit", self.env)
        self.context.beat()
        self.reader = BookReader(self.env.shm_dir, Exchange.UPBIT, (MARKET,))
        self.sender = WakeupSender(self.env.wakeup_path)

    def start(self) -> worker.FeedWorker:
        feed = QuietFeed(Exchange.UPBIT)
        decoder = FrameDecoder(feed.spec)
        self.writer = BookWriter(self.env.shm_dir, Exchange.UPBIT, (MARKET,), decoder)
        return worker.FeedWorker(self.context, feed, self.writer, decoder, self.sender)  # type: ignore[arg-type]

    @property
    def applied(self) -> int:
        return self.context.control.heartbeats()["feed.upbit"].wire_epoch


@pytest.fixture
def desk(tmp_path: Path):
    made = Bench(tmp_path)
    yield made
    made.writer.close()
    made.sender.close()
    made.context.close()


def test_a_renamed_member_is_mended_while_the_feed_runs(desk) -> None:
    made = desk.start()
    made.frame_came(frame(1000, mono=10))
    made.frame_came(renamed(1001, mono=20))
    assert desk.reader.read(0).recv_mono_ns == 10
    assert desk.context.counters.get("frames_invalid") == 1

    desk.context.control.write_wire(2, MENDED)
    made._wire.heed(made._use_wire)
    assert (desk.reader.read(0), desk.applied) == (None, 2)
    made.frame_came(renamed(1002, mono=30))
    assert desk.reader.read(0).recv_mono_ns == 30
    made.frame_came(frame(1003, mono=40))
    assert desk.reader.read(0).recv_mono_ns == 30


def test_a_feed_that_starts_later_reads_the_settings_before_its_first_frame(desk) -> None:
    desk.context.control.write_wire(2, MENDED)
    made = desk.start()
    assert desk.applied == 2
    made.frame_came(renamed(1000, mono=30))
    assert desk.reader.read(0).recv_mono_ns == 30
    assert desk.context.counters.get("frames_invalid") == 0


def test_settings_that_do_not_touch_the_frame_leave_the_books_alone(desk) -> None:
    made = desk.start()
    made.frame_came(frame(1000, mono=10))
    desk.context.control.write_wire(2, wire_to_bytes(Wire({Exchange.UPBIT: ExchangeWire()})))
    made._wire.heed(made._use_wire)
    assert (desk.reader.read(0).recv_mono_ns, desk.applied) == (10, 2)


def test_a_roll_back_reads_frames_as_shipped_again(desk) -> None:
    desk.context.control.write_wire(2, MENDED)
    made = desk.start()
    desk.context.control.write_wire(3, wire_to_bytes(Wire()))
    made._wire.heed(made._use_wire)
    made.frame_came(Frame(frame(1000).data, Ns(1), Ns(50)))
    assert (desk.reader.read(0).recv_mono_ns, desk.applied) == (50, 3)
