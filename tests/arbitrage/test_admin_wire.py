"""Wire sets and shape drift in the operator's room: shipped defaults beside the overrides, findings at their fields."""

import pytest
from django.urls import reverse
from django.utils import timezone

from arbitrage import wire_form
from arbitrage.domain.drift import Drift, DriftSeen
from arbitrage.domain.units import Exchange, Ns
from arbitrage.models import Control, Heartbeat, ShapeDrift, WireChange, WireSet
from arbitrage.services import drift, health, monitor_only, wire

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_desk")]
ADD = "/admin/arbitrage/wireset/add/"
SPEC = "upbit.orderbook.simple"
UNITS = "upbit--frames--upbit_orderbook_simple--units_key"
FREE = "upbit--fields--balance--free"
BOOKS = "bithumb--generations----books"
COMPARE = "bithumb--compare----books"


@pytest.fixture
def active():
    return wire.seed()


def typed(row=None, **changes):
    """What a person's browser sends."""
    inline = {"changes-TOTAL_FORMS": "0", "changes-INITIAL_FORMS": "0"}
    overrides = wire.overrides_of(row)
    shown = {place.input: wire_form.to_input(place, overrides) for place in wire_form.places(wire.shipped())}
    kept = {name: "on" if value is True else value for name, value in shown.items() if value is not False}
    return {**kept, "note": "trial", "revision": str(row.revision if row else 0), **inline, **changes}


def page_of(row):
    return reverse("admin:arbitrage_wireset_change", args=[row.pk])


def newest():
    return WireSet.objects.order_by("pk").last()


def test_a_draft_holds_only_what_was_typed(admin_client, active):
    page = admin_client.get(ADD).content.decode()
    assert 'placeholder="obu"' in page
    assert 'placeholder="balance"' in page
    answer = admin_client.post(ADD, typed(**{UNITS: "levels", FREE: "available", BOOKS: "legacy", COMPARE: "on"}))
    assert answer.status_code == 302
    row = newest()
    shipped = wire.shipped()[Exchange.UPBIT].frames[SPEC]
    assert (row.state, row.created_by, row.note, row.findings) == ("draft", "admin", "trial", [])
    overrides = wire.overrides_of(row)
    assert overrides["bithumb"] == {"generations": {"books": "legacy"}, "compare": ["books"]}
    assert overrides["upbit"]["fields"] == {"balance": {"free": "available"}}
    spec = overrides["upbit"]["frames"][SPEC]
    assert (spec["units_key"], spec["market_key"], spec["version"]) == ("levels", "cd", shipped.version + 1)


def test_nothing_typed_is_as_shipped(admin_client, active):
    admin_client.post(ADD, typed())
    assert newest().body == '{"exchanges":{}}'


def test_a_saved_form_shows_what_it_was_given_and_saves_the_same(admin_client, active):
    admin_client.post(ADD, typed(**{UNITS: "levels", FREE: "available", BOOKS: "legacy", COMPARE: "on"}))
    row = newest()
    page = admin_client.get(page_of(row)).content.decode()
    assert 'value="levels"' in page
    assert 'value="available"' in page
    body = row.body
    assert admin_client.post(page_of(row), typed(row)).status_code == 302
    row.refresh_from_db()
    assert (row.body, row.revision) == (body, 2)


def test_edit_validate_activate_and_roll_back(admin_client, active):
    row = wire.submit_draft("{}", "kim", "")
    assert admin_client.post(page_of(row), typed(row, **{UNITS: "levels"})).status_code == 302
    admin_client.post(f"/admin/desk/wire/{row.pk}/validate", {"next": page_of(row)})
    answer = admin_client.post(f"/admin/desk/wire/{row.pk}/activate", {"reason": "renamed"}, follow=True)
    assert "wire epoch 2 is in force" in answer.content.decode()
    assert b'"units_key":"levels"' in wire.active()[1]
    page = admin_client.get(page_of(row)).content.decode()
    assert f"upbit.frames.{SPEC}.units_key" in page
    assert f'name="{UNITS}"' not in page
    admin_client.post("/admin/desk/wire/0/roll_back", {"reason": "it was a test"})
    assert wire.active() == (3, b'{"exchanges":{}}')
    assert WireChange.objects.first().by == "admin"


def test_findings_stand_at_their_fields_and_nothing_becomes_valid(admin_client, active):
    answer = admin_client.post(ADD, typed(**{UNITS: "cd", FREE: "a b"}), follow=True)
    row = newest()
    page = admin_client.get(page_of(row)).content.decode()
    found = f"upbit.frames.{SPEC}.units_key was &#x27;cd&#x27;, must differ from market_key"
    assert found in answer.content.decode()
    assert page.count(found) == 2
    assert page.count("upbit.fields.balance.free was &#x27;a b&#x27;, must be 1 to 64 characters") == 2
    admin_client.post(f"/admin/desk/wire/{row.pk}/validate")
    row.refresh_from_db()
    assert row.state == "draft"
    assert wire.active()[0] == 1


