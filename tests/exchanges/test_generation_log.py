"""Which generation an order went through, known over a restart."""

from pathlib import Path

import pytest

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import Ns
from arbitrage.domain.wire import Generation
from exchanges.generation_log import UNSURE_NS, GenerationLog

SECOND = 1_000_000_000
AT = 1_790_000_000 * SECOND


def test_without_a_change_everything_went_through_jwt(tmp_path: Path) -> None:
    log = GenerationLog(tmp_path / "none" / "log")
    assert log.newest is Generation.JWT
    assert log.at(Ns(AT)) is Generation.JWT


def test_changes_are_read_back_and_nearby_orders_are_unsure(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "log"
    log = GenerationLog(path)
    log.note(Generation.LEGACY, Ns(AT))
    log.note(Generation.JWT, Ns(AT + 60 * SECOND))
    for each in (log, GenerationLog(path)):
        assert each.newest is Generation.JWT
        assert each.at(Ns(AT - UNSURE_NS - 1)) is Generation.JWT
        assert each.at(Ns(AT - UNSURE_NS)) is None
        assert each.at(Ns(AT + UNSURE_NS)) is None
        assert each.at(Ns(AT + 30 * SECOND)) is Generation.LEGACY
        assert each.at(Ns(AT + 60 * SECOND + UNSURE_NS + 1)) is Generation.JWT


def test_clock_that_went_back_between_changes_makes_every_order_unsure(tmp_path: Path) -> None:
    log = GenerationLog(tmp_path / "log")
    log.note(Generation.LEGACY, Ns(AT))
    log.note(Generation.JWT, Ns(AT - 3_600 * SECOND))
    assert log.at(Ns(AT + 3_600 * SECOND)) is None


def test_file_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text('{"from_wall_ns": 1, "generation": "jwt"}\nnonsense\n')
    with pytest.raises(ConfigError, match="log"):
        GenerationLog(path)


def test_half_a_line_left_by_a_death_counts_as_never_written(tmp_path: Path) -> None:
    path = tmp_path / "log"
    GenerationLog(path).note(Generation.LEGACY, Ns(AT))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[: len(whole) // 2])
    log = GenerationLog(path)
    assert log.newest is Generation.LEGACY
    log.note(Generation.JWT, Ns(AT + 60 * SECOND))
    assert path.read_bytes().startswith(whole)
    again = GenerationLog(path)
    assert again.newest is Generation.JWT
    assert again.at(Ns(AT + 30 * SECOND)) is Generation.LEGACY


def test_full_disk_leaves_nothing_that_spoils_the_next_change(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = GenerationLog(path)
    log.note(Generation.LEGACY, Ns(AT))
    with path.open("ab") as file:
        file.write(b'{"from_wall')
    log.note(Generation.JWT, Ns(AT + 60 * SECOND))
    assert GenerationLog(path).newest is Generation.JWT
