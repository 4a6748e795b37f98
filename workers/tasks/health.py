"""Whether the desk's own parts are well (R2.2, R4.1): old heartbeats, memory, disk, a recorder left behind.

Safe to run twice: an alert that stands is counted up, one whose cause is gone is closed.
"""

import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from celery import shared_task
from django.conf import settings

from arbitrage.domain.units import EXCHANGES
from arbitrage.models_incidents import Severity
from arbitrage.services import alerts
from fast_path.control import Beat, ControlBlock
from fast_path.counters import read_counters
from karb_project.env import Env
from workers.sight import bytes_not_booked

SILENT_AFTER_NS = 60_000_000_000
MEMORY_USED_PERCENT = 80
PROCESS_BYTES = 800 * 1024 * 1024
DISCONNECTS_AN_HOUR = 5
DISK_FREE_BYTES = 500 * 1024 * 1024
JOURNAL_BEHIND_BYTES = 4 * 1024 * 1024


@shared_task(name="workers.tasks.health.check_health", ignore_result=True)
def check_health() -> list[str]:
    """Look at every part once; return what is not well."""
    env = settings.KARB_ENV
    control = ControlBlock(env.shm_dir, env.markets, env.latch_path)
    try:
        beats = control.heartbeats()
    finally:
        control.close()
    texts = []
    for kind, subject, text in findings(env, beats, time.monotonic_ns()):
        if text:
            alerts.raise_alert(kind, text, subject=subject, severity=Severity.HIGH, risk_id=_RISK_OF[kind])
            texts.append(text)
        else:
            alerts.close_alerts_of(kind, subject)
    return texts


_RISK_OF = {
    "process_silent": "R4.1",
    "memory_high": "R2.2",
    "disk_low": "R4.1",
    "recorder_behind": "R4.1",
    "stream_unsteady": "R1.2",
    "stream_degraded": "R1.2",
}


def findings(env: Env, beats: dict[str, Beat], now_mono_ns: int) -> Iterable[tuple[str, str, str]]:
    """Yield (kind, subject, text) of everything looked at; an empty text means that it is well."""
    for name, beat in sorted(beats.items()):
        silent_ns = now_mono_ns - beat.mono_ns
        is_silent = silent_ns > SILENT_AFTER_NS
        yield "process_silent", name, f"{name} gave no sign of life for {silent_ns // 10**9} s" if is_silent else ""
        resident = resident_bytes(beat.pid)
        is_big = not is_silent and resident > PROCESS_BYTES
        yield "memory_high", name, f"{name} holds {resident >> 20} MB" if is_big else ""
    used = memory_used_percent(Path("/proc/meminfo"))
    yield "memory_high", "machine", f"{used} % of memory is used" if used > MEMORY_USED_PERCENT else ""
    free = shutil.disk_usage(env.var_dir).free
    yield "disk_low", str(env.var_dir), f"{free >> 20} MB free" if free < DISK_FREE_BYTES else ""
    yield from _streams(read_counters(env.shm_dir))
    behind = bytes_not_booked(env)
    yield "recorder_behind", "recorder", f"{behind} bytes not booked" if behind > JOURNAL_BEHIND_BYTES else ""


def _streams(counters: dict[str, dict[str, int]]) -> Iterable[tuple[str, str, str]]:
    for exchange in EXCHANGES:
        name = f"feed.{exchange}"
        counted = counters.get(name, {})
        lost, down = counted.get("feed.disconnects_last_hour", 0), counted.get("feed.degraded", 0)
        reconnects, attempts = counted.get("reconnects", 0), counted.get("feed.attempts", 0)
        text = f"{name} lost its stream {lost} times within an hour; {reconnects} of {attempts} attempts came back"
        yield "stream_unsteady", name, text if lost > DISCONNECTS_AN_HOUR else ""
        yield "stream_degraded", name, f"{name} cannot get its stream back and polls REST" if down else ""


def memory_used_percent(meminfo: Path) -> int:
    """Return how much of the machine's memory is not available, in percent; 0 where that cannot be read."""
    try:
        rows = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        total, free = (int(rows[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    except (OSError, KeyError, ValueError):
        return 0
    return 100 - 100 * free // total


def resident_bytes(pid: int) -> int:
    """Return a process's resident memory; 0 when it is gone."""
    try:
        rows = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    sizes = [int(row.split()[1]) * 1024 for row in rows if row.startswith("VmRSS:")]
    return sizes[0] if sizes else 0
