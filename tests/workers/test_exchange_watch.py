"""An exchange is watched only, once its answers or frames are bad too often, or hide our own orders or money."""

import logging
from decimal import Decimal

import pytest
from order_makers import make_order

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.drift import Drift
from arbitrage.domain.errors import AuthRefused, NotSent, ReadFailed
from arbitrage.domain.events import Holding
from arbitrage.domain.order import RefusalReason
from arbitrage.domain.ports import NotFound, Refused, RequestBudget, Unknown
from arbitrage.domain.units import EXCHANGES, Exchange
from exchanges.drift import DriftLog
from fast_path.counters import Counters
from workers.exchange_watch import ExchangeWatch
from workers.process import Context
from workers.watched_gateway import WatchedGateway

UPBIT, BITHUMB = Exchange
ACTIVE, REDUCING, _ = TradingLevel


class TellingGateway:
    """An exchange that answers each call as the test says."""

    exchange = UPBIT

    def __init__(self):
        self.says = None
        self.queries = 5
        self.drift = DriftLog()

    async def place(self, order):
        return self._said()

    cancel = query = place

    async def balances(self):
        return self._said()

    def budget(self):
        return RequestBudget(orders=1, queries=self.queries)

    def _said(self):
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


@pytest.fixture
def context(desk_env):
    made = Context("trader", desk_env)
    yield made
    made.close()


@pytest.fixture
def gateway():
    return TellingGateway()


@pytest.fixture
def watch(context, gateway):
    return ExchangeWatch(context, {UPBIT: gateway.drift, BITHUMB: DriftLog()})


def levels(context):
    return [context.control.exchange_level(exchange) for exchange in EXCHANGES]


def reason(context):
    return context.control.monitor_only_latch(UPBIT).get("reason")


ORDER = make_order(UPBIT)


@pytest.mark.parametrize("says", [Unknown("lost"), Refused(RefusalReason.AUTH)])
async def test_too_many_lost_or_refused_commands_stop_the_exchange(context, gateway, watch, says):
    watched = WatchedGateway(gateway, watch)
    gateway.says = NotFound()
    for _ in range(17):
        await watched.query(ORDER)
    gateway.says = says
    for _ in range(2):
        await watched.place(ORDER)
    watch.look()
    assert levels(context) == [ACTIVE, ACTIVE]
    await watched.cancel(ORDER)
    watch.look()
    assert levels(context) == [REDUCING, ACTIVE]
    assert reason(context) == "3 of 20 answers in the last minute were errors"
    assert context.counters.get("error_ppm.answers.upbit") == 150_000


@pytest.mark.parametrize("error", [ReadFailed("odd"), AuthRefused("no")])
async def test_reads_that_fail_count_and_the_error_goes_on(context, gateway, watch, error):
    watched = WatchedGateway(gateway, watch)
    gateway.says = error
    for _ in range(20):
        with pytest.raises(type(error)):
            await watched.balances()
    watch.look()
    assert reason(context) == "20 of 20 answers in the last minute were errors"


async def test_what_never_left_or_was_refused_by_limits_counts_for_nothing(context, gateway, watch):
    watched = WatchedGateway(gateway, watch)
    for refusal in (RefusalReason.NOT_SENT, RefusalReason.STOPPED, RefusalReason.RATE_LIMITED):
        gateway.says = Refused(refusal)
        for _ in range(20):
            await watched.place(ORDER)
    gateway.says = NotSent("own request budget is spent")
    for _ in range(20):
        with pytest.raises(NotSent):
            await watched.balances()
    gateway.says = Unknown("too soon to be sure", is_fault=False)
    for _ in range(20):
        await watched.query(ORDER)
    gateway.says, gateway.queries = Unknown("not asked"), 0
    for _ in range(20):
        await watched.query(ORDER)
    watch.look()
    assert levels(context) == [ACTIVE, ACTIVE]
    assert watch._calls[UPBIT].rate(context.clock.mono_ns()).total == 0


