"""Every fault of the catalogue shows on the wire (peers.md §10): one story each, and none without."""

import inspect

import fault_stories_frames  # noqa: F401  (registers its stories)
import fault_stories_orders  # noqa: F401
import fault_stories_shapes  # noqa: F401
import fault_stories_transport  # noqa: F401
import pytest
from fault_bench import STORIES, Bench

from exchanges.simulator.trouble.catalogue import CATALOGUE, catalogue_words


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


def test_no_story_is_about_a_fault_that_is_gone():
    assert STORIES.keys() == CATALOGUE.keys()


def test_catalogue_tells_what_each_fault_does_and_takes():
    words = catalogue_words()
    assert words["answer_truncated"]["members"] == {
        "part": {"type": "integer", "minimum": 0, "maximum": 1_000_000, "default": 10}
    }
    assert words["status_answered"]["members"]["effect"]["enum"] == ["not_taken", "taken"]
    assert {name for name, row in words.items() if not row["about"]} == set()
