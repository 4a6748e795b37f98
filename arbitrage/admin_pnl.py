"""P&L on the screen: drawn by cause and by day, a table by market and direction, the bridge to the balances."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET

from arbitrage import earnings
from arbitrage.charts import bar_chart
from arbitrage.display import exact, krw, signed
from arbitrage.domain.pnl import CAUSES

CHOICES = (1, 7, 30, 90)
USUAL = 7


@require_GET
def pnl_page(request: HttpRequest) -> HttpResponse:
    """Answer with the P&L of the last days, today included, KST."""
    asked = request.GET.get("days", "")
    days = int(asked) if asked.isascii() and asked.isdigit() and int(asked) in CHOICES else USUAL
    last = timezone.localdate()
    first = last - timedelta(days=days - 1)
    found = earnings.earnings(first, last)
    context = {
        **admin.site.each_context(request),
        "title": "P&L",
        "days": days,
        "choices": CHOICES,
        "first": first,
        "last": last,
        "by_day": bar_chart(_day_bars(earnings.by_day(found, first, last))),
        "every": max(days // 10, 1),
        **tables(earnings.words_of(found)),
    }
    return render(request, "arbitrage/pnl.html", context)


def tables(words: dict[str, Any]) -> dict[str, Any]:
    """Return what the page and a report show of P&L, from its plain JSON."""
    whole = words["by_cause"]
    causes = [name for name in (*CAUSES, "unsplit", "pnl") if name in whole]
    bars = [(_title(name), Decimal(whole[name]), f"{exact(Decimal(whole[name]))} KRW") for name in causes]
    rows = [(row["market"], f"{row['buy']} → {row['sell']}", row["arbs"], _amounts(row)) for row in words["by_market"]]
    return {
        "cause_chart": bar_chart(bars),
        "cause_titles": [_title(name) for name in (*CAUSES, "pnl")],
        "market_rows": rows,
        "whole_row": (whole["arbs"], _amounts(whole)),
        "bridge": [(label, exact(Decimal(text))) for label, text in words["bridge"]],
        "bridge_sum": exact(Decimal(words["balance_change_krw"])),
        "is_bridged": not Decimal(dict(words["bridge"])[earnings.REST]),
        "coins": [
            (
                coin["asset"],
                *(exact(Decimal(coin[name])) for name in ("change", "arbs", "others")),
                krw(Decimal(coin["cost_krw"])),
            )
            for coin in words["coins"]
        ],
    }


def _amounts(row: dict[str, Any]) -> list[SafeString]:
    return [signed(Decimal(row[name])) for name in (*CAUSES, "pnl")]


def _title(name: str) -> str:
    return "P&L" if name == "pnl" else name


def _day_bars(rows: Any) -> list[tuple[str, Decimal, str]]:
    return [
        (f"{day:%m-%d}", earned.pnl, f"{day.isoformat()} · {earned.arbs} arbs · {exact(earned.pnl)} KRW")
        for day, earned in rows
    ]
