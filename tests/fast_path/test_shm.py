import mmap
import multiprocessing

import pytest

from arbitrage.domain.errors import ConfigError
from fast_path.layout import HEADER, HEADER_BYTES, MAGIC_BOOKS, MAGIC_COUNTERS
from fast_path.shm import make_dir, name_bytes, name_text, open_or_create, open_shared


def test_new_directory_is_open_to_us_only(tmp_path):
    make_dir(tmp_path / "a" / "shm")
    assert (tmp_path / "a" / "shm").stat().st_mode & 0o777 == 0o700


def test_directory_open_to_others_is_closed(tmp_path):
    (tmp_path / "shm").mkdir()
    (tmp_path / "shm").chmod(0o777)
    make_dir(tmp_path / "shm")
    assert (tmp_path / "shm").stat().st_mode & 0o777 == 0o700


def test_absent_file_is_none(tmp_path):
    assert open_shared(tmp_path / "x.shm", MAGIC_BOOKS, 128) is None


def test_second_open_sees_what_the_first_wrote(tmp_path):
    first = open_or_create(tmp_path / "x.shm", MAGIC_BOOKS, 128, shape=7)
    second = open_or_create(tmp_path / "x.shm", MAGIC_BOOKS, 128, shape=9)
    first.words[10] = -5
    assert second.words[10] == -5
    assert second.shape == 7
    assert (tmp_path / "x.shm").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["x.shm"]


def test_reader_cannot_write(tmp_path):
    open_or_create(tmp_path / "x.shm", MAGIC_BOOKS, 128)
    reader = open_shared(tmp_path / "x.shm", MAGIC_BOOKS, 128, access=mmap.ACCESS_READ)
    with pytest.raises(TypeError):
        reader.words[9] = 1


def test_another_layout_version_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "x.shm"
    memory = bytearray(128)
    HEADER.pack_into(memory, 0, MAGIC_BOOKS, 99, HEADER_BYTES, 128, 0)
    path.write_bytes(memory)
    with pytest.raises(ConfigError, match=r"layout version 99, must be 2; stop all parts"):
        open_shared(path, MAGIC_BOOKS, 128)
    with pytest.raises(ConfigError):
        open_or_create(path, MAGIC_BOOKS, 128)


@pytest.mark.parametrize("content", [b"", b"KARB", b"\0" * 128])
def test_file_that_is_not_ours_is_refused(tmp_path, content):
    (tmp_path / "x.shm").write_bytes(content)
    with pytest.raises(ConfigError, match="is not a KARBCNTR file"):
        open_shared(tmp_path / "x.shm", MAGIC_COUNTERS, 128)


def test_cut_file_is_refused(tmp_path):
    open_or_create(tmp_path / "x.shm", MAGIC_BOOKS, 256).close()
    with (tmp_path / "x.shm").open("r+b") as file:
        file.truncate(128)
    with pytest.raises(ConfigError, match="has 128 bytes, must have 256"):
        open_shared(tmp_path / "x.shm", MAGIC_BOOKS, 0)


def test_replaced_file_is_no_longer_current(tmp_path):
    path = tmp_path / "x.shm"
    first = open_or_create(path, MAGIC_BOOKS, 128)
    assert first.is_current()
    path.unlink()
    assert not first.is_current()
    open_or_create(path, MAGIC_BOOKS, 128)
    assert not first.is_current()


def test_closing_twice_is_fine(tmp_path):
    file = open_or_create(tmp_path / "x.shm", MAGIC_BOOKS, 128)
    file.close()
    file.close()


def _open_and_count(path, barrier, answers):
    barrier.wait()
    file = open_or_create(path, MAGIC_BOOKS, 128)
    answers.put(file.identity)


def test_processes_starting_at_once_share_one_file(tmp_path):
    context = multiprocessing.get_context("fork")
    barrier, answers = context.Barrier(4), context.Queue()
    parts = [context.Process(target=_open_and_count, args=(tmp_path / "x.shm", barrier, answers)) for _ in range(4)]
    for part in parts:
        part.start()
    seen = {answers.get(timeout=20) for _ in parts}
    for part in parts:
        part.join(20)
    assert len(seen) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x.shm"]


def test_names_fit_or_are_refused():
    assert name_text(name_bytes("trader", 8)) == "trader"
    for name in ("", "12345678"):
        with pytest.raises(ValueError, match="must have 1 to 7"):
            name_bytes(name, 8)
