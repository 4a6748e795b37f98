"""Parameter sets move only as the table says; each move is recorded."""

import msgspec
import pytest
from django.db import IntegrityError, transaction

from arbitrage.domain.params import DEFAULT_PARAMS, GateMode, params_to_bytes
from arbitrage.models import ParamChange, ParamEpoch, ParamSet
from arbitrage.models_params import ParamState
from arbitrage.services import params

pytestmark = pytest.mark.django_db


@pytest.fixture
def seeded():
    return params.seed("simulated")


def valid_draft(**changes):
    row = params.submit_draft(changes, "kim", "tighter")
    assert params.validate(row.pk, "kim") == []
    return row


def test_nothing_is_active_before_the_seed():
    with pytest.raises(params.NotAllowed, match="run `python manage"):
        params.active()


def test_the_seed_is_made_once():
    assert params.seed("simulated") is not None
    assert params.active() == (1, DEFAULT_PARAMS)
    assert params.seed("simulated") is None
    assert ParamSet.objects.count() == ParamEpoch.objects.count() == 1


def test_the_seed_of_a_live_desk_only_observes():
    params.seed("live")
    assert params.active()[1].gate_mode is GateMode.OBSERVE_ONLY


def test_the_seed_never_touches_an_operators_set(seeded):
    row = valid_draft(min_edge_ppm=700)
    params.activate(row.pk, "kim", "quiet market")
    assert params.seed("simulated") is None
    assert params.active()[1].min_edge_ppm == 700


def test_a_draft_goes_to_active_and_the_old_one_retires(seeded):
    row = valid_draft(min_edge_ppm=700)
    assert params.activate(row.pk, "kim", "quiet market") == 2
    seeded.refresh_from_db()
    row.refresh_from_db()
    assert (seeded.state, row.state) == ("retired", "active")
    assert params.active() == (2, msgspec.structs.replace(DEFAULT_PARAMS, min_edge_ppm=700))
    newest = ParamChange.objects.filter(param_set=row).first()
    assert (newest.on, newest.from_state, newest.to_state) == ("activated_without_dry_run", "valid", "active")
    assert (newest.by, newest.reason) == ("kim", "quiet market")


def test_a_roll_back_brings_the_set_before_and_a_new_epoch(seeded):
    row = valid_draft(min_edge_ppm=700)
    params.activate(row.pk, "kim", "quiet market")
    assert params.roll_back("lee", "no arbs any more") == 3
    assert params.active() == (3, DEFAULT_PARAMS)
    row.refresh_from_db()
    assert row.state == "retired"
    assert params.roll_back("lee", "and back") == 4
    assert params.active()[1].min_edge_ppm == 700


def test_there_is_nothing_to_roll_back_to_at_first(seeded):
    with pytest.raises(params.NotAllowed, match="no parameter set before"):
        params.roll_back("kim", "why not")
    assert params.active()[0] == 1


def test_every_finding_is_kept_and_the_draft_stays_a_draft(seeded):
    row = params.submit_draft({"min_edge_ppm": 99, "max_edge_ppm": 50, "max_open_arbs": 0}, "kim", "wrong")
    found = params.validate(row.pk, "kim")
    assert found == [
        "max_edge_ppm was 50, must be between 100 and 200000",
        "max_open_arbs was 0, must be between 1 and 64",
        "max_edge_ppm was 50, must be above min_edge_ppm 99",
    ]
    row.refresh_from_db()
    assert (row.state, row.findings) == ("draft", found)
    with pytest.raises(params.NotAllowed, match="max_open_arbs was 0"):
        params.activate(row.pk, "kim", "now")
    assert params.active()[0] == 1


@pytest.mark.parametrize("given", ["not json", b"\xff", "[1, 2]", '"text"'])
def test_what_is_not_a_json_object_is_refused(given):
    with pytest.raises(params.NotAllowed):
        params.submit_draft(given, "kim", "")
    assert not ParamSet.objects.exists()


@pytest.mark.parametrize(
    ("given", "finding"),
    [
        ('{"min_edge": 5}', "Object contains unknown field `min_edge`"),
        ('{"min_edge_ppm": "5"}', "Expected `int`, got `str` - at `$.min_edge_ppm`"),
        ('{"min_edge_ppm": 1.5}', "Expected `int`, got `float` - at `$.min_edge_ppm`"),
    ],
)
def test_a_malformed_set_is_a_draft_with_its_finding(given, finding):
    row = params.submit_draft(given, "kim", "")
    assert row.findings == [finding]
    assert params.validate(row.pk, "kim") == [finding]
    row.refresh_from_db()
    assert row.state == "draft"


def test_large_numbers_stay_exact(seeded):
    row = params.submit_draft({"max_daily_loss_krw": 99_999_999_999_999_999}, "kim", "")
    assert params.fields_of(row)["max_daily_loss_krw"] == 99_999_999_999_999_999


