"""P&L by day, market, direction and cause, and the bridge from it to what the balances changed by. Reads only.

The rule: P&L is KRW alone. Coins that a desk ends with more or less of are shown as quantities, and what arbs left
over stands beside at what it cost; no price of today is ever mixed into what was earned.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from django.utils import timezone

from arbitrage.domain.ledger import AccountKind
from arbitrage.domain.pnl import CAUSES, Parts, added
from arbitrage.domain.units import EXACT, QUOTE, base_of, exact_sum
from arbitrage.fields import decimal_text
from arbitrage.models_ledger import LedgerEntry
from arbitrage.models_trading import Arb
from arbitrage.selectors import day_bounds

_TRADED = ("fill", "fee")
BORDER = "arbs open at a border of the time"
REST = "not explained"
"""0, or the ledger is wrong."""


class Earned(msgspec.Struct, frozen=True):
    """What some closed arbs earned in KRW. `unsplit` is P&L of arbs that were recorded before parts were kept."""

    arbs: int
    parts: Parts
    unsplit: Decimal

    @property
    def pnl(self) -> Decimal:
        """Return all of it."""
        return EXACT.add(self.parts.pnl, self.unsplit)


class EarnedRow(msgspec.Struct, frozen=True):
    """The arbs of one market and direction that closed on one day, KST."""

    day: date
    market: str
    buy_exchange: str
    sell_exchange: str
    earned: Earned


class CoinChange(msgspec.Struct, frozen=True):
    """How much more or less of one asset there is on both exchanges together, and where it comes from."""

    asset: str
    change: Decimal
    arbs: Decimal
    """Bought minus sold by arbs."""
    others: Decimal
    """Opening balances and adjustments."""
    cost_krw: Decimal
    """What the arbs closed in this time paid for what they left over, minus what they got for what they lacked."""


class Earnings(msgspec.Struct, frozen=True):
    """A time's P&L, and the bridge: `bridge` sums to `change`, which is what all KRW wallets changed by."""

    rows: tuple[EarnedRow, ...]
    total: Earned
    bridge: tuple[tuple[str, Decimal], ...]
    change: Decimal
    coins: tuple[CoinChange, ...]


def earnings(first: date, last: date) -> Earnings:
    """Return what was earned from `first` to `last`, both included, KST."""
    return earnings_between(day_bounds(first)[0], day_bounds(last)[1])


def earnings_between(start: datetime, end: datetime) -> Earnings:
    """Return what the arbs closed from `start` up to `end` earned, and what moved in that time."""
    arbs = list(Arb.objects.filter(closed_at__gte=start, closed_at__lt=end))
    rows = _rows(arbs)
    total = _earned(arbs)
    entries = _entries(start, end)
    change = exact_sum(amount for _, asset, amount, _ in entries if asset == QUOTE)
    bridge = [("P&L of arbs", total.pnl), (BORDER, _border(entries, start, end)), *_by_kind(entries, QUOTE)]
    rest = EXACT.subtract(change, exact_sum(amount for _, amount in bridge))
    return Earnings(tuple(rows), total, (*bridge, (REST, rest)), change, tuple(_coins(entries, arbs)))


def _rows(arbs: Iterable[Arb]) -> list[EarnedRow]:
    groups: dict[tuple[date, str, str, str], list[Arb]] = {}
    for arb in arbs:
        assert arb.closed_at is not None  # selected by it
        day = timezone.localdate(arb.closed_at)
        groups.setdefault((day, arb.market, arb.buy_exchange, arb.sell_exchange), []).append(arb)
    return [EarnedRow(*key, _earned(group)) for key, group in sorted(groups.items())]


def _earned(arbs: Sequence[Arb]) -> Earned:
    return Earned(
        arbs=len(arbs),
        parts=added(_parts(arb) for arb in arbs if arb.is_split),
        unsplit=exact_sum(arb.pnl_krw for arb in arbs if not arb.is_split),
    )


def _parts(arb: Arb) -> Parts:
    return Parts(
        edge=arb.edge_krw,
        discount=arb.discount_krw,
        fees=arb.leg_fees_krw,
        slippage=arb.slippage_krw,
        hedge=arb.hedge_krw,
        dust=arb.dust_krw,
    )


