import multiprocessing
import os

import pytest

from arbitrage.domain.controls import Controls, TradingLevel
from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import Exchange
from fast_path.control import Beat, ControlBlock
from fast_path.latch import write_latch

MARKETS = ("KRW-BTC", "KRW-ETH")
ACTIVE, REDUCING, HALTED = TradingLevel
CONTEXT = multiprocessing.get_context("fork")


def _open(tmp_path, markets=MARKETS):
    return ControlBlock(tmp_path / "shm", markets, tmp_path / "latch.json", wall_ns=lambda: 42)


@pytest.fixture
def control(tmp_path):
    return _open(tmp_path)


def test_a_new_block_is_active_and_empty(control):
    assert control.level() is ACTIVE
    assert control.latch() == {}
    assert control.controls("KRW-BTC") == Controls(ACTIVE, 0, 0)
    assert (control.params_epoch(), control.applied_epoch(), control.fence()) == (0, 0, 0)
    assert control.read_params() == (0, b"")
    assert control.heartbeats() == {}


def test_a_level_is_seen_by_every_process_and_kept_in_the_latch(tmp_path, control):
    other = _open(tmp_path)
    control.set_level(HALTED, "test", "me")
    assert other.level() is HALTED
    assert other.latch() == {"level": "halted", "reason": "test", "by": "me", "wall_ns": 42}
    other.set_level(ACTIVE, "over", "you")
    assert control.level() is ACTIVE
    assert control.latch()["level"] == "active"


@pytest.mark.parametrize("level", list(TradingLevel))
def test_a_block_made_after_a_reboot_takes_the_latched_level(tmp_path, level):
    write_latch(tmp_path / "latch.json", level, "x", "y", 1)
    assert _open(tmp_path).level() is level


def test_a_block_made_beside_an_unreadable_latch_is_halted(tmp_path):
    (tmp_path / "latch.json").write_text("{")
    control = _open(tmp_path)
    assert control.level() is HALTED
    assert "unreadable" in control.latch()["reason"]


def test_a_stop_holds_in_memory_though_the_latch_cannot_be_written(tmp_path, control):
    (tmp_path / "latch.json").mkdir()
    with pytest.raises(OSError):
        control.set_level(HALTED, "x", "y")
    assert control.level() is HALTED


def test_a_resume_that_cannot_be_latched_changes_nothing(tmp_path, control):
    control.set_level(HALTED, "x", "y")
    (tmp_path / "latch.json").unlink()
    (tmp_path / "latch.json").mkdir()
    with pytest.raises(OSError):
        control.set_level(ACTIVE, "x", "y")
    assert control.level() is HALTED


def test_a_word_that_is_no_level_reads_as_halted(control):
    for word in (3, -1, 2**40):
        control._words[8] = word
        assert control.level() is HALTED
        assert control.controls("KRW-BTC").level is HALTED


def test_the_worst_level_rules_a_market(control):
    control.set_market_level("KRW-ETH", REDUCING)
    assert control.market_level("KRW-ETH") is REDUCING
    assert control.controls("KRW-ETH").level is REDUCING
    assert control.controls("KRW-BTC").level is ACTIVE
    control.set_exchange_level(Exchange.BITHUMB, HALTED)
    assert control.exchange_level(Exchange.BITHUMB) is HALTED
    assert control.exchange_level(Exchange.UPBIT) is ACTIVE
    assert control.controls("KRW-BTC").level is HALTED
    control.set_exchange_level(Exchange.BITHUMB, ACTIVE)
    control.set_level(REDUCING, "x", "y")
    assert control.controls("KRW-BTC").level is REDUCING


def test_a_pause_is_told_by_its_end_and_changes_no_level(control):
    control.pause_market("KRW-BTC", 1000)
    control.pause_market("KRW-BTC", 500)
    assert control.paused_until_mono_ns("KRW-BTC") == 1000
    assert control.paused_until_mono_ns("KRW-ETH") == 0
    assert control.controls("KRW-BTC").level is ACTIVE
    control.set_market_level("KRW-BTC", HALTED)
    assert control.controls("KRW-BTC").level is HALTED


def test_params_travel_with_their_epoch(tmp_path, control):
    other = _open(tmp_path)
    control.write_params(3, b"x" * 16384)
    assert other.read_params() == (3, b"x" * 16384)
    control.write_params(4, b"short")
    assert other.read_params() == (4, b"short")
    assert other.params_epoch() == other.controls("KRW-BTC").params_epoch == 4
    other.set_applied_epoch(4)
    assert control.applied_epoch() == 4


def test_too_large_params_are_refused_and_the_old_ones_stand(control):
    control.write_params(3, b"x")
    with pytest.raises(ValueError, match="have 16385 bytes, must have at most 16384"):
        control.write_params(4, b"x" * 16385)
    assert control.read_params() == (3, b"x")


