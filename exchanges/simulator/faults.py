"""What is armed to go wrong on one simulated exchange: who is struck, when, how often, by which seeded draw.

The kinds of trouble are in `trouble/`; here is only what is armed, and its counting down.
"""

from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

from arbitrage.domain.units import PPM
from exchanges.simulator.trouble.fault import EVERYONE, SOMETHING, Fault, Place, Scope, Seen, strikes
from exchanges.simulator.trouble.orders import (
    AnswerLost,
    FilledAfterCancel,
    FillsDelayed,
    LiquidityGone,
    OrderLost,
    OrderRefused,
    PartLabelled,
    SelfTradeCancelled,
)

_Kind = TypeVar("_Kind", bound=Fault)


class Armed:
    """One fault lying in wait."""

    def __init__(self, number: int, fault: Fault, scope: Scope, rng: Random, now: int) -> None:
        self.number = number
        self.fault = fault
        self.scope = scope
        self.rng = rng
        self.hits = 0
        self.memory: dict[object, Any] = {}
        """What the acting code has to remember from strike to strike."""
        self._begins = now + scope.after_ns
        self._ends = self._begins + scope.lasts_ns if scope.lasts_ns else None
        wanted = scope.count
        if wanted is None:
            wanted = 0 if scope.lasts_ns else fault.usual_count
        self.left = wanted or None
        """Strikes left; None = no end."""

    def is_over(self, now: int) -> bool:
        """Return whether this can never strike again."""
        return self.left == 0 or (self._ends is not None and now >= self._ends)

    def is_live(self, now: int) -> bool:
        """Return whether this may strike at `now`."""
        return now >= self._begins and not self.is_over(now)

    def hits_now(self, seen: Seen, now: int) -> bool:
        """Return whether this strikes `seen`, and count it."""
        if not self.is_live(now) or not strikes(self.scope, seen) or not self.fault.concerns(seen):
            return False
        if self.scope.chance_ppm < PPM and self.rng.randrange(PPM) >= self.scope.chance_ppm:
            return False
        self.hits += 1
        if self.left is not None:
            self.left -= 1
        return True


