"""Requests of a person to the trader: they wait, come whole, and a broken one is named."""

from fast_path.mailbox import ResolveArb, post, waiting

ASKED = ResolveArb("r1-7", "sold by hand at 4,010,000", "minji")


def test_request_waits_until_it_is_removed(tmp_path):
    path = post(tmp_path / "requests", ASKED)
    assert waiting(tmp_path / "requests") == [(path, ASKED)]
    assert waiting(tmp_path / "requests") == [(path, ASKED)]
    path.unlink()
    assert waiting(tmp_path / "requests") == []


def test_asking_twice_leaves_one_request_with_the_newest_reason(tmp_path):
    post(tmp_path, ASKED)
    newer = ResolveArb("r1-7", "bought back", "minji")
    post(tmp_path, newer)
    assert [request for _, request in waiting(tmp_path)] == [newer]


def test_broken_request_is_named_and_the_others_are_read(tmp_path):
    (tmp_path / "a.json").write_text("{")
    good = post(tmp_path, ASKED)
    broken, whole = waiting(tmp_path)
    assert broken[0].name == "a.json"
    assert "truncated" in broken[1]
    assert whole == (good, ASKED)


def test_arb_id_cannot_lead_out_of_the_directory(tmp_path):
    path = post(tmp_path / "requests", ResolveArb("../../x", "no", "eve"))
    assert path.parent == tmp_path / "requests"


def test_nothing_waits_where_nobody_asked(tmp_path):
    assert waiting(tmp_path / "absent") == []