def test_params_whose_writer_died_inside_cannot_be_read_until_the_next(control):
    from fast_path.layout import CONTROL_PARAMS, WORD

    control.write_params(3, b"abc")
    control._words[CONTROL_PARAMS // WORD] += 1
    assert control.read_params() == (0, b"")
    control.write_params(4, b"new")
    assert control.read_params() == (4, b"new")


def test_heartbeats_carry_pid_and_both_clocks(tmp_path, control):
    control.beat("bridge", 111, 222)
    _open(tmp_path).beat("trader", 333, 444)
    assert control.heartbeats() == {"bridge": Beat(os.getpid(), 111, 222), "trader": Beat(os.getpid(), 333, 444)}
    assert control.controls("KRW-BTC").beat_mono_ns == 111


def test_a_resync_is_asked_once_and_taken_once(tmp_path, control):
    feed = _open(tmp_path)
    control.request_resync(Exchange.UPBIT, "KRW-ETH")
    control.request_resync(Exchange.UPBIT, "KRW-ETH")
    assert feed.take_resyncs(Exchange.BITHUMB) == ()
    assert feed.take_resyncs(Exchange.UPBIT) == ("KRW-ETH",)
    assert feed.take_resyncs(Exchange.UPBIT) == ()
    control.request_resync(Exchange.UPBIT, "KRW-BTC")
    control.request_resync(Exchange.BITHUMB, "KRW-BTC")
    assert feed.take_resyncs(Exchange.UPBIT) == ("KRW-BTC",)
    assert feed.take_resyncs(Exchange.BITHUMB) == ("KRW-BTC",)


def test_the_fence_only_rises(tmp_path, control):
    assert control.raise_fence() == 1
    assert _open(tmp_path).raise_fence() == 2
    assert control.fence() == 2


def test_other_markets_keep_what_was_said_of_the_old_ones(tmp_path, control):
    control.set_market_level("KRW-ETH", HALTED)
    other = _open(tmp_path, ("KRW-SOL", "KRW-ETH"))
    assert other.market_level("KRW-ETH") is HALTED
    assert other.market_level("KRW-SOL") is ACTIVE
    other.set_market_level("KRW-SOL", REDUCING)
    assert control.market_level("KRW-SOL") is REDUCING


def test_too_many_processes_are_refused(control):
    for number in range(64):
        control.beat(f"part.{number}", 1, 1)
    with pytest.raises(ConfigError, match=r"no room for one\.more: all 64 slots are taken"):
        control.beat("one.more", 1, 1)


def _claim(tmp_path, number, barrier, fences):
    barrier.wait()
    control = _open(tmp_path, [f"KRW-A{number}", "KRW-BTC", f"KRW-B{number}"])
    control.set_market_level(f"KRW-A{number}", HALTED)
    for _ in range(50):
        fences.put(control.raise_fence())


def test_processes_opening_at_once_claim_different_slots_and_fences(tmp_path):
    barrier, fences = CONTEXT.Barrier(4), CONTEXT.Queue()
    parts = [CONTEXT.Process(target=_claim, args=(tmp_path, number, barrier, fences)) for number in range(4)]
    for part in parts:
        part.start()
    seen = sorted(fences.get(timeout=30) for _ in range(200))
    for part in parts:
        part.join(30)
    assert seen == list(range(1, 201))
    control = _open(tmp_path)
    for number in range(4):
        assert control.market_level(f"KRW-A{number}") is HALTED
        assert control.market_level(f"KRW-B{number}") is ACTIVE
    assert control.market_level("KRW-BTC") is ACTIVE


def _write_params_flat_out(tmp_path, stop):
    control = _open(tmp_path)
    epoch = 0
    while not stop.is_set():
        epoch += 1
        control.write_params(epoch, bytes([epoch % 251]) * (1 + epoch % 5000))


def test_params_are_never_seen_torn(tmp_path, control):
    stop = CONTEXT.Event()
    part = CONTEXT.Process(target=_write_params_flat_out, args=(tmp_path, stop))
    part.start()
    try:
        epochs = set()
        while len(epochs) < 200:
            epoch, data = control.read_params()
            if epoch:
                assert data == bytes([epoch % 251]) * (1 + epoch % 5000)
            epochs.add(epoch)
    finally:
        stop.set()
        part.join(30)


def test_one_heartbeat_is_read_as_among_all_and_asking_claims_no_slot(tmp_path, control):
    reader = _open(tmp_path)
    assert reader.heartbeat("trader") is None
    assert reader.heartbeats() == {}
    control.set_applied_wire("trader", 3)
    assert reader.heartbeat("trader") is None
    control.beat("bridge", 111, 222)
    control.beat("trader", 333, 444)
    assert reader.heartbeat("trader") == Beat(os.getpid(), 333, 444, 3) == reader.heartbeats()["trader"]
    control.beat("trader", 555, 666)
    assert reader.heartbeat("trader") == Beat(os.getpid(), 555, 666, 3)
    assert reader.heartbeat("feed.upbit") is None
    assert set(reader.heartbeats()) == {"bridge", "trader"}
