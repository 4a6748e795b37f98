"""Heartbeats of a trader to a watchdog on another machine: signed, numbered, and never taken twice.

One datagram is an HMAC-SHA256 of the shared secret and the words it covers. The watchdog hands out a random mark;
only heartbeats that bear the newest mark count, each number once. What was said before the mark was handed out, or
is said again, counts for nothing, whatever any clock shows. Pure: bytes in, bytes out.
"""

import hashlib
import hmac
import secrets

import msgspec

from arbitrage.domain.deadman import Sign

MARK_BYTES = 16
MAC_BYTES = 32
MOST_BYTES = 512


class Call(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """The trader asks for a mark."""

    life: int


class Mark(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """The watchdog's mark for the trader that called, and whether it has tripped."""

    life: int
    mark: bytes
    has_tripped: bool


class Heartbeat(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """The trader lives: which process it is, its fence, and how far it has got."""

    mark: bytes
    number: int
    life: int
    fence: int
    rounds: int
    is_working: bool
    says_goodbye: bool


Words = Call | Mark | Heartbeat
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Words)


def sealed(secret: str, words: Words) -> bytes:
    """Return the datagram."""
    data = _ENCODER.encode(words)
    return hmac.digest(secret.encode(), b"karb-beat" + data, hashlib.sha256) + data


def unsealed(secret: str, datagram: bytes) -> Words | None:
    """Return its words, None when it does not bear the secret's seal or cannot be read."""
    if not MAC_BYTES < len(datagram) <= MOST_BYTES:
        return None
    mac, data = datagram[:MAC_BYTES], datagram[MAC_BYTES:]
    if not hmac.compare_digest(mac, hmac.digest(secret.encode(), b"karb-beat" + data, hashlib.sha256)):
        return None
    try:
        words: Words = _DECODER.decode(data)
    except msgspec.MsgspecError:
        return None
    return words


class Sender:
    """The trader's side."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._life = secrets.randbits(62)
        self._mark = b""
        self._number = 0
        self.has_tripped = False
        """Whether the watchdog said that it tripped."""

    def next(self, *, fence: int, rounds: int, is_working: bool, says_goodbye: bool = False) -> bytes:
        """Return what to send now: a call as long as there is no mark, then heartbeats."""
        if not self._mark:
            return sealed(self._secret, Call(self._life))
        self._number += 1
        beat = Heartbeat(self._mark, self._number, self._life, fence, rounds, is_working, says_goodbye)
        return sealed(self._secret, beat)

    def hear(self, datagram: bytes) -> None:
        """Take a mark that is meant for this process; anything else is dropped."""
        words = unsealed(self._secret, datagram)
        if isinstance(words, Mark) and words.life == self._life and len(words.mark) == MARK_BYTES:
            self.has_tripped = words.has_tripped
            if words.mark != self._mark:
                self._mark, self._number = words.mark, 0


class Listener:
    """The watchdog's side. `sign` is what it shows of the trader; None = none was heard yet."""

    def __init__(self, secret: str) -> None:
        self.sign: Sign | None = None
        self.fence = 0
        self.refused = 0
        """Datagrams that counted for nothing: without seal, of another mark, said again."""
        self._secret = secret
        self._mark = b""
        self._next_mark = secrets.token_bytes(MARK_BYTES)
        self._number = 0

    def hear(self, datagram: bytes, *, has_tripped: bool, is_silent: bool) -> bytes | None:
        """Take one datagram and return the answer to send back, None for none.

        An older trader's heartbeats do not count while a younger one is heard (`is_silent` False).
        """
        match unsealed(self._secret, datagram):
            case Call(life):
                return self._handed_out(life, has_tripped)
            case Heartbeat() as beat if self._counts(beat, is_silent):
                self.fence = beat.fence
                self.sign = Sign(beat.life, beat.number, beat.rounds, beat.is_working, beat.says_goodbye)
                return sealed(self._secret, Mark(beat.life, self._mark, has_tripped))
            case Heartbeat(life=life):
                self.refused += 1
                return self._handed_out(life, has_tripped)
            case _:
                self.refused += 1
                return None

    def _handed_out(self, life: int, has_tripped: bool) -> bytes:
        return sealed(self._secret, Mark(life, self._next_mark, has_tripped))

    def _counts(self, beat: Heartbeat, is_silent: bool) -> bool:
        if hmac.compare_digest(beat.mark, self._mark) and self._mark:
            if beat.number <= self._number:
                return False
        elif hmac.compare_digest(beat.mark, self._next_mark) and (beat.fence >= self.fence or is_silent):
            # Its mark is in use from here on, and whatever was said under the one before is over.
            self._mark, self._next_mark = self._next_mark, secrets.token_bytes(MARK_BYTES)
        else:
            return False
        self._number = beat.number
        return True