@pytest.mark.parametrize("state", ["active", "retired", "dry_run"])
def test_only_what_is_not_in_force_can_be_edited(seeded, state):
    if state != "active":
        ParamSet.objects.filter(pk=seeded.pk).update(state=state)
    before = ParamSet.objects.get(pk=seeded.pk).body
    with pytest.raises(params.NotAllowed, match=f"is {state}: it cannot be edited"):
        params.edit_draft(seeded.pk, {"min_edge_ppm": 1}, seeded.revision, "kim", "")
    assert ParamSet.objects.get(pk=seeded.pk).body == before


def test_editing_a_valid_set_makes_it_a_draft_again(seeded):
    row = valid_draft(min_edge_ppm=700)
    edited = params.edit_draft(row.pk, {"min_edge_ppm": 800}, 1, "lee", "more")
    assert (edited.state, edited.revision) == ("draft", 2)
    assert ParamChange.objects.filter(param_set=row).first().detail == "min_edge_ppm: 700 -> 800"


def test_an_edit_based_on_an_older_revision_is_refused(seeded):
    row = params.submit_draft({"min_edge_ppm": 700}, "kim", "")
    params.edit_draft(row.pk, {"min_edge_ppm": 800}, 1, "lee", "")
    with pytest.raises(params.NotAllowed, match="revision was 1, must be 2"):
        params.edit_draft(row.pk, {"min_edge_ppm": 900}, 1, "kim", "")
    row.refresh_from_db()
    assert params.fields_of(row)["min_edge_ppm"] == 800


@pytest.mark.parametrize("reason", ["", "  "])
def test_no_activation_without_a_reason(seeded, reason):
    row = valid_draft(min_edge_ppm=700)
    with pytest.raises(params.NotAllowed, match="reason"):
        params.activate(row.pk, "kim", reason)
    with pytest.raises(params.NotAllowed, match="reason"):
        params.roll_back("kim", reason)
    assert params.active()[0] == 1


def test_a_draft_can_not_be_activated(seeded):
    row = params.submit_draft({"min_edge_ppm": 700}, "kim", "")
    with pytest.raises(params.NotAllowed, match="is draft"):
        params.activate(row.pk, "kim", "now")
    seeded.refresh_from_db()
    assert seeded.state == "active"


def test_the_active_set_can_not_be_activated_again(seeded):
    with pytest.raises(params.NotAllowed, match="is active"):
        params.activate(seeded.pk, "kim", "again")
    assert params.active()[0] == 1


def test_the_database_itself_allows_one_active_set(seeded):
    with pytest.raises(IntegrityError), transaction.atomic():
        ParamSet.objects.create(state="active", body=params_to_bytes(DEFAULT_PARAMS).decode(), created_by="kim")


def test_an_unknown_set_is_refused():
    for act in (
        lambda: params.validate(77, "kim"),
        lambda: params.activate(77, "kim", "now"),
        lambda: params.copy_to_draft(77, "kim"),
    ):
        with pytest.raises(params.NotAllowed, match="no parameter set 77"):
            act()


def test_a_copy_is_a_new_draft_with_the_same_body(seeded):
    copy = params.copy_to_draft(seeded.pk, "kim")
    assert (copy.state, copy.body, copy.based_on) == ("draft", seeded.body, seeded)


def test_the_state_table_has_no_dead_end():
    assert set(params.TABLE) == set(ParamState)
    reached, to_look = {ParamState.DRAFT}, [ParamState.DRAFT]
    while to_look:
        for after in params.TABLE[to_look.pop()].values():
            if after not in reached:
                reached.add(after)
                to_look.append(after)
    assert reached == set(ParamState)
    for state in ParamState:
        seen, ahead = {state}, [state]
        while ahead:
            for after in params.TABLE[ahead.pop()].values():
                if after not in seen:
                    seen.add(after)
                    ahead.append(after)
        assert ParamState.ACTIVE in seen


def test_a_market_that_nobody_watches_keeps_a_set_from_being_valid(seeded, settings):
    settings.KARB_ENV = msgspec.structs.replace(settings.KARB_ENV, markets=("KRW-BTC", "KRW-ETH"))
    row = params.submit_draft({"markets": ["KRW-BTC", "KRW-BTV"]}, "kim", "a slip of the finger")
    assert params.validate(row.pk, "kim") == [
        "markets has 'KRW-BTV', which this desk does not watch (KARB_MARKETS: KRW-BTC, KRW-ETH)"
    ]
    row.refresh_from_db()
    assert row.state == ParamState.DRAFT.value
    # Watched when it became valid, no longer so when it is to be activated.
    row = valid_draft(markets=["KRW-ETH"])
    settings.KARB_ENV = msgspec.structs.replace(settings.KARB_ENV, markets=("KRW-BTC",))
    with pytest.raises(params.NotAllowed, match="'KRW-ETH', which this desk does not watch"):
        params.activate(row.pk, "kim", "more coins")
