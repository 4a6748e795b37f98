"""What moved without a fill of ours is booked once per row of history, whatever comes twice, late or half."""

from decimal import Decimal

import msgspec
import pytest
from desk_story import START_NS, opened_desk, records
from django.core.management import CommandError, call_command
from django.db import connection

from arbitrage.domain.adjustment import AdjustmentKind, Move, Target
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.history import ForeignOrder, Progress, Transfer, foreign_told, progress_of, transfer_told
from arbitrage.domain.reconciliation import Break as FoundBreak
from arbitrage.domain.reconciliation import BreakKind, Severity
from arbitrage.domain.units import Exchange, Ns, Qty, Side, exact_sum
from arbitrage.models import Account, Adjustment, Alert, Break, Control, LedgerEntry, ReconciliationRun
from arbitrage.models_reconciliation import ReconciliationPlace
from arbitrage.services import adjustments, controls, reconciliation, recording
from arbitrage.services.postings import ledger_problems
from arbitrage.services.reconciliation import Findings

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_desk")]
UPBIT = Exchange.UPBIT
SECOND = 10**9
KRW_OPENING = Decimal("100000000.00000000000000000001")


@pytest.fixture(autouse=True)
def _opened():
    recording.record_batch(records(opened_desk()))


def deposit(progress=Progress.DONE, transfer_id="D1", qty="500.5"):
    return Transfer(transfer_id, True, "KRW", progress, Decimal(qty), Decimal(0), Ns(START_NS + SECOND))


def bought(executed="0.1", *, is_open=False):
    qty = Qty(int(Decimal(executed) * 10**8))
    funds = Decimal(executed) * 4_000_000
    return ForeignOrder("X9", "KRW-ETH", Side.BID, qty, funds, funds / 2000, is_open, Ns(START_NS + SECOND))


def keep(key, *told, look=1, **words):
    return reconciliation.keep_run(UPBIT, key, Findings(told=told, look_ns=look, balances_compared=2, **words))


def wallet(asset):
    row = Account.objects.filter(kind="wallet", exchange="upbit", asset=asset).first()
    return Decimal(0) if row is None else row.balance


def rows():
    """Everything a run leaves behind, without clocks and numbers."""
    skipped = {"id", "at", "noted_at", "booked_at", "opened_at", "last_seen_at", "resolved_at", "first_at", "last_at"}
    skipped |= {"changed_at", "run_id", "account_id", "incident_id", "count"}
    found = []
    for model in (ReconciliationRun, Break, Adjustment, LedgerEntry, Account, Alert, Control):
        for row in model.objects.order_by("pk").values():
            found.append((model.__name__, {name: value for name, value in row.items() if name not in skipped}))
    return found


def test_a_deposit_is_booked_once_under_its_own_id():
    told = transfer_told(UPBIT, deposit())
    keep("k1", told)
    keep("k2", told, look=2)
    assert wallet("KRW") == exact_sum((KRW_OPENING, Decimal("500.5")))
    assert list(LedgerEntry.objects.filter(kind="deposit").values_list("group", "amount")) == [
        ("adjust:upbit:deposit:D1:0:KRW:", Decimal("-500.5")),
        ("adjust:upbit:deposit:D1:0:KRW:", Decimal("500.5")),
    ]
    row = Break.objects.get()
    assert (row.kind, row.ref, row.difference, row.resolved_by) == ("deposit", "D1", Decimal("500.5"), "program")
    assert ledger_problems() == []


def test_a_deposit_under_way_is_noted_and_booked_when_it_is_done():
    keep("k1", transfer_told(UPBIT, deposit(Progress.OPEN)))
    assert (wallet("KRW"), Break.objects.count()) == (KRW_OPENING, 0)
    assert [row.ref for row in adjustments.still_open(UPBIT)] == ["deposit:D1"]
    keep("k2", transfer_told(UPBIT, deposit()), look=2)
    assert wallet("KRW") == exact_sum((KRW_OPENING, Decimal("500.5")))
    assert adjustments.still_open(UPBIT) == []


def test_words_for_transfers_of_both_exchanges():
    words = ["ACCEPTED", "DEPOSIT_ACCEPTED", "DONE", "CANCELLED", "REJECTED", "WAITING", "TRAVEL_RULE_SUSPECTED", ""]
    done, gone, opened = Progress.DONE, Progress.GONE, Progress.OPEN
    assert [progress_of(word) for word in words] == [done, done, done, gone, gone, opened, opened, opened]


