"""A verdict that stands until something changes is given anew by a new bound, another day, an open arb or a record."""

import msgspec
import pytest
from desk_builders import e8
from desk_story import arb, legs

from arbitrage.domain.arb import ArbState
from arbitrage.domain.conduct import Conduct
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.events import TRADER_STREAM, ArbStepped
from arbitrage.domain.params import DEFAULT_PARAMS
from arbitrage.domain.units import Ns
from fast_path.journal import Journal
from workers.breaker_watch import BreakerWatch
from workers.process import Clock, Context
from workers.today import DAY_NS, KST_NS, Today

NOON = 20_000 * DAY_NS - KST_NS + DAY_NS // 2


class Noon(Clock):
    """Stands at noon in Seoul until the test moves it."""

    now = NOON

    def wall_ns(self) -> Ns:
        return Ns(self.now)

    mono_ns = boot_ns = wall_ns


class Watched:
    """A watch that was asked once and found nothing."""

    def __init__(self, context: Context, journal: Journal) -> None:
        self.params = DEFAULT_PARAMS
        self.today, self.open, self.lowered = Today(), [], []
        self.watch = BreakerWatch(
            context,
            conduct=Conduct(),
            today=self.today,
            journal=journal,
            open_arbs=lambda: self.open,
            params=lambda: self.params,
            lower=self.lowered.append,
        )
        self.tick()
        assert self.lowered == []

    def tick(self) -> list[str]:
        self.watch.tick()
        return [trip.name for trip in self.lowered]


@pytest.fixture
def clock():
    return Noon()


@pytest.fixture
def context(desk_env, clock):
    made = Context("trader", desk_env, clock)
    yield made
    made.close()


@pytest.fixture
def journal(desk_env, clock):
    made = Journal(desk_env.journal_path, TRADER_STREAM, "test", wall_ns=clock.wall_ns)
    yield made
    made.close()


@pytest.fixture
def desk(context, journal):
    return Watched(context, journal)


def lost(arb_id: str, at_ns: int):
    orders = legs(arb_id, buy=101_000, sell=100_000, qty=e8(1), bought=e8(1), sold=e8(1))
    return msgspec.structs.replace(arb(arb_id, orders), closed_wall_ns=at_ns)


def test_a_loss_of_the_day_is_seen_though_nothing_was_journalled(desk):
    desk.params = msgspec.structs.replace(DEFAULT_PARAMS, max_daily_loss_krw=e8(1_000))
    assert desk.tick() == []
    desk.today.add(lost("a", NOON))
    assert desk.tick() == ["day_loss"]


def test_a_day_that_begins_with_a_loss_is_judged_anew(desk, clock):
    desk.params = msgspec.structs.replace(DEFAULT_PARAMS, max_daily_loss_krw=e8(1_000))
    desk.today.add(lost("a", NOON + DAY_NS))
    assert (desk.tick(), desk.tick()) == ([], [])
    clock.now += DAY_NS
    assert desk.tick() == ["day_loss"]


def test_a_new_bound_is_held_against_figures_that_did_not_change(desk):
    desk.today.add(lost("a", NOON))
    assert (desk.tick(), desk.tick()) == ([], [])
    desk.params = msgspec.structs.replace(DEFAULT_PARAMS, max_daily_loss_krw=e8(1_000))
    assert desk.tick() == ["day_loss"]


def test_what_is_journalled_and_what_trips_are_judged_at_every_tick(desk, journal):
    desk.params = msgspec.structs.replace(DEFAULT_PARAMS, max_arb_loss_krw=e8(1_000))
    assert (desk.tick(), desk.tick()) == ([], [])
    journal.append(ArbStepped(lost("a", NOON), None, Ns(NOON)), durable=False)
    assert desk.tick() == ["arb_loss"]
    assert desk.tick() == ["arb_loss", "arb_loss"]


def test_a_desk_that_is_lowered_is_not_lowered_again_and_one_let_go_is_judged_anew(desk, context, journal):
    desk.params = msgspec.structs.replace(DEFAULT_PARAMS, max_daily_loss_krw=e8(1_000))
    context.control.set_level(TradingLevel.REDUCING, "looked at", "minji")
    desk.today.add(lost("a", NOON))
    assert desk.tick() == []
    context.control.set_level(TradingLevel.ACTIVE, "let go", "minji")
    assert desk.tick() == ["day_loss"]
    assert context.counters.get("breaker.day_loss") == 1
    assert journal.last_seq == 1


def test_an_arb_that_is_open_is_looked_at_at_every_tick(desk):
    desk.params = msgspec.structs.replace(DEFAULT_PARAMS, max_unhedged_krw=e8(10_000))
    even = legs("a", buy=100_000, sell=101_000, qty=e8(1), bought=e8(1), sold=e8(1))
    lone = legs("a", buy=100_000, sell=101_000, qty=e8(1), bought=e8(1), sold=0)
    desk.open = [msgspec.structs.replace(arb("a", even), state=ArbState.LEGGED, closed_wall_ns=None)]
    assert (desk.tick(), desk.tick()) == ([], [])
    desk.open = [msgspec.structs.replace(arb("a", lone), state=ArbState.LEGGED, closed_wall_ns=None)]
    assert desk.tick() == ["unhedged"]
