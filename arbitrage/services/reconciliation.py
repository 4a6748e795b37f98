"""Keep a reconciliation: book what history explains, open and close breaks, lower the desk for a grave one (R3.3).

One transaction, under the exchange's place: a run that is given twice, two runs at once, and one that was cut
short and comes again end in the same rows. A run whose look is older than one that was kept changes nothing.
"""

from collections.abc import Sequence

import msgspec
from django.db import transaction
from django.utils import timezone

from arbitrage.domain.adjustment import AdjustmentKind, Move, Target
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.history import Told
from arbitrage.domain.reconciliation import EVENTS, OURS_TO_ANSWER, BreakKind
from arbitrage.domain.reconciliation import Break as FoundBreak
from arbitrage.domain.units import Exchange, Ns
from arbitrage.models_incidents import Alert, Severity
from arbitrage.models_reconciliation import Adjustment, BookCheck, Break, ReconciliationPlace, ReconciliationRun
from arbitrage.services import adjustments, alerts, controls
from arbitrage.wall_time import moment

PROGRAM = "program"
UNEXPLAINED = {BreakKind.BALANCE_DRIFT: AdjustmentKind.CORRECTION, BreakKind.AIRDROP: AdjustmentKind.AIRDROP}
_ALERTED = (Severity.CRITICAL.value, Severity.HIGH.value)
_STAYING = (BreakKind.UNKNOWN_ORDER.value, BreakKind.MISSING_ORDER.value)
_RISK = "R3.3"
LATE_NS = 600 * 1_000_000_000
"""A look this much older than the newest kept is no late one: the clock was set back."""


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What one look at one exchange found."""

    breaks: tuple[FoundBreak, ...] = ()
    doubted: tuple[FoundBreak, ...] = ()
    """What only the last of several looks found, or found otherwise: neither opened nor taken for gone."""
    told: tuple[Told, ...] = ()
    """Rows of history with what they moved; the break is opened once something is booked for it."""
    corrections: tuple[Target, ...] = ()
    """What the ledger lacks of our own orders; `breaks` tell of them."""
    orders_compared: int = 0
    balances_compared: int = 0
    """0 = something of ours was moving: balances say nothing."""
    unseen: tuple[str, ...] = ()
    """Lists of history this key may not see."""
    look_ns: int = 0
    """When the look began, UTC."""
    history_ns: int = 0


def keep_run(exchange: Exchange, run_key: str, found: Findings) -> ReconciliationRun | None:
    """Return the run of this key, kept once; None when a newer look was kept before: nothing changes then.

    A new break of severity critical or high raises an alert; a critical one also asks for REDUCING.
    """
    with transaction.atomic():
        place = adjustments.lock_place(exchange)
        known = ReconciliationRun.objects.filter(run_key=run_key).first()
        if known is not None:
            return known
        if place.look_ns - LATE_NS < found.look_ns < place.look_ns:
            return None
        run = ReconciliationRun.objects.create(
            run_key=run_key,
            exchange=exchange.value,
            orders_compared=found.orders_compared,
            balances_compared=found.balances_compared,
            breaks_found=0,
            at=timezone.now(),
        )
        booked = adjustments.book([target for target, _ in found.told] + list(found.corrections))
        moved = {row.ref for row in booked}
        events = [each for target, each in found.told if target.ref in moved]
        happened = [each for each in found.breaks if each.kind in EVENTS and not _was_told(exchange, each)]
        standing = [each for each in found.breaks if each.kind not in EVENTS]
        for each in (*events, *happened):
            _open(run, exchange, each)
        for each in standing:
            _open_or_see(run, exchange, each)
        _close_gone(exchange, standing, found)
        _propose(exchange, standing, found)
        run.breaks_found = len(events) + len(happened) + len(standing)
        run.save(update_fields=["breaks_found"])
        _move_place(place, found)
    return run


def _move_place(place: ReconciliationPlace, found: Findings) -> None:
    place.look_ns, place.at = found.look_ns, timezone.now()
    if found.balances_compared:
        place.history_ns = max(place.history_ns, found.history_ns)
        if not any(each.kind in UNEXPLAINED for each in (*found.breaks, *found.doubted)):
            place.agreed_ns = found.look_ns
    place.save()


def _was_told(exchange: Exchange, found: FoundBreak) -> bool:
    return Break.objects.filter(exchange=exchange.value, key=found.key).exists()


def _open(run: ReconciliationRun, exchange: Exchange, found: FoundBreak) -> Break:
    now = timezone.now()
    is_event = found.kind in EVENTS
    row = Break.objects.create(
        run=run,
        exchange=exchange.value,
        key=found.key,
        kind=found.kind.value,
        severity=found.severity.value,
        subject=found.subject[:96],
        ours=found.ours,
        theirs=found.theirs,
        difference=found.difference,
        ref=found.ref[:300],
        detail=found.detail[:300],
        opened_at=now,
        last_seen_at=now,
        resolved_at=now if is_event else None,
        resolved_by=PROGRAM if is_event else "",
        resolution=found.detail[:300] if is_event else "",
    )
    _tell(exchange, found)
    return row


def _open_or_see(run: ReconciliationRun, exchange: Exchange, found: FoundBreak) -> None:
    changed = Break.objects.filter(exchange=exchange.value, key=found.key, resolved_at=None).update(
        ours=found.ours,
        theirs=found.theirs,
        difference=found.difference,
        severity=found.severity.value,
        last_seen_at=timezone.now(),
    )
    if not changed:
        _open(run, exchange, found)


def _tell(exchange: Exchange, found: FoundBreak) -> None:
    if found.severity.value not in _ALERTED:
        return
    where = f"{exchange} {found.subject}"
    text = f"{where}: {found.kind}, ours {found.ours:f}, theirs {found.theirs:f}"
    text += f" ({found.detail})" if found.detail else ""
    alerts.raise_alert(found.kind.value, text, subject=where[:96], severity=found.severity.value, risk_id=_RISK)
    if found.severity.value == Severity.CRITICAL:
        # Rows only: the bridge carries them to the desk, which opens nothing while the bridge is silent.
        controls.keep_lowered(TradingLevel.REDUCING.name, text, adjustments.RECONCILIATION, timezone.now())


def _close_gone(exchange: Exchange, standing: Sequence[FoundBreak], found: Findings) -> None:
    # Breaks that this run no longer finds, and their alerts. Balances that were not compared say nothing.
    still = {each.key for each in (*standing, *found.doubted)}
    subjects = {(each.kind.value, f"{exchange} {each.subject}") for each in (*standing, *found.doubted)}
    in_doubt = _unexplained(found.doubted)
    for row in Break.objects.filter(exchange=exchange.value, resolved_at=None).exclude(key__in=still):
        is_unread = row.kind in UNEXPLAINED and (not found.balances_compared or row.subject in in_doubt)
        has_executed = row.kind in _STAYING and (row.ours or row.theirs)
        if is_unread or has_executed:
            subjects.add((row.kind, f"{exchange} {row.subject}"))
            continue
        row.resolved_at, row.resolved_by = timezone.now(), PROGRAM
        row.resolution = _resolution(exchange, row)
        row.save()
    kinds = [kind.value for kind in BreakKind if kind not in EVENTS]
    for alert in Alert.objects.filter(closed_at=None, kind__in=kinds, subject__startswith=f"{exchange} "):
        if (alert.kind, alert.subject) not in subjects:
            alerts.close_alerts_of(alert.kind, alert.subject)


def _resolution(exchange: Exchange, row: Break) -> str:
    refs = (f"order:{row.subject}", f"unexplained:{row.subject}")
    rows = Adjustment.objects.filter(exchange=exchange.value, ref__in=refs, booked_at__gte=row.opened_at)
    booked = rows.order_by("-pk").first()
    return f"booked: {booked.reason or booked.text}"[:300] if booked else "both sides agree again"


def _propose(exchange: Exchange, standing: Sequence[FoundBreak], found: Findings) -> None:
    if not found.balances_compared:
        return
    proposals = [
        Target(
            exchange=exchange,
            kind=_presumed(each, found),
            ref=f"unexplained:{each.subject}",
            moves=(Move(each.subject, each.difference),),
            at_wall_ns=Ns(found.look_ns),
            text=each.detail,
        )
        for each in standing
        if each.kind in UNEXPLAINED
    ]
    doubted = [f"unexplained:{subject}" for subject in _unexplained(found.doubted)]
    adjustments.withdraw_proposals(exchange, [*(target.ref for target in proposals), *doubted])
    adjustments.propose(proposals)


def _unexplained(breaks: Sequence[FoundBreak]) -> set[str]:
    return {each.subject for each in breaks if each.kind in UNEXPLAINED}


def _presumed(each: FoundBreak, found: Findings) -> AdjustmentKind:
    # Money that left unseen is taken for what cannot be seen; a person says whether it is.
    if each.kind is BreakKind.BALANCE_DRIFT and each.difference < 0 and "withdrawals" in found.unseen:
        return AdjustmentKind.WITHDRAWAL
    return UNEXPLAINED[each.kind]


def resolve_break(break_id: int, by: str, resolution: str) -> None:
    """Note how a break was resolved; the first word stands."""
    if not resolution.strip():
        raise ValueError("a resolution is needed")
    Break.objects.filter(pk=break_id, resolved_at=None).update(
        resolved_at=timezone.now(), resolved_by=by, resolution=resolution[:300]
    )


def keep_book_check(exchange: str, market: str, outcome: str, *, detail: str = "", did_resync: bool = False) -> None:
    """Keep the outcome (`same`, `different`, `no_book`, `no_answer`) of one comparison with REST."""
    BookCheck.objects.create(
        exchange=exchange,
        market=market,
        outcome=BookCheck.Outcome(outcome).value,
        detail=detail[:300],
        did_resync=did_resync,
        at=timezone.now(),
    )


def answers_owed(since_ns: int) -> list[str]:
    """Return the breaks that are ours to answer and were opened since then, also those that are closed by now."""
    kinds = [kind.value for kind in OURS_TO_ANSWER]
    rows = Break.objects.filter(kind__in=kinds, opened_at__gte=moment(since_ns))
    return [row_text(row) for row in rows.order_by("pk")]


def row_text(row: Break) -> str:
    """Return one line for people: where, what, both figures, the difference to the last digit, and the row."""
    where = f", row {row.ref}" if row.ref and row.ref != row.subject else ""
    why = f" ({row.detail})" if row.detail else ""
    figures = f"ours {row.ours:f}, theirs {row.theirs:f}, difference {row.difference:f}"
    return f"{row.exchange} {row.subject}: {row.kind}, {figures}{where}{why}"
