"""The journal's clock, in ns since 1970, as Django's datetimes."""

from datetime import UTC, datetime, timedelta

from arbitrage.domain.params import SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(wall_ns: int) -> datetime:
    """Return the aware datetime of a wall clock in ns, cut down to microseconds."""
    seconds, rest = divmod(wall_ns, SECOND)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1_000)


def wall_ns(at: datetime) -> int:
    """Return an aware datetime as ns since 1970; exact to the microsecond."""
    return (at - _EPOCH) // timedelta(microseconds=1) * 1_000
