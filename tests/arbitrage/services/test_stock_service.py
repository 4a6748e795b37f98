"""Stock from the rows: drift from the ledger's postings, words for people, one alert a spell."""

import json
import time

import msgspec
import pytest
from desk_story import opened_desk, opening, records, trip
from django.core.cache import cache

from arbitrage.dashboard import stock_context
from arbitrage.domain.runway import HOUR_NS, Supply
from arbitrage.domain.units import Exchange
from arbitrage.models import Alert
from arbitrage.services import alerts, recording, status, stock
from arbitrage.services.standing import WALLET
from workers.tasks.stock import check_stock

pytestmark = pytest.mark.django_db
UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
E8 = 10**8


@pytest.fixture(autouse=True)
def _own(own_desk, settings):
    settings.KARB_ENV = msgspec.structs.replace(own_desk, markets=("KRW-BTC",))


def line(exchange: Exchange, asset: str):
    cache.clear()
    return next(one for one in stock.lines() if (one.exchange, one.asset) == (exchange, asset))


def traded(*events, first_seq: int = 1) -> int:
    """Record these events; return the next sequence number."""
    recording.record_batch(records(list(events), first_seq=first_seq))
    return first_seq + len(events)


def test_before_the_first_balances_there_is_nothing_to_say():
    assert (stock.lines(), stock.to_do(), stock.check()) == ((), {}, [])
    assert stock_context() == {"stock": [], "stock_to_do": []}


def test_balances_become_lines_and_a_coin_has_its_price_from_the_last_arb():
    seq = traded(*opened_desk())
    assert line(UPBIT, "BTC").wanted == E8 // 10
    traded(*trip("a", buy=60_000_000, sell=60_100_000, qty=E8 // 10, at_ns=time.time_ns()), first_seq=seq)
    found = line(UPBIT, "BTC")
    assert (found.held, found.tradable, found.wanted) == (E8, 95 * E8 // 100, 5_000_000)
    assert (line(BITHUMB, "BTC").movable, found.lean_ppm) == (25_000_000, -200_000)


def test_drift_is_what_trades_moved_in_the_last_two_hours():
    now = time.time_ns()
    seq = traded(*opened_desk())
    each = {"buy": 60_000_000, "sell": 60_100_000, "qty": E8 // 10}
    seq = traded(*trip("old", at_ns=now - 3 * HOUR_NS, **each), first_seq=seq)
    assert line(BITHUMB, "BTC").runway_ns is None
    traded(*trip("new", at_ns=now - HOUR_NS, **each), first_seq=seq)
    # Of 1.425 to trade 0.1 were sold in two hours; KRW comes in there, and goes out on Upbit.
    assert line(BITHUMB, "BTC").runway_ns == 57 * HOUR_NS // 2
    assert stock.summary()["bithumb BTC"].endswith("lasts 28.5 h")
    assert line(UPBIT, "BTC").runway_ns is line(BITHUMB, "KRW").runway_ns is None
    assert line(UPBIT, "KRW").runway_ns is not None


def test_a_side_that_runs_short_is_told_once_a_spell():
    seq = traded(*opened_desk())
    assert check_stock() == []
    seq = traded(opening(BITHUMB, "100000000", "0.05"), first_seq=seq)
    cache.clear()
    assert check_stock() == stock.check()
    alert = Alert.objects.get(kind="stock_low")
    assert (alert.subject, alert.severity, alert.risk_id, alert.count) == ("bithumb BTC", "medium", "R3.3", 2)
    assert "moving 0.475 BTC from upbit evens it out (its wallets: upbit unknown, bithumb unknown)" in alert.text
    # Just enough for one order is no new spell, and no end of this one.
    seq = traded(opening(BITHUMB, "100000000", "0.12"), first_seq=seq)
    assert line(BITHUMB, "BTC").supply is Supply.ENOUGH
    assert check_stock() == []
    assert Alert.objects.get(kind="stock_low").closed_at is None
    seq = traded(opening(BITHUMB, "100000000", "0"), first_seq=seq)
    cache.clear()
    check_stock()
    assert Alert.objects.get(kind="stock_low").severity == "high"
    traded(opening(BITHUMB, "100000000", "1"), first_seq=seq)
    cache.clear()
    assert check_stock() == []
    assert Alert.objects.get(kind="stock_low").closed_at is not None


def test_status_and_dashboard_say_the_same():
    traded(*opened_desk(), opening(BITHUMB, "100000000", "0.05"))
    told = json.loads(json.dumps(status.desk_status()))
    assert told["stock"]["upbit BTC"] == "1 held, 0.95 to trade, 0.475 above the split"
    assert list(told["stock_to_do"]) == ["bithumb BTC"]
    assert told["shortfalls_today"] == 0
    shown = stock_context()
    assert shown["stock"][2] == ("Upbit BTC", "0.95", "0.475", "–", "ample")
    assert shown["stock_to_do"] == list(told["stock_to_do"].values())


def test_a_coin_that_cannot_come_out_is_tradable_and_not_movable():
    traded(*opened_desk())
    assert (line(BITHUMB, "BTC").movable, line(BITHUMB, "BTC").wallet) == (E8 // 4, "unknown")
    alert = alerts.raise_alert(WALLET, "BTC cannot come in and go out on upbit: paused", subject="upbit BTC")
    found = line(BITHUMB, "BTC")
    assert (found.tradable, found.movable, found.wallet) == (1_425 * E8 // 1_000, 0, "unknown")
    assert line(UPBIT, "BTC").wallet == "suspended"
    alerts.close_alert(alert.pk, "kim")
    assert line(BITHUMB, "BTC").movable == E8 // 4
