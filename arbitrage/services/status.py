"""What the desk does, and what is wrong with it, for the command line."""

from collections.abc import Callable
from typing import Any

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from arbitrage import selectors
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.errors import KArbError
from arbitrage.domain.preflight import Check
from arbitrage.domain.wire import wire_from_bytes
from arbitrage.fields import decimal_text
from arbitrage.services import arming, controls, incidents, monitor_only, params, stock, wire
from arbitrage.services.postings import ledger_problems


def desk_status(by: str = "") -> dict[str, Any]:
    """Return the state as plain values for this person: money as text in KRW, ages in seconds."""
    now = timezone.now()
    today = timezone.localdate(now)
    figures = selectors.today_figures()
    epoch, view = selectors.active_epoch(), selectors.desk_view()
    wire_epoch = selectors.wire_epoch()
    obeyed = controls.observed_level()
    asked = controls.wanted()
    return {
        "mode": arming.mode_word(),
        "armed": arming.armed_line() or "not needed: no order can reach a real exchange",
        "locks": {lock.value: state.text for lock, state in arming.lock_states(by).items()},
        "level_asked": asked.level.name,
        "level_obeyed": obeyed.name if obeyed is not None else "unknown",
        "reason": asked.reason,
        "epoch_wanted": epoch.epoch if epoch else 0,
        "epoch_applied": view.applied_epoch if view else 0,
        "wire_epoch_wanted": wire_epoch.epoch if wire_epoch else 0,
        "wire_epoch_applied": selectors.wire_applied(),
        "monitor_only": {exchange.value: reason for exchange, reason in monitor_only.stopped().items()},
        "errors_last_minute": selectors.error_rates(),
        "slowed_down": selectors.pace(),
        "open_arbs": selectors.open_arbs().count(),
        "arbs_closed_today": figures.arbs,
        "pnl_krw_today": decimal_text(figures.pnl_krw),
        "fees_krw_today": decimal_text(figures.fees_krw),
        "dust": {" ".join(where): decimal_text(qty) for where, qty in selectors.dust().items()},
        "alerts_open": selectors.open_alerts().count(),
        "stock": stock.summary(),
        "stock_to_do": stock.to_do(),
        "shortfalls_today": selectors.counts(today, today).get("shortfalls", 0),
        "denials_today": selectors.denials(today, today),
        "heartbeat_age_s": {
            name: round((now - row.beat_at).total_seconds(), 1) for name, row in selectors.heartbeats().items()
        },
    }


def examine() -> list[Check]:
    """Return every check with its outcome; a database that does not answer ends the list early."""
    found = [_checked("switch", _switch)]
    database = _checked("database", _database)
    found.append(database)
    if not database.problem:
        found += [
            _checked("migrations", _migrations),
            _checked("parameters", _parameters),
            _checked("wire", _wire),
            _checked("ledger", _ledger),
            _checked("incidents", _pending),
        ]
    return found


def _checked(name: str, look: Callable[[], tuple[str, str]]) -> Check:
    try:
        return Check(name, *look())
    except (DatabaseError, OSError, KArbError) as error:
        return Check(name, problem=f"{type(error).__name__}: {str(error).strip().splitlines()[0]}")


def _switch() -> tuple[str, str]:
    level = controls.load_switch().level()
    if level is TradingLevel.HALTED:
        return (
            level.name,
            "HALTED: when all is understood, `python manage.py resume --reason ...`, once to REDUCING, once to ACTIVE",
        )
    return level.name, ""


def _database() -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return connection.vendor, ""


def _migrations() -> tuple[str, str]:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return "all applied", f"{len(plan)} not applied: run `python manage.py migrate`" if plan else ""


def _parameters() -> tuple[str, str]:
    epoch, _ = params.active()
    view = selectors.desk_view()
    applied = view.applied_epoch if view else 0
    return f"epoch {epoch} in force, {applied} applied", ""


def _wire() -> tuple[str, str]:
    epoch, data = wire.active()
    found = wire_from_bytes(data, wire.shipped())[1]
    stopped = [f"{exchange.value} is monitor-only: {reason}" for exchange, reason in monitor_only.stopped().items()]
    return f"epoch {epoch} in force", "; ".join([*found, *stopped])


def _ledger() -> tuple[str, str]:
    return "sums to zero", "; ".join(ledger_problems())


def _pending() -> tuple[str, str]:
    path = incidents.pending_path()
    return "none waiting", f"incidents wait in {path}" if path.exists() else ""
