"""Times as both exchanges write them: Korea Standard Time, and UTC where they use it."""

from datetime import UTC, datetime, timedelta, timezone

SECOND = 1_000_000_000
_KST = timezone(timedelta(hours=9))
KST_OFFSET_NS = 9 * 3600 * SECOND


def kst_text(at_ns: int) -> str:
    """Return `2026-11-22T10:00:00+09:00`: second resolution."""
    return datetime.fromtimestamp(at_ns // SECOND, _KST).isoformat()


def utc_parts(at_ns: int) -> tuple[str, str]:
    """Return `yyyyMMdd` and `HHmmss` in UTC."""
    moment = datetime.fromtimestamp(at_ns // SECOND, UTC)
    return moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")


def kst_parts(at_ns: int) -> tuple[str, str]:
    """Return `yyyyMMdd` and `HHmmss` in KST."""
    return utc_parts(at_ns + KST_OFFSET_NS)


def parse_time(text: str) -> int:
    """Return ns of ISO-8601 text or 13-digit milliseconds; ValueError for anything else."""
    if text.isascii() and text.isdigit() and len(text) == 13:
        return int(text) * 1_000_000
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_KST)
    return int(moment.timestamp()) * SECOND
