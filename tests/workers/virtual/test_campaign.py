"""The campaign: same seed, same history; no rule broken; and every sabotage of the trading path is caught."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from arbitrage.domain import arb_step
from arbitrage.domain import order as orders
from arbitrage.domain.order import OrderOn, OrderReport, OrderState
from arbitrage.domain.ports import Accepted, Answer, Unknown
from exchanges.rest_gateway import RestGateway
from fast_path.executor import Executor
from karb_project.env import ROOT
from workers.trader import Trader
from workers.virtual.mischief import Family
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


# Sabotages: one line of the trading path done wrong, each caught by a rule within a few seeds.


def _resends(monkeypatch: pytest.MonkeyPatch) -> None:
    place = RestGateway.place

    async def twice(self: RestGateway, order: Any) -> Answer:
        answer = await place(self, order)
        if isinstance(answer, Unknown):
            self._placed_set.discard(order.client_order_id)
            answer = await place(self, order)
        return answer

    monkeypatch.setattr(RestGateway, "place", twice)


def _takes_silence_for_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    report_of = Executor._report_of

    def told(self: Executor, order: Any, answer: Answer) -> OrderReport:
        if isinstance(answer, Unknown):
            return OrderReport(OrderOn.REFUSED)
        return report_of(self, order, answer)

    monkeypatch.setattr(Executor, "_report_of", told)


def _believes_the_first_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        arb_step,
        "_proves_absence",
        lambda order, limits, asked: order.state in (OrderState.PLANNED, OrderState.UNKNOWN),
    )


def _never_hedges(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = arb_step.plan
    monkeypatch.setattr(arb_step, "plan", lambda *words, **more: arb_step.Dust() if plan else None)


def _does_not_look_at_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Executor, "last_check", lambda self, exchange, order: None)


def _forgets_at_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Executor, "recover", lambda self, images: None)


def _believes_an_answer_is_a_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    report_of = Executor._report_of

    def told(self: Executor, order: Any, answer: Answer) -> OrderReport:
        if isinstance(answer, Accepted):
            funds = orders.exact_sum(()) + orders.exact_sum([])
            return msgspec.structs.replace(
                answer.report, on=OrderOn.FULL_FILL, executed_qty=order.qty, executed_funds=funds
            )
        return report_of(self, order, answer)

    monkeypatch.setattr(Executor, "_report_of", told)


def _does_not_open_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.virtual.life.take_lock", lambda path: os.open(path, os.O_RDWR | os.O_CREAT))
    monkeypatch.setattr(Trader, "last_check", lambda self, exchange, order: self.executor.last_check(exchange, order))


SABOTAGES: dict[Callable[[pytest.MonkeyPatch], None], frozenset[Family]] = {
    _resends: frozenset({Family.ORDERS, Family.TRANSPORT}),
    _takes_silence_for_refusal: frozenset({Family.ORDERS, Family.TRANSPORT}),
    _believes_the_first_not_found: frozenset({Family.ORDERS, Family.NETWORK, Family.CRASH, Family.TRANSPORT}),
    _never_hedges: frozenset({Family.ORDERS}),
    _does_not_look_at_the_switch: frozenset({Family.OPERATOR}),
    _forgets_at_a_restart: frozenset({Family.CRASH, Family.ORDERS}),
    _believes_an_answer_is_a_fill: frozenset({Family.ORDERS}),
}
SEEDS = 25


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda one: one.__name__.strip("_"))
def test_a_sabotage_is_caught(sabotage: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage(monkeypatch)
    for seed in range(500, 500 + SEEDS):
        outcome = run(Plan(seed, SABOTAGES[sabotage], about=14))
        if outcome.violations:
            return
    pytest.fail(f"no rule was broken in {SEEDS} runs")
