"""What a killed process, a full disk and a flipped bit leave behind."""

import multiprocessing
import os
import resource
import signal
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arbitrage.domain.errors import JournalCorrupt
from arbitrage.domain.events import TradingStateChanged
from fast_path.journal import Journal, JournalNotWritten, JournalTail
from fast_path.journal_format import FRAME, START

CONTEXT = multiprocessing.get_context("fork")


def _event(number, reason="reason"):
    return TradingStateChanged("halted", reason, number)


def _open(path):
    return Journal(path, "trader", "none", wall_ns=lambda: 42)


def _filled(path, count):
    journal = _open(path)
    for number in range(1, count + 1):
        journal.append(_event(number), durable=False)
    journal.close()
    return path.read_bytes(), [START] + [offset for _, offset in JournalTail(path).read(0, 1000)]


def test_cut_at_every_byte_of_the_last_record_the_rest_survives(tmp_path):
    path = tmp_path / "trader.journal"
    data, offsets = _filled(path, 3)
    torn = tmp_path / "trader.journal.torn-42"
    for length in range(offsets[2], offsets[3]):
        path.write_bytes(data[:length])
        journal = _open(path)
        assert [record.seq for record in journal.replay()] == [1, 2]
        assert path.stat().st_size == offsets[2]
        if length == offsets[2]:
            assert not torn.exists()
        else:
            assert torn.read_bytes() == data[offsets[2] : length]
            torn.unlink()
        assert journal.append(_event(9), durable=False) == 3
        journal.close()
        assert [record.event.wall_ns for record, _ in JournalTail(path).read(0, 10)] == [1, 2, 9]


def test_cut_inside_the_header_the_journal_begins_anew(tmp_path):
    path = tmp_path / "trader.journal"
    data, _ = _filled(path, 0)
    for length in range(START):
        path.write_bytes(data[:length])
        journal = _open(path)
        assert journal.append(_event(1), durable=False) == 1
        journal.close()
        assert path.read_bytes()[:START] == data
        (tmp_path / "trader.journal.torn-42").unlink(missing_ok=True)


def test_any_flipped_bit_before_the_last_record_refuses_and_changes_nothing(tmp_path):
    path = tmp_path / "trader.journal"
    data, offsets = _filled(path, 4)
    for place in range(START, offsets[3]):
        for bit in (0, 3, 7):
            bad = bytearray(data)
            bad[place] ^= 1 << bit
            path.write_bytes(bad)
            start = max(offset for offset in offsets if offset <= place)
            with pytest.raises(JournalCorrupt, match=rf"damaged at byte {start}: .*Keep a copy"):
                _open(path)
            assert path.read_bytes() == bad
    assert list(tmp_path.iterdir()) == [path]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_last_record_is_put_aside_whole(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("j") / "trader.journal"
    content, offsets = _filled(path, 3)
    place = data.draw(st.integers(offsets[2], offsets[3] - 1))
    bad = bytearray(content)
    bad[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bad)
    journal = _open(path)
    assert [record.seq for record in journal.replay()] == [1, 2]
    assert path.with_name("trader.journal.torn-42").read_bytes() == bad[offsets[2] :]
    journal.close()


def test_zeros_that_a_power_cut_left_at_the_end_are_cut_off(tmp_path):
    path = tmp_path / "trader.journal"
    data, offsets = _filled(path, 2)
    path.write_bytes(data + b"\0" * 3_000_000)
    journal = _open(path)
    assert journal.last_seq == 2
    assert path.stat().st_size == offsets[2]


def test_more_unreadable_bytes_than_one_record_can_have_refuse(tmp_path):
    path = tmp_path / "trader.journal"
    data, offsets = _filled(path, 2)
    path.write_bytes(data + b"\xff" * ((1 << 20) + 9))
    with pytest.raises(JournalCorrupt, match=f"damaged at byte {offsets[2]}: 1048585 bytes cannot be read"):
        _open(path)


def _fill_the_disk(path, answers):
    size = path.stat().st_size
    journal = _open(path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 400, size + 400))
    journal.append(_event(2, "fits"), durable=False)
    try:
        journal.append(_event(3, "x" * 1000), durable=True)
    except JournalNotWritten as error:
        answers.put(str(error))
    answers.put(path.stat().st_size)
    answers.put(journal.append(_event(4, "fits"), durable=False))
    answers.put([record.event.wall_ns for record in journal.replay()])


def test_a_full_disk_takes_the_unfinished_record_back_and_says_so(tmp_path):
    path = tmp_path / "trader.journal"
    _filled(path, 1)
    answers = CONTEXT.Queue()
    part = CONTEXT.Process(target=_fill_the_disk, args=(path, answers))
    part.start()
    said, size, seq, replayed = [answers.get(timeout=20) for _ in range(4)]
    part.join(20)
    assert said == f"{path}: File too large"
    assert (seq, replayed) == (3, [1, 2, 4])
    found = JournalTail(path).read(0, 10)
    assert [record.event.wall_ns for record, _ in found] == [1, 2, 4]
    assert found[1][1] == size
    assert part.exitcode == 0


def _append_until_killed(path, ready):
    journal = Journal(path, "trader", "none")
    number = journal.last_seq
    while True:
        number += 1
        journal.append(_event(number, "x" * (number * 37 % 9000)), durable=False)
        ready.set()


def test_tail_beside_a_writer_sees_every_record_once_and_none_unfinished(tmp_path):
    path = tmp_path / "trader.journal"
    ready = CONTEXT.Event()
    part = CONTEXT.Process(target=_append_until_killed, args=(path, ready))
    part.start()
    tail, offset, seqs = JournalTail(path), 0, []
    try:
        assert ready.wait(20)
        deadline = time.monotonic() + 60
        while len(seqs) < 3000 and time.monotonic() < deadline:
            for record, behind in tail.read(offset, 7):
                offset = behind
                assert record.event.reason == "x" * (record.seq * 37 % 9000)
                seqs.append(record.seq)
    finally:
        os.kill(part.pid, signal.SIGKILL)
        part.join(20)
    assert len(seqs) >= 3000
    assert seqs == list(range(1, len(seqs) + 1))


def test_a_writer_killed_at_any_moment_leaves_a_journal_that_opens(tmp_path):
    path = tmp_path / "trader.journal"
    last = 0
    for turn in range(8):
        ready = CONTEXT.Event()
        part = CONTEXT.Process(target=_append_until_killed, args=(path, ready))
        part.start()
        assert ready.wait(20)
        time.sleep(0.003 * turn)
        os.kill(part.pid, signal.SIGKILL)
        part.join(20)
        journal = Journal(path, "trader", "none")
        assert journal.last_seq > last
        last = journal.last_seq
        assert sum(1 for _ in journal.replay()) == last
        journal.close()


def test_a_length_that_reaches_past_the_end_does_not_hide_the_records_behind_it(tmp_path):
    path = tmp_path / "trader.journal"
    data, offsets = _filled(path, 5)
    bad = bytearray(data)
    FRAME.pack_into(bad, offsets[1], 100_000, FRAME.unpack_from(data, offsets[1])[1])
    path.write_bytes(bad)
    with pytest.raises(JournalCorrupt, match=f"a whole record stands at byte {offsets[2]}"):
        _open(path)
