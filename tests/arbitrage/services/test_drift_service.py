"""Drift becomes rows once however often it is told, an alert a place, and a person's acknowledgement."""

import msgspec
import pytest

from arbitrage.domain.drift import Drift, DriftSeen
from arbitrage.domain.units import Exchange, Ns
from arbitrage.models import Alert, ShapeDrift
from arbitrage.services import drift
from arbitrage.wall_time import moment

pytestmark = pytest.mark.django_db
SECOND = 1_000_000_000
SEEN = DriftSeen(
    Exchange.UPBIT, "balances", "Expected `array`", Drift.UNREADABLE, 3, Ns(10 * SECOND), Ns(20 * SECOND), '{"a":1}'
)


def more(**changes):
    return msgspec.structs.replace(SEEN, **changes)


def test_told_twice_is_kept_once():
    assert drift.keep("trader", "run1", [SEEN]) == 3
    assert drift.keep("trader", "run1", [SEEN]) == 0
    row = ShapeDrift.objects.get()
    assert (row.exchange, row.where, row.finding, row.count) == ("upbit", "balances", "Expected `array`", 3)
    assert (row.first_at, row.last_at, row.sample) == (moment(10 * SECOND), moment(20 * SECOND), '{"a":1}')
    assert (Alert.objects.get().count, Alert.objects.get().severity) == (1, "high")


def test_more_of_it_adds_only_what_is_new():
    drift.keep("trader", "run1", [SEEN])
    assert drift.keep("trader", "run1", [more(count=5, last_wall_ns=Ns(30 * SECOND), sample="newer")]) == 2
    row = ShapeDrift.objects.get()
    assert (row.count, row.last_at, row.sample) == (5, moment(30 * SECOND), "newer")


def test_each_run_and_each_process_counts_for_itself():
    drift.keep("trader", "run1", [SEEN])
    drift.keep("trader", "run2", [more(count=1)])
    drift.keep("feed.upbit", "run1", [more(count=4)])
    assert drift.keep("trader", "run2", [more(count=1)]) == 0
    assert ShapeDrift.objects.get().count == 8


def test_error_answers_are_kept_without_an_alert_and_gaps_with_a_milder_one():
    drift.keep("trader", "run1", [more(where="place", finding="HTTP 502", kind=Drift.ERROR)])
    assert Alert.objects.count() == 0
    drift.keep("trader", "run1", [more(where="query", finding="order.paid_fee was absent", kind=Drift.GAP)])
    assert (Alert.objects.get().subject, Alert.objects.get().severity) == ("upbit query", "medium")
    assert ShapeDrift.objects.count() == 2


def test_acknowledged_until_more_comes():
    drift.keep("trader", "run1", [SEEN, more(finding="other")])
    first, second = ShapeDrift.objects.order_by("pk")
    assert drift.acknowledge(first.pk, "kim")
    assert not drift.acknowledge(first.pk, "lee")
    assert Alert.objects.filter(closed_at=None).count() == 1
    drift.acknowledge(second.pk, "kim")
    assert Alert.objects.filter(closed_at=None).count() == 0
    first.refresh_from_db()
    assert first.acknowledged_by == "kim"
    drift.keep("trader", "run1", [more(count=4)])
    first.refresh_from_db()
    assert (first.acknowledged_at, first.acknowledged_by, first.count) == (None, "", 4)
    assert Alert.objects.filter(closed_at=None).count() == 1
