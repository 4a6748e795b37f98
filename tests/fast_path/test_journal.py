import os

import msgspec
import pytest

from arbitrage.domain.errors import ConfigError, JournalCorrupt
from arbitrage.domain.events import EVENTS_VERSION, Record, TradingStateChanged
from fast_path.journal import Journal, JournalNotWritten, JournalTail
from fast_path.journal_format import FRAME, START, frame_of


def _event(number=1, reason="x"):
    return TradingStateChanged("halted", reason, number)


def _open(path, stream="trader", fsync="intent"):
    return Journal(path, stream, fsync, wall_ns=lambda: 42)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal" / "trader.journal"


def _filled(path, count=3):
    journal = _open(path)
    for number in range(1, count + 1):
        assert journal.append(_event(number), durable=number % 2 == 0) == number
    journal.close()
    return path.read_bytes()


def test_what_is_appended_is_replayed_in_order(path):
    journal = _open(path)
    assert (journal.last_seq, list(journal.replay())) == (0, [])
    assert journal.append(_event(7), durable=True) == 1
    assert journal.append(_event(8), durable=False) == 2
    expected = [Record(EVENTS_VERSION, "trader", seq, _event(seq + 6)) for seq in (1, 2)]
    assert list(journal.replay()) == expected
    journal.close()
    again = _open(path)
    assert again.last_seq == 2
    assert list(again.replay()) == expected
    assert again.append(_event(9), durable=True) == 3
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_record_is_in_the_file_before_append_returns(path):
    journal = _open(path, fsync="none")
    journal.append(_event(), durable=True)
    assert [record.seq for record, _ in JournalTail(path).read(0, 10)] == [1]


def test_replay_covers_what_is_appended_after_open(path):
    _filled(path, 2)
    journal = _open(path)
    journal.append(_event(3), durable=False)
    assert [record.seq for record in journal.replay()] == [1, 2, 3]


@pytest.mark.parametrize(("fsync", "durable", "syncs"), [("intent", True, 1), ("intent", False, 0), ("none", True, 0)])
def test_only_a_durable_record_under_intent_waits_for_the_disk(path, monkeypatch, fsync, durable, syncs):
    journal = _open(path, fsync=fsync)
    calls = []
    monkeypatch.setattr(os, "fdatasync", lambda fd: calls.append(os.fstat(fd).st_size))
    journal.append(_event(), durable=durable)
    assert calls == [path.stat().st_size] * syncs


def test_after_a_failed_sync_nothing_more_is_written(path, monkeypatch):
    journal = _open(path)

    def fail(fd):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(JournalNotWritten, match="could not sync: Input/output error"):
        journal.append(_event(1), durable=True)
    monkeypatch.undo()
    size = path.stat().st_size
    with pytest.raises(JournalNotWritten, match="restart the trader"):
        journal.append(_event(2), durable=False)
    assert path.stat().st_size == size
    journal.close()
    # Its seq is never given to another event: a reader may have seen it.
    assert _open(path).last_seq == 1


def test_a_record_above_1_mib_is_refused_and_nothing_written(path):
    journal = _open(path)
    with pytest.raises(JournalNotWritten, match="must have at most 1048576"):
        journal.append(_event(1, "x" * (1 << 20)), durable=False)
    assert path.stat().st_size == START
    assert journal.append(_event(1, "x" * 1_000_000), durable=False) == 1
    assert JournalTail(path).read(0, 5)[0][0].event.reason == "x" * 1_000_000


def test_a_second_writer_is_refused(path):
    journal = _open(path)
    with pytest.raises(ConfigError, match="is being written by another process; stop that one first"):
        _open(path)
    journal.close()
    _open(path).close()


def test_a_closed_journal_takes_nothing(path):
    journal = _open(path)
    journal.close()
    journal.close()
    with pytest.raises(JournalNotWritten):
        journal.append(_event(), durable=True)


