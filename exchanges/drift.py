"""Answers that no longer have the shape we know: counted by kind, a bounded few kept for the analyst (R1.1)."""

from collections import Counter, deque

import msgspec

from exchanges.transport import redacted

KEPT = 50
_KINDS = 200


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

    def note(self, where: str, finding: str, data: bytes, wall_ns: int) -> None:
        """Keep one finding. `data` is cut and redacted before it is kept."""
        finding = redacted(finding)
        key = (where, finding) if len(self.counts) < _KINDS or (where, finding) in self.counts else (where, "other")
        self.counts[key] += 1
        sample = redacted(data[:1000].decode("utf-8", "replace"))
        self.samples.append(DriftSample(where, finding, sample, wall_ns))
