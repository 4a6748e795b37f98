"""A run and its breaks are kept once; serious breaks raise alerts that end when the break is gone."""

from decimal import Decimal

import pytest
from desk_story import opened_desk, records, trip

from arbitrage import selectors
from arbitrage.domain.reconciliation import Break as FoundBreak
from arbitrage.domain.reconciliation import BreakKind, Severity
from arbitrage.domain.units import Exchange
from arbitrage.models import Alert, Balance, BookCheck, Break, ReconciliationRun
from arbitrage.services import reconciliation, recording
from arbitrage.services.reconciliation import Findings

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_desk")]
DRIFT = FoundBreak(
    BreakKind.BALANCE_DRIFT, Severity.HIGH, Exchange.UPBIT, "BTC", Decimal("1.00000001"), Decimal(1), Decimal("-1E-8")
)


def keep(key, *breaks):
    found = Findings(breaks=breaks, orders_compared=3, balances_compared=2)
    return reconciliation.keep_run(Exchange.UPBIT, key, found)


def test_the_same_run_twice_is_kept_once():
    first = keep("k1", DRIFT)
    second = keep("k1", DRIFT)
    assert first.pk == second.pk
    assert ReconciliationRun.objects.get().breaks_found == 1
    row = Break.objects.get()
    assert (row.ours, row.theirs, row.difference) == (Decimal("1.00000001"), Decimal(1), Decimal("-0.00000001"))
    alert = Alert.objects.get()
    assert (alert.kind, alert.subject, alert.count) == ("balance_drift", "upbit BTC", 1)


def test_a_break_that_is_gone_ends_its_alert():
    keep("k1", DRIFT)
    keep("k2")
    assert Alert.objects.get().closed_at is not None


def test_a_clean_run_of_one_exchange_does_not_end_the_others_alert():
    keep("k1", DRIFT)
    reconciliation.keep_run(Exchange.BITHUMB, "k2", Findings())
    assert Alert.objects.get().closed_at is None


def test_a_resolution_is_noted_once_and_needs_words():
    keep("k1", DRIFT)
    row = Break.objects.get()
    with pytest.raises(ValueError, match="resolution"):
        reconciliation.resolve_break(row.pk, "kim", " ")
    reconciliation.resolve_break(row.pk, "kim", "a deposit")
    reconciliation.resolve_break(row.pk, "lee", "something else")
    row.refresh_from_db()
    assert (row.resolved_by, row.resolution) == ("kim", "a deposit")


def test_our_side_of_a_comparison_is_the_ledger_to_the_last_digit():
    recording.record_batch(records([*opened_desk(), *trip("a1", buy=150_000_000, sell=150_300_000, qty=10**6)]))
    found = selectors.balance_figures(Exchange.BITHUMB)
    opening = {row.asset: row.exchange_free + row.exchange_locked for row in Balance.objects.filter(exchange="bithumb")}
    assert {each.asset: each.total_dec - opening[each.asset] for each in found} == {
        "BTC": Decimal("-0.01"),
        "KRW": Decimal("1502398.8"),
    }


def test_book_checks_are_kept_newest_first():
    reconciliation.keep_book_check("upbit", "KRW-BTC", "different", detail="level 3", did_resync=True)
    reconciliation.keep_book_check("upbit", "KRW-BTC", "same")
    assert [row.outcome for row in BookCheck.objects.all()] == ["same", "different"]
    with pytest.raises(ValueError, match="nonsense"):
        reconciliation.keep_book_check("upbit", "KRW-BTC", "nonsense")
