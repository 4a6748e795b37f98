"""Arming by command and by page: the risks are shown where real trading is turned on, and every page says the mode."""

import getpass
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from live_desk import ALL_WELL, live_env, put_in_force, ready_to_arm, report, trader_says, valid_set

from arbitrage.admin_arming import LOCK_WORDS
from arbitrage.domain.arming import Lock
from arbitrage.domain.risk_disclosure import RISKS, RISKS_VERSION
from arbitrage.models import ArmChange, DryRunRecord, PreflightRecord, RiskAcceptance
from arbitrage.services import arming, params
from workers.arming_files import ArmingFiles

pytestmark = pytest.mark.django_db
ARMING = "/admin/arbitrage/armchange/"


@pytest.fixture
def live(settings, own_desk):
    settings.KARB_ENV = live_env(own_desk)
    return settings.KARB_ENV


def called(name, *args, **options):
    out = StringIO()
    call_command(name, *args, stdout=out, stderr=out, **options)
    return out.getvalue()


def posted(client, door, **body):
    return client.post(f"/admin/desk/{door}", {"next": ARMING, **body}, follow=True).content.decode()


def test_the_command_shows_the_risks_and_every_closed_lock_and_changes_nothing(live):
    put_in_force(live)
    out = StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("arm", how_long="8h", reason="morning", stdout=out)
    told = out.getvalue()
    assert told.startswith("mode: LIVE\nRisk disclosure, version ")
    assert all(line in told for line in RISKS)
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()[1:]] == [
        "key_rights",
        "preflight",
        "risks",
    ]
    assert not ArmingFiles(live).token_path.exists()


def test_by_command_from_the_disclosure_to_the_token_and_back(live):
    ready_to_arm(live, by="somebody else")
    told = called("accept_risks")
    assert told.splitlines()[0] == "mode: LIVE"
    assert f"--accept {RISKS_VERSION}" in told
    with pytest.raises(CommandError, match="not accepted"):
        called("accept_risks", accept="2020-01-01")
    assert called("accept_risks", accept=RISKS_VERSION).endswith(f"accepted by {getpass.getuser()}\n")
    told = called("arm", how_long="90m", reason="morning")
    assert "Risk disclosure" not in told
    assert "ARMED until " in told
    change = ArmChange.objects.get()
    assert (change.until_at - change.at).total_seconds() == pytest.approx(90 * 60, abs=5)
    assert called("disarm", reason="evening").startswith("DISARMED (LIVE): nothing new opens")
    assert not ArmingFiles(live).token_path.exists()


@pytest.mark.parametrize("how_long", ["8", "8d", "h", "1.5h", "", "8 h", "٨h"])
def test_a_time_that_is_not_understood_arms_nothing(live, how_long):
    ready_to_arm(live, by=getpass.getuser())
    with pytest.raises(CommandError, match="must be a whole number and s, m or h"):
        called("arm", how_long=how_long, reason="morning")
    assert not ArmChange.objects.exists()


def test_a_dry_run_is_kept_by_command_and_puts_its_set_in_force(live, tmp_path: Path):
    params.seed("live")
    row = valid_set()
    file = tmp_path / "report.json"
    file.write_bytes(report(row))
    assert "passed: a set of these bytes can be put in force" in called("record_dry_run", str(file))
    assert DryRunRecord.objects.get().by == getpass.getuser()
    assert params.activate(row.pk, "kim", "first morning") == 2
    file.write_bytes(b"{")
    with pytest.raises(CommandError, match="not recorded: not a report"):
        called("record_dry_run", str(file))
    with pytest.raises(CommandError, match="not recorded"):
        called("record_dry_run", str(tmp_path / "nothing.json"))


def test_status_names_every_closed_lock_of_a_live_desk_and_none_of_a_simulated_one(live, settings, own_desk):
    params.seed("live")
    told = called("status")
    assert "mode                   LIVE" in told
    assert "armed                  no trader runs" in told
    assert "  key_rights           closed: no trader runs that has asked what the keys may do" in told
    assert "  level                open\n" in told
    assert "  armed_for_this       waits: for the arming\n" in told
    settings.KARB_ENV = own_desk
    told = called("status")
    assert "mode                   simulated" in told
    assert "key_rights" not in told


class FineExchanges:
    """A preflight that finds nothing wrong; it asks nobody."""

    def __init__(self, env, wire):
        pass

    def examine(self):
        yield from ALL_WELL


def test_the_doctor_keeps_what_it_found_and_names_the_locks(live, settings):
    put_in_force(live)
    trader_says(live)
    settings.KARB_PREFLIGHT = f"{__name__}.FineExchanges"
    told = called("doctor")
    kept = PreflightRecord.objects.get()
    assert (kept.has_passed, kept.by, arming.usable_preflight()) == (True, getpass.getuser(), (kept, ""))
    assert f"kept as preflight {kept.pk}" in told
    assert "lock armed                closed: nobody has armed the desk" in told
    called("doctor", offline=True)
    assert PreflightRecord.objects.count() == 1


