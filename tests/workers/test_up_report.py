"""The figures of one run: differences of what only rises, exact money, and the ledger's word."""

import json

from fast_path.latency import BUCKETS, EMPTY, Histogram, Stage, bucket_of
from workers.up_report import Figures, krw_text, make_report, report_lines, risen, write_report


def histogram(*durations_ns):
    counts = [0] * BUCKETS
    for ns in durations_ns:
        counts[bucket_of(ns)] += 1
    return Histogram(counts)


def latency(**stages):
    return {stage: stages.get(stage.value, EMPTY) for stage in Stage}


BEFORE = Figures(
    {"feed.upbit": {"frames": 100}, "trader": {"arbs_opened": 5, "pnl_e8": 900, "denied.book_stale": 3}},
    latency(frame_to_book=histogram(5)),
    {"a": 2, "b": 1},
)
AFTER = Figures(
    {
        "feed.upbit": {"frames": 160, "books_published": 50},
        "feed.bithumb": {"frames": 40},
        "trader": {
            "arbs_opened": 9,
            "arbs_closed": 4,
            "orders_sent": 8,
            "pnl_e8": 400,
            "fees_e8": 123_456_789,
            "denied.book_stale": 3,
            "denied.order_rate": 2,
        },
    },
    latency(frame_to_book=histogram(5, 8000, 8000)),
    {"a": 5, "b": 1},
)
LEDGER = {"ledger_equal": True, "differences": [], "accounts": 12, "fees_krw": "1.5", "pnl_krw": "-0.25"}


def test_counters_are_differences_and_one_made_anew_counts_as_it_is():
    assert risen({"a": 5, "b": 3, "c": 1}, {"a": 2, "b": 9}) == {"a": 3, "b": 3, "c": 1}


def test_the_report_is_of_this_run_alone():
    report = make_report(BEFORE, AFTER, LEDGER, 60.04, {"trader": 1})
    assert report["frames"] == {"upbit": 60, "bithumb": 40}
    assert (report["arbs_opened"], report["arbs_closed"], report["orders"], report["fills"]) == (4, 4, 8, 0)
    assert report["denials"] == {"order_rate": 2}
    assert report["tasks"] == {"a": 3}
    assert report["latency_us"] == {"frame_to_book": {"p50": 8.1, "p99": 8.1, "count": 2}}
    assert (report["fees_krw"], report["pnl_krw"]) == ("1.5", "-0.25")
    assert (report["ledger_equal"], report["restarts"], report["ran_s"]) == (True, {"trader": 1}, 60.0)


def test_without_the_ledgers_word_it_is_not_equal_and_money_comes_from_the_counters():
    report = make_report(BEFORE, AFTER, {"ledger_equal": False, "differences": ["no answer"]}, 60, {})
    assert (report["fees_krw"], report["pnl_krw"]) == ("1.23456789", "-0.00000500")
    assert report["ledger_equal"] is False
    assert report_lines(report)[-2:] == ["THE LEDGER DIFFERS from the exchanges' balances:", "  no answer"]


def test_people_read_the_same_figures():
    lines = report_lines(make_report(BEFORE, AFTER, LEDGER, 60, {}))
    assert "  frames     60 from upbit, 40 from bithumb" in lines
    assert "  arbs       4 opened, 4 closed, 0 stuck" in lines
    assert "  orders     8 sent, 0 with an unknown answer, 0 hedges" in lines
    assert "  P&L        -0.25 KRW" in lines
    assert "  denials    order_rate 2" in lines
    assert lines[-1] == "The ledger equals the exchanges' balances to the last digit (12 accounts)."


def test_json_holds_the_keys_that_were_promised(tmp_path):
    path = tmp_path / "report.json"
    write_report(path, make_report(BEFORE, AFTER, LEDGER, 60, {}))
    promised = {"frames", "signals", "arbs_opened", "arbs_closed", "orders", "fills", "fees_krw", "pnl_krw"}
    assert promised | {"denials", "latency_us", "tasks", "ledger_equal"} <= json.loads(path.read_text()).keys()
    assert list(tmp_path.iterdir()) == [path]
    write_report(None, {})


def test_won_are_told_towards_minus_infinity():
    assert [krw_text(units) for units in (0, 123_456_789_012_345, -1)] == ["+0", "+1,234,567", "-1"]
