"""A campaign's report: the same in one go or in parts, small whatever its size, and honest about its code."""

import gc
import logging
from decimal import Decimal
from pathlib import Path

import pytest

from arbitrage.domain.errors import ConfigError
from workers import campaign
from workers.campaign_report import Broken, Report, code_digest, kind_of, merged, report_of
from workers.virtual.rules.findings import Violation
from workers.virtual.run import Outcome
from workers.virtual.worth import Worth

SCRIPT = (" 12.30 s  crash: kill -9 at door 3", " 20.00 s  orders: upbit AnswerLost() lane=order count=2")


def outcome(seed: int) -> Outcome:
    broken = (Violation(seed * 10**9, "sent_twice", f"order {seed}"),) if seed % 50 == 0 else ()
    worth = Worth(Decimal(seed) / 3, Decimal(seed % 7))
    return Outcome(seed, broken, f"{seed:016x}", SCRIPT, 2, 4, 1, seed % 2, 0, Decimal("0.5"), worth)


def part(first: int, last: int, *, code: str = "c0de", bot: str = "naive-exit") -> Report:
    outcomes = [outcome(seed) for seed in range(first, last + 1)]
    others = {bot: [Worth(Decimal(-one.seed), Decimal(1)) for one in outcomes]}
    return report_of(
        outcomes, others, code=code, faults=["orders", "crash"], took_s=len(outcomes) * 0.5, processor_s=len(outcomes)
    )


def test_parts_of_whole_hundreds_make_the_report_of_all_their_runs_in_any_order() -> None:
    whole = part(1, 250)
    assert merged([part(201, 250), part(1, 100), part(101, 200)]) == whole
    assert whole.seeds == [(1, 250)]
    assert (whole.runs, whole.runs_with_violations, whole.violations) == (250, 5, {"sent_twice": 5})
    assert whole.first_violations[1] == Broken(100, 100.0, "sent_twice", "order 100")
    assert whole.deeds == {"crash: kill -n at door n": 250, "orders: AnswerLost": 250}
    assert whole.figures == {"arbs": 500, "orders": 1000, "hedges": 250, "traders_killed": 125, "arbs_stuck": 0}
    assert whole.traders["naive-exit"].worst_run_krw == -250
    assert list(whole.digests) == ["1-100", "101-200", "201-250"]
    assert whole.runs_a_minute == 120


def test_one_history_that_differs_changes_the_digest() -> None:
    assert part(1, 100).digest == part(1, 100).digest
    assert part(1, 100).digest != part(1, 99).digest


def test_seeds_between_parts_may_be_missing_and_are_seen_to_be() -> None:
    assert merged([part(1, 100), part(301, 400)]).seeds == [(1, 100), (301, 400)]


def test_parts_of_other_code_faults_or_traders_and_seeds_run_twice_are_all_named() -> None:
    with pytest.raises(ConfigError) as refused:
        merged([part(1, 100), part(100, 200, code="beef", bot="naive-retry")])
    assert refused.value.problems == (
        "code differ: c0de and beef",
        "traders differ: karb, naive-exit and karb, naive-retry",
        "seed 100 is in two parts",
    )


def test_ten_thousand_runs_fit_into_a_file_to_be_kept(tmp_path: Path) -> None:
    report, file = part(1, 10_000), tmp_path / "report.json"
    file.write_bytes(report.to_json())
    assert file.stat().st_size < 50_000
    assert len(report.first_violations) == 200
    assert Report.read(file) == report


def test_a_file_that_is_no_report_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text("{}")
    for name in ("absent.json", "empty.json"):
        with pytest.raises(ConfigError, match="is no report of a campaign"):
            Report.read(tmp_path / name)


def test_a_deed_is_told_by_its_fault_or_by_its_words_without_figures() -> None:
    assert kind_of("  1.00 s  books: bithumb LadderFrozen(ms=3) lasts_ns=5") == "books: LadderFrozen"
    assert kind_of(" 31.20 s  network: upbit unreachable for 5.7 s") == "network: exchange unreachable for n s"


def test_any_changed_source_file_is_other_code(tmp_path: Path) -> None:
    (tmp_path / "workers").mkdir()
    source = tmp_path / "workers" / "trader.py"
    source.write_text("one = 1\n")
    before = code_digest(tmp_path)
    assert code_digest(tmp_path) == before
    source.write_text("one = 2\n")
    assert code_digest(tmp_path) != before


def test_a_run_that_breaks_a_rule_is_told_before_the_last_one_is_over(monkeypatch, capsys) -> None:
    log = logging.getLogger("karb")
    before = log.level
    monkeypatch.setattr(campaign, "run", lambda plan: outcome(plan.seed))
    try:
        assert campaign.main(["--runs", "3", "--seed", "49", "--jobs", "1"]) == 1
    finally:
        log.setLevel(before)
        gc.unfreeze()
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "seed 50 at 50.00 s: sent_twice: order 50"
    assert [line.partition(",")[0] for line in lines[1:5] if " of " in line] == [
        "1 of 3 runs",
        "2 of 3 runs",
        "3 of 3 runs",
    ]
