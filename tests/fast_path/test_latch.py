import json

import pytest

from arbitrage.domain.controls import TradingLevel
from fast_path.latch import latch_level, read_latch, write_latch


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "new" / "latch.json"
    write_latch(path, TradingLevel.REDUCING, "손실", "admin", 42)
    assert read_latch(path) == {"level": "reducing", "reason": "손실", "by": "admin", "wall_ns": 42}
    assert latch_level(read_latch(path)) is TradingLevel.REDUCING
    assert path.stat().st_mode & 0o777 == 0o600


def test_without_a_file_the_desk_is_active(tmp_path):
    assert read_latch(tmp_path / "latch.json") == {}
    assert latch_level({}) is TradingLevel.ACTIVE


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"level": "fast"}', b'{"level": ["halted"]}', b"\xff\xfe"])
def test_an_unreadable_file_halts(tmp_path, content):
    path = tmp_path / "latch.json"
    path.write_bytes(content)
    assert latch_level(read_latch(path)) is TradingLevel.HALTED
    assert "is unreadable" in read_latch(path)["reason"]


def test_a_directory_in_its_place_halts(tmp_path):
    (tmp_path / "latch.json").mkdir()
    assert latch_level(read_latch(tmp_path / "latch.json")) is TradingLevel.HALTED


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "latch.json"
    path.mkdir()
    with pytest.raises(OSError):
        write_latch(path, TradingLevel.HALTED, "x", "y", 1)
    assert [entry.name for entry in tmp_path.iterdir()] == ["latch.json"]


def test_each_write_replaces_the_whole(tmp_path):
    path = tmp_path / "latch.json"
    write_latch(path, TradingLevel.HALTED, "a long reason " * 50, "y", 1)
    write_latch(path, TradingLevel.ACTIVE, "b", "y", 2)
    assert json.loads(path.read_text())["reason"] == "b"
