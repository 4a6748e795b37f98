"""The trading state an operator asks for, and the emergency flow (requirements.md, Practices).

The desk obeys shared memory. An emergency stop sets that first, through the switch, and these rows
after; lowering works without a database, raising does not.
"""

import contextlib
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from arbitrage.domain.arb import ArbState
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.errors import KArbError
from arbitrage.domain.params import is_market
from arbitrage.domain.units import Exchange
from arbitrage.models_control import Control, ControlChange, Emergency, EmergencyState, EmergencyStep, Scope
from arbitrage.models_incidents import Incident, Severity
from arbitrage.models_trading import Arb
from arbitrage.services import alerts, incidents
from arbitrage.services.switch import load_switch
from arbitrage.wall_time import wall_ns


class ControlRefused(KArbError):
    """The emergency flow, a missing reason or an open incident says no. Nothing has changed."""


class HaltFailed(KArbError):
    """Shared memory or latch file could not be set: the desk may still trade."""


E = EmergencyState
FLOW: dict[EmergencyState, EmergencyState] = {
    E.ANOMALY: E.STOPPED,
    E.STOPPED: E.ANALYSED,
    E.ANALYSED: E.PLANNED,
    E.PLANNED: E.FIXED,
    E.FIXED: E.VERIFIED,
    E.VERIFIED: E.RESUMED,
}
"""State -> the only next one. RESUMED is the end."""
OBSERVED_GRACE = timedelta(seconds=5)
TRADER = "trader"
"""Who makes an exchange monitor-only: its rows are lifted by a resume, a person's own are not."""
MONITOR_ONLY = "monitor_only"
BREAKER = "breaker_tripped"


class Wanted(msgspec.Struct, frozen=True):
    """What the operator wants. Levels not named are ACTIVE.

    The bridge sets exchange and market levels as they stand here. The desk's own level it may only
    ever lower to `level`: raising is done by `resume` through the switch, and a halt from the command
    line of the fast path must not be undone by these rows.
    """

    level: TradingLevel
    reason: str
    by: str
    exchanges: dict[Exchange, TradingLevel]
    markets: dict[str, TradingLevel]
    said_ns: dict[Exchange, int] = {}
    """When (UTC) that was said of each exchange: an ACTIVE younger than a monitor-only stop lifts it."""


class Stopped(msgspec.Struct, frozen=True):
    """What came of an emergency stop. `is_recorded` is False when the database could not be written."""

    is_recorded: bool
    incident_id: str
    detail: str


def wanted() -> Wanted:
    """Return what the operator wants of the desk, each exchange and each market."""
    rows = {(row.scope, row.key): row for row in Control.objects.all()}
    desk = rows.get((Scope.GLOBAL, ""))
    return Wanted(
        level=TradingLevel(desk.level) if desk else TradingLevel.ACTIVE,
        reason=desk.reason if desk else "",
        by=desk.by if desk else "",
        exchanges={
            Exchange(key): TradingLevel(row.level) for (scope, key), row in rows.items() if scope == Scope.EXCHANGE
        },
        markets={key: TradingLevel(row.level) for (scope, key), row in rows.items() if scope == Scope.MARKET},
        said_ns={
            Exchange(key): wall_ns(row.changed_at) for (scope, key), row in rows.items() if scope == Scope.EXCHANGE
        },
    )


def request_level(level: TradingLevel, reason: str, by: str, *, exchange: str = "", market: str = "") -> None:
    """Ask for a level for the desk, one exchange or one market (R6.2); who and why are kept.

    The desk: HALTED is an emergency stop, ACTIVE the last step of a resume, REDUCING goes through the
    switch at once. ControlRefused without a reason, or when that would loosen a desk that is HALTED.
    """
    if not reason.strip():
        raise ControlRefused("a reason is needed")
    if exchange or market:
        if market and not is_market(market):
            raise ControlRefused(f"market was {market!r}, must look like KRW-BTC")
        scope, key = (Scope.EXCHANGE, Exchange(exchange).value) if exchange else (Scope.MARKET, market)
        if exchange and level is TradingLevel.ACTIVE and _stopped_by_trader().filter(key=exchange).exists():
            raise ControlRefused(f"{exchange} is monitor-only: a resume lifts that, once the steps are done")
        with transaction.atomic():
            if exchange and level is TradingLevel.ACTIVE:
                alerts.close_alerts_of(MONITOR_ONLY, exchange, by=by)
            set_row(scope, key, level, reason, by, timezone.now())
    elif level is TradingLevel.HALTED:
        emergency_stop(reason, by)
    elif level is TradingLevel.ACTIVE:
        resume(reason, by, to=level)
    elif standing_level() is TradingLevel.HALTED:
        raise ControlRefused("the desk is HALTED: a resume takes it back, one step at a time")
    else:
        load_switch().set_level(level, reason, by)
        with transaction.atomic():
            set_row(Scope.GLOBAL, "", level, reason, by, timezone.now())


