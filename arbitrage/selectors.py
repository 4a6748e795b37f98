"""Every read that the admin, the reports, the jobs and the bridge need. Nothing here writes.

Money is added in Python with all its digits: the database must not sum exact columns (fields.py).
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import msgspec
from django.db.models import QuerySet, Sum
from django.utils import timezone

from arbitrage.domain.arb import ArbOn, ArbState
from arbitrage.domain.ledger import AccountKind
from arbitrage.domain.reconciliation import BalanceFigure
from arbitrage.domain.strategy_health import ArbRow
from arbitrage.domain.units import Exchange, Ns, exact_sum
from arbitrage.models_desk import Counter, DailyCount, DeskView, Heartbeat, StageLatency
from arbitrage.models_incidents import Alert
from arbitrage.models_ledger import Account
from arbitrage.models_params import ParamEpoch
from arbitrage.models_trading import Arb
from arbitrage.models_wire import WireEpoch


class HourPnl(msgspec.Struct, frozen=True):
    """What the arbs closed in one hour (KST) earned, in KRW."""

    hour: int
    pnl_krw: Decimal
    arbs: int


class DayFigures(msgspec.Struct, frozen=True):
    """Closed arbs of a period, in KRW. `hours` has one row per hour of the day, KST."""

    arbs: int
    wins: int
    empty: int
    """Closed without any fill."""
    lone_legs: int
    lone_leg_notional_krw: Decimal
    stuck: int
    hedges: int
    notional_krw: Decimal
    fees_krw: Decimal
    pnl_krw: Decimal
    expected_krw: Decimal
    hours: tuple[HourPnl, ...]


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """Return the first moment of a day in KST and the first of the next."""
    start = timezone.make_aware(datetime.combine(day, time()))
    return start, start + timedelta(days=1)


def figures(start: datetime, end: datetime) -> DayFigures:
    """Return the figures of the arbs closed from `start` up to `end`."""
    rows = list(Arb.objects.filter(closed_at__gte=start, closed_at__lt=end))
    traded = [row for row in rows if row.notional_krw or row.matched_qty or row.imbalance]
    by_hour: dict[int, list[Arb]] = {hour: [] for hour in range(24)}
    for row in traded:
        assert row.closed_at is not None  # selected by it
        by_hour[timezone.localtime(row.closed_at).hour].append(row)
    legged = [row for row in traded if row.had_lone_leg]
    return DayFigures(
        arbs=len(rows),
        wins=sum(1 for row in traded if row.pnl_krw > 0),
        empty=len(rows) - len(traded),
        lone_legs=len(legged),
        lone_leg_notional_krw=exact_sum(row.notional_krw for row in legged),
        stuck=sum(1 for row in rows if row.was_stuck),
        hedges=sum(row.hedges for row in rows),
        notional_krw=exact_sum(row.notional_krw for row in traded),
        fees_krw=exact_sum(row.fees_krw for row in traded),
        pnl_krw=exact_sum(row.pnl_krw for row in traded),
        expected_krw=exact_sum(row.expected_krw for row in traded),
        hours=tuple(HourPnl(hour, exact_sum(row.pnl_krw for row in rows), len(rows)) for hour, rows in by_hour.items()),
    )


def today_figures() -> DayFigures:
    """Return the figures of the day so far, KST."""
    return figures(*day_bounds(timezone.localdate()))


def counts(first: date, last: date, process: str = "trader") -> dict[str, int]:
    """Return by how much each counter of a process rose from `first` to `last`, both included, KST."""
    rows = DailyCount.objects.filter(day__gte=first, day__lte=last, process=process)
    return dict(rows.values_list("name").annotate(total=Sum("value")).values_list("name", "total"))


def denials(first: date, last: date) -> dict[str, int]:
    """Return how often the gate said no for each reason, most frequent first."""
    found = {name.removeprefix("denied."): n for name, n in counts(first, last).items() if name.startswith("denied.")}
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def last_arbs(limit: int) -> Sequence[Arb]:
    """Return the arbs opened last, newest first."""
    return list(Arb.objects.all()[:limit])


def open_arbs() -> QuerySet[Arb]:
    """Return the arbs that have not ended."""
    return Arb.objects.exclude(state=ArbState.CLOSED.value)


def open_alerts() -> QuerySet[Alert]:
    """Return the open alerts, newest first."""
    return Alert.objects.filter(closed_at=None).select_related("incident")


def heartbeats() -> dict[str, Heartbeat]:
    """Return the last sign of life of each process."""
    return {row.process: row for row in Heartbeat.objects.all()}


def latencies() -> Sequence[StageLatency]:
    """Return the stages' quantiles."""
    return list(StageLatency.objects.all())


