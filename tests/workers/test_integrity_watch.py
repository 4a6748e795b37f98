"""What is worked out of two books once is worked out anew when a book, the history, a setting or time says so."""

import logging
import random

import msgspec
import pytest
from desk_builders import MS, SECOND, e8

from arbitrage.domain.book import Level
from arbitrage.domain.events import TRADER_STREAM, MarketPaused
from arbitrage.domain.frame_spec import DecodedBook, FrameDecoder
from arbitrage.domain.params import DEFAULT_PARAMS
from arbitrage.domain.stillness import FRESH_BOTH
from arbitrage.domain.units import EXCHANGES, Exchange, Ns
from exchanges.upbit.profile import STREAM_SPEC
from fast_path.books import BookReader, BookWriter
from fast_path.journal import Journal
from workers.integrity_watch import BLIND, LOOK_EVERY_NS, IntegrityWatch
from workers.pauses import Pauses
from workers.process import Clock, Context

UPBIT, BITHUMB = Exchange
MARKET, MID = "KRW-BTC", 4_000_000


class MadeUpClock(Clock):
    """Both clocks stand until the test moves them."""

    now = 3_600 * SECOND

    def wall_ns(self) -> Ns:
        return Ns(self.now)

    mono_ns = boot_ns = wall_ns


class Forgetful(IntegrityWatch):
    """Works everything out at each look."""

    def _look(self, index, oldest):
        self._seen[index] = None
        self._ladders._seen[index] = None
        return super()._look(index, oldest)


