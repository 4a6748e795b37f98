import json

import pytest

from arbitrage.domain.book import MAX_LEVELS, ladder_fault
from arbitrage.domain.frame_spec import FrameDecoder
from arbitrage.domain.units import SCALE, Exchange
from exchanges import registry
from workers import bench
from workers.bench_corpus import DEFAULT_SPEC, frames, stream_frames
from workers.bench_ticks import SYSTEMS


def test_a_seed_gives_the_same_sound_books_in_both_wire_forms():
    long_form, short_form = frames(7, 5, DEFAULT_SPEC), stream_frames(Exchange.UPBIT, 7, 5)
    assert long_form == frames(7, 5, DEFAULT_SPEC)
    assert long_form != frames(8, 5, DEFAULT_SPEC)
    assert 2800 < len(long_form[0]) < 3200
    for long_data, short_data in zip(long_form, short_form, strict=True):
        book = FrameDecoder(DEFAULT_SPEC).decode(long_data)
        assert book == registry.frame_decoder(Exchange.UPBIT).decode(short_data)
        assert len(book.bids) == len(book.asks) == MAX_LEVELS
        assert ladder_fault(book.bids, book.asks) is None


def test_bithumb_stands_above_upbit_by_more_than_fees_and_less_than_too_good():
    upbit, bithumb = (
        registry.frame_decoder(exchange).decode(stream_frames(exchange, 7, 1)[0]) for exchange in Exchange
    )
    gap = bithumb.bids[0].price - upbit.asks[0].price
    assert 1_000_000 * SCALE < gap < 1_500_000 * SCALE


def test_a_short_run_times_every_stage_and_each_tick_gives_two_orders(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KARB_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("KARB_SHM_DIR", str(tmp_path / "shm" / "desk"))
    monkeypatch.setattr(bench, "TICKS", 5)
    monkeypatch.setattr(bench, "_WARM", 3)
    assert bench.main(["--rounds", "1", "--json", str(tmp_path / "bench.json")]) == 0
    result = json.loads((tmp_path / "bench.json").read_text())
    assert (result["ticks_lost"], result["ticks_doubled"]) == (0, 0)
    names = [row["name"] for row in result["rows"]]
    assert names[-4:] == [system.name for system in SYSTEMS]
    assert [row["samples"] for row in result["rows"][-4:]] == [5] * 4
    assert len(names) == len(set(names)) == 18
    assert all(row["median_us"] > 0 and row["ratio"] > 0 for row in result["rows"])
    table = capsys.readouterr().out
    assert all(name in table for name in names)
    # Nothing of the run is left, neither on disk nor in memory.
    assert [path.name for path in (tmp_path / "var").iterdir()] == []
    assert [path.name for path in (tmp_path / "shm").iterdir()] == []


@pytest.mark.parametrize(
    "words", [["--rounds", "0"], ["--rounds", "x"], ["--json", "/nowhere/at/all.json"], ["--fast"]]
)
def test_bad_arguments_end_with_2(words, capsys):
    assert bench.main(words) == 2
    assert capsys.readouterr().err
