"""`up --for`: the whole desk finds, carries out, books and reports arbs, and its ledger equals the exchanges'."""

import json
from decimal import Decimal

import pytest

from karb_project.env import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(220)]


@pytest.fixture(scope="module")
def report(desk):
    """Return the report of one run of 20 s on new directories."""
    path = desk.home / "report.json"
    desk.up("--for", "20", "--json", str(path))
    code = desk.wait_end(100)
    assert code == 0, desk.said
    return json.loads(path.read_text())


def test_the_ledger_equals_the_exchanges_to_the_last_digit(report, desk):
    assert report["ledger_equal"] is True
    assert report["ledger_differences"] == []
    assert report["ledger_accounts"] == 12
    assert "The ledger equals the exchanges' balances to the last digit (12 accounts)." in desk.lines


def test_arbs_were_opened_and_all_of_them_closed(report):
    assert report["arbs_closed"] >= 5
    assert report["arbs_opened"] == report["arbs_closed"]
    assert report["signals"] >= report["arbs_opened"]
    assert report["orders"] >= 2 * report["arbs_opened"]
    assert report["fills"] >= report["arbs_closed"]
    assert Decimal(report["fees_krw"]) > 0
    assert isinstance(report["pnl_krw"], str)


def test_both_feeds_carried_frames_and_every_stage_was_timed(report):
    assert set(report["frames"]) == {"upbit", "bithumb"}
    assert min(report["frames"].values()) > 100
    stages = report["latency_us"]
    for stage in ("frame_to_book", "book_to_decision", "decision_to_wire", "wire_to_answer", "frame_to_wire"):
        assert 0 < stages[stage]["p50"] <= stages[stage]["p99"], stage
        assert stages[stage]["count"] > 0


def test_the_jobs_ran_through_the_broker(report):
    for name in ("resync.check_books", "reconciliation.reconcile", "health.check_health"):
        assert report["tasks"][f"workers.tasks.{name}"] >= 1


def test_every_part_is_in_the_table_with_its_address(report, desk):
    parts = (
        "redis",
        "simulator",
        "feed.upbit",
        "feed.bithumb",
        "trader",
        "recorder",
        "bridge",
        "web",
        "celery",
        "beat",
    )
    for part in (*parts, "flower"):
        assert any(line.split()[:2] == [part, "ready"] for line in desk.lines), part
    assert f"http://{desk.environ['KARB_WEB_ADDRESS']}/admin/" in desk.said


def test_nothing_is_left_running(report, desk):
    desk.wait_gone()


def test_a_second_run_goes_on_with_the_same_ledger_and_shows_no_password_again(report, desk):
    first = list(desk.lines)
    path = desk.home / "second.json"
    desk.up("--for", "5", "--json", str(path))
    assert desk.wait_end(60) == 0, desk.said
    assert json.loads(path.read_text())["ledger_equal"] is True
    assert len([line for line in first if "password" in line]) == 1
    assert "password" not in desk.said


def test_recorded_frames_go_the_whole_way(second_desk):
    path = second_desk.home / "recorded.json"
    second_desk.up("--for", "10", "--json", str(path), "--recording", str(ROOT / "tests" / "frames"))
    assert second_desk.wait_end(60) == 0, second_desk.said
    recorded = json.loads(path.read_text())
    assert recorded["ledger_equal"] is True
    assert min(recorded["books"].values()) > 0
    assert recorded["tasks"]["workers.tasks.resync.check_books"] >= 1
