"""Wire settings travel through the control block beside the params; an exchange can be watched without trading."""

import pytest

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.units import Exchange
from fast_path.control import ControlBlock
from fast_path.layout import CONTROL_WIRE, WORD

MARKETS = ("KRW-BTC",)
ACTIVE, REDUCING, HALTED = TradingLevel
UPBIT, BITHUMB = Exchange


def _open(tmp_path, wall_ns=42):
    return ControlBlock(tmp_path / "shm", MARKETS, tmp_path / "latch.json", wall_ns=lambda: wall_ns)


@pytest.fixture
def control(tmp_path):
    return _open(tmp_path)


def test_a_new_block_has_no_wire_settings(control):
    assert (control.wire_epoch(), control.read_wire()) == (0, (0, b""))


def test_wire_settings_are_read_whole_beside_the_params(tmp_path, control):
    control.write_params(3, b"params")
    control.write_wire(7, b"w" * 65_536)
    other = _open(tmp_path)
    assert (other.wire_epoch(), other.read_wire()) == (7, (7, b"w" * 65_536))
    assert other.read_params() == (3, b"params")
    control.write_wire(8, b"")
    assert other.read_wire() == (8, b"")


def test_settings_without_room_are_refused_and_the_old_ones_stay(control):
    control.write_wire(7, b"kept")
    with pytest.raises(ValueError, match="wire settings have 65537 bytes, must have at most 65536"):
        control.write_wire(8, b"w" * 65_537)
    assert control.read_wire() == (7, b"kept")


def test_a_writer_that_died_inside_reads_as_none(control):
    control.write_wire(7, b"kept")
    control._words[CONTROL_WIRE // WORD] += 1
    assert control.read_wire() == (0, b"")


def test_each_process_says_which_settings_it_works_with(control):
    control.beat("trader", 1, 2)
    control.set_applied_wire("trader", 7)
    control.beat("trader", 3, 4)
    control.beat("feed.upbit", 5, 6)
    assert {name: beat.wire_epoch for name, beat in control.heartbeats().items()} == {"trader": 7, "feed.upbit": 0}


def test_a_monitor_only_exchange_opens_nothing_and_keeps_the_first_cause(control, tmp_path):
    assert control.make_monitor_only(UPBIT, "balances are no array", "trader")
    assert not control.make_monitor_only(UPBIT, "again", "trader")
    assert control.monitor_only_since(UPBIT) == 42
    assert control.monitor_only_latch(UPBIT)["reason"] == "balances are no array"
    assert (control.exchange_level(UPBIT), control.exchange_level(BITHUMB)) == (REDUCING, ACTIVE)
    assert control.asked_exchange_level(UPBIT) is ACTIVE
    assert _open(tmp_path).controls("KRW-BTC").level is REDUCING


def test_what_a_person_asks_for_does_not_raise_it_but_can_be_stricter(control):
    control.make_monitor_only(UPBIT, "x", "trader")
    control.set_exchange_level(UPBIT, ACTIVE)
    assert control.exchange_level(UPBIT) is REDUCING
    control.set_exchange_level(UPBIT, HALTED)
    assert control.exchange_level(UPBIT) is HALTED


def test_only_a_word_said_after_the_stop_lifts_it(control):
    assert not control.lift_monitor_only(UPBIT, 100)
    control.make_monitor_only(UPBIT, "x", "trader")
    assert not control.lift_monitor_only(UPBIT, 41)
    assert control.exchange_level(UPBIT) is REDUCING
    assert control.lift_monitor_only(UPBIT, 42)
    assert control.exchange_level(UPBIT) is ACTIVE
    assert (control.monitor_only_since(UPBIT), control.monitor_only_latch(UPBIT)) == (0, {})


def test_it_outlives_shared_memory(control, tmp_path):
    control.make_monitor_only(BITHUMB, "x", "trader")
    control.close()
    (tmp_path / "shm" / "control.shm").unlink()
    assert _open(tmp_path).monitor_only_since(BITHUMB) == 42


@pytest.mark.parametrize("text", ["{", '{"level":"reducing"}', '{"level":"reducing","wall_ns":"x"}'])
def test_a_damaged_file_stops_the_exchange(tmp_path, text):
    (tmp_path / "monitor_only.upbit.json").write_text(text)
    control = _open(tmp_path)
    assert control.monitor_only_since(UPBIT) == 1
    assert control.exchange_level(UPBIT) is REDUCING


def test_it_holds_in_memory_though_its_file_cannot_be_written(control, tmp_path):
    (tmp_path / "monitor_only.upbit.json").mkdir()
    with pytest.raises(OSError):
        control.make_monitor_only(UPBIT, "x", "trader")
    assert control.exchange_level(UPBIT) is REDUCING
