"""What happens when, inside the simulator: one heap of due times, driven from outside.

The driver says what time it is; nothing here knows a clock. Under virtual time the driver steps
from `next_due` to `next_due` and every run is the same.
"""

import heapq
from collections.abc import Callable

LATE_NS = 500_000_000
"""What is later than this (a stopped process) happens now, so that no flood of old frames follows."""


class Agenda:
    """Due actions in order of time, then of entry."""

    def __init__(self, now: int) -> None:
        self.now = now
        self._heap: list[tuple[int, int, Callable[[int], None]]] = []
        self._count = 0

    def at(self, due_ns: int, run: Callable[[int], None]) -> None:
        """Call `run(time)` once `due_ns` has come."""
        self._count += 1
        heapq.heappush(self._heap, (due_ns, self._count, run))

    def next_due(self) -> int | None:
        """Return the next due time, or None when nothing is planned."""
        return self._heap[0][0] if self._heap else None

    def advance(self, now: int) -> int:
        """Run all that is due at `now`, each at its own time. Time never runs back: return the time that holds."""
        end, heap = now if now > self.now else self.now, self._heap
        while heap and heap[0][0] <= end:
            due, _, run = heapq.heappop(heap)
            at = due if end - due <= LATE_NS else end
            if at > self.now:
                self.now = at
            run(at)
        if end > self.now:
            self.now = end
        return self.now
