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
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.params import SECOND
from workers.campaign_report import Report, code_digest, merged, report_of
from workers.virtual.deeds.deed import Family
from workers.virtual.naive import Bot, BotOutcome, run_naive
from workers.virtual.rules.findings import Violation
from workers.virtual.run import Outcome, Plan, run, shortened
from workers.virtual.worth import Worth

MOST_RUNS = 1_000_000
_SILENT = logging.CRITICAL + 1
_SHOWN = 10
"""Violations printed; the JSON file has more."""
_RUNS_A_PROCESS = 500
_TOLD_TIMES = 20
"""Lines of progress where no terminal shows it."""


def main(argv: list[str]) -> int:
    """Run the campaign, or one run with its story, or put reports together; return the exit code."""
    given = _arguments(argv)
    if given.merge:
        return _told(merged([Report.read(path) for path in given.merge]), given.json)
    families = _families(given.faults)
    logging.getLogger("karb").setLevel(_SILENT)
    plans = [Plan(seed, families) for seed in range(given.seed, given.seed + given.runs)]
    if given.trace:
        return _trace(plans[0])
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
    parser.add_argument("--merge", type=Path, nargs="+", default=(), metavar="FILE", help="put reports together")
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


def _settle_in() -> None:
    logging.getLogger("karb").setLevel(_SILENT)


class Lived(msgspec.Struct, frozen=True):
    """What came of one plan, and what it cost."""

    outcome: Outcome
    other: BotOutcome | None
    """Of the naive trader, if one was named."""
    processor_s: float


def _live(job: tuple[Plan, Bot]) -> Lived:
    plan, bot = job
    begun = time.process_time()
    try:
        outcome = run(plan)
    except Exception as error:  # noqa: BLE001  one run that fails is told like a rule that was broken; the others go on
        outcome = _failed(plan, error)
    other = None if bot is Bot.KARB else run_naive(plan, bot)
    return Lived(outcome, other, time.process_time() - begun)


def _failed(plan: Plan, error: Exception) -> Outcome:
    told = (Violation(0, "no_end", repr(error)),)
    nothing = Worth(Decimal(0), Decimal(0))
    return Outcome(
        plan.seed, told, "", (), arbs=0, orders=0, hedges=0, deaths=0, stuck=0, pnl_krw=Decimal(0), worth=nothing
    )


def _campaign(given: argparse.Namespace, plans: list[Plan]) -> int:
    """Let the desk live through all plans, and a naive trader beside it if one is named."""
    families, code = plans[0].families, code_digest()
    print(f"{given.runs} runs from seed {given.seed}, {given.jobs} at once; faults: {', '.join(sorted(families))}")
    begun, broken = time.monotonic(), 0
    done: list[Lived] = []
    for one in _lived_through([(plan, given.bot) for plan in plans], given.jobs):
        done.append(one)
        if one.outcome.violations:
            broken += 1
            _tell_at_once(one.outcome.violations[0], one.outcome.seed)
        _progress(len(done), len(plans), broken, begun)
    done.sort(key=lambda one: one.outcome.seed)
    others = [one.other.worth for one in done if one.other is not None]
    report = report_of(
        [one.outcome for one in done],
        {given.bot.value: others} if others else {},
        code=code,
        faults=families,
        took_s=time.monotonic() - begun,
        processor_s=sum(one.processor_s for one in done),
    )
    return _told(report, given.json)


def _lived_through(jobs: list[tuple[Plan, Bot]], at_once: int) -> Iterator[Lived]:
    if at_once == 1:
        _settle_in()
        yield from map(_live, jobs)
        return
    # Forked from a process that has loaded everything: all run the same code, however long it takes.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with context.Pool(min(at_once, len(jobs)), _settle_in, maxtasksperchild=_RUNS_A_PROCESS) as pool:
        yield from pool.imap_unordered(_live, jobs)


def _tell_at_once(first: Violation, seed: int) -> None:
    # Nobody should have to wait for the end of ten thousand runs to look at the first that broke a rule.
    clear = "\r\x1b[K" if sys.stdout.isatty() else ""
    print(f"{clear}seed {seed} at {first.at_ns / SECOND:.2f} s: {first.rule}: {first.detail}", flush=True)


def _progress(done: int, total: int, broken: int, begun: float) -> None:
    is_terminal = sys.stdout.isatty()
    if not is_terminal and done % max(total // _TOLD_TIMES, 1) and done != total:
        return
    passed_s = max(time.monotonic() - begun, 1e-9)
    left_s = passed_s / done * (total - done)
    line = (
        f"{done} of {total} runs, {broken} with a violation, {done / passed_s * 60:.0f} a minute, {left_s:.0f} s left"
    )
    print(f"\r{line}\x1b[K" if is_terminal else line, end="" if is_terminal and done < total else "\n", flush=True)


def _told(report: Report, file: Path | None) -> int:
    """Print a report and write it; return the exit code."""
    _print(report)
    if file is not None:
        file.write_bytes(report.to_json())
    return 1 if report.runs_with_violations else 0


def _print(report: Report) -> None:
    print()
    figures = report.figures | {"pnl_krw": report.pnl_krw, "runs_a_minute": report.runs_a_minute}
    for name, figure in figures.items():
        print(f"  {name.replace('_', ' '):<16} {figure:>14,.0f}")
    print(f"  {'digest':<16} {report.digest:>14}")
    if len(report.traders) > 1:
        _print_traders(report)
    if not report.runs_with_violations:
        print("\nNo rule was broken.")
        return
    print(f"\n{report.runs_with_violations} runs broke a rule:")
    for rule, count in report.violations.items():
        print(f"  {rule:<20} {count}")
    for one in report.first_violations[:_SHOWN]:
        print(f"  seed {one.seed} at {one.at_s:.2f} s: {one.rule}: {one.detail}")
    print(f"\nTell the story of one: python -m workers campaign --seed {report.first_violations[0].seed} --trace")


def _print_traders(report: Report) -> None:
    for name, made in report.traders.items():
        print(f"\n  {name}, in KRW")
        rows = (
            ("earned", made.earned_krw),
            ("worst run", made.worst_run_krw),
            ("left uneven, a run", made.left_uneven_krw / report.runs),
            ("most left uneven", made.most_left_uneven_krw),
        )
        for word, figure in rows:
            print(f"    {word:<24} {figure.quantize(Decimal(1)):>16,}")


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
