"""The file of settings for what the documents leave open."""

import json

import pytest

from arbitrage.domain.errors import ConfigError
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks, DetailShape, problems_of
from exchanges.simulator.dialects.upbit_quirks import UpbitQuirks
from exchanges.simulator.quirk_file import read_quirks


def written(tmp_path, value):
    path = tmp_path / "quirks.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_named_settings_change_and_all_others_keep_their_defaults(tmp_path):
    path = written(
        tmp_path, {"bithumb": {"legacy_detail_shape": "array", "warnings": [["KRW-XRP", "PRICE", "DANGER"]]}}
    )
    assert read_quirks(path) == (
        UpbitQuirks(),
        BithumbQuirks(legacy_detail_shape=DetailShape.ARRAY, warnings=(("KRW-XRP", "PRICE", "DANGER"),)),
    )
    assert problems_of(BithumbQuirks()) == []


def test_every_problem_of_the_file_is_told(tmp_path):
    path = written(
        tmp_path,
        {
            "coinone": {},
            "upbit": {"idle_ns": 0},
            "bithumb": {"legacy_detail_shape": "tuple", "no_such": 1, "place_status": 418, "legacy_reserve_ppm": 1},
        },
    )
    with pytest.raises(ConfigError) as caught:
        read_quirks(path)
    found = [problem.removeprefix(f"--quirks {path}: ") for problem in caught.value.problems]
    assert found == [
        "coinone is no exchange",
        "legacy_detail_shape was 'tuple': Invalid enum value 'tuple'",
        "no_such is no setting of BithumbQuirks",
        "idle_ns was 0, must be at least 1",
        "place_status was 418, must be 200 or 201",
        "legacy_reserve_ppm was 1, must be at least 1000000",
    ]


@pytest.mark.parametrize("text", ["[", "[]", '{"bithumb": []}'])
def test_file_of_another_shape_is_refused(tmp_path, text):
    with pytest.raises(ConfigError):
        read_quirks(written(tmp_path, text))
    with pytest.raises(ConfigError):
        read_quirks(tmp_path / "gone.json")
