"""Typed entries for what moved without a fill of ours: booked from history, or by a person (R3.3).

A target is absolute: what is booked is what its row still lacks, so that the same target given twice, by two
runs at once, or after one that was cut short, ends in the same entries. The caller holds the exchange's place.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from hashlib import sha256

from django.db import transaction
from django.utils import timezone

from arbitrage.domain.adjustment import AdjustmentKind, Booked, Move, Target, missing_moves, summed
from arbitrage.domain.errors import KArbError
from arbitrage.domain.ledger import postings_for_adjustment
from arbitrage.domain.units import Exchange, Ns
from arbitrage.fields import canonical, decimal_text
from arbitrage.models_ledger import LedgerEntry
from arbitrage.models_reconciliation import Adjustment, ReconciliationPlace
from arbitrage.services.postings import PostingBatch
from arbitrage.wall_time import moment, wall_ns

RECONCILIATION = "reconciliation"
FEE = "fee"
BOOKED = Adjustment.State.BOOKED


class AdjustmentRefused(KArbError):
    """Nothing was booked, and why."""


def lock_place(exchange: Exchange) -> ReconciliationPlace:
    """Return the exchange's place, locked until the caller's transaction ends."""
    ReconciliationPlace.objects.get_or_create(exchange=exchange.value, defaults={"at": timezone.now()})
    return ReconciliationPlace.objects.select_for_update().get(pk=exchange.value)


def booked(exchange: Exchange, refs: Iterable[str]) -> dict[str, dict[tuple[str, bool], Decimal]]:
    """Return what is booked for each row, per asset, fees apart."""
    found: dict[str, list[Move]] = {}
    wanted = sorted(set(refs))
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        rows = Adjustment.objects.filter(exchange=exchange.value, ref__in=part, state=BOOKED)
        for row in rows:
            found.setdefault(row.ref, []).extend(moves_of(row))
    return {ref: summed(moves) for ref, moves in found.items()}


def moves_of(row: Adjustment) -> list[Move]:
    """Return what a row moves, exactly."""
    return [Move(asset, Decimal(text), word == FEE) for asset, text, word in row.moves]


def book(targets: Sequence[Target], by: str = RECONCILIATION) -> list[Adjustment]:
    """Return the rows newly booked so that each target's row of history is in the ledger as a whole.

    A row that may still change is kept even before it moved anything, so that it is asked for again.
    """
    made: list[Adjustment] = []
    batch = PostingBatch()
    for exchange in Exchange:
        of_one = [target for target in targets if target.exchange is exchange]
        before = booked(exchange, (target.ref for target in of_one)) if of_one else {}
        for target in of_one:
            row = _book_one(target, before.get(target.ref, {}), batch, by)
            if row is not None:
                made.append(row)
    batch.write()
    return made


def _book_one(target: Target, before: Booked, batch: PostingBatch, by: str) -> Adjustment | None:
    moves = missing_moves(target, before)
    rows = Adjustment.objects.filter(exchange=target.exchange.value, ref=target.ref)
    if not moves:
        if target.is_final:
            rows.filter(is_final=False).update(is_final=True)
            return None
        if rows.exists():
            return None
    row = Adjustment.objects.create(
        exchange=target.exchange.value,
        ref=target.ref,
        revision=rows.count(),
        kind=target.kind.value,
        state=BOOKED,
        moves=_texts(moves),
        market=target.market,
        text=target.text[:300],
        is_final=target.is_final,
        at_ns=target.at_wall_ns,
        at=moment(target.at_wall_ns),
        noted_at=timezone.now(),
        booked_at=timezone.now(),
        by=by,
    )
    if target.is_final:
        rows.filter(is_final=False).update(is_final=True)
    _post(row, target.exchange, moves, batch)
    return row if moves else None


def _texts(moves: Iterable[Move]) -> list[list[str]]:
    return [[move.asset, decimal_text(move.amount), FEE if move.is_fee else ""] for move in moves]


def _post(row: Adjustment, exchange: Exchange, moves: Iterable[Move], batch: PostingBatch) -> None:
    # One group per asset and purpose: each sums to zero by itself.
    for move in moves:
        kind = f"{row.kind}_{FEE}" if move.is_fee else row.kind
        group = f"adjust:{exchange}:{row.ref}:{row.revision}:{move.asset}:{FEE if move.is_fee else ''}"
        postings = postings_for_adjustment(exchange, move.asset, move.amount)
        batch.add(group, kind, postings, order_id=None, wall_ns=row.at_ns)


def still_open(exchange: Exchange) -> list[Adjustment]:
    """Return the newest row of each part of history that may still change."""
    rows = Adjustment.objects.filter(exchange=exchange.value, is_final=False, state=BOOKED)
    return list({row.ref: row for row in rows.order_by("revision")}.values())


def book_by_person(
    exchange: Exchange, asset: str, amount: Decimal, kind: AdjustmentKind, *, reason: str, by: str
) -> Adjustment:
    """Return the row that a person booked. AdjustmentRefused without a reason or amount, or when it is there already.

    The same words twice are one booking: say more in the reason to book another of the same.
    """
    reason, asset = reason.strip(), asset.strip().upper()
    if not reason:
        raise AdjustmentRefused("a reason is needed")
    try:
        amount = canonical(amount)
    except ValueError as error:
        raise AdjustmentRefused(f"amount: {error}") from None
    if not amount:
        raise AdjustmentRefused("amount was 0, must be what is missing in the ledger or too much in it")
    if not LedgerEntry.objects.filter(account__exchange=exchange.value, kind="opening").exists():
        raise AdjustmentRefused(f"the books of {exchange} are not open yet: the trader opens them at its first start")
    words = f"{kind} {asset} {decimal_text(amount)} {reason}"
    ref = f"person:{sha256(words.encode()).hexdigest()[:24]}"
    with transaction.atomic():
        lock_place(exchange)
        if Adjustment.objects.filter(exchange=exchange.value, ref=ref).exists():
            raise AdjustmentRefused("this was booked before, in the same words")
        now = wall_ns(timezone.now())
        target = Target(
            exchange=exchange, kind=kind, ref=ref, moves=(Move(asset, amount),), at_wall_ns=Ns(now), text=reason
        )
        (row,) = book([target], by)
        row.reason = reason[:300]
        row.save(update_fields=["reason"])
    return row


def propose(targets: Sequence[Target]) -> None:
    """Keep what a person has to confirm; one that is proposed follows the difference, one that is gone is withdrawn."""
    for target in targets:
        rows = Adjustment.objects.filter(exchange=target.exchange.value, ref=target.ref)
        defaults = {
            "kind": target.kind.value,
            "moves": _texts(target.moves),
            "text": target.text[:300],
            "at_ns": target.at_wall_ns,
            "at": moment(target.at_wall_ns),
        }
        if rows.filter(state=Adjustment.State.PROPOSED).update(**defaults):
            continue
        last = rows.order_by("-revision").first()
        if (
            last is not None
            and last.state == Adjustment.State.DISMISSED
            and last.moves == defaults["moves"]
            and last.by != RECONCILIATION
        ):
            # A person said no to just this.
            continue
        rest = {"state": Adjustment.State.PROPOSED, "by": RECONCILIATION, "noted_at": timezone.now(), **defaults}
        Adjustment.objects.create(exchange=target.exchange.value, ref=target.ref, revision=rows.count(), **rest)


def withdraw_proposals(exchange: Exchange, keep: Iterable[str]) -> int:
    """Return how many proposals were withdrawn, because the difference they would explain is gone."""
    rows = Adjustment.objects.filter(exchange=exchange.value, state=Adjustment.State.PROPOSED)
    return rows.exclude(ref__in=list(keep)).update(state=Adjustment.State.DISMISSED, reason="the difference is gone")


def confirm(adjustment_id: int, by: str, reason: str) -> Adjustment:
    """Book what was proposed; AdjustmentRefused without a reason, or when it is not proposed any more."""
    if not reason.strip():
        raise AdjustmentRefused("a reason is needed")
    with transaction.atomic():
        row = Adjustment.objects.filter(pk=adjustment_id).first()
        if row is not None:
            lock_place(Exchange(row.exchange))
            row = Adjustment.objects.select_for_update().get(pk=adjustment_id)
        if row is None or row.state != Adjustment.State.PROPOSED:
            raise AdjustmentRefused("it is not proposed any more")
        batch = PostingBatch()
        _post(row, Exchange(row.exchange), moves_of(row), batch)
        batch.write()
        row.state, row.by, row.reason, row.booked_at = BOOKED, by, reason[:300], timezone.now()
        row.save()
    return row


def dismiss(adjustment_id: int, by: str, reason: str) -> None:
    """Leave a proposal unbooked; the break stays. AdjustmentRefused as for `confirm`."""
    if not reason.strip():
        raise AdjustmentRefused("a reason is needed")
    changed = Adjustment.objects.filter(pk=adjustment_id, state=Adjustment.State.PROPOSED).update(
        state=Adjustment.State.DISMISSED, by=by, reason=reason[:300]
    )
    if not changed:
        raise AdjustmentRefused("it is not proposed any more")
