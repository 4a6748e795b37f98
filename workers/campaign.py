"""`python -m workers campaign`: many runs of the whole desk on made-up time, each with things going wrong.

The real feeds, engine, executor, journal, recovery and adapters trade on the simulated exchanges in one event
loop; the same seed gives the same history. Exit code 0 when no rule was broken in any run, 1 when one was,
2 for arguments that cannot be used.
"""

import argparse
import logging
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import exact_sum
from workers.virtual.deeds.deed import Family
from workers.virtual.naive import Bot, BotOutcome, run_naive
from workers.virtual.run import Outcome, Plan, run, shortened
from workers.virtual.worth import made_of

J = TypeVar("J")
R = TypeVar("R")

MOST_RUNS = 1_000_000
_SILENT = logging.CRITICAL + 1
_SHOWN = 10
"""Violations printed; the JSON file has all."""


def main(argv: list[str]) -> int:
    """Run the campaign, or one run with its story; return the exit code."""
    given = _arguments(argv)
    families = _families(given.faults)
    logging.getLogger("karb").setLevel(_SILENT)
    plans = [Plan(seed, families) for seed in range(given.seed, given.seed + given.runs)]
    if given.trace:
        return _trace(plans[0])
    if given.bot is not Bot.KARB:
        return _beside(given, plans)
    return _campaign(given, plans)


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m workers campaign", description=__doc__)
    parser.add_argument("--runs", type=int, default=100, metavar="N", help="how many runs, seeds S to S+N-1")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument("--faults", default="", metavar="LIST", help=f"families: {', '.join(Family)}; default all")
    parser.add_argument("--bot", type=Bot, default=Bot.KARB, choices=list(Bot), help="a naive trader beside K-Arb")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes at once")
    parser.add_argument("--trace", action="store_true", help="one run: tell its story, shortened if a rule is broken")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report here")
    given = parser.parse_args(argv)
    bounds = (("runs", 1, MOST_RUNS), ("seed", 0, 2**63), ("jobs", 1, 256))
    problems = [
        f"--{name} was {getattr(given, name)}, must be {low} to {high}"
        for name, low, high in bounds
        if not low <= getattr(given, name) <= high
    ]
    if problems:
        raise ConfigError(problems)
    return given


def _families(text: str) -> frozenset[Family]:
    words = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [word for word in words if word not in tuple(Family)]
    if unknown:
        raise ConfigError([f"--faults has {word!r}, must be of {', '.join(Family)}" for word in unknown])
    return frozenset(map(Family, words)) or frozenset(Family)


def _one(plan: Plan) -> Outcome:
    logging.getLogger("karb").setLevel(_SILENT)
    return run(plan)


def _both(job: tuple[Plan, Bot]) -> tuple[Outcome, BotOutcome]:
    plan, bot = job
    return _one(plan), run_naive(plan, bot)


def _beside(given: argparse.Namespace, plans: list[Plan]) -> int:
    """Let a naive trader live through the same runs as K-Arb, and say what both made of them."""
    pairs: list[tuple[Outcome, BotOutcome]] = []
    begun = time.monotonic()
    for pair in _outcomes(_both, [(plan, given.bot) for plan in plans], given.jobs):
        pairs.append(pair)
        _progress(len(pairs), len(plans), sum(bool(one.violations) for one, _ in pairs), begun)
    report: dict[str, Any] = {
        "first_seed": plans[0].seed,
        "runs": len(plans),
        "runs_with_violations": sum(bool(one.violations) for one, _ in pairs),
        Bot.KARB.value: made_of([one.worth for one, _ in pairs]),
        given.bot.value: made_of([other.worth for _, other in pairs]),
    }
    print()
    for name in (Bot.KARB.value, given.bot.value):
        print(f"  {name}")
        for word, figure in report[name].items():
            print(f"    {word.replace('_', ' '):<32} {Decimal(figure):>16,}")
    if given.json is not None:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    return 1 if report["runs_with_violations"] else 0