async def test_ordinary_refusals_are_good_answers(context, gateway, watch):
    watched = WatchedGateway(gateway, watch)
    gateway.says = Refused(RefusalReason.INSUFFICIENT_FUNDS)
    for _ in range(30):
        await watched.place(ORDER)
    watch.look()
    assert levels(context) == [ACTIVE, ACTIVE]
    assert watch._calls[UPBIT].rate(context.clock.mono_ns()).total == 30


def test_frames_turned_away_stop_the_exchange(context, desk_env, watch):
    feed = Counters(desk_env.shm_dir, "feed.upbit")
    feed.add("frames", 1_000_000)
    feed.add("frames_invalid", 900_000)
    watch.look()
    assert levels(context) == [ACTIVE, ACTIVE]
    feed.add("frames", 90)
    feed.add("polls", 10)
    feed.add("frames_invalid", 6)
    feed.add("book_faults", 4)
    watch.look()
    assert levels(context) == [ACTIVE, ACTIVE]
    feed.add("frames", 2)
    feed.add("book_faults", 1)
    watch.look()
    assert levels(context) == [REDUCING, ACTIVE]
    assert reason(context) == "11 of 102 frames in the last minute were errors"
    feed.close()


async def test_one_unreadable_balance_stops_the_exchange_before_the_caller_hears_of_it(context, gateway, watch, caplog):
    watched = WatchedGateway(gateway, watch)
    gateway.drift.note("balances", "Expected `array`, got `object`", b'{"krw":"1"}', 5)
    gateway.says = ReadFailed("balances")
    with caplog.at_level(logging.CRITICAL), pytest.raises(ReadFailed):
        await watched.balances()
    assert levels(context) == [REDUCING, ACTIVE]
    assert reason(context) == "balances cannot be read: Expected `array`, got `object`"
    assert [record.message for record in caplog.records] == ["exchange_made_monitor_only"]


@pytest.mark.parametrize(
    ("where", "kind"),
    [("balances", Drift.GAP), ("place", Drift.ERROR), ("market_rules", Drift.UNREADABLE), ("query", Drift.DIFFERENT)],
)
def test_other_drift_does_not_stop_it(context, gateway, watch, where, kind):
    gateway.drift.note(where, "odd", b"", 5, kind=kind)
    watch.look()
    assert levels(context) == [ACTIVE, ACTIVE]


async def test_after_a_person_lifts_it_everything_begins_anew_and_the_next_drift_stops_it_again(
    context, gateway, watch
):
    watched = WatchedGateway(gateway, watch)
    gateway.says = Unknown("lost")
    for _ in range(20):
        await watched.place(ORDER)
    gateway.drift.note("place", "odd", b"", 5)
    watch.look()
    assert levels(context) == [REDUCING, ACTIVE]
    assert context.control.lift_monitor_only(UPBIT, context.clock.wall_ns())
    watch.look()
    assert levels(context) == [ACTIVE, ACTIVE]
    gateway.says = (Holding("KRW", Decimal(1), Decimal(0)),)
    await watched.balances()
    watch.look()
    assert levels(context) == [ACTIVE, ACTIVE]
    gateway.drift.note("place", "odd", b"", 6)
    await watched.balances()
    assert levels(context) == [REDUCING, ACTIVE]
    assert context.counters.get("exchanges_stopped") == 2


def test_a_stop_whose_file_cannot_be_written_holds_in_memory(context, desk_env, gateway, watch, caplog):
    (desk_env.var_dir / "monitor_only.upbit.json").mkdir()
    gateway.drift.note("balances", "odd", b"", 5)
    with caplog.at_level(logging.ERROR):
        watch.look()
    assert levels(context) == [REDUCING, ACTIVE]
    assert [record.message for record in caplog.records] == ["monitor_only_not_kept", "exchange_made_monitor_only"]


def test_it_looks_once_a_second(context, gateway, watch):
    watch.tick()
    gateway.drift.note("balances", "odd", b"", 5)
    watch.tick()
    assert levels(context) == [ACTIVE, ACTIVE]