def test_activation_without_a_reason_changes_nothing(admin_client, active):
    row = wire.submit_draft('{"exchanges":{"upbit":{"fields":{"balance":{"free":"x"}}}}}', "kim", "")
    wire.validate(row.pk, "kim")
    answer = admin_client.post(f"/admin/desk/wire/{row.pk}/activate", {"reason": " "}, follow=True)
    assert "a reason is needed" in answer.content.decode()
    assert wire.active()[0] == 1


def test_a_stale_form_is_refused(admin_client, active):
    row = wire.submit_draft("{}", "kim", "")
    body = typed(row, **{UNITS: "levels"})
    wire.edit_draft(row.pk, '{"exchanges":{"upbit":{"fields":{"balance":{"free":"x"}}}}}', 1, "lee", "")
    answer = admin_client.post(page_of(row), body)
    assert "someone else saved this set meanwhile" in answer.content.decode()
    row.refresh_from_db()
    assert '"free":"x"' in row.body


def test_what_was_touched_stands_open_and_the_rest_is_folded(admin_client, active):
    row = wire.submit_draft('{"exchanges":{"upbit":{"fields":{"balance":{"free":"x"}}}}}', "kim", "")
    groups = dict(wire_form.fieldsets(wire_form.places(wire.shipped()), wire.overrides_of(row), row.findings))
    open_ones = [title for title, group in groups.items() if not group["classes"]]
    assert open_ones == ["Bithumb · generation of each duty", "Upbit · fields of balance"]


def test_a_set_that_cannot_be_read_as_settings_still_has_a_page(admin_client, active):
    row = wire.submit_draft('{"exchanges": {"upbit": {"fields": 3, "compare": 4}, "moon": []}}', "kim", "")
    assert admin_client.get(page_of(row)).status_code == 200
    assert admin_client.get("/admin/arbitrage/wireset/").status_code == 200


def test_the_active_set_can_not_be_saved_or_deleted(admin_client, active):
    assert admin_client.post(page_of(active), typed(active, **{UNITS: "levels"})).status_code == 403
    assert admin_client.post(page_of(active).replace("change", "delete"), {"post": "yes"}).status_code == 403
    assert wire.active() == (1, b'{"exchanges":{}}')


def test_the_list_shows_wanted_and_applied_of_each_process(admin_client, active):
    for process, epoch in (("trader", 1), ("feed.upbit", 0)):
        Heartbeat.objects.create(process=process, pid=1, beat_at=timezone.now(), wire_epoch=epoch)
    page = admin_client.get("/admin/arbitrage/wireset/").content.decode()
    assert '<span class="karb-gain">trader applied 1</span>' in page
    assert '<span class="karb-loss">feed.upbit applied 0</span>' in page
    assert "as shipped" in page


def test_people_without_the_right_change_nothing(client, django_user_model, active):
    client.force_login(django_user_model.objects.create_user("eve", password="x" * 12, is_staff=True))
    row = wire.submit_draft("{}", "kim", "")
    assert client.post(f"/admin/desk/wire/{row.pk}/validate").status_code == 403
    row.refresh_from_db()
    assert row.state == "draft"


def test_drift_is_listed_shown_and_acknowledged(admin_client):
    seen = DriftSeen(
        Exchange.UPBIT, "balances", "Expected `array`", Drift.UNREADABLE, 3, Ns(10**18), Ns(10**18), '{"a":"<b>"}'
    )
    drift.keep("trader", "run", [seen])
    row = ShapeDrift.objects.get()
    assert "not yet" in admin_client.get("/admin/arbitrage/shapedrift/").content.decode()
    address = reverse("admin:arbitrage_shapedrift_change", args=[row.pk])
    assert "{&quot;a&quot;:&quot;&lt;b&gt;&quot;}" in admin_client.get(address).content.decode()
    admin_client.post(f"/admin/desk/drift/{row.pk}", {"next": address})
    row.refresh_from_db()
    assert row.acknowledged_by == "admin"
    assert "I have seen it" not in admin_client.get(address).content.decode()
    assert admin_client.post(address, {"finding": "x"}).status_code == 403


def test_the_dashboard_says_which_exchange_is_only_watched_and_why(admin_client, active, switch):
    monitor_only.keep_stopped(Exchange.UPBIT, "balances cannot be read: odd", timezone.now())
    health.keep_counters({"trader": {"error_ppm.answers.upbit": 12_000}})
    page = admin_client.get("/admin/").content.decode()
    assert "upbit answers 1.2 %" in page
    assert "upbit is REDUCING" not in page
    assert "Upbit is monitor-only: balances cannot be read: odd." in page
    assert "karb-when-REDUCING karb-when-ACTIVE" in page
    admin_client.post("/admin/desk/resume", {"reason": "mended", "to": "0"})
    assert Control.objects.get(key="upbit").level == 0
    assert "monitor-only" not in admin_client.get("/admin/desk/fragment").content.decode()
