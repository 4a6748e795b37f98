"""Books switched between generations while they run: dead in between, whole afterwards, woken trader and all (R1.1)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from contract_bench import ADAPTERS, MARKET, MARKETS, Bench, until
from switch_bench import JWT, LEGACY, switching_feed, wire

from arbitrage.domain.book import ladder_fault
from arbitrage.domain.frame_spec import DecodedBook, FrameDecoder
from arbitrage.domain.ports import Frame, StreamState
from arbitrage.domain.units import Exchange
from arbitrage.domain.wire import Duty, Wire, wire_to_bytes
from exchanges.bithumb.legacy_feed import LegacyDiffFeed
from exchanges.bithumb.legacy_profile import STREAM_SPEC as LEGACY_SPEC
from exchanges.bithumb.profile import STREAM_SPEC as JWT_SPEC
from exchanges.stream import StreamTiming
from exchanges.switching_feed import SwitchingFeed
from fast_path.books import BookReader
from karb_project.env import read_env
from workers import feed as worker
from workers.process import Context

BITHUMB = [adapter for adapter in ADAPTERS if adapter.exchange is Exchange.BITHUMB and adapter.generation is JWT]
pytestmark = pytest.mark.parametrize("bench", BITHUMB, ids=["bithumb"], indirect=True)


class Owner:
    """What an owner of a feed does: reads frames by the spec told at each change of state."""

    def __init__(self, feed: Any) -> None:
        self.feed = feed
        self.decoder = FrameDecoder(feed.spec)
        self.books: list[tuple[str, DecodedBook]] = []
        self.states: list[StreamState] = []
        self.dead: list[str] = []

    def frame_came(self, frame: Frame) -> None:
        self.books.append((self.decoder.spec.name, self.decoder.decode(frame.data)))

    def state_changed(self, state: StreamState, cause: str) -> None:
        self.decoder = FrameDecoder(self.feed.spec)
        self.states.append(state)

    def book_came(self, book: DecodedBook, wall_ns: int, mono_ns: int) -> None:
        self.books.append(("", book))

    def of(self, name: str) -> set[str]:
        return {book.market for spec, book in self.books if spec == name and ladder_fault(book.bids, book.asks) is None}


@contextlib.asynccontextmanager
async def owning(feed: Any) -> AsyncIterator[Owner]:
    owner = Owner(feed)
    task = asyncio.create_task(
        feed.run(
            MARKETS,
            owner.frame_came,
            owner.state_changed,
            owner.book_came,
            lambda market, cause: owner.dead.append(market),
        )
    )
    try:
        yield owner
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_books_change_generation_there_and_back_while_they_run(bench: Bench) -> None:
    feed: SwitchingFeed = switching_feed(bench)
    async with owning(feed) as owner:
        await until(lambda: owner.of(JWT_SPEC.name) == set(MARKETS))
        feed.use_wire(wire(books=LEGACY))
        await until(lambda: owner.of(LEGACY_SPEC.name) == set(MARKETS))
        assert owner.states == [
            StreamState.CONNECTING,
            StreamState.UP,
            StreamState.DOWN,
            StreamState.CONNECTING,
            StreamState.UP,
        ]
        assert owner.decoder.spec == LEGACY_SPEC
        owner.books.clear()
        feed.use_wire(wire())
        await until(lambda: owner.of(JWT_SPEC.name) == set(MARKETS))
        assert feed.counts["switches"] == 2
        assert feed.counts["connects"] == 3


async def test_generation_chosen_before_the_start_is_the_first_one(bench: Bench) -> None:
    feed = switching_feed(bench)
    feed.use_wire(wire(books=LEGACY))
    assert feed.spec == LEGACY_SPEC
    async with owning(feed) as owner:
        await until(lambda: owner.of(LEGACY_SPEC.name) == set(MARKETS))
        assert {name for name, _ in owner.books} == {LEGACY_SPEC.name}


async def test_both_generations_beside_each_other_tell_of_like_books_and_only_one_is_handed_on(bench: Bench) -> None:
    feed = switching_feed(bench, wire(Duty.BOOKS))
    async with owning(feed) as owner:
        await until(lambda: feed.counts["compared.books"] >= 8)
        assert {name for name, _ in owner.books} == {JWT_SPEC.name}
        assert feed.comparison.counts["differed.books"] <= 2
        feed.use_wire(wire())
        await asyncio.sleep(0.5)
        compared = feed.counts["compared.books"]
        await asyncio.sleep(0.5)
        assert feed.counts["compared.books"] == compared


async def test_books_folded_from_diffs_are_those_of_the_snapshots(bench: Bench) -> None:
    timing = StreamTiming(ping_every_ns=0, backoff_ms=(50,))
    feed = LegacyDiffFeed(f"http://{bench.host}", f"ws://{bench.host}", bench.clock, timing, anchor_every_s=1.0)
    async with owning(feed) as owner:
        await until(lambda: feed.counts["books_folded"] > 20 and owner.of("") == set(MARKETS))
        await until(lambda: feed.counts["anchors"] >= 6)
        assert feed.counts["diffs_out_of_order"] == 0
        assert feed.counts["books_crossed"] == 0
        assert owner.dead == []
        assert all(ladder_fault(book.bids, book.asks) is None for _, book in owner.books)


async def test_worker_publishes_books_of_the_generation_the_settings_say(bench: Bench, tmp_path: Path) -> None:
    env = read_env(
        {
            "KARB_VAR_DIR": str(tmp_path / "var"),
            "KARB_SHM_DIR": str(tmp_path / "shm"),
            "KARB_MARKETS": ",".join(MARKETS),
            "KARB_SIM_UPBIT_ADDRESS": bench.simulator.upbit_address,
            "KARB_SIM_BITHUMB_ADDRESS": bench.simulator.bithumb_address,
        }
    )
    context = Context("feed.bithumb", env)
    reader = BookReader(env.shm_dir, Exchange.BITHUMB, MARKETS)
    task = asyncio.create_task(worker.feed_main(context, Exchange.BITHUMB))
    try:
        await until(lambda: all(reader.read(index) is not None for index in range(2)))
        # Fifteen levels a side by the one stream, thirty by the other (bithumb.md §2.2, §6.1).
        assert len(reader.read(0).book.bids) <= 15  # type: ignore[union-attr]
        context.control.write_wire(2, wire_to_bytes(Wire({Exchange.BITHUMB: wire(books=LEGACY)})))
        await until(lambda: reader.read(0) is None or len(reader.read(0).book.bids) > 15)  # type: ignore[union-attr]
        await until(lambda: (view := reader.read(0)) is not None and len(view.book.bids) > 15)
        view = reader.read(0)
        assert view is not None
        assert (view.book.market, ladder_fault(view.book.bids, view.book.asks)) == (MARKET, None)
        assert context.counters.get("frames_invalid") == 0
        await until(lambda: context.counters.get("feed.switches") == 1)
    finally:
        context.stopping.set()
        assert await task == 0
        reader.close()
        context.close()