class Faults:
    """The faults armed on one simulated exchange. `now` tells the time; `draws` gives a random stream by purpose."""

    def __init__(self, now: Callable[[], int], draws: Callable[[str], Random]) -> None:
        self._now = now
        self._draws = draws
        self._armed: dict[int, Armed] = {}
        self._live: list[Armed] = []
        """What is not over, as far as it is known."""
        self._places: frozenset[Place] = frozenset()
        """Where it lies in wait: most places are asked about all the time, and nothing waits there."""
        self._count = 0
        self.on_change: Callable[[], None] = lambda: None
        """Called when something was armed or disarmed."""

    def arm(self, fault: Fault, scope: Scope = EVERYONE) -> Armed:
        """Let a fault lie in wait from now on."""
        self._count += 1
        # Each arming draws from a stream of its own: one fault more disturbs no other's draws.
        rng = self._draws(f"{fault.fault_name()}/{self._count}")
        armed = self._armed[self._count] = Armed(self._count, fault, scope, rng, self._now())
        self._wait([*self._live, armed])
        self.on_change()
        return armed

    def disarm(self, number: int) -> bool:
        """Take a fault away. False when there is no such one."""
        found = self._armed.pop(number, None)
        if found is None:
            return False
        self._wait([one for one in self._live if one is not found])
        self.on_change()
        return True

    def clear(self) -> None:
        """Take everything away."""
        self._armed.clear()
        self._wait([])
        self.on_change()

    def armed(self) -> list[Armed]:
        """Return all that was armed and not taken away, also what is over, oldest first."""
        return list(self._armed.values())

    def is_armed(self, place: Place) -> bool:
        """Return whether anything lies in wait at `place` now, without counting."""
        if place not in self._places:
            return False
        now = self._now()
        return any(one.fault.place is place and one.is_live(now) for one in self._live)

    def may_strike(self, places: frozenset[Place]) -> bool:
        """Return whether anything may strike at these places."""
        return not self._places.isdisjoint(places)

    @property
    def has_live(self) -> bool:
        """Return whether anything may strike: asked before work is done to find out what it could strike."""
        return bool(self._live)

    def strike(self, places: frozenset[Place], seen: Seen) -> list[Armed]:
        """Return all that strikes `seen` at these places, oldest first, and count it."""
        if not self._live:
            return []
        now = self._now()
        found = [one for one in self._live if one.fault.place in places and one.hits_now(seen, now)]
        self._forget(now)
        return found

    def take(self, kind: type[_Kind], seen: Seen = SOMETHING) -> _Kind | None:
        """Return the oldest fault of one kind that strikes `seen`, and count it."""
        if not self._live:
            return None
        now = self._now()
        found = next((one for one in self._live if isinstance(one.fault, kind) and one.hits_now(seen, now)), None)
        self._forget(now)
        return None if found is None else found.fault  # type: ignore[return-value]

    def _forget(self, now: int) -> None:
        if any(one.is_over(now) for one in self._live):
            self._wait([one for one in self._live if not one.is_over(now)])

    def _wait(self, live: list[Armed]) -> None:
        self._live = live
        self._places = frozenset([one.fault.place for one in live])

    # The short words tests use for what they need most.

    def drop_reply_after_accept(self, count: int = 1) -> None:
        """Take the next `count` orders, then cut the connection instead of answering."""
        self._arm_count(AnswerLost(), count)

    def drop_before_accept(self, count: int = 1) -> None:
        """Cut the connection of the next `count` order requests without taking the order."""
        self._arm_count(OrderLost(), count)

    def refuse_next(self, status: int, name: str, count: int = 1) -> None:
        """Refuse the next `count` orders with this HTTP status and error name."""
        self._arm_count(OrderRefused(status=status, name=name), count)

    def delay_fills(self, delay_ns: int, count: int = 1) -> None:
        """Let the next `count` orders meet the book only after `delay_ns`."""
        self._arm_count(FillsDelayed(delay_ns=delay_ns), count)

    def cancel_before_fill(self, count: int = 1) -> None:
        """Find no liquidity for the next `count` orders that meet the book: whatever cannot rest is cancelled."""
        self._arm_count(LiquidityGone(), count)

    def takes_drop_after_accept(self, seen: Seen = SOMETHING) -> bool:
        """Return whether this answer is to be dropped, and count it."""
        return self.take(AnswerLost, seen) is not None

    def takes_drop_before_accept(self, seen: Seen = SOMETHING) -> bool:
        """Return whether this request is to be dropped, and count it."""
        return self.take(OrderLost, seen) is not None

    def takes_cancel_before_fill(self, seen: Seen = SOMETHING) -> bool:
        """Return whether this order finds nothing, and count it."""
        return self.take(LiquidityGone, seen) is not None

    def takes_refusal(self, seen: Seen = SOMETHING) -> OrderRefused | None:
        """Return the refusal meant for this order, if any."""
        return self.take(OrderRefused, seen)

    def takes_delay(self, seen: Seen = SOMETHING) -> int | None:
        """Return the delay meant for this order's fills, if any."""
        found = self.take(FillsDelayed, seen)
        return None if found is None else found.delay_ns

    def takes_part_label(self, seen: Seen = SOMETHING) -> str | None:
        """Return the state that this partly filled IOC order ends in, if it is not the exchange's own."""
        found = self.take(PartLabelled, seen)
        return None if found is None else found.state

    def takes_self_trade(self, seen: Seen = SOMETHING) -> bool:
        """Return whether this order is cancelled by self-trade prevention, and count it."""
        return self.take(SelfTradeCancelled, seen) is not None

    def takes_fill_after_cancel(self, seen: Seen = SOMETHING) -> int | None:
        """Return how long after its cancel this order fills instead, if it does."""
        found = self.take(FilledAfterCancel, seen)
        return None if found is None else found.after_ns

    def _arm_count(self, fault: Fault, count: int) -> None:
        if count > 0:
            self.arm(fault, Scope(count=count))
