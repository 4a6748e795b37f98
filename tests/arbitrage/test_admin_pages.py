"""The operator's room: every page answers, evidence is read-only, buttons call services."""

import pytest
from desk_story import START_NS, arb, legs, opened_desk, order, records, trip
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from arbitrage import reports
from arbitrage.domain.arb import ArbOn, ArbState
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.events import ArbStepped
from arbitrage.domain.order import OrderState
from arbitrage.domain.units import Exchange, Ns, Side
from arbitrage.models import Alert, Arb, CheckItem, Control, Emergency, Incident, LedgerEntry, ParamSet
from arbitrage.services import alerts, checklists, controls, health, keys, params, reconciliation, recording

pytestmark = pytest.mark.django_db
E8 = 10**8
EVIDENCE = ["arb", "order", "fill", "account", "ledgerentry", "balance", "paramepoch", "controlchange", "report"]


@pytest.fixture
def desk(switch):
    """A desk with a row in every table a page shows."""
    params.seed("simulated")
    both = legs("a2", buy=150_000_000, sell=150_400_000, qty=E8 // 50, bought=E8 // 50, sold=0)
    hedge = order("a2", 2, exchange=Exchange.UPBIT, side=Side.ASK, price=149, qty=E8, state=OrderState.WORKING)
    events = [*opened_desk(), *trip("a1", buy=150_000_000, sell=150_300_000, qty=E8 // 100)]
    events.append(ArbStepped(arb("a2", (*both, hedge), state=ArbState.STUCK), ArbOn.NO_HEDGE, Ns(START_NS)))
    recording.record_batch(records(events))
    health.keep({"feed.upbit": health.BeatSeen(1, START_NS, {"books": 5, "books_fresh": 4})})
    health.keep_latency({"frame_to_wire": health.LatencySeen(5, 70_000, 90_000, 500_000)})
    health.keep_counters({"trader": {"denied.book_stale": 3}})
    health.keep_desk(TradingLevel.ACTIVE, "", "", 1)
    keys.keep_keys("upbit", {"f00": None})
    checklists.open_list("daily", timezone.localdate())
    reconciliation.keep_run(Exchange.UPBIT, "k1", reconciliation.Findings(orders_compared=1, balances_compared=1))
    reconciliation.keep_book_check("upbit", "KRW-BTC", "same")
    reports.daily(timezone.localdate())
    controls.emergency_stop("trial", "kim")
    return switch


@pytest.fixture
def guest(client):
    """Logged in, staff, without any right."""
    person = get_user_model().objects.create_user("guest", password="x", is_staff=True)
    client.force_login(person)
    return client


def test_healthz_needs_no_login(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_a_stranger_is_sent_to_the_login(client):
    for address in ("/admin/", "/admin/desk/fragment"):
        answer = client.get(address)
        assert answer.status_code == 302
        assert answer.url.startswith("/admin/login/")
    assert client.get("/").url == "/admin/"


def test_the_login_page_itself_leads_to_the_dashboard(client):
    get_user_model().objects.create_superuser("lee", password="made-up")  # pragma: allowlist secret
    answer = client.post("/admin/login/", {"username": "lee", "password": "made-up"})  # pragma: allowlist secret
    assert (answer.status_code, answer.url) == (302, "/admin/")


def test_a_stranger_can_not_stop_the_desk(client, switch):
    answer = client.post("/admin/desk/stop", {"reason": "x"})
    assert answer.status_code == 302
    assert switch.told == []


def test_the_dashboard_shows_the_desk(admin_client, desk):
    page = admin_client.get("/admin/").content.decode()
    for words in ("HALTED", "4 of 5 books fresh", "book_stale", "70.0 µs", "500 µs", "applied by the trader", "STUCK"):
        assert words in page, words
    assert 'src="http' not in page


def test_the_dashboard_of_an_empty_desk_answers(admin_client, switch):
    page = admin_client.get("/admin/").content.decode()
    for words in ("ACTIVE", "No arb was opened yet", "Nothing was timed yet", "Nothing to worry about", "epoch 0"):
        assert words in page, words


def test_the_refreshing_part_is_a_part_only(admin_client, desk):
    page = admin_client.get("/admin/desk/fragment").content.decode()
    assert "<html" not in page
    assert "<form" not in page
    assert 'data-level="HALTED"' in page


def registered():
    return [
        model for model in admin.site._registry if model._meta.app_label in ("arbitrage", "django_celery_beat", "auth")
    ]


@pytest.mark.parametrize("model", registered(), ids=lambda model: model._meta.model_name)
def test_every_list_and_every_page_answers(admin_client, desk, model):
    base = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    assert admin_client.get(reverse(f"{base}_changelist")).status_code == 200
    row = model._default_manager.first()
    if row is not None:
        assert admin_client.get(reverse(f"{base}_change", args=[row.pk])).status_code == 200


@pytest.mark.parametrize("model", registered(), ids=lambda model: model._meta.model_name)
def test_every_list_can_be_searched_and_sorted(admin_client, desk, model):
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    columns = len(admin.site._registry[model].list_display)
    for query in ("?q=a1", *(f"?o={n}" for n in range(1, columns + 1))):
        assert admin_client.get(address + query).status_code == 200


def test_an_empty_list_says_what_that_means(admin_client, switch):
    page = admin_client.get(reverse("admin:arbitrage_emergency_changelist")).content.decode()
    assert "No emergencies" in page
    assert "Nobody has stopped the desk." in page
    assert "Show without filters" not in page


def test_a_list_in_which_nothing_matches_offers_the_whole(admin_client, desk):
    page = admin_client.get(reverse("admin:arbitrage_alert_changelist"), {"q": "no such word"}).content.decode()
    assert "No alerts match" in page
    assert "Show without filters" in page
    assert "Nothing has asked for attention" not in page


def test_every_table_of_ours_can_be_seen():
    hidden = {"arbstep", "emergencystep", "incidentevent", "improvement", "paramchange", "deskview", "dailycount"} | {
        "wirechange"
    }
    shown = {model._meta.model_name for model in admin.site._registry}
    ours = {model._meta.model_name for model in apps.get_app_config("arbitrage").get_models()}
    assert ours - shown == hidden


@pytest.mark.parametrize("name", EVIDENCE)
def test_evidence_can_not_be_added_changed_or_deleted(admin_client, desk, name):
    model = apps.get_model("arbitrage", name)
    row = model._default_manager.first()
    count = model._default_manager.count()
    before = model._default_manager.filter(pk=row.pk).values().get()
    base = f"admin:arbitrage_{name}"
    assert admin_client.get(reverse(f"{base}_add")).status_code == 403
    assert admin_client.post(reverse(f"{base}_add"), {}).status_code == 403
    assert admin_client.post(reverse(f"{base}_change", args=[row.pk]), {"state": "closed"}).status_code == 403
    assert admin_client.post(reverse(f"{base}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    wanted = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    admin_client.post(reverse(f"{base}_changelist"), wanted)
    assert model._default_manager.filter(pk=row.pk).values().get() == before
    assert model._default_manager.count() == count


def test_an_arb_shows_its_legs_and_an_order_its_fills_and_postings(admin_client, desk):
    page = admin_client.get(reverse("admin:arbitrage_arb_change", args=["a1"])).content.decode()
    for words in ("a1-0", "a1-1", "150,300,000", "1,648.80", "opened"):
        assert words in page, words
    page = admin_client.get(reverse("admin:arbitrage_order_change", args=["a1-0"])).content.decode()
    for words in ("t-a1-0", "1,500,000", "upbit:KRW:fees", "750"):
        assert words in page, words


def test_stop_and_resume_by_button(admin_client, switch):
    answer = admin_client.post("/admin/desk/stop", {"reason": "odd prices"}, follow=True)
    assert "Halted" in answer.content.decode()
    assert switch.told == [(TradingLevel.HALTED, "odd prices", "admin")]
    answer = admin_client.post("/admin/desk/resume", {"reason": "feed is back", "to": "1"}, follow=True)
    assert "Step 1 of 2 is done: when they are even, resume once more" in answer.content.decode()
    assert switch.now is TradingLevel.REDUCING
    answer = admin_client.post("/admin/desk/resume", {"reason": "even", "to": "0"}, follow=True)
    assert "Active: trading again" in answer.content.decode()
    assert switch.told[1:] == [(TradingLevel.REDUCING, "feed is back", "admin"), (TradingLevel.ACTIVE, "even", "admin")]
    answer = admin_client.post("/admin/desk/reduce", {"reason": "lunch"}, follow=True)
    assert switch.now is TradingLevel.REDUCING


@pytest.mark.parametrize("to", ["0", "2", "", "x"])
def test_a_resume_that_is_not_the_next_step_changes_nothing(admin_client, switch, to):
    admin_client.post("/admin/desk/stop", {"reason": "odd prices"})
    answer = admin_client.post("/admin/desk/resume", {"reason": "fine", "to": to}, follow=True)
    assert "Active: trading again" not in answer.content.decode()
    assert switch.told == [(TradingLevel.HALTED, "odd prices", "admin")]


def test_a_button_hit_twice_takes_one_step(admin_client, switch):
    admin_client.post("/admin/desk/stop", {"reason": "odd prices"})
    for _ in range(2):
        answer = admin_client.post("/admin/desk/resume", {"reason": "feed is back", "to": "1"}, follow=True)
    assert "the desk is REDUCING: the next step is ACTIVE, not REDUCING" in answer.content.decode()
    assert switch.now is TradingLevel.REDUCING


def test_a_button_without_a_reason_does_nothing(admin_client, switch):
    answer = admin_client.post("/admin/desk/stop", {"reason": " "}, follow=True)
    assert "a reason is needed" in answer.content.decode()
    assert switch.told == []
    assert not Control.objects.exists()


def test_buttons_answer_to_post_only(admin_client, switch):
    for name in ("stop", "reduce", "resume", "confirm", "level"):
        assert admin_client.get(f"/admin/desk/{name}").status_code == 405
    assert switch.told == []


def test_buttons_need_the_csrf_token(desk, django_user_model):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(django_user_model.objects.create_superuser("root2", password="x"))
    told = list(desk.told)
    assert strict.post("/admin/desk/resume", {"reason": "x"}).status_code == 403
    assert desk.told == told


def test_a_stuck_arb_must_be_ticked_to_resume(admin_client, desk):
    incident = Incident.objects.get(kind="arb_stuck")
    assert incident.incident_id in admin_client.get("/admin/").content.decode()
    admin_client.post("/admin/desk/resume", {"reason": "may be finished", "to": "1"})
    admin_client.post("/admin/desk/resume", {"reason": "fine", "to": "0"})
    assert desk.now is TradingLevel.REDUCING
    admin_client.post("/admin/desk/resume", {"reason": "fine", "to": "0", "acknowledge": [incident.incident_id]})
    assert desk.now is TradingLevel.ACTIVE


def test_a_stuck_arb_can_be_ticked_although_nobody_stopped_the_desk(admin_client, switch):
    incident = alerts.raise_alert("arb_stuck", "Arb a7 is stuck", subject="a7", severity="critical").incident
    Incident.objects.update(incident_id="RE-2026-1000")
    controls.request_level(TradingLevel.REDUCING, "stuck", "trader")
    assert f'value="{Incident.objects.get(pk=incident.pk).incident_id}"' in admin_client.get("/admin/").content.decode()
    admin_client.post("/admin/desk/resume", {"reason": "fine", "to": "0", "acknowledge": ["RE-2026-1000"]})
    assert switch.now is TradingLevel.ACTIVE


def test_everybody_inside_may_stop_but_not_resume(guest, switch):
    guest.post("/admin/desk/stop", {"reason": "smoke"})
    assert switch.now is TradingLevel.HALTED
    for name, body in (
        ("resume", {"to": "1"}),
        ("confirm", {"state": "analysed"}),
        ("level", {"level": "0", "market": "KRW-BTC"}),
    ):
        assert guest.post(f"/admin/desk/{name}", {"reason": "x", **body}).status_code == 403
    assert guest.post("/admin/desk/params/1/activate", {"reason": "x"}).status_code == 403
    guest.post("/admin/desk/reduce", {"reason": "a way back by another door"})
    assert switch.now is TradingLevel.HALTED


def test_emergency_steps_are_confirmed_one_by_one(admin_client, desk):
    flow = Emergency.objects.get()
    page = admin_client.get(reverse("admin:arbitrage_emergency_change", args=[flow.pk])).content.decode()
    assert "Confirm: Analysed" in page
    admin_client.post("/admin/desk/confirm", {"state": "fixed", "reason": "mended"})
    flow.refresh_from_db()
    assert flow.state == "stopped"
    admin_client.post("/admin/desk/confirm", {"state": "analysed", "reason": "a stale feed"})
    flow.refresh_from_db()
    assert flow.state == "analysed"


def test_an_exchange_and_a_market_can_be_limited(admin_client, switch):
    admin_client.post("/admin/desk/level", {"exchange": "bithumb", "market": "", "level": "2", "reason": "maintenance"})
    admin_client.post("/admin/desk/level", {"exchange": "", "market": "KRW-XRP", "level": "1", "reason": "delisting"})
    assert {row.key: row.level for row in Control.objects.all()} == {"bithumb": 2, "KRW-XRP": 1}
    page = admin_client.get("/admin/").content.decode()
    assert "bithumb is HALTED" in page
    for wrong in (
        {"level": "7", "market": "KRW-BTC"},
        {"level": "x", "market": "KRW-BTC"},
        {"level": "1"},
        {"level": "1", "market": "bad"},
    ):
        admin_client.post("/admin/desk/level", {"reason": "x", **wrong})
    assert Control.objects.count() == 2


def test_next_leads_nowhere_else(admin_client, switch):
    answer = admin_client.post("/admin/desk/stop", {"reason": "x", "next": "https://elsewhere.example/"})
    assert answer.url == "/admin/"


def test_alerts_and_checks_are_closed_by_who_may(admin_client, desk):
    row = alerts.raise_alert("disk", "full")
    address = reverse("admin:arbitrage_alert_changelist")
    admin_client.post(address, {"action": "close_selected", "_selected_action": [row.pk]})
    assert Alert.objects.get(pk=row.pk).closed_by == "admin"
    item = CheckItem.objects.first()
    address = reverse("admin:arbitrage_checkitem_changelist")
    admin_client.post(address, {"action": "tick_selected", "_selected_action": [item.pk]})
    assert CheckItem.objects.get(pk=item.pk).done_by == "admin"


def test_looking_alone_closes_nothing(guest, desk):
    person = get_user_model().objects.get(username="guest")
    person.user_permissions.add(Permission.objects.get(codename="view_alert"))
    row = alerts.raise_alert("disk", "full")
    address = reverse("admin:arbitrage_alert_changelist")
    guest.post(address, {"action": "close_selected", "_selected_action": [row.pk]})
    assert Alert.objects.get(pk=row.pk).closed_at is None


def test_an_incident_is_completed_and_closed_by_a_person(admin_client, desk):
    row = Incident.objects.get(kind="emergency_stop")
    address = reverse("admin:arbitrage_incident_change", args=[row.pk])
    empty = {
        f"{prefix}-{name}": "0" for prefix in ("timeline", "improvements") for name in ("TOTAL_FORMS", "INITIAL_FORMS")
    }
    body = {
        "severity": "high",
        "risk_id": "R1.2",
        "title": row.title,
        "owner": "lee",
        "lessons": "watch the feed",
        **empty,
    }
    assert admin_client.post(address, body).status_code == 302
    row.refresh_from_db()
    assert (row.owner, row.lessons, row.state) == ("lee", "watch the feed", "open")
    assert row.timeline.last().text.startswith("edited: ")
    wanted = {"action": "close_selected", "_selected_action": [row.pk]}
    admin_client.post(reverse("admin:arbitrage_incident_changelist"), wanted)
    row.refresh_from_db()
    assert row.state == "closed"
    assert admin_client.post(address, body).status_code == 403


def test_rows_are_left_as_they_were(desk):
    assert Arb.objects.count() == 2
    assert LedgerEntry.objects.exists()
    assert ParamSet.objects.count() == 1