def test_an_order_that_goes_on_filling_is_booked_by_what_it_still_lacks():
    keep("k1", foreign_told(UPBIT, bought("0.04", is_open=True)))
    keep("k2", foreign_told(UPBIT, bought("0.1")), look=2)
    assert (wallet("ETH"), wallet("KRW")) == (Decimal("0.1"), exact_sum((KRW_OPENING, Decimal(-400_200))))
    assert [row.moves for row in Adjustment.objects.order_by("pk")] == [
        [["ETH", "0.04", ""], ["KRW", "-160000", ""], ["KRW", "-80", "fee"]],
        [["ETH", "0.06", ""], ["KRW", "-240000", ""], ["KRW", "-120", "fee"]],
    ]
    assert set(LedgerEntry.objects.filter(kind__startswith="manual").values_list("kind", flat=True)) == {
        "manual_trade",
        "manual_trade_fee",
    }


def test_a_correction_is_taken_back_when_our_rows_catch_up():
    fix = Target(
        exchange=UPBIT,
        kind=AdjustmentKind.MISSED_FILL,
        ref="order:a1-0",
        moves=(Move("BTC", Decimal("0.01")),),
        at_wall_ns=Ns(START_NS),
    )
    keep("k1", corrections=(fix,))
    assert wallet("BTC") == Decimal("1.01")
    gone = Target(exchange=UPBIT, kind=fix.kind, ref=fix.ref, moves=(), at_wall_ns=Ns(START_NS))
    keep("k2", corrections=(gone,), look=2)
    assert wallet("BTC") == Decimal(1)


def test_a_run_that_comes_late_changes_nothing():
    keep("k2", foreign_told(UPBIT, bought("0.1")), look=5)
    before = rows()
    assert keep("k1", foreign_told(UPBIT, bought("0.04", is_open=True)), look=4) is None
    assert rows() == before


LOST = FoundBreak(
    BreakKind.BALANCE_DRIFT, Severity.CRITICAL, UPBIT, "KRW", Decimal(9), Decimal(4), Decimal(-5), "", "no reason known"
)


def a_whole_run(key="k1", look=3):
    return keep(
        key,
        transfer_told(UPBIT, deposit()),
        foreign_told(UPBIT, bought("0.1", is_open=True)),
        breaks=(LOST,),
        look=look,
    )


def test_cut_short_at_every_statement_and_given_again_the_rows_are_the_same():
    class Killed(Exception):
        pass

    cut = 0
    finished = False
    while not finished:
        left = [cut]

        def count(execute, sql, params, many, context, left=left):
            if sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
                return execute(sql, params, many, context)
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return execute(sql, params, many, context)

        before = rows()
        try:
            with connection.execute_wrapper(count):
                a_whole_run()
            finished = True
        except Killed:
            assert rows() == before
        cut += 1
    assert cut > 40
    once = rows()
    a_whole_run()
    assert rows() == once
    assert len([row for name, row in once if name == "Adjustment"]) == 3
    assert ledger_problems() == []


def test_two_runs_that_looked_at_the_same_book_it_once():
    a_whole_run("k1", look=3)
    once = [row for row in rows() if row[0] in ("LedgerEntry", "Account", "Adjustment", "Break")]
    a_whole_run("k2", look=3)
    assert [row for row in rows() if row[0] in ("LedgerEntry", "Account", "Adjustment", "Break")] == once


def test_a_grave_break_lowers_the_desk_once_and_a_resume_is_respected(switch):
    keep("k1", breaks=(LOST,))
    assert Control.objects.get().level == TradingLevel.REDUCING
    assert switch.told == [], "the bridge carries it: a job has no hand on the switch"
    controls.resume("a fee nobody wrote down", "kim")
    keep("k2", breaks=(LOST,), look=2)
    assert Control.objects.get().level == TradingLevel.ACTIVE
    assert Break.objects.get().resolved_at is None


def test_a_desk_that_is_halted_is_not_raised_to_reducing(switch):
    controls.emergency_stop("trial", "kim")
    keep("k1", breaks=(LOST,))
    assert Control.objects.get().level == TradingLevel.HALTED


