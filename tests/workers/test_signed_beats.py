"""Heartbeats between machines: what counts, what is replayed, forged, of another secret, or of an older trader."""

import msgspec

from workers.signed_beats import MAC_BYTES, Call, Heartbeat, Listener, Mark, Sender, sealed, unsealed

SECRET = "what-both-machines-know-0123456789-0123456789"


def beat(sender: Sender, rounds: int, *, fence: int = 1, says_goodbye: bool = False) -> bytes:
    return sender.next(fence=fence, rounds=rounds, is_working=True, says_goodbye=says_goodbye)


def heard(listener: Listener, data: bytes, *, has_tripped: bool = False, is_silent: bool = False) -> bytes | None:
    return listener.hear(data, has_tripped=has_tripped, is_silent=is_silent)


def joined(listener: Listener) -> Sender:
    """Return a sender whose first heartbeat was taken."""
    sender = Sender(SECRET)
    answer = heard(listener, beat(sender, 0))
    assert answer is not None
    sender.hear(answer)
    assert heard(listener, beat(sender, 0)) is not None
    return sender


def test_heartbeats_count_once_the_mark_is_known() -> None:
    listener, sender = Listener(SECRET), Sender(SECRET)
    first = heard(listener, beat(sender, 5))
    assert (listener.sign, unsealed(SECRET, beat(sender, 5))) == (None, Call(sender._life))
    assert first is not None
    sender.hear(first)
    heard(listener, beat(sender, 6, fence=9))
    assert listener.sign is not None
    assert (listener.sign.beat, listener.sign.rounds, listener.fence) == (1, 6, 9)
    heard(listener, beat(sender, 7, says_goodbye=True))
    assert (listener.sign.beat, listener.sign.rounds, listener.sign.said_goodbye) == (2, 7, True)


def test_heartbeat_said_again_or_late_changes_nothing() -> None:
    listener = Listener(SECRET)
    sender = joined(listener)
    old, new = beat(sender, 10), beat(sender, 11)
    heard(listener, new)
    shown = listener.sign
    for data in (old, new, old):
        heard(listener, data)
    assert (listener.sign, listener.refused) == (shown, 3)


def test_whole_conversation_of_an_earlier_watchdog_played_again_is_no_life() -> None:
    earlier = Listener(SECRET)
    sender = Sender(SECRET)
    played = [beat(sender, 0)]
    answer = heard(earlier, played[0])
    assert answer is not None
    sender.hear(answer)
    played += [beat(sender, rounds) for rounds in range(1, 50)]
    for data in played[1:]:
        heard(earlier, data)
    again = Listener(SECRET)
    for data in played:
        heard(again, data)
    assert again.sign is None
    # Nor at the watchdog that heard it, once another trader has come.
    joined(earlier)
    shown = earlier.sign
    for data in played:
        heard(earlier, data)
    assert earlier.sign == shown


def test_other_secret_other_bytes_and_garbage_are_dropped_without_an_answer() -> None:
    listener = Listener(SECRET)
    sender = joined(listener)
    good = beat(sender, 3)
    bent = bytes([good[0] ^ 1]) + good[1:]
    stranger = Sender("another-secret-of-the-same-length-0123456789")
    words = msgspec.msgpack.encode(Heartbeat(b"", 99, 1, 1, 99, True, False))
    shown = listener.sign
    for data in (bent, good[:-1], b"", b"x" * MAC_BYTES, b"x" * 600, beat(stranger, 9), b"\0" * MAC_BYTES + words):
        assert heard(listener, data) is None
    assert (listener.sign, listener.refused) == (shown, 7)
    before = stranger.has_tripped
    stranger.hear(sealed(SECRET, Mark(stranger._life, b"m" * 16, True)))
    assert stranger.has_tripped is before


def test_trader_that_starts_anew_takes_the_place_of_the_one_before() -> None:
    listener = Listener(SECRET)
    first = joined(listener)
    heard(listener, beat(first, 1, fence=1))
    second = joined(listener)
    heard(listener, beat(second, 1, fence=2))
    assert listener.sign is not None
    shown = listener.sign
    # The older one asks for a mark and gets one; as long as the younger is heard it does not count.
    answer = heard(listener, beat(first, 2, fence=1))
    assert answer is not None
    first.hear(answer)
    heard(listener, beat(first, 3, fence=1))
    assert listener.sign == shown
    heard(listener, beat(first, 4, fence=1), is_silent=True)
    assert listener.sign != shown


def test_watchdog_that_was_restarted_is_heard_again_and_says_that_it_tripped() -> None:
    sender = joined(Listener(SECRET))
    anew = Listener(SECRET)
    answer = heard(anew, beat(sender, 7), has_tripped=True)
    assert (anew.sign, answer is not None) == (None, True)
    assert answer is not None
    sender.hear(answer)
    assert sender.has_tripped
    heard(anew, beat(sender, 8))
    assert anew.sign is not None