def desk_view() -> DeskView | None:
    """Return what the control block said last, or None before the first word of the bridge."""
    return DeskView.objects.first()


def active_epoch() -> ParamEpoch | None:
    """Return the epoch in force, or None before the first seed."""
    return ParamEpoch.objects.select_related("param_set").first()


def wire_epoch() -> WireEpoch | None:
    """Return the wire epoch in force, or None while everything is as shipped."""
    return WireEpoch.objects.first()


def wire_applied() -> dict[str, int]:
    """Return the wire epoch that each process using it works with, as the bridge saw it last."""
    names = ["trader", *(f"feed.{exchange}" for exchange in Exchange)]
    return dict(Heartbeat.objects.filter(process__in=names).values_list("process", "wire_epoch"))


def error_rates() -> dict[str, str]:
    """Return the share of errors of each exchange's answers and frames in the last minute, as the trader sees it."""
    head = "error_ppm."
    rows = Counter.objects.filter(process="trader", name__startswith=head)
    named = {row: row.name.removeprefix(head).partition(".") for row in rows}
    return {f"{exchange} {what}": f"{row.value / 10_000:.1f} %" for row, (what, _, exchange) in named.items()}


def pace() -> dict[str, int]:
    """Return how far the trader slowed down for its machine: step, edge wanted on top in ppm, markets left out."""
    names = ("pace_step", "pace_edge_ppm", "pace_markets_out")
    found = dict(Counter.objects.filter(process="trader", name__in=names).values_list("name", "value"))
    return {name.removeprefix("pace_"): found.get(name, 0) for name in names}


def wallets(exchange: Exchange | None = None) -> dict[tuple[Exchange, str], Decimal]:
    """Return what the ledger says we hold, per exchange and asset."""
    rows = Account.objects.filter(kind=AccountKind.WALLET.value)
    if exchange is not None:
        rows = rows.filter(exchange=exchange.value)
    return {(Exchange(row.exchange), row.asset): row.balance for row in rows}


def balance_figures(exchange: Exchange) -> list[BalanceFigure]:
    """Return the ledger's side of a balance comparison."""
    return [BalanceFigure(where, asset, total) for (where, asset), total in wallets(exchange).items()]


def traded_arbs(since_ns: int) -> list[ArbRow]:
    """Return the closed arbs that traded since then, for the strategy's health."""
    rows = Arb.objects.filter(closed_ns__gt=since_ns)
    return [
        ArbRow(Ns(row.closed_ns or 0), row.pnl_krw, row.expected_krw, row.notional_krw, row.had_lone_leg)
        for row in rows
        if row.matched_qty or row.imbalance
    ]


def dust() -> dict[tuple[str, str], Decimal]:
    """Return what closed arbs left too small to order, per exchange and market: above 0 too much, below 0 owed.

    It lies where it was bought, or is owed where it was sold; what a person settled by hand is theirs.
    """
    left: dict[tuple[str, str], list[Decimal]] = {}
    rows = Arb.objects.filter(state=ArbState.CLOSED.value).exclude(imbalance=Decimal(0))
    for row in rows.exclude(why__startswith=ArbOn.OPERATOR_RESOLVED.value):
        where = row.buy_exchange if row.imbalance > 0 else row.sell_exchange
        left.setdefault((where, row.market), []).append(row.imbalance)
    sums = {where: exact_sum(parts) for where, parts in left.items()}
    return {where: total for where, total in sorted(sums.items()) if total}
