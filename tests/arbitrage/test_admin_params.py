"""Parameter sets in the operator's room: drafts are forms, the active set is a table."""

import pytest
from django.urls import reverse

from arbitrage.domain.params import DEFAULT_PARAMS
from arbitrage.models import ParamChange, ParamSet
from arbitrage.params_form import FIELDS, to_text
from arbitrage.services import params

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_desk")]
ADD = "/admin/arbitrage/paramset/add/"


@pytest.fixture
def active():
    return params.seed("simulated")


def typed(row=None, **changes):
    """What a person's browser sends."""
    stored = params.fields_of(row)
    body = {name: to_text(words, stored[name]) for name, words in FIELDS.items()}
    inline = {"changes-TOTAL_FORMS": "0", "changes-INITIAL_FORMS": "0"}
    return {**body, "note": "trial", "revision": str(row.revision if row else 0), **inline, **changes}


def page_of(row):
    return reverse("admin:arbitrage_paramset_change", args=[row.pk])


def newest():
    return ParamSet.objects.order_by("pk").last()


def test_a_new_draft_starts_from_the_active_set(admin_client, active):
    page = admin_client.get(ADD).content.decode()
    assert 'value="3,000,000"' in page
    assert 'value="0.03"' in page
    answer = admin_client.post(ADD, typed(min_edge_ppm="0.07", max_notional_krw="2,500,000.5"))
    assert answer.status_code == 302
    row = newest()
    stored = params.fields_of(row)
    assert (stored["min_edge_ppm"], stored["max_notional_krw"]) == (700, 250_000_050_000_000)
    assert (row.state, row.created_by, row.note) == ("draft", "admin", "trial")


def test_edit_validate_activate_and_roll_back(admin_client, active):
    row = params.submit_draft({}, "kim", "")
    assert admin_client.post(page_of(row), typed(row, min_edge_ppm="0.07")).status_code == 302
    row.refresh_from_db()
    assert (row.revision, params.fields_of(row)["min_edge_ppm"]) == (2, 700)
    admin_client.post(f"/admin/desk/params/{row.pk}/validate", {"next": page_of(row)})
    answer = admin_client.post(f"/admin/desk/params/{row.pk}/activate", {"reason": "quiet"}, follow=True)
    assert "epoch 2 is in force" in answer.content.decode()
    assert params.active()[1].min_edge_ppm == 700
    admin_client.post("/admin/desk/params/0/roll_back", {"reason": "too quiet"})
    assert params.active() == (3, DEFAULT_PARAMS)
    assert ParamChange.objects.first().by == "admin"


def test_activation_without_a_reason_changes_nothing(admin_client, active):
    row = params.submit_draft({"min_edge_ppm": 700}, "kim", "")
    params.validate(row.pk, "kim")
    answer = admin_client.post(f"/admin/desk/params/{row.pk}/activate", {"reason": ""}, follow=True)
    assert "a reason is needed" in answer.content.decode()
    assert params.active()[0] == 1


def test_the_active_set_is_a_table_and_can_not_be_saved(admin_client, active):
    page = admin_client.get(page_of(active)).content.decode()
    assert 'name="min_edge_ppm"' not in page
    assert "Least net edge" in page
    assert "0.03 %" in page
    answer = admin_client.post(page_of(active), typed(active, min_edge_ppm="0.5"))
    assert answer.status_code == 403
    active.refresh_from_db()
    assert params.fields_of(active)["min_edge_ppm"] == DEFAULT_PARAMS.min_edge_ppm
    assert admin_client.post(page_of(active).replace("change", "delete"), {"post": "yes"}).status_code == 403


def test_findings_stand_at_their_fields(admin_client, active):
    answer = admin_client.post(ADD, typed(min_edge_ppm="0.99", max_edge_ppm="0.5", max_open_arbs="0"), follow=True)
    assert "max_open_arbs was 0, must be between 1 and 64" in answer.content.decode()
    row = newest()
    page = admin_client.get(page_of(row)).content.decode()
    assert page.count("max_open_arbs was 0, must be between 1 and 64") == 2
    answer = admin_client.post(f"/admin/desk/params/{row.pk}/validate", follow=True)
    assert "max_edge_ppm was 5000, must be above min_edge_ppm 9900" in answer.content.decode()
    row.refresh_from_db()
    assert row.state == "draft"


def test_what_can_not_be_kept_exactly_is_refused_at_its_field(admin_client, active):
    answer = admin_client.post(ADD, typed(min_edge_ppm="0.00001", max_qty="BTC"))
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "0.00001 has more decimals than can be kept" in page
    assert "is not an asset and a qty" in page
    assert ParamSet.objects.count() == 1


def test_a_stale_form_is_refused(admin_client, active):
    row = params.submit_draft({}, "kim", "")
    body = typed(row, min_edge_ppm="0.07")
    params.edit_draft(row.pk, {"min_edge_ppm": 900}, 1, "lee", "")
    answer = admin_client.post(page_of(row), body)
    assert answer.status_code == 200
    assert "someone else saved this set meanwhile" in answer.content.decode()
    row.refresh_from_db()
    assert params.fields_of(row)["min_edge_ppm"] == 900


def test_a_set_that_can_not_be_read_as_params_still_has_a_page(admin_client, active):
    row = params.submit_draft('{"min_edge_ppm": "x", "surprise": 1}', "kim", "")
    assert admin_client.get(page_of(row)).status_code == 200


def test_a_copy_leads_to_a_new_draft(admin_client, active):
    admin_client.post(f"/admin/desk/params/{active.pk}/copy")
    assert (newest().state, newest().based_on_id) == ("draft", active.pk)


def test_the_list_shows_wanted_and_applied(admin_client, active):
    page = admin_client.get("/admin/arbitrage/paramset/").content.decode()
    assert "the trader has applied epoch 0" in page
