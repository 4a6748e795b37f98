"""The right to send, lent by a standby to the one trader that may: never two senders, whatever the network does.

The holder counts from the moment its request left, by its own clock; the lender counts from the moment it granted,
by its own. A grant happens after its request left, so the holder's time always ends first; the margin covers clocks
that run unlike and a process that is slow between its last look and its bytes.
"""

import msgspec

from arbitrage.domain.errors import InvariantError
from arbitrage.domain.units import Ns

KEPT = 64
"""Requests under way that are remembered; older ones are answered in vain."""


def margin_ns(lease_ns: int) -> Ns:
    """Return how much longer than a lease the lender waits before it takes the right itself: half of it."""
    return Ns(lease_ns // 2)


class Granted(msgspec.Struct, frozen=True):
    """The request of this number is granted."""

    number: int


class Denied(msgspec.Struct, frozen=True):
    """Nothing is lent any more: the standby trades itself, in this epoch."""

    epoch: int


class Holder:
    """The trader's side. Times are its own monotonic clock's."""

    def __init__(self, lease_ns: int) -> None:
        self.denied_epoch = 0
        """The epoch of the standby that took over; 0 = none that we know of."""
        self._lease_ns = lease_ns
        self._number = 0
        self._left: dict[int, Ns] = {}
        self._until = Ns(0)

    def ask(self, now: Ns) -> int:
        """Return the number of a request that leaves now."""
        self._number += 1
        self._left[self._number] = now
        if len(self._left) > KEPT:
            del self._left[min(self._left)]
        return self._number

    def answered(self, answer: Granted | Denied) -> None:
        """Take an answer. A grant of a request that is not known (another session's) lends nothing."""
        match answer:
            case Granted(number):
                left = self._left.get(number)
                if left is not None and not self.denied_epoch:
                    self._until = Ns(max(self._until, left + self._lease_ns))
                    self._left = {one: at for one, at in self._left.items() if one > number}
            case Denied(epoch):
                self.denied_epoch, self._until = max(epoch, 1), Ns(0)

    def forget(self) -> None:
        """Forget what was asked: the connection it went through is gone. What was granted stays granted."""
        self._left.clear()

    def is_held(self, now: Ns) -> bool:
        """Return whether the holder may send at `now`."""
        return now < self._until


class Lender:
    """The standby's side. `epoch` is the newest it knows; times are its own monotonic clock's."""

    def __init__(self, lease_ns: int, epoch: int, *, has_taken: bool = False) -> None:
        self.epoch = epoch
        self.has_taken = has_taken
        """Whether this standby trades itself."""
        self._lease_ns = lease_ns
        self._last_ns: Ns | None = None
        self._is_parted = True
        """Whether the trader took its leave, or never asked: then its journal may not be the one we have."""

    def ask(self, number: int, now: Ns) -> Granted | Denied:
        """Answer a request. The grant counts from now: the answer must leave after this, never before."""
        if self.has_taken:
            return Denied(self.epoch)
        self._is_parted = False
        self._last_ns = now
        return Granted(number)

    def part(self) -> None:
        """Note that the trader was stopped as planned: nobody takes over from one who left in peace."""
        self._is_parted = True

    def slept(self, now: Ns) -> None:
        """Begin to wait anew: who did not listen cannot say that nobody asked."""
        if self._last_ns is not None:
            self._last_ns = max(self._last_ns, now)

    def may_take(self, now: Ns) -> bool:
        """Return whether every lease lent has surely ended, and the trader did not take its leave."""
        if self.has_taken or self._is_parted or self._last_ns is None:
            return False
        return now - self._last_ns > self._lease_ns + margin_ns(self._lease_ns)

    def take(self, now: Ns) -> int:
        """Take the right to send, for good, and return the new epoch. InvariantError when it may not be taken."""
        if not self.may_take(now):
            raise InvariantError("a lease may still be held")
        self.has_taken = True
        self.epoch += 1
        return self.epoch