def _campaign(given: argparse.Namespace, plans: list[Plan]) -> int:
    families = plans[0].families
    print(f"{given.runs} runs from seed {given.seed}, {given.jobs} at once; faults: {', '.join(sorted(families))}")
    begun, outcomes = time.monotonic(), []
    for outcome in _outcomes(_one, plans, given.jobs):
        outcomes.append(outcome)
        _progress(len(outcomes), len(plans), sum(bool(one.violations) for one in outcomes), begun)
    outcomes.sort(key=lambda one: one.seed)
    report = _report(outcomes, families, time.monotonic() - begun)
    _print(report, outcomes)
    if given.json is not None:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    return 1 if report["runs_with_violations"] else 0


def _outcomes(live: Callable[[J], R], jobs: list[J], at_once: int) -> Iterator[R]:
    if at_once == 1:
        yield from map(live, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(min(at_once, len(jobs)), maxtasksperchild=200) as pool:
        yield from pool.imap_unordered(live, jobs)


def _progress(done: int, total: int, broken: int, begun: float) -> None:
    is_terminal = sys.stdout.isatty()
    if not is_terminal and done % max(total // 10, 1) and done != total:
        return
    pace = done / max(time.monotonic() - begun, 1e-9) * 60
    line = f"{done} of {total} runs, {broken} with a violation, {pace:.0f} a minute"
    print(f"\r{line}\x1b[K" if is_terminal else line, end="" if is_terminal and done < total else "\n", flush=True)


def _report(outcomes: list[Outcome], families: frozenset[Family], took_s: float) -> dict[str, Any]:
    rules = Counter(violation.rule for outcome in outcomes for violation in outcome.violations)
    return {
        "first_seed": outcomes[0].seed,
        "runs": len(outcomes),
        "faults": sorted(families),
        "runs_with_violations": sum(bool(outcome.violations) for outcome in outcomes),
        "violations": dict(rules.most_common()),
        "first_violations": [
            {"seed": outcome.seed, "at_s": one.at_ns / 1e9, "rule": one.rule, "detail": one.detail}
            for outcome in outcomes
            for one in outcome.violations
        ][:1_000],
        "arbs": sum(outcome.arbs for outcome in outcomes),
        "orders": sum(outcome.orders for outcome in outcomes),
        "hedges": sum(outcome.hedges for outcome in outcomes),
        "traders_killed": sum(outcome.deaths for outcome in outcomes),
        "arbs_stuck": sum(outcome.stuck for outcome in outcomes),
        "pnl_krw": str(exact_sum(outcome.pnl_krw for outcome in outcomes).quantize(1)),
        "took_s": round(took_s, 1),
        "runs_a_minute": round(len(outcomes) / max(took_s, 1e-9) * 60),
        "digests": {str(outcome.seed): outcome.digest for outcome in outcomes},
    }


def _print(report: dict[str, Any], outcomes: list[Outcome]) -> None:
    print()
    for name in ("arbs", "orders", "hedges", "traders_killed", "arbs_stuck", "pnl_krw", "runs_a_minute"):
        print(f"  {name.replace('_', ' '):<16} {report[name]}")
    if not report["runs_with_violations"]:
        print("\nNo rule was broken.")
        return
    print(f"\n{report['runs_with_violations']} runs broke a rule:")
    for rule, count in report["violations"].items():
        print(f"  {rule:<20} {count}")
    for one in report["first_violations"][:_SHOWN]:
        print(f"  seed {one['seed']} at {one['at_s']:.2f} s: {one['rule']}: {one['detail']}")
    worst = next(outcome.seed for outcome in outcomes if outcome.violations)
    print(f"\nTell the story of one: python -m workers campaign --seed {worst} --trace")


def _trace(plan: Plan) -> int:
    outcome = run(plan, keep_history=True)
    if outcome.violations:
        rule = outcome.violations[0].rule
        print(f"seed {plan.seed} breaks {rule}; leaving out what it does not need ...", flush=True)
        _, outcome = shortened(plan, rule)
    print(f"seed {plan.seed}, history {outcome.digest}\n\nWhat went wrong, by plan:")
    print(*(f"  {line}" for line in outcome.script), sep="\n")
    print("\nWhat happened:")
    for one in outcome.seen:
        print(f"  {one.at_ns / 1e9:9.4f} s  {one.who:<10} {one.what}  {one.detail}".rstrip())
    if not outcome.violations:
        print("\nNo rule was broken.")
        return 0
    print("\nBroken:")
    for violation in outcome.violations:
        print(f"  {violation.at_ns / 1e9:9.4f} s  {violation.rule}: {violation.detail}")
    return 1
