"""The bench of the simulator: a real process under real clients, its figures on the table and in the file."""

import json

import pytest

from workers import bench
from workers.bench_simulator import listed


def test_every_kind_of_frame_comes_from_both_exchanges_and_is_counted(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KARB_SHM_DIR", str(tmp_path / "shm" / "desk"))
    out = tmp_path / "figures.json"
    words = ["simulator", "--seconds", "2", "--markets", "40", "--clients", "2", "--json", str(out)]
    assert bench.main(words) == 0
    result = json.loads(out.read_text())
    for row in result["exchanges"].values():
        assert row["orderbook_s"] > 50
        assert row["trade_s"] > 5
        assert row["ticker_s"] > 5
    assert (result["markets"], result["clients"], result["cut"]) == (40, 2, 0)
    assert result["frames_s"] > 100
    assert 0 < result["cpu_share"] <= 1.1
    assert 0 <= result["waited_share"] <= 1.1
    assert 20 < result["rss_mb"] < 500
    assert list((tmp_path / "shm").iterdir()) == [], "nothing of the run is left"
    assert f"{result['frames_s']} frames/s" in capsys.readouterr().out


def test_market_names_are_as_many_as_wanted_and_none_twice():
    assert len(set(listed(493))) == 493
    assert listed(2) == ["KRW-BTC", "KRW-ETH"]


@pytest.mark.parametrize("words", [["--seconds", "0"], ["--markets", "2001"], ["--clients", "x"], ["--nope"]])
def test_arguments_out_of_bounds_are_refused(words, capsys):
    assert bench.main(["simulator", *words]) == 2
    assert capsys.readouterr().err
