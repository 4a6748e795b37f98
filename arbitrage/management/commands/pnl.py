"""`python manage.py pnl --days 7 [--json]`: what was earned, by market, direction and cause, to the last won."""

import json
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from arbitrage import earnings
from arbitrage.display import exact, krw
from arbitrage.domain.pnl import CAUSES

LONGEST_DAYS = 3_660


class Command(BaseCommand):
    """Reads only. Exit code 1 when P&L and balances do not meet."""

    help = "Show P&L by market, direction and cause, and the bridge from it to what the balances changed by."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take how many days up to today, KST, and the form of the answer."""
        parser.add_argument("--days", type=int, default=7)
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, days: int, as_json: Any, **options: Any) -> None:
        """Print it as a table or as JSON."""
        if not 1 <= days <= LONGEST_DAYS:
            raise CommandError(f"--days was {days}, must be between 1 and {LONGEST_DAYS}")
        last = timezone.localdate()
        first = last - timedelta(days=days - 1)
        found = earnings.earnings(first, last)
        words = earnings.words_of(found)
        if as_json:
            self.stdout.write(json.dumps({"first_day": first.isoformat(), "last_day": last.isoformat(), **words}))
        else:
            self.stdout.write(f"P&L from {first} to {last} (KST), KRW, {found.total.arbs} arbs\n")
            self._table(_market_lines(words))
            self.stdout.write("")
            self._table([("day", "arbs", "P&L"), *_day_lines(earnings.by_day(found, first, last))])
            self.stdout.write("\nFrom P&L to balances, to the last digit")
            lines = [*found.bridge, ("KRW on both exchanges changed by", found.change)]
            self._table([(label, exact(amount)) for label, amount in lines])
            if found.coins:
                self.stdout.write("\nCoins, not in P&L")
                self._table(_coin_lines(words["coins"]))
        if dict(found.bridge)[earnings.REST]:
            raise CommandError("P&L and balances do not meet: the ledger is wrong, see `manage.py doctor`")

    def _table(self, rows: Sequence[Sequence[str]]) -> None:
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            first, *rest = (
                cell.ljust(width) if n == 0 else cell.rjust(width)
                for n, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            self.stdout.write("  " + "  ".join((first, *rest)).rstrip())


def _market_lines(words: dict[str, Any]) -> list[tuple[str, ...]]:
    lines: list[tuple[str, ...]] = [("market", "buy", "sell", "arbs", *CAUSES, "P&L")]
    for row in words["by_market"]:
        lines.append((row["market"], row["buy"], row["sell"], str(row["arbs"]), *_amounts(row)))
    lines.append(("all", "", "", str(words["by_cause"]["arbs"]), *_amounts(words["by_cause"])))
    return lines


def _amounts(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(krw(Decimal(row[name])) for name in (*CAUSES, "pnl"))


def _day_lines(rows: Iterable[tuple[Any, earnings.Earned]]) -> list[tuple[str, ...]]:
    return [(day.isoformat(), str(earned.arbs), krw(earned.pnl)) for day, earned in rows]


def _coin_lines(coins: Iterable[dict[str, str]]) -> list[tuple[str, ...]]:
    names = ("asset", "change", "arbs", "others", "cost_krw")
    head = ("asset", "change", "by arbs", "otherwise", "left over at cost, KRW")
    return [head, *(tuple(coin[name] for name in names) for coin in coins)]
