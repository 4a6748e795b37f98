"""The jobs themselves: each fetches, calls one service, and changes nothing when it is delivered twice."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from desk_story import START_NS, opened_desk, records, trip
from django.utils import timezone

from arbitrage.models import Alert, BookCheck, KeyRecord, ReconciliationRun, Report
from arbitrage.services import params, recording
from fast_path.control import Beat, ControlBlock
from fast_path.counters import Counters
from workers.tasks.health import check_health, findings, memory_used_percent, resident_bytes
from workers.tasks.keys import check_key_age
from workers.tasks.reconciliation import reconcile
from workers.tasks.reports import daily
from workers.tasks.resync import check_books
from workers.tasks.retention import drop_old_rows
from workers.tasks.strategy import check_strategy

pytestmark = [pytest.mark.django_db]
E8 = 10**8
SECOND = 10**9


@pytest.fixture
def desk(desk_env, settings):
    """A desk without a market: its exchanges' addresses lead nowhere."""
    settings.KARB_ENV = desk_env
    return desk_env


def texts(env, beats, now):
    return [text for _, _, text in findings(env, beats, now) if text]


def test_a_silent_process_is_found_after_a_minute(desk):
    beats = {"trader": Beat(os.getpid(), 100 * SECOND, 0)}
    assert texts(desk, beats, 160 * SECOND) == []
    assert texts(desk, beats, 161 * SECOND) == ["trader gave no sign of life for 61 s"]


def test_an_alert_opens_with_its_cause_and_closes_with_it(desk):
    control = ControlBlock(desk.shm_dir, desk.markets, desk.latch_path)
    control.beat("trader", time.monotonic_ns() - 90 * SECOND, time.time_ns())
    assert check_health() == ["trader gave no sign of life for 90 s"]
    check_health()
    alert = Alert.objects.get(kind="process_silent", subject="trader")
    assert (alert.closed_at, alert.count, alert.risk_id) == (None, 2, "R4.1")
    control.beat("trader", time.monotonic_ns(), time.time_ns())
    assert check_health() == []
    alert.refresh_from_db()
    assert alert.closed_at is not None


def test_a_stream_that_is_lost_too_often_or_for_good_is_found(desk):
    counters = Counters(desk.shm_dir, "feed.upbit")
    counters.set("feed.disconnects_last_hour", 5)
    assert texts(desk, {}, 0) == []
    counters.set("feed.disconnects_last_hour", 6)
    counters.set("feed.attempts", 9)
    counters.set("reconnects", 7)
    assert texts(desk, {}, 0) == ["feed.upbit lost its stream 6 times within an hour; 7 of 9 attempts came back"]
    counters.set("feed.disconnects_last_hour", 0)
    counters.set("feed.degraded", 1)
    assert texts(desk, {}, 0) == ["feed.upbit cannot get its stream back and polls REST"]


def test_a_recorder_left_behind_is_found(desk):
    with desk.journal_path.open("wb") as journal:
        journal.truncate(5 * 1024 * 1024)
    Counters(desk.shm_dir, "recorder").set("position", 1024)
    assert texts(desk, {}, 0) == [f"{5 * 1024 * 1024 - 1024} bytes not booked"]


def test_memory_is_read_in_percent_and_bytes(tmp_path):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:  190 kB\n")
    assert memory_used_percent(meminfo) == 81
    assert memory_used_percent(tmp_path / "none") == 0
    assert resident_bytes(os.getpid()) > 10 * 1024 * 1024
    assert resident_bytes(2**22 + 1) == 0
    assert memory_used_percent(Path("/proc/meminfo")) < 100


def test_the_daily_report_is_one_row_however_often_it_is_made(desk):
    recording.record_batch(records([*opened_desk(), *trip("a1", buy=150_000_000, sell=150_300_000, qty=E8 // 100)]))
    day = timezone.localtime(timezone.datetime.fromtimestamp(START_NS // SECOND, timezone.get_current_timezone()))
    for _ in range(2):
        assert daily(day.date().isoformat()) == day.date().isoformat()
    assert Report.objects.get().day == day.date()
    assert daily() == (timezone.localdate() - timedelta(days=1)).isoformat()


def test_a_strategy_that_loses_alerts_and_one_that_earns_again_closes(desk):
    params.seed("simulated")
    now_ns = time.time_ns() - 5 * SECOND
    losing = trip("a1", buy=150_000_000, sell=149_000_000, qty=E8 // 100, at_ns=now_ns)
    recording.record_batch(records([*opened_desk(), *losing]))
    assert set(check_strategy()) >= {"win_rate_low", "average_profit_negative"}
    assert Alert.objects.get(kind="win_rate_low").risk_id == "R6.1"
    for number in range(3):
        winning = trip(f"w{number}", buy=150_000_000, sell=153_000_000, qty=E8 // 50, at_ns=now_ns)
        recording.record_batch(records(winning, first_seq=7 + 3 * number))
    assert "win_rate_low" not in check_strategy()
    assert Alert.objects.get(kind="win_rate_low").closed_at is not None


def test_old_rows_go_and_evidence_stays(desk):
    old = timezone.now() - timedelta(days=31)
    for at in (old, timezone.now()):
        BookCheck.objects.create(exchange="upbit", market="KRW-BTC", outcome="same", at=at)
        for breaks in (0, 1):
            ReconciliationRun.objects.create(exchange="upbit", run_key=f"{at}{breaks}", breaks_found=breaks, at=at)
    assert drop_old_rows() == {"book_checks": 1, "empty_runs": 1}
    assert drop_old_rows() == {"book_checks": 0, "empty_runs": 0}
    assert ReconciliationRun.objects.filter(at=old).get().breaks_found == 1


@pytest.fixture
def unreachable(desk, settings):
    """The same desk with keys, so that readers can be opened: nobody answers them."""
    import msgspec

    from workers.up_setup import make_directories, make_keys

    make_directories(desk)
    make_keys(desk)
    settings.KARB_ENV = msgspec.structs.replace(
        desk, sim_upbit_address="127.0.0.1:9", sim_bithumb_address="127.0.0.1:9", markets=("KRW-BTC",)
    )
    return settings.KARB_ENV


def test_an_exchange_that_does_not_answer_is_no_break_and_no_crash(unreachable):
    assert reconcile.apply(task_id="t1").get() == {"upbit": -1, "bithumb": -1}
    assert ReconciliationRun.objects.count() == 0
    assert check_key_age() == []
    assert KeyRecord.objects.count() == 0


def test_a_book_that_cannot_be_checked_is_said_so_and_asks_for_no_resync(unreachable):
    assert check_books() == {"no_answer": 2}
    assert set(BookCheck.objects.values_list("outcome", "did_resync")) == {("no_answer", False)}
