"""What the dashboard shows, gathered once for the page and for its refreshing part."""

from typing import Any

import msgspec
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from arbitrage import selectors
from arbitrage.charts import bar_chart
from arbitrage.display import age, duration, exact, krw
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.runway import hours_text
from arbitrage.domain.units import EXCHANGES, to_decimal
from arbitrage.models_control import Emergency, EmergencyState
from arbitrage.services import arming, controls, monitor_only, stock

FRESH_S = 3
"""A heartbeat older than this is shown as lost."""
STAGES = (
    ("frame_to_book", "frame → book"),
    ("book_to_decision", "book → decision"),
    ("decision_to_wire", "decision → wire"),
    ("wire_to_answer", "wire → answer"),
    ("wire_to_fill", "wire → fill"),
    ("frame_to_wire", "frame → both orders"),
    ("journal_append", "journal append"),
    ("exchange_to_frame", "exchange → frame"),
)


class Part(msgspec.Struct, frozen=True):
    """One process on the screen."""

    name: str
    state: str
    """`up`, `late` or `never`."""
    age: str
    detail: str


def desk_context() -> dict[str, Any]:
    """Return everything the dashboard's refreshing part shows."""
    now = timezone.now()
    today = timezone.localdate(now)
    figures = _figures()
    view = selectors.desk_view()
    asked, obeyed = controls.wanted(), controls.observed_level()
    stopped = monitor_only.stopped()
    beats = selectors.heartbeats()
    parts = [_part(name, beats) for name in _process_names(beats)]
    bars = [
        (f"{row.hour:02d}", row.pnl_krw, f"{row.hour:02d}:00 · {row.arbs} arbs · {krw(row.pnl_krw)} KRW")
        for row in figures.hours
    ]
    denials = selectors.denials(today, today)
    most = max(denials.values(), default=0)
    return {
        "now": now,
        "mode": arming.mode_word(),
        "armed_line": arming.armed_line(),
        "level": (obeyed if obeyed is not None else TradingLevel.HALTED).name,
        "is_level_known": obeyed is not None,
        "level_reason": (view.reason if view and view.level == obeyed else "") or asked.reason,
        "level_by": (view.by if view and view.level == obeyed else "") or asked.by,
        "limited": [
            (key, level.name)
            for key, level in [*asked.exchanges.items(), *asked.markets.items()]
            if level is not TradingLevel.ACTIVE and key not in stopped
        ],
        "exchanges": [_part(f"feed.{exchange}", beats, exchange.value.capitalize()) for exchange in EXCHANGES],
        "parts": parts,
        "parts_up": sum(1 for part in parts if part.state == "up"),
        "figures": figures,
        "win_rate": figures.wins * 100 // traded if (traded := figures.arbs - figures.empty) else None,
        "chart": bar_chart(bars),
        "arbs": selectors.last_arbs(8),
        "open_arbs": selectors.open_arbs().count(),
        "alerts": list(selectors.open_alerts()[:6]),
        "alerts_open": selectors.open_alerts().count(),
        **epoch_context(),
        **wire_context(),
        **stock_context(),
        "stopped": [(exchange.value, reason) for exchange, reason in stopped.items()],
        "error_rates": selectors.error_rates(),
        "latencies": _latencies(),
        "denials": [(reason, count, count * 100 // most) for reason, count in list(denials.items())[:8]],
    }


def epoch_context() -> dict[str, Any]:
    """Return the epoch wanted, its set, and the epoch the trader applied."""
    view, epoch = selectors.desk_view(), selectors.active_epoch()
    return {
        "epoch_wanted": epoch.epoch if epoch else 0,
        "epoch_set": epoch.param_set_id if epoch else None,
        "epoch_applied": view.applied_epoch if view else 0,
    }


def wire_context() -> dict[str, Any]:
    """Return the wire epoch wanted, its set, and the epoch each process that uses it has applied."""
    epoch = selectors.wire_epoch()
    return {
        "wire_epoch": epoch.epoch if epoch else 0,
        "wire_set": epoch.wire_set_id if epoch else None,
        "wire_applied": list(selectors.wire_applied().items()),
    }


def stock_context() -> dict[str, Any]:
    """Return where stock lies, how long it lasts, and what a person might do about it."""
    rows = [
        (
            f"{line.exchange.value.capitalize()} {line.asset}",
            exact(to_decimal(line.tradable)),
            exact(to_decimal(line.movable)) if line.movable else "–",
            hours_text(line.runway_ns) if line.runway_ns is not None else "–",
            line.supply.value,
        )
        for line in stock.lines()
    ]
    return {"stock": rows, "stock_to_do": list(stock.to_do().values())}


def control_context() -> dict[str, Any]:
    """Return what a person can choose from when a level is set."""
    return {
        "exchange_names": [exchange.value for exchange in EXCHANGES],
        "market_names": settings.KARB_ENV.markets,
        "level_choices": [(level.value, level.name) for level in TradingLevel],
    }


def flow_context() -> dict[str, Any]:
    """Return the open emergency and its next step, for the forms that confirm steps and resume."""
    flow = controls.open_emergency()
    obstacles = [(line.partition(":")[0], line) for line in controls.resume_obstacles()]
    if flow is None:
        return {"flow": None, "obstacles": obstacles}
    done = {step.state: step for step in flow.steps.all()}
    steps = [(state.label, done.get(state.value)) for state in EmergencyState]
    return {"flow": flow, "flow_steps": steps, "flow_next": _next_step(flow), "obstacles": obstacles}


def _next_step(flow: Emergency) -> EmergencyState | None:
    following = controls.FLOW.get(EmergencyState(flow.state))
    return None if following is EmergencyState.RESUMED else following


def _process_names(beats: dict[str, Any]) -> list[str]:
    first = ["feed.upbit", "feed.bithumb", "trader", "recorder", "bridge"]
    return [*first, *sorted(beats.keys() - set(first))]


def _part(name: str, beats: dict[str, Any], title: str = "") -> Part:
    row = beats.get(name)
    if row is None:
        return Part(title or name, "never", "never", "")
    passed = (timezone.now() - row.beat_at).total_seconds()
    return Part(title or name, "up" if passed < FRESH_S else "late", age(row.beat_at), _detail(row.detail))


def _detail(detail: dict[str, Any]) -> str:
    if "books_fresh" in detail:
        return f"{detail['books_fresh']} of {detail.get('books', '?')} books fresh"
    return " · ".join(f"{key.replace('_', ' ')} {value}" for key, value in detail.items())


def _figures() -> selectors.DayFigures:
    # Several open pages ask every two seconds; the day is added up once in three.
    known: selectors.DayFigures | None = cache.get("today_figures")
    if known is None:
        known = selectors.today_figures()
        cache.set("today_figures", known, 3)
    return known


def _latencies() -> list[tuple[str, str, str, int]]:
    rows = {row.stage: row for row in selectors.latencies()}
    return [
        (label, duration(rows[stage].p50_ns), duration(rows[stage].p99_ns), rows[stage].count)
        for stage, label in STAGES
        if stage in rows
    ]
