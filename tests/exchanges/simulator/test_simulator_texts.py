import pytest

from exchanges.simulator import texts
from exchanges.simulator.texts import Level, Spelled


def test_a_kept_text_is_spelled_once_until_all_is_forgotten() -> None:
    spelled: list[tuple[int, int]] = []

    @texts.kept
    def spell(price: int, qty: int) -> str:
        spelled.append((price, qty))
        return f"{price} x {qty}"

    assert [spell(1, 2), spell(1, 2), spell(2, 1)] == ["1 x 2", "1 x 2", "2 x 1"]
    assert spelled == [(1, 2), (2, 1)]

    texts.forget()

    assert spell(1, 2) == "1 x 2"
    assert spelled == [(1, 2), (2, 1), (1, 2)]


def _spelling(spelled: list[Level]) -> Spelled[Level, str]:
    def spell(level: Level) -> str:
        spelled.append(level)
        return f"{level[0]} x {level[1]}"

    return Spelled(spell)


def test_a_level_is_spelled_once_until_all_is_forgotten() -> None:
    spelled: list[Level] = []
    rows = _spelling(spelled)

    assert [rows[1, 2], rows[1, 2], rows[2, 1]] == ["1 x 2", "1 x 2", "2 x 1"]
    assert spelled == [(1, 2), (2, 1)]

    texts.forget()

    assert rows[1, 2] == "1 x 2"
    assert spelled == [(1, 2), (2, 1), (1, 2)]


def test_no_more_levels_are_kept_than_the_bound_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "_MOST", 2)
    spelled: list[Level] = []
    rows = _spelling(spelled)

    assert [rows[1, 1], rows[2, 2], rows[3, 3], rows[3, 3], rows[1, 1]] == ["1 x 1", "2 x 2", "3 x 3", "3 x 3", "1 x 1"]
    assert (len(rows), spelled) == (2, [(1, 1), (2, 2), (3, 3), (1, 1)])
