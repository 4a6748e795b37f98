from exchanges.simulator import texts


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