def emergency_stop(reason: str, by: str) -> Stopped:
    """Halt the desk: shared memory and latch file first, then rows, alert and incident.

    When the database cannot be written the halt stands, and the incident waits in a file for
    `incidents.pick_up_pending`. HaltFailed when the switch itself failed; the rows are written even
    then, because the bridge carries them to the desk too.
    """
    if not reason.strip():
        raise ControlRefused("a reason is needed")
    failure: Exception | None = None
    try:
        load_switch().set_level(TradingLevel.HALTED, reason, by)
    except (OSError, KArbError) as error:
        failure = error
    stopped = _recorded_stop(reason, by)
    if failure is not None:
        raise HaltFailed(f"{failure}; {stopped.detail or 'the stop is recorded, the bridge will carry it'}")
    return stopped


def _recorded_stop(reason: str, by: str) -> Stopped:
    text = f"Emergency stop: {reason}"
    try:
        incident = _record_stop(text, reason, by)
    except DatabaseError as error:
        path = incidents.queue_pending("emergency_stop", text, by)
        return Stopped(False, "", f"database not written ({type(error).__name__}); incident waits in {path}")
    return Stopped(True, incident.incident_id, "")


def _record_stop(text: str, reason: str, by: str) -> Incident:
    now = timezone.now()
    with transaction.atomic():
        set_row(Scope.GLOBAL, "", TradingLevel.HALTED, reason, by, now)
        alert = alerts.raise_alert("emergency_stop", text, severity=Severity.CRITICAL, at=now)
        incident = alert.incident
        assert incident is not None  # a critical alert always has one
        open_flow(incident, reason, by, now)
    return incident


def open_flow(incident: Incident, reason: str, by: str, at: datetime) -> Emergency:
    """Return the open emergency, made now if there is none, with trading stopped; the caller is in a transaction."""
    flow = open_emergency()
    if flow is None:
        flow = Emergency.objects.create(reason=reason[:500], opened_at=at, incident=incident)
        _step(flow, E.ANOMALY, by, reason)
    if flow.state == E.ANOMALY:
        _step(flow, E.STOPPED, by, reason)
    return flow


def keep_lowered(level_word: str, reason: str, by: str, at: datetime) -> None:
    """Note that the desk lowered itself. News older than the operator's last word only enters the log."""
    level = TradingLevel[level_word.upper()]
    row = Control.objects.filter(scope=Scope.GLOBAL, key="").first()
    if row is not None and row.changed_at > at:
        _log(Scope.GLOBAL, "", TradingLevel(row.level), level, f"late news: {reason}", by, at)
        return
    if row is None or row.level < level:
        set_row(Scope.GLOBAL, "", level, reason, by, at)
    severity = Severity.CRITICAL if level is TradingLevel.HALTED else Severity.HIGH
    if level is not TradingLevel.ACTIVE:
        alerts.raise_alert("trading_lowered", f"{level.name}: {reason}", severity=severity, at=at)


def note_observed(level: TradingLevel, reason: str, by: str) -> None:
    """Note a halt that came past these rows: the fast path's own command line, or an unreadable latch.

    Rows younger than the grace time are left alone: a resume writes its row before it turns the switch.
    """
    row = Control.objects.filter(scope=Scope.GLOBAL, key="").first()
    now = timezone.now()
    if level <= (row.level if row else TradingLevel.ACTIVE) or (row and row.changed_at > now - OBSERVED_GRACE):
        return
    with transaction.atomic():
        keep_lowered(level.name, reason or "no reason given", by or "unknown", now)


def open_emergency() -> Emergency | None:
    """Return the emergency that is not yet resumed, or None."""
    return Emergency.objects.exclude(state=E.RESUMED).first()


def confirm_step(state: EmergencyState, by: str, note: str) -> None:
    """Confirm the next step of the open emergency; ControlRefused out of order or without a note."""
    if not note.strip():
        raise ControlRefused("a note is needed")
    with transaction.atomic():
        flow = Emergency.objects.select_for_update().exclude(state=E.RESUMED).first()
        if flow is None:
            raise ControlRefused("there is no open emergency")
        if FLOW[E(flow.state)] is not state or state is E.RESUMED:
            raise ControlRefused(f"the emergency is {flow.state}: next comes {FLOW[E(flow.state)]}, not {state}")
        _step(flow, state, by, note)


def resume_obstacles() -> list[str]:
    """Return the open critical incidents that a resume to ACTIVE must acknowledge: stuck arbs."""
    rows = Incident.objects.filter(state="open", kind="arb_stuck").order_by("pk")
    return [f"{row.incident_id}: {row.title}" for row in rows]


def standing_level() -> TradingLevel:
    """Return the stricter of what the rows ask for and what shared memory holds; HALTED when that cannot be read."""
    row = Control.objects.filter(scope=Scope.GLOBAL, key="").first()
    observed = observed_level()
    asked = TradingLevel(row.level) if row else TradingLevel.ACTIVE
    return max(asked, TradingLevel.HALTED if observed is None else observed)