def test_what_nobody_can_prove_waits_for_a_person_and_follows_the_difference():
    keep("k1", breaks=(LOST,))
    row = Adjustment.objects.get()
    assert (row.state, row.kind, row.moves, wallet("KRW")) == (
        "proposed",
        "correction",
        [["KRW", "-5", ""]],
        KRW_OPENING,
    )
    with pytest.raises(adjustments.AdjustmentRefused, match="reason"):
        adjustments.confirm(row.pk, "kim", " ")
    adjustments.confirm(row.pk, "kim", "a fee of the card")
    assert wallet("KRW") == exact_sum((KRW_OPENING, Decimal(-5)))
    with pytest.raises(adjustments.AdjustmentRefused, match="not proposed"):
        adjustments.confirm(row.pk, "kim", "again")
    assert ledger_problems() == []


@pytest.mark.parametrize(
    "doubted",
    [
        msgspec.structs.replace(LOST, difference=Decimal(-6)),
        msgspec.structs.replace(LOST, kind=BreakKind.AIRDROP, difference=Decimal(3)),
    ],
)
def test_a_difference_that_two_looks_saw_otherwise_stays_as_it_is(doubted):
    keep("k1", breaks=(LOST,))
    keep("k2", look=2, doubted=(doubted,))
    assert [(row.state, row.moves) for row in Adjustment.objects.all()] == [("proposed", [["KRW", "-5", ""]])]
    assert [(row.difference, row.resolved_at) for row in Break.objects.all()] == [(Decimal(-5), None)]
    assert Alert.objects.get(kind="balance_drift").closed_at is None
    assert ReconciliationPlace.objects.get(exchange="upbit").agreed_ns == 0
    keep("k3", look=3)
    assert Adjustment.objects.get().state == "dismissed"
    assert Break.objects.get().resolution == "both sides agree again"
    assert Alert.objects.get(kind="balance_drift").closed_at is not None
    assert ReconciliationPlace.objects.get(exchange="upbit").agreed_ns == 3


def test_an_order_that_two_looks_saw_otherwise_stays_as_it_is():
    seen = FoundBreak(BreakKind.MISSING_FILL, Severity.HIGH, UPBIT, "a1-0", Decimal(1), Decimal(2), Decimal(1), "t9")
    keep("k1", breaks=(seen,))
    keep("k2", look=2, doubted=(msgspec.structs.replace(seen, theirs=Decimal(3), difference=Decimal(2)),))
    assert [(row.difference, row.resolved_at) for row in Break.objects.all()] == [(Decimal(1), None)]


def test_a_difference_that_is_gone_takes_its_proposal_along():
    keep("k1", breaks=(LOST,))
    keep("k2", look=2)
    assert Adjustment.objects.get().state == "dismissed"
    assert Break.objects.get().resolution == "both sides agree again"


def test_balances_that_were_not_compared_close_nothing():
    keep("k1", breaks=(LOST,))
    reconciliation.keep_run(UPBIT, "k2", Findings(look_ns=2))
    assert Break.objects.get().resolved_at is None
    assert Adjustment.objects.get().state == "proposed"


def test_what_a_person_dismissed_is_not_proposed_again():
    keep("k1", breaks=(LOST,))
    adjustments.dismiss(Adjustment.objects.get().pk, "kim", "the exchange will mend it")
    keep("k2", breaks=(LOST,), look=2)
    assert Adjustment.objects.get().state == "dismissed"


def book(*words):
    call_command("book_adjustment", "--exchange", "upbit", *words)


def test_a_person_books_what_they_know_once(capsys):
    words = ("--asset", "krw", "--amount", "-1234.5", "--kind", "correction", "--reason", "card fee")
    book(*words)
    assert capsys.readouterr().out.startswith("booked as correction ")
    assert wallet("KRW") == exact_sum((KRW_OPENING, Decimal("-1234.5")))
    with pytest.raises(CommandError, match="booked before, in the same words"):
        book(*words)
    assert wallet("KRW") == exact_sum((KRW_OPENING, Decimal("-1234.5")))


@pytest.mark.parametrize(
    ("amount", "reason", "why"),
    [("0", "x", "amount was 0"), ("1,5", "x", "plain number"), ("NaN", "x", "not a number"), ("5", " ", "reason")],
)
def test_what_cannot_be_booked_is_refused_with_its_cause(amount, reason, why):
    with pytest.raises(CommandError, match=why):
        book("--asset", "KRW", "--amount", amount, "--kind", "correction", "--reason", reason)
    assert Adjustment.objects.count() == 0
