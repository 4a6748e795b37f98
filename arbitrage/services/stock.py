"""Where stock lies, how long it lasts, what to do: read from the rows; alerts to top up, once a spell (R3.3)."""

import time
from collections.abc import Iterable
from decimal import Decimal

from django.conf import settings
from django.core.cache import cache

from arbitrage.domain.ledger import AccountKind
from arbitrage.domain.params import DEFAULT_PARAMS, SECOND, Params
from arbitrage.domain.runway import HOUR_NS, Held, StockLine, Supply, advice, hours_text, stock_lines
from arbitrage.domain.units import QUOTE, Exchange, base_of, exact_sum, to_decimal, units_floor
from arbitrage.fields import decimal_text
from arbitrage.models_incidents import Alert, Severity
from arbitrage.models_ledger import Account, Balance, LedgerEntry
from arbitrage.models_trading import Arb
from arbitrage.services import alerts, params
from arbitrage.services.standing import WALLET

WINDOW_NS = 2 * HOUR_NS
"""The drift is what trades moved in this time."""
ROWS_AT_MOST = 20_000
"""Postings looked at for one account; a desk that has more of them in the window is measured over less time."""
KEPT_S = 20
KIND = "stock_low"
_BY_TRADES = ("fill", "fee")
_SEVERITY = {Supply.SMALL: Severity.MEDIUM, Supply.EMPTY: Severity.HIGH}


def lines() -> tuple[StockLine, ...]:
    """Return how each asset of the desk's markets stands on each exchange; empty before the first balances."""
    known: tuple[StockLine, ...] | None = cache.get("stock_lines")
    if known is None:
        known = _lines(_active())
        cache.set("stock_lines", known, KEPT_S)
    return known


def pairs() -> Iterable[tuple[StockLine, StockLine]]:
    """Yield each line with the other exchange's line of the same asset."""
    found = {(line.exchange, line.asset): line for line in lines()}
    for line in found.values():
        yield line, next(found[at, line.asset] for at in Exchange if at is not line.exchange)


def to_do() -> dict[str, str]:
    """Return what a person might do, by `exchange asset`; empty when all is well."""
    active = _active()
    found = {f"{one.exchange} {one.asset}": advice(one, other, active) for one, other in pairs()}
    return {name: text for name, text in found.items() if text}


def summary() -> dict[str, str]:
    """Return one line of words for each asset on each exchange."""
    return {f"{line.exchange} {line.asset}": _words(line) for line in lines()}


def check() -> list[str]:
    """Raise an alert for what runs short, close those of what is ample again; return the texts raised.

    What has just enough neither opens nor closes one: a spell is told once, however often its edge is crossed.
    """
    active = _active()
    told = []
    for one, other in pairs():
        subject = f"{one.exchange} {one.asset}"
        if one.supply is Supply.AMPLE:
            alerts.close_alerts_of(KIND, subject)
        elif one.supply in _SEVERITY:
            text = advice(one, other, active)
            alerts.raise_alert(KIND, text, subject=subject, severity=_SEVERITY[one.supply], risk_id="R3.3")
            told.append(text)
    return told


def _active() -> Params:
    try:
        return params.active()[1]
    except params.NotAllowed:
        return DEFAULT_PARAMS


def _lines(active: Params) -> tuple[StockLine, ...]:
    markets = settings.KARB_ENV.markets
    assets = (QUOTE, *(base_of(market) for market in markets))
    now_ns = time.time_ns()
    rows = list(Balance.objects.filter(asset__in=assets))
    since = {(row.exchange, row.asset): _came(row.exchange, row.asset, now_ns - WINDOW_NS) for row in rows}
    # One window for all: the longest that every account was looked at for.
    start_ns = max((start for _, start in since.values()), default=now_ns - WINDOW_NS)
    held = [
        Held(
            exchange=Exchange(row.exchange),
            asset=row.asset,
            free=units_floor(row.exchange_free),
            locked=units_floor(row.exchange_locked),
            came=since[row.exchange, row.asset][0],
        )
        for row in rows
    ]
    prices = {base_of(market): price for market in markets if (price := _last_price(market))}
    return stock_lines(held, active, prices, max(now_ns - start_ns, SECOND), _shut_wallets())


def _shut_wallets() -> dict[tuple[Exchange, str], str]:
    # As far as the job that reads wallets has said so; what it said nothing of may be open, or was never asked.
    rows = Alert.objects.filter(kind=WALLET, closed_at=None).values_list("subject", flat=True)
    named = [subject.split(" ") for subject in rows]
    return {(Exchange(place), asset): "suspended" for place, asset in named}


def _came(exchange: str, asset: str, since_ns: int) -> tuple[int, int]:
    # What trades brought since then, 10^-8, and from when on that was counted.
    account = Account.objects.filter(kind=AccountKind.WALLET.value, exchange=exchange, asset=asset).first()
    if account is None:
        return 0, since_ns
    amounts: list[Decimal] = []
    entries = LedgerEntry.objects.filter(account=account).order_by("-id").values_list("kind", "amount", "at_ns")
    for count, (kind, amount, at_ns) in enumerate(entries[: ROWS_AT_MOST + 1]):
        if at_ns < since_ns:
            break
        if count == ROWS_AT_MOST:
            return units_floor(exact_sum(amounts)), at_ns
        if kind in _BY_TRADES:
            amounts.append(amount)
    return units_floor(exact_sum(amounts)), since_ns


def _last_price(market: str) -> int | None:
    arb = Arb.objects.filter(market=market).first()
    return None if arb is None else units_floor(arb.buy_limit)


def _words(line: StockLine) -> str:
    parts = [f"{decimal_text(to_decimal(line.held))} held", f"{decimal_text(to_decimal(line.tradable))} to trade"]
    if line.movable:
        parts.append(f"{decimal_text(to_decimal(line.movable))} above the split")
    if line.runway_ns is not None:
        parts.append(f"lasts {hours_text(line.runway_ns)}")
    return ", ".join(parts)
