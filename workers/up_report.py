"""The figures of one run: what the counters, histograms and tasks rose by, and how the ledger stands."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from arbitrage.domain.units import EXCHANGES, to_decimal
from fast_path.latency import Histogram, Stage, read_latency
from workers.up_screen import table
from workers.up_watch import Watch

_DENIED = "denied."


class Figures(msgspec.Struct, frozen=True):
    """One reading of everything that only rises."""

    counters: dict[str, dict[str, int]]
    latency: dict[Stage, Histogram]
    tasks: dict[str, int]

    def with_tasks(self, tasks: dict[str, int]) -> "Figures":
        """Return the same reading with another count of tasks."""
        return msgspec.structs.replace(self, tasks=tasks)


async def take_figures(watch: Watch) -> Figures:
    """Return the desk's figures as they are now."""
    return Figures(watch.counters(), read_latency(watch.env.shm_dir), await watch.task_counts())


def risen(after: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    """Return by how much each counter rose; one made anew in between counts as it is."""
    found = {}
    for name, value in after.items():
        start = before.get(name, 0)
        found[name] = value - start if value >= start else value
    return found


def krw_text(units: int) -> str:
    """Return an amount in 10^-8 KRW for people: `+1,234,567`, whole won, towards minus infinity."""
    return f"{units // 10**8:+,d}"


def make_report(
    before: Figures, after: Figures, ledger: Mapping[str, Any], ran_s: float, restarts: Mapping[str, int]
) -> dict[str, Any]:
    """Return the report of a run. Counts are numbers; `*_krw` are exact decimals as text; latency is in us."""
    rose = {name: risen(now, before.counters.get(name, {})) for name, now in after.counters.items()}
    trader = rose.get("trader", {})
    signed = _signed(after, before)
    stages = {}
    for stage, histogram in after.latency.items():
        own = histogram - before.latency[stage]
        if own.count:
            stages[stage.value] = {"p50": _us(own, 0.5), "p99": _us(own, 0.99), "count": own.count}
    return {
        "ran_s": round(ran_s, 1),
        "frames": {exchange.value: rose.get(f"feed.{exchange}", {}).get("frames", 0) for exchange in EXCHANGES},
        "books": {exchange.value: rose.get(f"feed.{exchange}", {}).get("books_published", 0) for exchange in EXCHANGES},
        "signals": trader.get("signals", 0),
        "arbs_opened": trader.get("arbs_opened", 0),
        "arbs_closed": trader.get("arbs_closed", 0),
        "arbs_stuck": trader.get("arbs_stuck", 0),
        "orders": trader.get("orders_sent", 0),
        "fills": trader.get("fills", 0),
        "hedges": trader.get("hedges", 0),
        "orders_unknown": trader.get("orders_unknown", 0),
        "fees_krw": ledger.get("fees_krw") or format(to_decimal(signed["fees_e8"]), "f"),
        "pnl_krw": ledger.get("pnl_krw") or format(to_decimal(signed["pnl_e8"]), "f"),
        "denials": {
            name.removeprefix(_DENIED): count
            for name, count in sorted(trader.items())
            if name.startswith(_DENIED) and count
        },
        "latency_us": stages,
        "tasks": {name: count for name, count in sorted(risen(after.tasks, before.tasks).items()) if count},
        "restarts": dict(restarts),
        "ledger_equal": ledger.get("ledger_equal") is True,
        "ledger_differences": list(ledger.get("differences", ())),
        "ledger_accounts": ledger.get("accounts", 0),
    }


def _signed(after: Figures, before: Figures) -> dict[str, int]:
    # Sums of money can fall, so a lower reading is no sign of a new file.
    now, then = after.counters.get("trader", {}), before.counters.get("trader", {})
    return {name: now.get(name, 0) - then.get(name, 0) for name in ("pnl_e8", "fees_e8")}


def _us(histogram: Histogram, q: float) -> float:
    return round((histogram.quantile_ns(q) or 0) / 1000, 1)


def write_report(path: Path | None, report: Mapping[str, Any]) -> None:
    """Write the report as JSON where it was asked for; OSError when that cannot be done."""
    if path is not None:
        fresh = path.with_name(f".{path.name}.new")
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
        fresh.replace(path)


def report_lines(report: Mapping[str, Any]) -> list[str]:
    """Return the report for people."""
    asked = (report["orders"], report["orders_unknown"], report["hedges"])
    frames = ", ".join(f"{count:,} from {name}" for name, count in report["frames"].items())
    lines = [
        "",
        f"Report of {report['ran_s']} s",
        *_indented(
            [
                ("frames", frames),
                ("signals", f"{report['signals']:,}"),
                (
                    "arbs",
                    f"{report['arbs_opened']:,} opened, {report['arbs_closed']:,} closed, {report['arbs_stuck']} stuck",
                ),
                ("orders", "{:,} sent, {} with an unknown answer, {} hedges".format(*asked)),
                ("fills", f"{report['fills']:,}"),
                ("fees", f"{_won(report['fees_krw'])} KRW"),
                ("P&L", f"{_won(report['pnl_krw'])} KRW"),
                ("denials", _counts(report["denials"])),
                ("tasks run", _counts({name.removeprefix("workers.tasks."): n for name, n in report["tasks"].items()})),
                ("restarts", _counts(report["restarts"])),
            ]
        ),
        "",
    ]
    rows = [(name, f"{at['p50']:,}", f"{at['p99']:,}", f"{at['count']:,}") for name, at in report["latency_us"].items()]
    lines += _indented([("stage", "p50 us", "p99 us", "times"), *rows])
    lines.append("")
    if report["ledger_equal"]:
        accounts = report["ledger_accounts"]
        lines.append(f"The ledger equals the exchanges' balances to the last digit ({accounts} accounts).")
    else:
        lines.append("THE LEDGER DIFFERS from the exchanges' balances:")
        lines += [f"  {difference}" for difference in report["ledger_differences"]]
    return lines


def _indented(rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"  {line}" for line in table(rows)]


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"


def _won(text: str) -> str:
    return f"{Decimal(text):,f}"
