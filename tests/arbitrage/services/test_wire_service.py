"""Wire sets move only as the table says; each move is recorded; a wrong one changes nothing."""

import msgspec
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from arbitrage.domain.units import Exchange
from arbitrage.domain.wire import ExchangeWire, Wire, wire_to_bytes
from arbitrage.models import WireChange, WireEpoch, WireSet
from arbitrage.models_wire import WireState
from arbitrage.services import wire

pytestmark = pytest.mark.django_db
SPEC = wire.shipped()[Exchange.UPBIT].frames["upbit.orderbook.simple"]
RENAMED = msgspec.structs.replace(SPEC, version=2, units_key="levels")
MENDED = wire_to_bytes(Wire({Exchange.UPBIT: ExchangeWire(frames={SPEC.name: RENAMED})}))


@pytest.fixture
def seeded():
    return wire.seed()


def valid_draft(body=MENDED):
    row = wire.submit_draft(body, "kim", "renamed")
    assert wire.validate(row.pk, "kim") == []
    return row


def test_before_the_seed_everything_is_as_shipped():
    assert (wire.active(), wire.active_set()) == ((0, b'{"exchanges":{}}'), None)


def test_the_seed_is_made_once_and_overrides_nothing():
    row = wire.seed()
    assert row.state == "active"
    assert wire.active() == (1, b'{"exchanges":{}}')
    assert wire.seed() is None
    assert WireSet.objects.count() == WireEpoch.objects.count() == 1


def test_a_draft_goes_to_active_and_the_old_one_retires(seeded):
    row = valid_draft()
    assert wire.activate(row.pk, "kim", "obu was renamed") == 2
    seeded.refresh_from_db()
    row.refresh_from_db()
    assert (seeded.state, row.state, wire.active()) == ("retired", "active", (2, MENDED))
    newest = WireChange.objects.filter(wire_set=row).first()
    assert (newest.on, newest.from_state, newest.to_state) == ("activated", "valid", "active")
    assert (newest.by, newest.reason) == ("kim", "obu was renamed")


def test_roll_back_brings_the_set_before_in_a_new_epoch(seeded):
    row = valid_draft()
    wire.activate(row.pk, "kim", "renamed")
    assert wire.roll_back("lee", "it was a test") == 3
    assert wire.active() == (3, b'{"exchanges":{}}')
    assert wire.roll_back("lee", "it was not") == 4
    assert wire.active() == (4, MENDED)


def test_there_is_nothing_before_the_first_set(seeded):
    with pytest.raises(wire.WireRefused, match="no wire set before"):
        wire.roll_back("lee", "why")
    assert wire.active()[0] == 1


def test_a_wrong_draft_is_kept_with_every_finding_and_never_valid(seeded):
    body = {"exchanges": {"upbit": {"generations": {"books": "legacy"}, "fields": {"moon": {"a": "b"}}}}}
    row = wire.submit_draft(body, "kim", "")
    assert [finding.partition(" ")[0] for finding in row.findings] == [
        "upbit.generations.books",
        "upbit.fields.moon",
    ]
    assert wire.validate(row.pk, "kim") == row.findings
    row.refresh_from_db()
    assert row.state == "draft"
    with pytest.raises(wire.WireRefused, match="must be one of jwt"):
        wire.activate(row.pk, "kim", "all the same")
    assert wire.active()[0] == 1


@pytest.mark.parametrize("given", ["{", "[]", "3"])
def test_what_is_no_json_object_is_refused(seeded, given):
    with pytest.raises(wire.WireRefused):
        wire.submit_draft(given, "kim", "")
    assert WireSet.objects.count() == 1


def test_what_cannot_be_read_as_settings_is_kept_as_it_came(seeded):
    row = wire.submit_draft('{"exchanges": {"kraken": {}}}', "kim", "")
    assert row.body == '{"exchanges":{"kraken":{}}}'
    assert len(row.findings) == 1
    assert wire.overrides_of(row) == {"kraken": {}}


def test_an_edit_notes_what_changed_and_makes_a_draft_of_it(seeded):
    row = valid_draft()
    again = wire.edit_draft(row.pk, b'{"exchanges":{"bithumb":{"generations":{"books":"legacy"}}}}', 1, "lee", "no")
    assert (again.state, again.revision, again.findings) == ("draft", 2, [])
    detail = WireChange.objects.filter(wire_set=row, on="edited").get().detail
    assert "bithumb.generations.books: – -> legacy" in detail
    assert "upbit.frames.upbit.orderbook.simple.units_key: levels -> –" in detail


def test_a_stale_edit_is_refused(seeded):
    row = valid_draft()
    wire.edit_draft(row.pk, MENDED, 1, "lee", "first")
    with pytest.raises(wire.WireRefused, match="revision was 1, must be 2"):
        wire.edit_draft(row.pk, b"{}", 1, "kim", "second")
    row.refresh_from_db()
    assert (row.note, row.body) == ("first", MENDED.decode())


@pytest.mark.parametrize("reason", ["", "  "])
def test_no_reason_no_change(seeded, reason):
    row = valid_draft()
    for step in (lambda: wire.activate(row.pk, "kim", reason), lambda: wire.roll_back("kim", reason)):
        with pytest.raises(wire.WireRefused, match="a reason is needed"):
            step()
    assert wire.active()[0] == 1


def test_steps_that_the_table_does_not_know_change_nothing(seeded):
    draft = wire.submit_draft(MENDED, "kim", "")
    with pytest.raises(wire.WireRefused, match="is draft: it cannot be activated"):
        wire.activate(draft.pk, "kim", "hurry")
    with pytest.raises(wire.WireRefused, match="is active: it cannot be edited"):
        wire.edit_draft(seeded.pk, b"{}", 1, "kim", "")
    with pytest.raises(wire.WireRefused, match="is active: it cannot be validated"):
        wire.validate(seeded.pk, "kim")
    assert wire.active()[0] == 1
    assert WireChange.objects.filter(wire_set=seeded).count() == 3


def test_the_database_allows_one_active_set(seeded):
    with pytest.raises(IntegrityError), transaction.atomic():
        WireSet.objects.create(state=WireState.ACTIVE, body="{}", created_by="x")


def test_a_copy_is_a_draft_based_on_the_active_set(seeded):
    copy = wire.copy_to_draft(seeded.pk, "kim")
    assert (copy.state, copy.body, copy.based_on_id) == ("draft", seeded.body, seeded.pk)
    with pytest.raises(wire.WireRefused, match="there is no wire set 999"):
        wire.copy_to_draft(999, "kim")


def test_the_command_rolls_back_in_one_step(seeded, capsys):
    with pytest.raises(CommandError, match="no wire set before"):
        call_command("rollback_wire", reason="why")
    wire.activate(valid_draft().pk, "kim", "renamed")
    call_command("rollback_wire", reason="it was a test")
    assert capsys.readouterr().out == "wire epoch 3 is in force (simulated)\n"
