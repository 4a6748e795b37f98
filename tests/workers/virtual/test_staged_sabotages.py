"""Rules no drawn run comes to can fail, too: each in a story made for it, with the desk's check and without it."""

import pytest

from tests.sabotage import apply
from tests.workers.virtual.sabotages.staged import STAGED


@pytest.mark.parametrize("name", STAGED, ids=lambda name: name.replace(" ", "_"))
def test_a_staged_sabotage_is_caught_and_its_story_alone_breaks_no_rule(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = STAGED[name]
    assert staged.broken() == set()
    apply(monkeypatch, staged.edits)
    assert staged.rule in staged.broken()
