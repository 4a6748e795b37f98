"""The campaign: same seed, same history; no rule broken; and naive traders beside the desk."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from karb_project.env import ROOT
from workers.campaign_report import Report, code_digest, report_of
from workers.virtual.deeds.deed import Family
from workers.virtual.naive import Bot, run_naive
from workers.virtual.run import Plan, run

FIRST, RUNS = 400, 300
"""The seeds of the slice every change is held against; the whole is a command (docs/campaign.md)."""
RUNS_A_TEST = 10


def campaign(*arguments: str) -> "subprocess.CompletedProcess[str]":
    environ = {name: value for name, value in os.environ.items() if not name.startswith("KARB_")}
    command = [sys.executable, "-m", "workers", "campaign", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=110)


@pytest.mark.parametrize("first", range(FIRST, FIRST + RUNS, RUNS_A_TEST))
def test_runs_of_every_kind_of_trouble_break_no_rule(first: int) -> None:
    outcomes = [run(Plan(seed)) for seed in range(first, first + RUNS_A_TEST)]
    assert {one.seed: one.violations for one in outcomes if one.violations} == {}
    assert sum(one.arbs for one in outcomes) > 50


def test_the_same_seeds_live_through_the_same_histories_in_other_processes_and_another_order(tmp_path: Path) -> None:
    done = campaign("--runs", "8", "--seed", str(FIRST), "--jobs", "2", "--json", str(tmp_path / "report.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("No rule was broken.\n")
    report = Report.read(tmp_path / "report.json")
    assert (report.seeds, report.runs, report.runs_with_violations) == ([(FIRST, FIRST + 7)], 8, 0)
    assert report.figures["arbs"] > 50
    assert report.figures["hedges"] > 1
    assert report.figures["traders_killed"] > 0
    backwards = [run(Plan(seed)) for seed in range(FIRST + 7, FIRST - 1, -1)]
    here = report_of(backwards[::-1], {}, code=code_digest(), faults=Family, took_s=1, processor_s=1)
    assert (here.digests, here.deeds, here.figures) == (report.digests, report.deeds, report.figures)
    assert here.code == report.code


def test_parts_are_put_together_only_once(tmp_path: Path) -> None:
    parts = [str(tmp_path / f"{seed}.json") for seed in (FIRST, FIRST + 1)]
    for seed, part in zip((FIRST, FIRST + 1), parts, strict=True):
        assert campaign("--runs", "1", "--seed", str(seed), "--json", part).returncode == 0
    assert campaign("--merge", *parts, "--json", str(tmp_path / "all.json")).returncode == 0
    assert Report.read(tmp_path / "all.json").seeds == [(FIRST, FIRST + 1)]
    again = campaign("--merge", *parts, parts[0])
    assert (again.returncode, again.stderr) == (2, f"campaign: seed {FIRST} is in two parts\n")


def test_arguments_that_cannot_be_used_are_all_named() -> None:
    done = campaign("--runs", "0", "--jobs", "999")
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "campaign: --runs was 0, must be 1 to 1000000",
        "campaign: --jobs was 999, must be 1 to 256",
    ]
    assert campaign("--faults", "orders,earthquake").returncode == 2


def test_a_story_is_told_with_its_plan_and_its_history() -> None:
    done = campaign("--seed", "404", "--trace", "--faults", "orders")
    assert done.returncode == 0
    assert "What went wrong, by plan:" in done.stdout
    assert "sends  upbit" in done.stdout
    assert done.stdout.endswith("No rule was broken.\n")


def test_a_naive_trader_is_left_with_a_position_where_the_desk_is_not(tmp_path: Path) -> None:
    report_at = str(tmp_path / "report.json")
    kinds = ("--faults", "orders,transport")
    done = campaign("--runs", "3", "--seed", "421", *kinds, "--bot", "naive-single", "--json", report_at)
    assert done.returncode == 0, done.stdout + done.stderr
    made = Report.read(tmp_path / "report.json").traders
    # Dust at most, and a million or more of coins that nobody looks after.
    assert made["karb"].most_left_uneven_krw < 5_000
    assert made["naive-single"].most_left_uneven_krw > 1_000_000
    assert made["naive-single"].worst_run_krw < 0 < made["karb"].worst_run_krw


@pytest.mark.parametrize("bot", [Bot.RETRY, Bot.EXIT])
def test_a_naive_trader_sends_what_its_kind_sends(bot: Bot) -> None:
    ours, single = run_naive(Plan(401), bot), run_naive(Plan(401), Bot.SINGLE)
    assert (ours.orders > single.orders) is (bot is Bot.RETRY)
    assert (ours.orders < single.orders) is (bot is Bot.EXIT)