_Entry = tuple[str, str, Decimal, datetime | None]


def _entries(start: datetime, end: datetime) -> list[_Entry]:
    # Kind, asset, amount, and when the arb of its order closed.
    rows = LedgerEntry.objects.filter(account__kind=AccountKind.WALLET.value, at__gte=start, at__lt=end)
    return list(rows.order_by("pk").values_list("kind", "account__asset", "amount", "order__arb__closed_at"))


def _border(entries: Iterable[_Entry], start: datetime, end: datetime) -> Decimal:
    # What arbs that closed outside moved within, less what arbs that closed within moved outside.
    within = (
        amount
        for kind, asset, amount, closed in entries
        if asset == QUOTE and kind in _TRADED and not (closed is not None and start <= closed < end)
    )
    rows = LedgerEntry.objects.filter(
        account__kind=AccountKind.WALLET.value,
        account__asset=QUOTE,
        order__arb__closed_at__gte=start,
        order__arb__closed_at__lt=end,
    ).exclude(at__gte=start, at__lt=end)
    return EXACT.subtract(exact_sum(within), exact_sum(rows.values_list("amount", flat=True)))


def _by_kind(entries: Iterable[_Entry], asset: str) -> list[tuple[str, Decimal]]:
    amounts: dict[str, list[Decimal]] = {}
    for kind, of, amount, _ in entries:
        if of == asset and kind not in _TRADED:
            amounts.setdefault(kind, []).append(amount)
    return [(kind.replace("_", " "), exact_sum(found)) for kind, found in sorted(amounts.items())]


def _coins(entries: Iterable[_Entry], arbs: Iterable[Arb]) -> list[CoinChange]:
    traded: dict[str, list[Decimal]] = {}
    others: dict[str, list[Decimal]] = {}
    for kind, asset, amount, _ in entries:
        if asset != QUOTE:
            (traded if kind in _TRADED else others).setdefault(asset, []).append(amount)
    costs: dict[str, list[Decimal]] = {}
    for arb in arbs:
        costs.setdefault(base_of(arb.market), []).append(arb.dust_krw.copy_negate())
    found = []
    for asset in sorted(traded.keys() | others.keys()):
        by_arbs, by_others = exact_sum(traded.get(asset, ())), exact_sum(others.get(asset, ()))
        cost = exact_sum(costs.get(asset, ()))
        found.append(CoinChange(asset, EXACT.add(by_arbs, by_others), by_arbs, by_others, cost))
    return found


def words_of(found: Earnings) -> dict[str, Any]:
    """Return it as plain JSON: money as text with all its digits."""
    groups: dict[tuple[str, str, str], list[Earned]] = {}
    for row in found.rows:
        groups.setdefault((row.market, row.buy_exchange, row.sell_exchange), []).append(row.earned)
    return {
        "by_cause": _causes(found.total),
        "by_market": [
            {"market": market, "buy": buy, "sell": sell, **_causes(_sum(group))}
            for (market, buy, sell), group in sorted(groups.items())
        ],
        "bridge": [[label, decimal_text(amount)] for label, amount in found.bridge],
        "balance_change_krw": decimal_text(found.change),
        "coins": [
            {
                name: value if isinstance(value, str) else decimal_text(value)
                for name, value in msgspec.structs.asdict(coin).items()
            }
            for coin in found.coins
        ],
    }


def _sum(group: Sequence[Earned]) -> Earned:
    return Earned(
        sum(one.arbs for one in group), added(one.parts for one in group), exact_sum(one.unsplit for one in group)
    )


def _causes(earned: Earned) -> dict[str, Any]:
    parts = {name: decimal_text(getattr(earned.parts, name)) for name in CAUSES}
    rest = {"unsplit": decimal_text(earned.unsplit)} if earned.unsplit else {}
    return {"arbs": earned.arbs, **parts, **rest, "pnl": decimal_text(earned.pnl)}


def by_day(found: Earnings, first: date, last: date) -> list[tuple[date, Earned]]:
    """Return each day's P&L, also of days on which nothing closed."""
    days = [first + timedelta(days=offset) for offset in range((last - first).days + 1)]
    return [(day, _sum([row.earned for row in found.rows if row.day == day])) for day in days]
