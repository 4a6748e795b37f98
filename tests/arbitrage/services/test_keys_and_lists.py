"""Keys by fingerprint, reminders by age; check lists made once, ticked once."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from arbitrage.models import Alert, CheckItem, CheckList, KeyRecord
from arbitrage.services import checklists, keys

pytestmark = pytest.mark.django_db
MARK, NEW_MARK = "mark-1", "mark-2"


def aged(days: float) -> KeyRecord:
    keys.keep_keys("upbit", {MARK: None})
    KeyRecord.objects.update(first_seen_at=timezone.now() - timedelta(days=days))
    return KeyRecord.objects.get()


def test_a_young_key_is_no_news():
    aged(24)
    assert keys.check_ages() == []
    assert not Alert.objects.exists()


@pytest.mark.parametrize(("days", "severity"), [(25.5, "low"), (30.5, "high")])
def test_an_old_key_is_told_by_its_age(days, severity):
    aged(days)
    found = keys.check_ages()
    assert found == [f"API key {MARK} of upbit is {int(days)} days old"]
    assert Alert.objects.get().severity == severity


def test_a_rotated_key_ends_its_reminder():
    aged(31)
    keys.check_ages()
    keys.keep_keys("upbit", {NEW_MARK: None})
    KeyRecord.objects.filter(fingerprint=NEW_MARK).update(first_seen_at=timezone.now())
    assert keys.check_ages() == []
    old = KeyRecord.objects.get(fingerprint=MARK)
    assert old.retired_at is not None


def test_a_key_that_expires_tomorrow_is_urgent():
    keys.keep_keys("upbit", {MARK: timezone.now() + timedelta(hours=20)})
    assert len(keys.check_ages()) == 1
    assert Alert.objects.get().severity == "high"


def test_another_exchange_keeps_its_keys():
    keys.keep_keys("upbit", {"a": None})
    keys.keep_keys("bithumb", {"b": None})
    assert not KeyRecord.objects.exclude(retired_at=None).exists()


@pytest.mark.parametrize("kind", CheckList.Kind.values)
def test_a_list_of_a_day_is_made_once_with_all_its_lines(kind):
    first = checklists.open_list(kind, date(2026, 11, 23))
    again = checklists.open_list(kind, date(2026, 11, 23))
    assert first.pk == again.pk
    assert [item.word for item in first.items.all()] == [word for word, _ in checklists.ITEMS[kind]]


def test_the_first_tick_stands():
    row = checklists.open_list("daily", date(2026, 11, 23)).items.first()
    checklists.tick(row.pk, "kim")
    checklists.tick(row.pk, "lee")
    row.refresh_from_db()
    assert (row.is_done, row.done_by) == (True, "kim")


def test_a_program_may_take_back_its_own_tick_but_not_a_persons():
    made = checklists.open_list("daily", date(2026, 11, 23))
    checklists.keep_finding(made, "balances", "enough", checklists.Finding.PASSED)
    assert CheckItem.objects.get(check_list=made, word="balances").is_done
    checklists.keep_finding(made, "balances", "too little", checklists.Finding.FAILED)
    row = CheckItem.objects.get(check_list=made, word="balances")
    assert (row.is_done, row.detail) == (False, "too little")
    checklists.tick(row.pk, "kim")
    checklists.keep_finding(made, "balances", "too little", checklists.Finding.FAILED)
    assert CheckItem.objects.get(pk=row.pk).is_done
