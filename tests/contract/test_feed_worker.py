"""`workers/feed.py` inside its process shell: the simulator's frames become books that a reader sees."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from contract_bench import MARKET, Bench, until
from quiet_feed import QuietFeed, frame

from arbitrage.domain.book import ladder_fault
from arbitrage.domain.errors import ConfigError
from arbitrage.domain.frame_spec import FrameDecoder
from arbitrage.domain.ports import Frame, StreamState
from arbitrage.domain.units import EXCHANGES, Exchange, Ns
from exchanges import registry
from fast_path.books import BookReader, BookWriter
from fast_path.latency import Stage, read_latency
from fast_path.wakeup import WakeupReceiver, WakeupSender
from karb_project.env import Env, read_env
from workers import feed as worker
from workers.process import Context

MARKETS = (MARKET, "KRW-ETH")


def env_of(bench: Bench, folder: Path) -> Env:
    return read_env(
        {
            "KARB_VAR_DIR": str(folder / "var"),
            "KARB_SHM_DIR": str(folder / "shm"),
            "KARB_MARKETS": ",".join(MARKETS),
            "KARB_SIM_UPBIT_ADDRESS": bench.simulator.upbit_address,
            "KARB_SIM_BITHUMB_ADDRESS": bench.simulator.bithumb_address,
        }
    )


@contextlib.asynccontextmanager
async def running(context: Context, exchange: Exchange) -> AsyncIterator["asyncio.Task[int]"]:
    task = asyncio.create_task(worker.feed_main(context, exchange))
    try:
        yield task
    finally:
        context.stopping.set()
        assert await task == 0


async def test_books_are_published_the_trader_is_woken_and_stop_kills_the_slots(bench: Bench, tmp_path: Path) -> None:
    env = env_of(bench, tmp_path)
    context = Context(f"feed.{bench.exchange}", env)
    reader = BookReader(env.shm_dir, bench.exchange, MARKETS)
    woken = WakeupReceiver(env.wakeup_path)
    heard: set[tuple[int, int]] = set()
    async with running(context, bench.exchange):
        await until(lambda: all(reader.read(index) is not None for index in range(2)))
        view = reader.read(0)
        assert view is not None
        assert view.book.market == MARKET
        assert ladder_fault(view.book.bids, view.book.asks) is None

        def both_woken() -> bool:
            heard.update(woken.drain())
            return heard == {(EXCHANGES.index(bench.exchange), index) for index in range(2)}

        await until(both_woken)
        await until(lambda: context.counters.get("books_published") > 5)
    counters = context.counters
    assert counters.get("frames") == counters.get("books_published")
    assert counters.get("frames_invalid") == 0
    assert read_latency(env.shm_dir)[Stage.FRAME_TO_BOOK].count == counters.get("frames")
    assert reader.read(0) is None
    woken.close()
    reader.close()
    context.close()


async def test_cut_stream_kills_every_slot_until_books_come_again(bench: Bench, tmp_path: Path) -> None:
    env = env_of(bench, tmp_path)
    context = Context(f"feed.{bench.exchange}", env)
    reader = BookReader(env.shm_dir, bench.exchange, MARKETS)
    async with running(context, bench.exchange):
        await until(lambda: reader.read(0) is not None)
        bench.simulator.cut(bench.exchange)
        await until(lambda: reader.read(0) is None)
        await until(lambda: reader.read(0) is not None)
        await until(lambda: context.counters.get("reconnects") == 1)
    assert context.counters.get("disconnects") == 1
    reader.close()
    context.close()


@pytest.fixture
def desk(tmp_path: Path):
    env = read_env(
        {"KARB_VAR_DIR": str(tmp_path / "var"), "KARB_SHM_DIR": str(tmp_path / "shm"), "KARB_MARKETS": MARKET}
    )
    context = Context("feed.upbit", env)
    feed = QuietFeed(Exchange.UPBIT)
    decoder = FrameDecoder(feed.spec)
    writer = BookWriter(env.shm_dir, Exchange.UPBIT, (MARKET,), decoder)
    woken = WakeupReceiver(env.wakeup_path)
    sender = WakeupSender(env.wakeup_path)
    made = worker.FeedWorker(context, feed, writer, decoder, sender)  # type: ignore[arg-type]
    yield made, context, BookReader(env.shm_dir, Exchange.UPBIT, (MARKET,)), woken
    writer.close()
    sender.close()
    woken.close()
    context.close()


def test_repeated_book_wakes_nobody_but_is_fresh(desk) -> None:
    made, context, reader, woken = desk
    made.frame_came(frame(1000, mono=10))
    assert woken.drain() == {(0, 0)}
    made.frame_came(frame(1001, mono=20))
    assert woken.drain() == set()
    assert reader.read(0).recv_mono_ns == 20
    assert context.counters.get("duplicates") == 1
    made.frame_came(frame(1002, ask=4_323_000, mono=30))
    assert woken.drain() == {(0, 0)}


def test_bad_frames_leave_the_slot_and_are_counted_and_kept_within_a_bound(desk) -> None:
    made, context, reader, _ = desk
    made.frame_came(frame(1000, mono=10))
    for number in range(30):
        made.frame_came(Frame(b'{"ty":"orderbook","broken":%d' % number, Ns(number), Ns(20)))
    made.frame_came(frame(1001, ask=4_321_000))
    made.frame_came(frame(999))
    made.frame_came(frame(1001, market="KRW-OTHER"))
    assert reader.read(0).recv_mono_ns == 10
    assert context.counters.get("frames_invalid") == 30
    assert context.counters.get("book_faults") == 3
    made._save()
    path = context.env.var_dir / "bad_frames" / "upbit.jsonl"
    kept = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(kept) == worker.BAD_FRAMES_KEPT
    assert [row["fault"] for row in kept[-3:]] == ["book_crossed", "time_went_back", "market_unknown"]
    assert worker.BadFrames(path)._kept[-1].fault == "market_unknown"


def test_turned_away_frames_are_told_at_once_and_then_once_a_minute(desk, caplog, monkeypatch) -> None:
    made, _, _, _ = desk
    now = [worker.TELL_EVERY_NS]
    monkeypatch.setattr(made._context, "clock", SimpleNamespace(mono_ns=lambda: now[0], wall_ns=lambda: 0))

    def told() -> list[dict[str, int]]:
        made.tell()
        return [record.karb_fields["faults"] for record in caplog.records]

    assert told() == []
    made.frame_came(Frame(b"{", Ns(1), Ns(1)))
    made.frame_came(frame(1001, market="KRW-OTHER"))
    assert told() == [{"frame_invalid": 1, "market_unknown": 1}]
    made.frame_came(Frame(b"{", Ns(1), Ns(1)))
    made.frame_came(Frame(b"}", Ns(1), Ns(1)))
    now[0] += worker.TELL_EVERY_NS - 1
    assert len(told()) == 1
    now[0] += 1
    assert told()[1:] == [{"frame_invalid": 2}]
    now[0] += worker.TELL_EVERY_NS
    assert len(told()) == 2


def test_book_with_an_empty_side_kills_its_slot(desk) -> None:
    made, context, reader, woken = desk
    made.frame_came(frame(1000))
    made.frame_came(frame(1001, ask=0))
    assert reader.read(0) is None
    assert context.counters.get("book_faults") == 1
    made.frame_came(frame(1002, mono=80))
    assert reader.read(0).recv_mono_ns == 80
    assert woken.drain() == {(0, 0)}


def test_damaged_file_of_bad_frames_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "upbit.jsonl"
    path.write_bytes(b"\xff{not json\n")
    kept = worker.BadFrames(path)
    kept.keep("frame_invalid", 1, b"x" * 100_000)
    kept.save()
    assert len(path.read_bytes()) < 20_000


def test_stream_that_comes_back_forgets_polled_times(desk) -> None:
    made, context, reader, _ = desk
    made.state_changed(StreamState.DOWN, "cut")
    book = registry.frame_decoder(Exchange.UPBIT).decode(frame(2000).data)
    made.snapshot_came(book, Ns(1), Ns(50))
    assert reader.read(0).recv_mono_ns == 50
    assert context.counters.get("polls") == 1
    made.state_changed(StreamState.UP, "")
    assert reader.read(0) is None
    made.frame_came(frame(1500, mono=60))
    assert reader.read(0).recv_mono_ns == 60


def test_resync_request_kills_the_slot_until_a_whole_book_follows(desk) -> None:
    made, context, reader, _ = desk
    made.frame_came(frame(1000))
    context.control.request_resync(Exchange.UPBIT, MARKET)
    made._heed_resyncs()
    assert reader.read(0) is None
    assert made._feed.resyncs == 1
    made._heed_resyncs()
    assert made._feed.resyncs == 1
    made.frame_came(frame(1001, mono=70))
    assert reader.read(0).recv_mono_ns == 70


@pytest.mark.parametrize("argv", [[], ["kraken"], ["upbit", "bithumb"]])
def test_wrong_arguments_are_a_config_error(argv: list[str]) -> None:
    with pytest.raises(ConfigError, match="upbit, bithumb"):
        worker.main(argv)
