"""Answers that no longer have the shape we know: counted by kind, a bounded few kept for the analyst (R1.1)."""

import re
from collections import Counter, deque
from contextvars import ContextVar

import msgspec

from arbitrage.domain.drift import Drift, DriftSeen
from arbitrage.domain.units import Exchange, Ns
from exchanges.transport import redacted

KEPT = 50
_KINDS = 200
_OTHER = "other"
_QUOTED = re.compile(r"\s*:?\s*b'(?:[^'\\]|\\.)*'?|\s*:?\s*b\"(?:[^\"\\]|\\.)*\"?|\s*\(byte \d+\)")
"""Parts of a finding that differ from one answer to the next: what was quoted of it, and where."""


IS_COMPARING: ContextVar[bool] = ContextVar("IS_COMPARING", default=False)
"""Set in tasks that only hold two generations against each other: nobody trades on what they could not read."""


class DriftSample(msgspec.Struct, frozen=True):
    """One unexpected answer: where it came from, what was wrong, how it began (redacted)."""

    where: str
    finding: str
    sample: str
    wall_ns: int


class DriftLog:
    """Counts per (where, finding) and the newest samples; neither grows without bound."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.samples: deque[DriftSample] = deque(maxlen=KEPT)
        self._noted = 0
        self._newest: dict[tuple[str, str], tuple[Drift, int, int, str]] = {}

    def note(self, where: str, finding: str, data: bytes, wall_ns: int, *, kind: Drift = Drift.UNREADABLE) -> None:
        """Keep one finding. `data` is cut and redacted before it is kept.

        What a mere comparison could not read is kept as a difference, which stops nothing.
        """
        if IS_COMPARING.get() and kind is not Drift.DIFFERENT:
            where, kind = f"compare_{where}", Drift.DIFFERENT
        finding = redacted(_QUOTED.sub("", finding))
        key = (where, finding)
        if key not in self.counts and len(self.counts) >= _KINDS:
            key = (where, _OTHER)
        self.counts[key] += 1
        self._noted += 1
        sample = redacted(data[:1000].decode("utf-8", "replace"))
        self.samples.append(DriftSample(where, key[1], sample, wall_ns))
        first_ns = self._newest[key][1] if key in self._newest else wall_ns
        self._newest[key] = (kind, first_ns, wall_ns, sample)

    def seen(self, exchange: Exchange) -> tuple[DriftSeen, ...]:
        """Return one row per (where, finding), as of `exchange`."""
        return tuple(
            DriftSeen(exchange, where, finding, kind, self.counts[where, finding], Ns(first_ns), Ns(last_ns), sample)
            for (where, finding), (kind, first_ns, last_ns, sample) in self._newest.items()
        )

    def total(self) -> int:
        """Return how many findings were noted: it moves when there is something new to tell."""
        return self._noted
