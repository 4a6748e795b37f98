"""The campaign: same seed, same history; no rule broken; and naive traders beside the desk."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from karb_project.env import ROOT
from workers.virtual.naive import Bot, run_naive
from workers.virtual.run import Plan, run


def campaign(*arguments: str) -> "subprocess.CompletedProcess[str]":
    environ = {name: value for name, value in os.environ.items() if not name.startswith("KARB_")}
    command = [sys.executable, "-m", "workers", "campaign", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=110)


def test_runs_of_every_kind_of_trouble_break_no_rule(tmp_path: Path) -> None:
    done = campaign("--runs", "12", "--seed", "400", "--json", str(tmp_path / "report.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("No rule was broken.\n")
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["runs"], report["runs_with_violations"]) == (12, 0)
    assert report["arbs"] > 100
    assert report["hedges"] > 5
    assert report["traders_killed"] > 2
    # The same seed lives through the same history here, after other runs, as it did there in a process of its own.
    alone = {str(seed): run(Plan(seed)).digest for seed in (411, 405, 400)}
    assert alone == {seed: report["digests"][seed] for seed in alone}


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
    done = campaign("--runs", "3", "--seed", "400", *kinds, "--bot", "naive-single", "--json", report_at)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    # Dust at most, and a million or more of coins that nobody looks after.
    assert int(report["karb"]["most_left_uneven_krw"]) < 5_000
    assert int(report["naive-single"]["most_left_uneven_krw"]) > 1_000_000
    assert int(report["naive-single"]["worst_run_krw"]) < 0 < int(report["karb"]["worst_run_krw"])


@pytest.mark.parametrize("bot", [Bot.RETRY, Bot.EXIT])
def test_a_naive_trader_sends_what_its_kind_sends(bot: Bot) -> None:
    ours, single = run_naive(Plan(401), bot), run_naive(Plan(401), Bot.SINGLE)
    assert (ours.orders > single.orders) is (bot is Bot.RETRY)
    assert (ours.orders < single.orders) is (bot is Bot.EXIT)
