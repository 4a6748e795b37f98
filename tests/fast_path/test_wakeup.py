import select
import time

from fast_path.wakeup import WakeupReceiver, WakeupSender


def _is_ready(receiver):
    poll = select.poll()
    poll.register(receiver, select.POLLIN)
    return bool(poll.poll(0))


def test_receiver_learns_what_changed_once(tmp_path):
    sender, receiver = WakeupSender(tmp_path / "w.sock"), WakeupReceiver(tmp_path / "w.sock")
    assert not _is_ready(receiver)
    sender.notify(0, 2)
    sender.notify(0, 2)
    sender.notify(1, 0)
    assert _is_ready(receiver)
    assert receiver.drain() == {(0, 2), (1, 0)}
    assert not _is_ready(receiver)
    assert receiver.drain() == set()


def test_a_full_queue_loses_no_market_and_never_blocks(tmp_path):
    sender, receiver = WakeupSender(tmp_path / "w.sock"), WakeupReceiver(tmp_path / "w.sock")
    begin = time.monotonic()
    for turn in range(20):
        for market in range(256):
            sender.notify(turn % 2, market)
    assert time.monotonic() - begin < 20
    assert receiver.drain() == {(exchange, market) for exchange in (0, 1) for market in range(256)}
    assert receiver.drain() == set()


def test_nobody_listening_is_fine_and_a_new_receiver_begins_at_now(tmp_path):
    sender = WakeupSender(tmp_path / "w.sock")
    sender.notify(0, 1)
    receiver = WakeupReceiver(tmp_path / "w.sock")
    assert receiver.drain() == set()
    sender.notify(0, 0)
    assert receiver.drain() == {(0, 0)}


def test_a_restarted_receiver_is_found_by_the_same_sender(tmp_path):
    sender, first = WakeupSender(tmp_path / "w.sock"), WakeupReceiver(tmp_path / "w.sock")
    sender.notify(0, 0)
    first.close()
    sender.notify(0, 0)
    second = WakeupReceiver(tmp_path / "w.sock")
    sender.notify(0, 1)
    assert _is_ready(second)
    assert second.drain() == {(0, 1)}


def test_a_receiver_that_lost_its_name_leaves_the_new_one_alone(tmp_path):
    first = WakeupReceiver(tmp_path / "w.sock")
    second = WakeupReceiver(tmp_path / "w.sock")
    first.close()
    assert (tmp_path / "w.sock").exists()
    WakeupSender(tmp_path / "w.sock").notify(1, 3)
    assert _is_ready(second)
    second.close()
    assert not (tmp_path / "w.sock").exists()


def test_a_restarted_sender_goes_on_counting(tmp_path):
    first, receiver = WakeupSender(tmp_path / "w.sock"), WakeupReceiver(tmp_path / "w.sock")
    first.notify(0, 0)
    receiver.drain()
    first.close()
    WakeupSender(tmp_path / "w.sock").notify(0, 0)
    assert receiver.drain() == {(0, 0)}


def test_a_path_longer_than_a_socket_name_works(tmp_path):
    path = tmp_path / ("d" * 100) / "wakeup.sock"
    sender, receiver = WakeupSender(path), WakeupReceiver(path)
    sender.notify(1, 1)
    assert _is_ready(receiver)
    assert receiver.drain() == {(1, 1)}