class Desk:
    """One watch over real books, looked at five times a second."""

    def __init__(self, env, kind: type[IntegrityWatch] = IntegrityWatch) -> None:
        self.clock = MadeUpClock()
        self.context = Context("trader", env, self.clock)
        self.params = msgspec.structs.replace(DEFAULT_PARAMS, max_book_age_ns=3 * SECOND, pause_ns=2 * SECOND)
        self.writers = {
            one: BookWriter(env.shm_dir, one, env.markets, FrameDecoder(STREAM_SPEC), mono_ns=self.clock.mono_ns)
            for one in EXCHANGES
        }
        readers = {one: BookReader(env.shm_dir, one, env.markets) for one in EXCHANGES}
        self.journal = Journal(env.journal_path, TRADER_STREAM, "test", wall_ns=self.clock.wall_ns)
        self.paused: list[MarketPaused] = []
        self.journal.on_append = lambda event: self.paused.append(event)
        pauses = Pauses(self.context, self.journal, lambda: self.params)
        self.watch = kind(self.context, readers, lambda: self.params, pauses)

    def publish(self, exchange: Exchange, mid: int, *, qty: int = 1, spread: int = 2_000) -> None:
        bids, asks = (Level(e8(mid - spread // 2), e8(qty)),), (Level(e8(mid + spread // 2), e8(qty)),)
        book = DecodedBook(MARKET, Ns(self.clock.now), bids, asks)
        assert self.writers[exchange].publish_book(book, Ns(self.clock.now), Ns(self.clock.now)) is None

    def publish_both(self, mid: int = MID) -> None:
        for exchange in EXCHANGES:
            self.publish(exchange, mid)

    def look(self, after_ns: int = LOOK_EVERY_NS) -> None:
        self.clock.now += after_ns
        self.watch.tick()

    def close(self) -> None:
        for writer in self.writers.values():
            writer.close()
        self.journal.close()
        self.context.close()


@pytest.fixture
def desk(desk_env):
    made = Desk(desk_env)
    yield made
    made.close()


def test_a_book_that_changed_is_seen_at_once_and_the_same_books_say_the_same(desk):
    desk.publish_both()
    desk.look()
    assert desk.watch.sight(0).jump.ppm == 0
    assert desk.watch.sight(0) == desk.watch.sight(0)
    desk.publish(BITHUMB, MID + 40_000, spread=4_000)
    sight = desk.watch.sight(0)
    assert (sight.jump.ppm, sight.jump.mover) == (9_901, 1)
    assert sight.widest_spread_ppm == 990


def test_a_usual_gap_that_changes_changes_the_jump_of_books_that_do_not(desk):
    desk.params = msgspec.structs.replace(desk.params, max_book_age_ns=60 * SECOND)
    desk.publish_both()
    for _ in range(3):
        desk.look(SECOND)
    desk.publish(UPBIT, MID + 40_000)
    jumps = []
    for _ in range(4):
        desk.look(SECOND)
        jumps.append(desk.watch.sight(0).jump.ppm)
    assert jumps == [10_000, 10_000, 10_000, 0]


def test_books_that_do_not_change_grow_too_old(desk):
    desk.publish_both()
    desk.look(3 * SECOND)
    assert desk.watch.sight(0) != BLIND
    desk.clock.now += 1
    assert desk.watch.sight(0) == BLIND
    desk.params = msgspec.structs.replace(desk.params, max_book_age_ns=4 * SECOND)
    assert desk.watch.sight(0) != BLIND
    desk.writers[UPBIT].mark_dead(MARKET)
    assert desk.watch.sight(0) == BLIND


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_one_book_that_grows_too_old_is_enough(desk, exchange):
    desk.publish_both()
    desk.look(2 * SECOND)
    desk.publish(exchange, MID)
    assert desk.watch.sight(0) != BLIND
    desk.clock.now += 2 * SECOND
    assert desk.watch.sight(0) == BLIND


def test_a_new_limit_and_the_end_of_a_pause_count_for_books_that_do_not_change(desk):
    desk.params = msgspec.structs.replace(desk.params, max_book_age_ns=60 * SECOND)
    desk.publish_both()
    for _ in range(9):
        desk.look(SECOND)
    desk.publish(UPBIT, MID + 40_000)
    desk.look()
    assert desk.paused == []
    desk.params = msgspec.structs.replace(desk.params, max_price_jump_ppm=5_000)
    desk.look()
    desk.look()
    assert [one.cause for one in desk.paused] == ["price_jumped"]
    assert desk.context.control.paused_until_mono_ns(MARKET) == desk.clock.now + 2 * SECOND - LOOK_EVERY_NS
    desk.look(2 * SECOND - 2 * LOOK_EVERY_NS)
    assert len(desk.paused) == 1
    desk.look()
    assert len(desk.paused) == 2


def freeze(desk: Desk) -> None:
    for n in range(FRESH_BOTH + 1):
        desk.publish(UPBIT, MID)
        desk.publish(BITHUMB, MID + 1_000 * n)
        desk.look()


def test_a_frozen_ladder_goes_on_standing_while_no_frame_comes_and_is_told(desk, caplog):
    caplog.set_level(logging.INFO)
    desk.params = msgspec.structs.replace(desk.params, max_book_age_ns=60 * SECOND, max_price_jump_ppm=500_000)
    freeze(desk)
    stood_ns = desk.watch.sight(0).still_ns
    assert stood_ns == FRESH_BOTH * LOOK_EVERY_NS
    desk.look(SECOND)
    assert desk.watch.sight(0).still_ns == stood_ns + SECOND
    assert desk.context.counters.get("ladder_frozen.upbit") == 1
    desk.look(10 * SECOND)
    assert [one.cause for one in desk.paused] == ["ladder_frozen"]
    desk.publish(UPBIT, MID, qty=2)
    desk.look()
    assert desk.watch.sight(0).still_ns == 0
    assert desk.context.counters.get("ladder_frozen.upbit") == 1
    assert caplog.messages[-1] == "ladder_moved_again"
    freeze(desk)
    desk.look(SECOND)
    assert desk.context.counters.get("ladder_frozen.upbit") == 2


def test_a_long_story_reads_as_it_does_to_one_who_works_everything_out_each_time(tmp_path_factory, desk_env):
    def told(kind: type[IntegrityWatch], name: str) -> list[object]:
        home = tmp_path_factory.mktemp(name)
        paths = {"var_dir": home, "shm_dir": home / "shm", "markets": desk_env.markets}
        desk, rng, story = Desk(msgspec.structs.replace(desk_env, **paths), kind), random.Random(7), []
        desk.params = msgspec.structs.replace(desk.params, max_price_jump_ppm=9_000, max_ladder_still_ns=SECOND)
        for _ in range(600):
            for exchange in EXCHANGES:
                if rng.random() < 0.4:
                    steps = rng.choice((0, 0, 1, 2)) if exchange is UPBIT else rng.randint(0, 50)
                    desk.publish(exchange, MID + 1_000 * steps)
            if rng.random() < 0.02:
                desk.writers[rng.choice(EXCHANGES)].mark_dead(MARKET)
            desk.look(rng.choice((100 * MS, LOOK_EVERY_NS, 300 * MS)))
            story.append((desk.watch.sight(0), desk.context.control.paused_until_mono_ns(MARKET)))
        story += [desk.context.counters.get(f"ladder_frozen.{exchange}") for exchange in EXCHANGES]
        story.append(desk.paused)
        desk.close()
        return story

    assert told(IntegrityWatch, "once") == told(Forgetful, "anew")
