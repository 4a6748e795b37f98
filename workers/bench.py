"""`python -m workers bench`: times each stage of the hot path, and tick to two orders beside a bare-socket floor.

Everything runs interleaved over several rounds of one run, so that a slow phase of the machine falls on all alike:
compare the ratios, not the microseconds, between machines.
"""

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from arbitrage.domain.units import EXCHANGES, Exchange
from fast_path import core
from karb_project.env import Env, read_env
from workers import bench_simulator, bench_stop
from workers.bench_corpus import stream_frames
from workers.bench_stages import Case, Stages
from workers.bench_ticks import FLOOR, SYSTEMS, Run

ROUNDS = 5
TICKS = 60
"""Of each system in each round."""
_WARM = 20


class Row(msgspec.Struct, frozen=True):
    """One line of the table, in microseconds; `ratio` = median over the floor's median."""

    group: str
    name: str
    median_us: float
    p90_us: float
    p99_us: float
    ratio: float
    samples: int


def main(argv: list[str]) -> int:
    """Return 0; 1 when a tick did not give exactly two orders; 2 for bad arguments. `simulator`, `stop` time those."""
    if argv[:1] == ["simulator"]:
        return bench_simulator.main(argv[1:])
    if argv[:1] == ["stop"]:
        return bench_stop.main(argv[1:])
    parser = argparse.ArgumentParser(prog="python -m workers bench", description=__doc__)
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures here as well")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"how often everything is run (default {ROUNDS})")
    try:
        given = parser.parse_args(argv)
    except SystemExit as end:
        return 2 if end.code else 0
    if not 1 <= given.rounds <= 1000:
        print(f"--rounds was {given.rounds}, must be between 1 and 1000", file=sys.stderr)
        return 2
    if given.json is not None and not os.access(given.json.absolute().parent, os.W_OK):
        print(f"--json was {given.json}, must be in a directory that can be written", file=sys.stderr)
        return 2
    env = read_env()
    try:
        result = _run(given.rounds, env)
    except KeyboardInterrupt:
        return 130
    print(_table(result))
    if given.json is not None:
        given.json.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    return 0 if not result["ticks_lost"] and not result["ticks_doubled"] else 1


def _run(rounds: int, env: Env) -> dict[str, object]:
    with _directory(env.shm_dir.parent) as shm, _directory(env.var_dir) as disk:
        return _measure(rounds, env.seed, shm, disk)


@contextmanager
def _directory(parent: Path) -> Iterator[Path]:
    # Beside the desk's own files, so that the same file systems are timed, and never in them.
    parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix="karb-bench-", dir=parent))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _measure(rounds: int, seed: int, shm: Path, disk: Path) -> dict[str, object]:
    streams = {exchange: stream_frames(exchange, seed, 64) for exchange in EXCHANGES}
    # One length for all, so that the floor knows what to read.
    longest = max(len(data) for data in streams[Exchange.UPBIT])
    streams[Exchange.UPBIT] = [data[:-1].ljust(longest - 1) + b"}" for data in streams[Exchange.UPBIT]]
    with ExitStack() as stack:
        _progress(f"starting {len(SYSTEMS)} systems")
        stages = Stages(shm / "stages", disk, seed)
        stack.callback(stages.close)
        requests = stages.requests
        runs = []
        for number, system in enumerate(SYSTEMS):
            run = Run(system, shm / f"run-{number}", disk, streams, requests)
            stack.callback(run.close)
            runs.append(run)
        for run in runs:
            run.ticks(_WARM)
            run.samples.clear()
        samples: dict[str, list[int]] = {case.name: [] for case in stages.cases}
        for number in range(1, rounds + 1):
            _progress(f"round {number} of {rounds}: stages")
            stages.prepare()
            for case in stages.cases:
                samples[case.name] += _time(case)
                for run in runs:
                    run.keep_awake()
            for run in runs[number % len(runs) :] + runs[: number % len(runs)]:
                _progress(f"round {number} of {rounds}: ticks, {run.system.name}")
                run.ticks(TICKS)
                for other in runs:
                    other.keep_awake()
    _progress("")
    return _result(rounds, seed, len(streams[Exchange.UPBIT][0]), samples, runs)


def _time(case: Case) -> list[int]:
    clock, run, after = time.perf_counter_ns, case.run, case.after
    empty = sorted(clock() - clock() for _ in range(101))
    overhead = -empty[50]
    for _ in range(min(_WARM, case.calls)):
        run()
        if after is not None:
            after()
    taken = []
    for _ in range(case.calls):
        begin = clock()
        run()
        end = clock()
        taken.append(max(end - begin - overhead, 0))
        if after is not None:
            after()
    return taken


def _result(
    rounds: int, seed: int, frame_bytes: int, samples: dict[str, list[int]], runs: Sequence[Run]
) -> dict[str, object]:
    floor = _quantile(next(run.samples for run in runs if run.system is FLOOR), 0.5)
    rows = [_row("stage", name, taken, floor) for name, taken in samples.items()]
    rows += [_row("tick to two orders", run.system.name, run.samples, floor) for run in runs]
    return {
        "rounds": rounds,
        "seed": seed,
        "frame_bytes": frame_bytes,
        "core": core.describe(),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "ticks_lost": sum(run.lost for run in runs),
        "ticks_doubled": sum(run.extra for run in runs),
        "rows": [msgspec.to_builtins(row) for row in rows],
    }


def _row(group: str, name: str, taken: list[int], floor: float) -> Row:
    median, p90, p99 = (round(_quantile(taken, q) / 1000, 2) for q in (0.5, 0.9, 0.99))
    return Row(group, name, median, p90, p99, round(median * 1000 / floor, 3) if floor else 0.0, len(taken))


def _quantile(taken: list[int], q: float) -> float:
    ordered = sorted(taken)
    return float(ordered[min(int(q * len(ordered)), len(ordered) - 1)]) if ordered else 0.0


def _table(result: dict[str, object]) -> str:
    lines = [
        f"K-Arb hot path, {result['rounds']} rounds, frames of {result['frame_bytes']} bytes, "
        f"Python {result['python']}, {result['machine']}",
        f"core: {result['core']}",
    ]
    group = ""
    rows: list[dict[str, object]] = result["rows"]  # type: ignore[assignment]
    for row in rows:
        if row["group"] != group:
            group = str(row["group"])
            lines += ["", f"{group:<36}{'median us':>12}{'p90':>10}{'p99':>10}{'x floor':>10}"]
        lines.append(
            f"{row['name']:<36}{row['median_us']:>12.1f}{row['p90_us']:>10.1f}{row['p99_us']:>10.1f}{row['ratio']:>10.3f}"
        )
    if result["ticks_lost"] or result["ticks_doubled"]:
        lines += ["", f"ticks without two orders: {result['ticks_lost']}, orders too many: {result['ticks_doubled']}"]
    return "\n".join(lines)


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text:<78}\r{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)
