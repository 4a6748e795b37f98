"""What a campaign is kept as: counts, violations, one digest per hundred runs; and parts of one put together.

Only whole figures and sums are kept, so that parts give the same report as one campaign of all their runs. Parts
fit together when they are of the same code, faults and traders, and no seed is in two of them.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Self

import msgspec

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import exact_sum
from karb_project.env import ROOT
from workers.virtual.run import Outcome
from workers.virtual.worth import Worth

BLOCK = 100
"""Runs one digest stands for."""
VIOLATIONS_KEPT = 200
ROOMS = ("arbitrage", "exchanges", "fast_path", "karb_project", "workers")
_FAULT = re.compile(r"\b([A-Z][A-Za-z]+)\(")
_FIGURE = re.compile(r"\b\d[\d_.]*\b")
_EXCHANGE = re.compile(r"\b(?:upbit|bithumb)\b")


class Broken(msgspec.Struct, frozen=True):
    """One rule broken in one run."""

    seed: int
    at_s: float
    rule: str
    detail: str


class Made(msgspec.Struct, frozen=True):
    """What a trader made of all runs, in KRW, with the stock put back at the book's prices."""

    earned_krw: Decimal
    worst_run_krw: Decimal
    left_uneven_krw: Decimal
    most_left_uneven_krw: Decimal


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign or a part of one."""

    code: str
    """A hash over the source files that ran."""
    seeds: list[tuple[int, int]]
    """First and last seed of each unbroken row."""
    faults: list[str]
    runs: int
    runs_with_violations: int
    violations: dict[str, int]
    first_violations: list[Broken]
    deeds: dict[str, int]
    """How often each kind of deed was drawn."""
    figures: dict[str, int]
    """arbs, orders, hedges, traders_killed, arbs_stuck: over all runs."""
    pnl_krw: Decimal
    """What even arbs earned by the journal."""
    traders: dict[str, Made]
    took_s: float
    """Wall time of all parts, one after the other."""
    processor_s: float
    digests: dict[str, str]
    """By first and last seed, one for a hundred runs."""

    @property
    def digest(self) -> str:
        """Return one digest of all histories."""
        return _digest(f"{seeds} {digest}" for seeds, digest in self.digests.items())

    @property
    def runs_a_minute(self) -> int:
        """Return how many runs ended in a minute of wall time."""
        return round(self.runs / max(self.took_s, 1e-9) * 60)

    def to_json(self) -> bytes:
        """Return the file's content."""
        whole = msgspec.to_builtins(self)
        told = {"digest": self.digest, "runs_a_minute": self.runs_a_minute}
        return msgspec.json.format(msgspec.json.encode(told | whole), indent=1) + b"\n"

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return a report from its file. ConfigError when it is none."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ConfigError([f"{path} is no report of a campaign: {error}"]) from None


def code_digest(root: Path = ROOT) -> str:
    """Return a hash over all source files of the desk."""
    whole = hashlib.sha256()
    for room in ROOMS:
        for path in sorted((root / room).rglob("*.py")):
            whole.update(f"{path.relative_to(root)} {path.stat().st_size}\n".encode())
            whole.update(path.read_bytes())
    return whole.hexdigest()[:16]


def report_of(
    outcomes: Sequence[Outcome],
    others: Mapping[str, Sequence[Worth]],
    *,
    code: str,
    faults: Iterable[str],
    took_s: float,
    processor_s: float,
) -> Report:
    """Return the report of runs in the order of their seeds; `others` are what other traders made of the same ones."""
    rules = Counter(one.rule for outcome in outcomes for one in outcome.violations)
    broken = [
        Broken(outcome.seed, one.at_ns / 1e9, one.rule, one.detail)
        for outcome in outcomes
        for one in outcome.violations
    ]
    return Report(
        code=code,
        seeds=[(outcomes[0].seed, outcomes[-1].seed)],
        faults=sorted(faults),
        runs=len(outcomes),
        runs_with_violations=sum(bool(outcome.violations) for outcome in outcomes),
        violations=dict(sorted(rules.items())),
        first_violations=broken[:VIOLATIONS_KEPT],
        deeds=dict(sorted(Counter(kind_of(line) for outcome in outcomes for line in outcome.script).items())),
        figures={
            "arbs": sum(outcome.arbs for outcome in outcomes),
            "orders": sum(outcome.orders for outcome in outcomes),
            "hedges": sum(outcome.hedges for outcome in outcomes),
            "traders_killed": sum(outcome.deaths for outcome in outcomes),
            "arbs_stuck": sum(outcome.stuck for outcome in outcomes),
        },
        pnl_krw=exact_sum(outcome.pnl_krw for outcome in outcomes),
        traders={
            "karb": _made([one.worth for one in outcomes]),
            **{name: _made(runs) for name, runs in others.items()},
        },
        took_s=round(took_s, 1),
        processor_s=round(processor_s, 1),
        digests=_blocks(outcomes),
    )


