"""The journal's clock, in ns since 1970, as Django's datetimes."""

from datetime import UTC, datetime

from arbitrage.domain.params import SECOND


def moment(wall_ns: int) -> datetime:
    """Return the aware datetime of a wall clock in ns, cut down to microseconds."""
    seconds, rest = divmod(wall_ns, SECOND)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1_000)