def test_by_page_from_the_disclosure_to_the_token_and_back(admin_client, live):
    put_in_force(live)
    trader_says(live)
    page = admin_client.get(ARMING).content.decode()
    assert all(words in page for words in LOCK_WORDS.values())
    assert all(line.replace("'", "&#x27;") in page for line in RISKS)
    assert 'id="karb-arm"' not in page
    # Nothing is green that is not: what a token would vouch for is told by its grounds, or waits.
    assert "7 of 11 locks open" in page
    assert "closed: there is no preflight" in page
    assert f"closed: admin has not accepted the risk disclosure of {RISKS_VERSION}" in page
    assert "waits for the arming" in page
    told = posted(admin_client, "arm", hours="8", reason="morning")
    assert "Not armed — risks: you have not accepted" in told
    assert not ArmingFiles(live).token_path.exists()
    assert "is of" in posted(admin_client, "accept-risks", version="2020-01-01")
    assert not RiskAcceptance.objects.exists()
    page = posted(admin_client, "accept-risks", version=RISKS_VERSION)
    assert 'id="karb-arm"' in page
    arming.keep_preflight(ALL_WELL, "admin")
    assert "Armed for 8 h" in posted(admin_client, "arm", hours="8", reason="morning")
    assert ArmChange.objects.get().by == "admin"
    assert "Disarmed: nothing new opens" in posted(admin_client, "disarm", reason="evening")
    assert not ArmingFiles(live).token_path.exists()


def test_who_may_not_change_controls_arms_nothing_and_still_disarms(client, django_user_model, live):
    ready_to_arm(live, by="lee")
    person = django_user_model.objects.create_user("lee", password="a-password-of-lee", is_staff=True)
    client.force_login(person)
    assert client.post("/admin/desk/arm", {"hours": "8", "reason": "morning"}).status_code == 403
    assert client.post("/admin/desk/accept-risks", {"version": RISKS_VERSION}).status_code == 403
    assert not ArmingFiles(live).token_path.exists()
    arming.arm(3_600, "lee", "by command")
    client.post("/admin/desk/disarm", {"reason": "smoke"})
    assert not ArmingFiles(live).token_path.exists()
    client.logout()
    assert client.post("/admin/desk/disarm", {"reason": "x"}).status_code == 302


@pytest.mark.parametrize(("mode", "word"), [("simulated", "simulated"), ("observe", "OBSERVE"), ("live", "LIVE")])
def test_every_page_says_the_mode_in_its_title_and_in_its_head(client, admin_client, settings, own_desk, mode, word):
    if mode != "simulated":
        settings.KARB_ENV = live_env(own_desk, mode)
    params.seed(mode)
    client.logout()
    login = client.get(reverse("admin:login")).content.decode()
    assert f"<title>[{word}]" in login
    assert word in login[login.index('id="karb-mode"') :]
    admin_client.login(username="admin", password="password")
    for page in ("/admin/", ARMING, "/admin/arbitrage/arb/", "/admin/arbitrage/paramset/", "/admin/password_change/"):
        text = admin_client.get(page).content.decode()
        assert f"<title>[{word}]" in text, page
        assert text.count(word) >= 2, page


def test_a_simulated_desk_has_nothing_to_arm(admin_client, own_desk):
    page = admin_client.get(ARMING).content.decode()
    assert "there is nothing to arm" in page
    assert 'id="karb-arm"' not in page
    assert set(LOCK_WORDS) == set(Lock)


def test_a_row_changed_behind_the_desks_back_shows_that_it_is_not_signed(admin_client, live):
    ready_to_arm(live)
    page = admin_client.get("/admin/arbitrage/dryrunrecord/").content.decode()
    assert page.count("Dry run ") >= 1
    DryRunRecord.objects.update(frames=1)
    assert arming.is_row_signed(DryRunRecord.objects.get()) is False
    for name in ("dryrunrecord", "preflightrecord", "riskacceptance"):
        assert admin_client.get(f"/admin/arbitrage/{name}/").status_code == 200


def test_the_page_of_a_set_says_what_stands_on_record_of_its_dry_run(admin_client, live):
    params.seed("live")
    row = valid_set()
    page = admin_client.get(f"/admin/arbitrage/paramset/{row.pk}/change/").content.decode()
    assert params.sha256_of(row) in page
    assert "it cannot be put in force before one passed" in page
    answer = admin_client.post(f"/admin/desk/params/{row.pk}/activate", {"reason": "go"}, follow=True)
    assert "there is no dry run of this set" in answer.content.decode()
    assert params.active()[0] == 1
