"""Every fault of the catalogue shows on the wire (peers.md §10): one story each, and none without."""

import inspect

import fault_stories_frames  # noqa: F401  (registers its stories)
import fault_stories_orders  # noqa: F401
import fault_stories_shapes  # noqa: F401
import fault_stories_transport  # noqa: F401
import pytest
from act_stories import ACT_STORIES
from fault_bench import STORIES, Bench

from exchanges.simulator.trouble.catalogue import ACTS, CATALOGUE, act_words, catalogue_words, read_act_order


@pytest.fixture
async def bench(make_world, frame, sign):
    made = Bench(make_world, frame, sign)
    yield made
    if made.running is not None:
        await made.running.stop()


@pytest.mark.parametrize("name", sorted(CATALOGUE))
async def test_fault_shows_on_the_wire(name, bench):
    told = STORIES[name](bench)
    if inspect.isawaitable(told):
        await told


@pytest.mark.parametrize("name", sorted(ACTS))
def test_act_shows_once_it_is_done(name, bench):
    ACT_STORIES[name](bench)


def test_no_story_is_about_a_fault_or_an_act_that_is_gone():
    assert STORIES.keys() == CATALOGUE.keys()
    assert ACT_STORIES.keys() == ACTS.keys()


def test_acts_are_read_from_json_with_every_problem_at_once():
    problems = []
    row = {"act": "deposit", "exchange": "binance", "amount": "-1", "spam": 1}
    assert read_act_order(row, "account[0]", problems) is None
    assert problems == [
        "account[0].spam is not known here",
        "account[0].exchange was 'binance', must be one of upbit, bithumb",
        "account[0].asset is missing",
        "account[0].amount was '-1': Expected `str` matching regex '^[0-9]{1,20}(\\\\.[0-9]{1,22})?$'",
    ]
    problems = []
    assert read_act_order({"act": "deposit"}, "market[0]", problems, "market") is None
    assert problems[0].startswith("market[0].act was 'deposit', must be one of books_shaped, listing_changed, ")
    assert act_words()["wallet_changed"]["path"] == "/account"


def test_catalogue_tells_what_each_fault_does_and_takes():
    words = catalogue_words()
    assert words["answer_truncated"]["members"] == {
        "part": {"type": "integer", "minimum": 0, "maximum": 1_000_000, "default": 10}
    }
    assert words["status_answered"]["members"]["effect"]["enum"] == ["not_taken", "taken"]
    assert {name for name, row in words.items() if not row["about"]} == set()
