import pytest

from arbitrage.domain.errors import ConfigError, InvariantError
from fast_path.counters import Counters, CounterView, read_counters


def test_counters_add_set_and_get(tmp_path):
    counters = Counters(tmp_path, "feed.upbit")
    counters.add("frames")
    counters.add("frames", 4)
    counters.set("open_arbs", 3)
    counters.add("pnl_e8", -7)
    assert counters.get("frames") == 5
    assert counters.get("absent") == 0
    assert read_counters(tmp_path) == {"feed.upbit": {"frames": 5, "open_arbs": 3, "pnl_e8": -7}}


def test_counters_survive_a_restart(tmp_path):
    first = Counters(tmp_path, "trader")
    first.add("signals", 2)
    first.close()
    second = Counters(tmp_path, "trader")
    assert second.get("signals") == 2
    second.add("signals")
    second.add("fills")
    assert read_counters(tmp_path)["trader"] == {"signals": 3, "fills": 1}


def test_two_parts_of_one_process_share_a_counter(tmp_path):
    one, other = Counters(tmp_path, "trader"), Counters(tmp_path, "trader")
    one.add("signals")
    other.add("signals")
    other.add("fills")
    one.add("fills")
    assert read_counters(tmp_path) == {"trader": {"signals": 2, "fills": 2}}


def test_a_name_asked_for_in_vain_is_found_once_somebody_counts_under_it(tmp_path):
    one, other, view = Counters(tmp_path, "trader"), Counters(tmp_path, "trader"), CounterView(tmp_path, "trader")
    assert (one.get("signals"), view.get("signals")) == (0, 0)
    other.add("fills")
    assert (one.get("signals"), view.get("signals")) == (0, 0)
    other.add("signals", 2)
    assert (one.get("signals"), view.get("signals")) == (2, 2)
    assert (one.get("fills"), view.get("fills")) == (1, 1)


def test_each_process_has_its_file(tmp_path):
    Counters(tmp_path, "feed.upbit").add("frames", 1)
    Counters(tmp_path, "feed.bithumb").add("frames", 2)
    assert read_counters(tmp_path) == {"feed.upbit": {"frames": 1}, "feed.bithumb": {"frames": 2}}


def test_too_many_names_are_refused_and_change_nothing(tmp_path):
    counters = Counters(tmp_path, "trader")
    for number in range(256):
        counters.add(f"name_{number}")
    with pytest.raises(InvariantError, match="holds 256 counters, no room for one_more"):
        counters.add("one_more")
    assert counters.get("one_more") == 0
    assert sum(read_counters(tmp_path)["trader"].values()) == 256


def test_too_long_a_name_is_refused(tmp_path):
    with pytest.raises(ValueError, match="must have 1 to 55"):
        Counters(tmp_path, "trader").add("x" * 56)
    assert read_counters(tmp_path) == {"trader": {}}


def test_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "counters.trader.shm").write_bytes(b"\0" * 20000)
    with pytest.raises(ConfigError):
        read_counters(tmp_path)


def test_a_view_of_anothers_counters_sees_them_from_when_there_are_any(tmp_path):
    view = CounterView(tmp_path, "feed.upbit")
    assert view.get("frames") == 0
    counters = Counters(tmp_path, "feed.upbit")
    assert view.get("frames") == 0
    counters.add("frames", 3)
    assert view.get("frames") == 3
    counters.add("polls")
    counters.add("frames")
    assert (view.get("frames"), view.get("polls")) == (4, 1)
    Counters(tmp_path, "feed.upbit").add("frames")
    assert view.get("frames") == 5
