"""Latency histograms per stage in shared memory: log-linear buckets, at most 3.2 % off (R2.1).

One writer per file; a reader merges the files of all processes. Histograms only grow; the figures of one run
are the difference of two readings.
"""

import mmap
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from fast_path.layout import BUCKETS, HEADER_BYTES, MAGIC_LATENCY, SUB, SUB_BITS, TOP_BITS, WORD
from fast_path.shm import open_or_create, open_shared

_PREFIX = "latency."
_SUFFIX = ".shm"


class Stage(StrEnum):
    """What was timed. The order is part of the layout: new stages need a new layout version."""

    FRAME_TO_BOOK = "frame_to_book"
    BOOK_TO_DECISION = "book_to_decision"
    DECISION_TO_WIRE = "decision_to_wire"
    WIRE_TO_ANSWER = "wire_to_answer"
    WIRE_TO_FILL = "wire_to_fill"
    FRAME_TO_WIRE = "frame_to_wire"
    """From the newer frame to both orders sent."""
    EXCHANGE_TO_FRAME = "exchange_to_frame"
    """Their clock to ours: for the report only."""
    JOURNAL_APPEND = "journal_append"


_START = HEADER_BYTES // WORD
_STARTS = {stage: _START + index * BUCKETS for index, stage in enumerate(Stage)}
_BYTES = HEADER_BYTES + len(Stage) * BUCKETS * WORD


def bucket_of(ns: int) -> int:
    """Return the bucket of a duration; below 0 counts as 0, from 2^42 ns on all share the last."""
    if ns < SUB:
        return max(ns, 0)
    bits = ns.bit_length()
    if bits > TOP_BITS:
        return BUCKETS - 1
    shift = bits - SUB_BITS - 1
    return (shift << SUB_BITS) + (ns >> shift)


def bucket_middle(bucket: int) -> int:
    """Return the duration a bucket stands for, in ns."""
    if bucket < 2 * SUB:
        return bucket
    shift = (bucket >> SUB_BITS) - 1
    low = (bucket - (shift << SUB_BITS)) << shift
    return low + (1 << shift) // 2


class Histogram:
    """Counts per bucket, never changed once made."""

    __slots__ = ("_counts", "count")

    def __init__(self, counts: Sequence[int]) -> None:
        self._counts = tuple(counts)
        self.count = sum(self._counts)

    def quantile_ns(self, q: float) -> int | None:
        """Return the duration below or at which the part `q` (0 to 1) of all lies; None when empty."""
        if not self.count:
            return None
        rank = min(max(int(q * self.count + 0.999999), 1), self.count)
        seen = 0
        for bucket, number in enumerate(self._counts):
            seen += number
            if seen >= rank:
                return bucket_middle(bucket)
        raise AssertionError("unreachable: the counts sum up to `count`")

    def __sub__(self, before: "Histogram") -> "Histogram":
        """Return what was added since `before`; a file made anew in between counts as it is."""
        pairs = zip(self._counts, before._counts, strict=True)
        return Histogram([max(after - earlier, 0) for after, earlier in pairs])

    def __add__(self, other: "Histogram") -> "Histogram":
        return Histogram([a + b for a, b in zip(self._counts, other._counts, strict=True)])


EMPTY = Histogram((0,) * BUCKETS)


class Latency:
    """The histograms one process writes."""

    def __init__(self, directory: Path, process: str) -> None:
        self._file = open_or_create(directory / f"{_PREFIX}{process}{_SUFFIX}", MAGIC_LATENCY, _BYTES)
        self._words = self._file.words

    def record(self, stage: Stage, ns: int) -> None:
        """Count one duration."""
        self._words[_STARTS[stage] + bucket_of(ns)] += 1

    def histogram(self, stage: Stage) -> Histogram:
        """Return what this file counted of one stage."""
        start = _STARTS[stage]
        return Histogram(self._words[start : start + BUCKETS].tolist())

    def close(self) -> None:
        """Unmap the file; the counts stay."""
        self._file.close()


def read_latency(directory: Path) -> dict[Stage, Histogram]:
    """Return every stage's histogram, merged over processes; stages never timed are empty."""
    merged = dict.fromkeys(Stage, EMPTY)
    for path in sorted(directory.glob(f"{_PREFIX}*{_SUFFIX}")):
        file = open_shared(path, MAGIC_LATENCY, _BYTES, access=mmap.ACCESS_READ)
        if file is None:
            continue
        for stage, start in _STARTS.items():
            merged[stage] += Histogram(file.words[start : start + BUCKETS].tolist())
        file.close()
    return merged