def test_another_stream_or_file_is_refused(path):
    _filled(path)
    with pytest.raises(ConfigError, match="is not the journal of stream other"):
        _open(path, stream="other")
    path.write_bytes(b"something else entirely, and long")
    with pytest.raises(JournalCorrupt, match="does not begin like a journal"):
        _open(path)
    assert path.read_bytes() == b"something else entirely, and long"


def test_another_format_version_is_refused(path):
    data = bytearray(_filled(path))
    data[8] = 2
    path.write_bytes(data)
    with pytest.raises(ConfigError, match="journal version 2, must be 1"):
        _open(path)


def test_a_whole_record_of_another_version_is_refused_at_its_place(path):
    _filled(path, 1)
    strange = msgspec.msgpack.encode({"version": 1, "stream": "trader", "seq": 2, "event": {"type": "unheard_of"}})
    with path.open("ab") as file:
        file.write(frame_of(strange))
    with pytest.raises(JournalCorrupt, match="that this version cannot read"):
        _open(path)


def test_a_missing_seq_is_refused_in_replay(path):
    first = _filled(path, 3)
    offsets = [offset for _, offset in JournalTail(path).read(0, 10)]
    path.write_bytes(first[: offsets[0]] + first[offsets[1] :])
    journal = _open(path)
    with pytest.raises(JournalCorrupt, match="record trader:3, must be trader:2"):
        list(journal.replay())


def test_tail_reads_in_steps_and_from_any_offset(path):
    _filled(path, 5)
    tail = JournalTail(path)
    first = tail.read(0, 2)
    assert [record.seq for record, _ in first] == [1, 2]
    rest = tail.read(first[-1][1], 100)
    assert [record.seq for record, _ in rest] == [3, 4, 5]
    assert rest[-1][1] == tail.size() == path.stat().st_size
    assert tail.read(rest[-1][1], 100) == []
    _open(path, fsync="none").append(_event(6), durable=False)
    assert [record.seq for record, _ in tail.read(rest[-1][1], 100)] == [6]


def test_tail_waits_for_the_journal_and_follows_a_new_one(path):
    tail = JournalTail(path)
    assert (tail.read(0, 10), tail.size()) == ([], 0)
    _filled(path, 1)
    assert len(tail.read(0, 10)) == 1
    path.unlink()
    assert tail.read(0, 10) == []
    _filled(path, 2)
    assert len(tail.read(0, 10)) == 2


def test_tail_crosses_its_own_chunks(path):
    journal = _open(path, fsync="none")
    for number in range(1, 41):
        journal.append(_event(number, "x" * 30_000), durable=False)
    journal.append(_event(41, "y" * 600_000), durable=False)
    journal.append(_event(42), durable=False)
    assert [record.seq for record, _ in JournalTail(path).read(0, 100)] == list(range(1, 43))


def test_tail_says_when_the_journal_lost_what_it_had_read(path):
    data = _filled(path, 3)
    tail = JournalTail(path)
    offset = tail.read(0, 10)[-1][1]
    with path.open("r+b") as file:
        file.truncate(len(data) - 1)
    with pytest.raises(JournalCorrupt, match=rf"already read up to byte {offset}"):
        tail.read(offset, 10)


def test_tail_refuses_damage_in_the_middle_and_waits_at_an_unfinished_end(path):
    data = bytearray(_filled(path, 3))
    offsets = [offset for _, offset in JournalTail(path).read(0, 10)]
    path.write_bytes(data[:-1])
    assert [record.seq for record, _ in JournalTail(path).read(0, 10)] == [1, 2]
    data[offsets[0] + FRAME.size + 3] ^= 1
    path.write_bytes(data)
    tail = JournalTail(path)
    assert [record.seq for record, _ in tail.read(0, 1)] == [1]
    with pytest.raises(JournalCorrupt, match=f"damaged at byte {offsets[0]}"):
        tail.read(offsets[0], 10)
