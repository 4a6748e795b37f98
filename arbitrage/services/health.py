"""What the bridge reads in shared memory, into rows: heartbeats, counters, latency, the desk's level."""

from collections.abc import Mapping
from datetime import date

import msgspec
from django.db import transaction
from django.utils import timezone

from arbitrage.domain.controls import TradingLevel
from arbitrage.models_desk import Counter, DailyCount, DeskView, Heartbeat, StageLatency
from arbitrage.services import controls
from arbitrage.wall_time import moment

DESK = 1


class BeatSeen(msgspec.Struct, frozen=True):
    """One process's last sign of life. `detail`: plain values the process adds, such as fresh books."""

    pid: int
    wall_ns: int
    detail: dict[str, int | str] = {}
    wire_epoch: int = 0


class LatencySeen(msgspec.Struct, frozen=True):
    """Quantiles of one stage, in ns."""

    count: int
    p50_ns: int
    p90_ns: int
    p99_ns: int


def keep(beats: Mapping[str, BeatSeen]) -> None:
    """Keep the heartbeats, one row a process."""
    rows = [
        Heartbeat(
            process=name,
            pid=beat.pid,
            beat_at=moment(beat.wall_ns),
            detail=beat.detail,
            wire_epoch=beat.wire_epoch,
        )
        for name, beat in beats.items()
    ]
    Heartbeat.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["process"], update_fields=["pid", "beat_at", "detail", "wire_epoch"]
    )


def keep_latency(stages: Mapping[str, LatencySeen]) -> None:
    """Keep the quantiles of the stages that were timed at all."""
    now = timezone.now()
    rows = [
        StageLatency(stage=name, count=seen.count, p50_ns=seen.p50_ns, p90_ns=seen.p90_ns, p99_ns=seen.p99_ns, at=now)
        for name, seen in stages.items()
        if seen.count
    ]
    StageLatency.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["stage"],
        update_fields=["count", "p50_ns", "p90_ns", "p99_ns", "at"],
    )


def keep_counters(processes: Mapping[str, Mapping[str, int]]) -> None:
    """Keep the counters' values, and by how much each rose today (KST).

    A value below the last one means that shared memory was made anew: all of it is today's.
    """
    now = timezone.now()
    today = timezone.localdate(now)
    with transaction.atomic():
        before = {(row.process, row.name): row.value for row in Counter.objects.all()}
        rows, rises = [], {}
        for process, values in processes.items():
            for name, value in values.items():
                last = before.get((process, name), 0)
                if value == last:
                    continue
                rows.append(Counter(process=process, name=name, value=value, at=now))
                rises[process, name] = value - last if value > last else max(value, 0)
        Counter.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["process", "name"], update_fields=["value", "at"]
        )
        _add_rises(today, rises)


def keep_desk(level: TradingLevel, reason: str, by: str, applied_epoch: int) -> None:
    """Keep what the control block really says: the level obeyed, why, and the epoch the trader uses.

    A level lower than anyone asked for here is noted, and told.
    """
    controls.note_observed(level, reason, by)
    DeskView.objects.update_or_create(
        pk=DESK,
        defaults={
            "level": level.value,
            "reason": reason[:500],
            "by": by[:150],
            "applied_epoch": applied_epoch,
            "at": timezone.now(),
        },
    )


def _add_rises(day: date, rises: Mapping[tuple[str, str], int]) -> None:
    known = {(row.process, row.name): row for row in DailyCount.objects.filter(day=day)}
    rows = []
    for (process, name), rise in rises.items():
        row = known.get((process, name)) or DailyCount(day=day, process=process, name=name)
        row.value += rise
        rows.append(row)
    DailyCount.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["day", "process", "name"], update_fields=["value"]
    )
