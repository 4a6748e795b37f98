"""What the bridge reads becomes rows, one each; counters add up by day."""

from datetime import UTC, datetime

import pytest
from django.utils import timezone

from arbitrage import selectors
from arbitrage.domain.controls import TradingLevel
from arbitrage.models import Counter, DailyCount, DeskView, Heartbeat, StageLatency
from arbitrage.services import controls, health

pytestmark = pytest.mark.django_db
BEAT_NS = 1_795_000_000_123_456_789


def test_a_heartbeat_is_one_row_a_process():
    health.keep({"trader": health.BeatSeen(10, BEAT_NS), "feed.upbit": health.BeatSeen(11, BEAT_NS, {"books": 5})})
    health.keep({"trader": health.BeatSeen(12, BEAT_NS + 10**9)})
    trader = Heartbeat.objects.get(process="trader")
    assert trader.pid == 12
    assert trader.beat_at == datetime.fromtimestamp(1_795_000_001, UTC).replace(microsecond=123_456)
    assert Heartbeat.objects.get(process="feed.upbit").detail == {"books": 5}


def test_stages_never_timed_leave_no_row():
    health.keep_latency({"a": health.LatencySeen(0, 0, 0, 0), "b": health.LatencySeen(3, 1_000, 2_000, 3_000)})
    health.keep_latency({"b": health.LatencySeen(4, 1_500, 2_000, 3_000)})
    row = StageLatency.objects.get()
    assert (row.stage, row.count, row.p50_ns) == ("b", 4, 1_500)


def test_counters_rise_by_day():
    health.keep_counters({"trader": {"signals": 5, "denied.book_stale": 2}})
    health.keep_counters({"trader": {"signals": 9, "denied.book_stale": 2}})
    today = timezone.localdate()
    assert selectors.counts(today, today) == {"signals": 9, "denied.book_stale": 2}
    assert selectors.denials(today, today) == {"book_stale": 2}
    assert Counter.objects.get(name="signals").value == 9


def test_counters_made_anew_count_on():
    health.keep_counters({"trader": {"signals": 100}})
    health.keep_counters({"trader": {"signals": 3}})
    assert DailyCount.objects.get().value == 103
    assert Counter.objects.get().value == 3


def test_a_gauge_that_falls_below_zero_takes_nothing_away():
    health.keep_counters({"trader": {"pnl_e8": 50}})
    health.keep_counters({"trader": {"pnl_e8": -20}})
    assert Counter.objects.get().value == -20
    assert DailyCount.objects.get().value == 50


def test_the_desk_view_is_one_row():
    health.keep_desk(TradingLevel.HALTED, "why", "kim", 3)
    health.keep_desk(TradingLevel.ACTIVE, "", "", 4)
    assert DeskView.objects.count() == 1
    view = selectors.desk_view()
    assert (view.level, view.applied_epoch) == (0, 4)
    assert controls.wanted().level is TradingLevel.HALTED