def merged(parts: Sequence[Report]) -> Report:
    """Return the parts as one report. ConfigError names all that keeps them from being one."""
    parts = sorted(parts, key=lambda part: part.seeds)
    first = parts[0]
    problems = [
        f"{name} differ: {_shown(mine)} and {_shown(theirs)}"
        for part in parts[1:]
        for name, mine, theirs in (
            ("code", [first.code], [part.code]),
            ("faults", first.faults, part.faults),
            ("traders", list(first.traders), list(part.traders)),
        )
        if mine != theirs
    ]
    rows = sorted(row for part in parts for row in part.seeds)
    problems += [f"seed {low} is in two parts" for (_, high), (low, _) in pairwise(rows) if low <= high]
    if problems:
        raise ConfigError(problems)
    return Report(
        code=first.code,
        seeds=_joined(rows),
        faults=first.faults,
        runs=sum(part.runs for part in parts),
        runs_with_violations=sum(part.runs_with_violations for part in parts),
        violations=_added(part.violations for part in parts),
        first_violations=[one for part in parts for one in part.first_violations][:VIOLATIONS_KEPT],
        deeds=_added(part.deeds for part in parts),
        figures=_added(part.figures for part in parts),
        pnl_krw=exact_sum(part.pnl_krw for part in parts),
        traders={name: _together([part.traders[name] for part in parts]) for name in first.traders},
        took_s=round(sum(part.took_s for part in parts), 1),
        processor_s=round(sum(part.processor_s for part in parts), 1),
        digests={seeds: digest for part in parts for seeds, digest in part.digests.items()},
    )


def kind_of(line: str) -> str:
    """Return what kind of deed a line of a plan is: its family and its fault, or its words without figures."""
    family, _, words = line.partition(" s  ")[2].partition(": ")
    fault = _FAULT.search(words)
    if fault is not None:
        return f"{family}: {fault[1]}"
    return f"{family}: {_EXCHANGE.sub('exchange', _FIGURE.sub('n', words)).strip()}"


def _made(runs: Sequence[Worth]) -> Made:
    return Made(
        earned_krw=exact_sum(one.earned_krw for one in runs),
        worst_run_krw=min(one.earned_krw for one in runs),
        left_uneven_krw=exact_sum(one.uneven_krw for one in runs),
        most_left_uneven_krw=max(one.uneven_krw for one in runs),
    )


def _together(parts: Sequence[Made]) -> Made:
    return Made(
        earned_krw=exact_sum(part.earned_krw for part in parts),
        worst_run_krw=min(part.worst_run_krw for part in parts),
        left_uneven_krw=exact_sum(part.left_uneven_krw for part in parts),
        most_left_uneven_krw=max(part.most_left_uneven_krw for part in parts),
    )


def _blocks(outcomes: Sequence[Outcome]) -> dict[str, str]:
    blocks = [outcomes[start : start + BLOCK] for start in range(0, len(outcomes), BLOCK)]
    return {
        f"{block[0].seed}-{block[-1].seed}": _digest(f"{one.seed} {one.digest}" for one in block) for block in blocks
    }


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _joined(rows: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for low, high in rows:
        if found and found[-1][1] + 1 == low:
            found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    return found


def _added(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return dict(sorted(total.items()))


def _shown(words: Iterable[str]) -> str:
    return ", ".join(words)