def resume(reason: str, by: str, *, acknowledged: Sequence[str] = (), to: TradingLevel | None = None) -> TradingLevel:
    """Take the desk one step back towards ACTIVE and return where it is: HALTED to REDUCING, else to ACTIVE.

    The step to REDUCING only lets what is open be finished: emergency, alerts and monitor-only exchanges stay.
    The step to ACTIVE confirms the emergency's steps not yet confirmed, by this person with this reason.
    ControlRefused without a reason, when the next step does not lead `to` there (two people, a button hit
    twice), or on the step to ACTIVE while stuck arbs' incidents are open that are not in `acknowledged`
    (their ids). Rows first, the switch last: when it fails the desk stays as strict as it was.
    """
    if not reason.strip():
        raise ControlRefused("a reason is needed")
    incidents.pick_up_pending()
    with transaction.atomic():
        # Locked before it is looked at: of two resumes at once the second sees what the first did.
        Control.objects.select_for_update().filter(scope=Scope.GLOBAL, key="").first()
        level = standing_level()
        step = TradingLevel.REDUCING if level is TradingLevel.HALTED else TradingLevel.ACTIVE
        if to not in (None, step):
            raise ControlRefused(f"the desk is {level.name}: the next step is {step.name}, not {to.name}")
        if step is TradingLevel.ACTIVE:
            _let_trade(reason, by, acknowledged)
        else:
            _note_on_flow(f"halted to reducing: {reason}", by)
        set_row(Scope.GLOBAL, "", step, reason, by, timezone.now())
    load_switch().set_level(step, reason, by)
    return step


def _note_on_flow(text: str, by: str) -> None:
    flow = open_emergency()
    if flow is not None and flow.incident is not None:
        incidents.add_event(flow.incident, text, by, timezone.now())


def _let_trade(reason: str, by: str, acknowledged: Sequence[str]) -> None:
    # Everything that held the desk back, but for the levels; the caller is in a transaction.
    left = [line for line in resume_obstacles() if line.partition(":")[0] not in acknowledged]
    if left:
        raise ControlRefused("\n".join(left))
    now = timezone.now()
    flow = Emergency.objects.select_for_update().exclude(state=E.RESUMED).first()
    while flow is not None and flow.state != E.RESUMED:
        _step(flow, FLOW[E(flow.state)], by, reason)
    if flow is not None:
        flow.resumed_at = now
        flow.save()
        if flow.incident is not None:
            incidents.add_event(flow.incident, f"resumed: {reason}", by, now)
    for incident_id in acknowledged:
        for incident in Incident.objects.filter(incident_id=incident_id, state="open"):
            incidents.add_event(incident, f"acknowledged at resume: {reason}", by, now)
    for kind in ("emergency_stop", "trading_lowered", BREAKER):
        alerts.close_alerts_of(kind, by=by)
    for row in _stopped_by_trader():
        alerts.close_alerts_of(MONITOR_ONLY, row.key, by=by)
        set_row(Scope.EXCHANGE, row.key, TradingLevel.ACTIVE, reason, by, now)


def resolve_arb(arb_id: str, reason: str, by: str) -> None:
    """Tell the trader that a person settled a STUCK arb by hand (R3.1).

    ControlRefused without a reason or when our rows say that there is no such stuck arb; OSError when
    the word could not be left. The trader looks again, and only closes what is STUCK.
    """
    if not reason.strip():
        raise ControlRefused("a reason is needed")
    arb = Arb.objects.filter(arb_id=arb_id).first()
    if arb is None or arb.state != ArbState.STUCK:
        found = "there is no such arb" if arb is None else f"it is {arb.state}"
        raise ControlRefused(f"arb {arb_id} is not stuck: {found}")
    load_switch().resolve_arb(arb_id, reason, by)


def _stopped_by_trader() -> QuerySet[Control]:
    return Control.objects.filter(scope=Scope.EXCHANGE, by=TRADER).exclude(level=TradingLevel.ACTIVE)


def observed_level() -> TradingLevel | None:
    """Return the level shared memory holds right now, or None when it cannot be read."""
    with contextlib.suppress(OSError, KArbError):
        return load_switch().level()
    return None


def _step(flow: Emergency, state: EmergencyState, by: str, note: str) -> None:
    flow.state = state.value
    flow.save()
    EmergencyStep.objects.create(emergency=flow, state=state.value, by=by, note=note[:500], at=timezone.now())


def set_row(scope: str, key: str, level: TradingLevel, reason: str, by: str, at: datetime) -> None:
    """Keep what is asked for, and who asked; the caller is in a transaction."""
    row = Control.objects.select_for_update().filter(scope=scope, key=key).first()
    before = TradingLevel(row.level) if row else TradingLevel.ACTIVE
    Control.objects.update_or_create(
        scope=scope, key=key, defaults={"level": level.value, "reason": reason[:500], "by": by, "changed_at": at}
    )
    _log(scope, key, before, level, reason, by, at)


def _log(scope: str, key: str, before: TradingLevel, after: TradingLevel, reason: str, by: str, at: datetime) -> None:
    ControlChange.objects.create(
        scope=scope, key=key, from_level=before.value, to_level=after.value, reason=reason[:500], by=by, at=at
    )
