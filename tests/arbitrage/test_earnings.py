"""P&L by day, market, direction and cause; and the bridge from it to the balances, exact across every border."""

import json
from datetime import date
from decimal import Decimal

import pytest
from desk_story import arb, legs, opened_desk, records, trip
from django.core.management import CommandError, call_command

from arbitrage import earnings, reports
from arbitrage.domain.adjustment import AdjustmentKind
from arbitrage.domain.arb import ArbOn, ArbState
from arbitrage.domain.events import ArbStepped
from arbitrage.domain.units import Exchange, Ns, exact_sum
from arbitrage.models import Account, Arb
from arbitrage.services import adjustments, recording

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_desk")]
E8 = 10**8
NOON = 1_795_402_800 * 10**9
"""2026-11-23 12:00 KST."""
DAY, NEXT = date(2026, 11, 23), date(2026, 11, 24)
HOUR = 3_600 * 10**9


@pytest.fixture
def traded():
    """Two arbs at noon; one that opened before midnight and closed after it; one with dust left over."""
    events = opened_desk()
    events += trip("a1", buy=150_000_000, sell=150_300_000, qty=E8 // 100, at_ns=NOON)
    events += trip("a2", buy=4_000_000, sell=4_010_000, qty=E8 // 10, at_ns=NOON, market="KRW-ETH")
    events += trip("a3", buy=150_000_000, sell=150_300_000, qty=E8 // 100, at_ns=NOON + 12 * HOUR - 10**9)
    both = legs(
        "a4", buy=150_000_000, sell=150_300_000, qty=E8 // 100, bought=E8 // 100, sold=E8 // 100 - 3_000, at_ns=NOON
    )
    events.append(ArbStepped(arb("a4", both, at_ns=NOON), ArbOn.DUST, Ns(NOON)))
    recording.record_batch(records(events))


def bridge(found):
    return {label: f"{amount.normalize():f}" for label, amount in found.bridge if amount}


def test_each_market_and_direction_has_its_causes(traded):
    found = earnings.earnings(DAY, DAY)
    rows = {(row.market, row.buy_exchange): row.earned for row in found.rows}
    assert set(rows) == {("KRW-BTC", "upbit"), ("KRW-ETH", "upbit")}
    assert (rows["KRW-ETH", "upbit"].parts.edge, rows["KRW-ETH", "upbit"].pnl) == (Decimal(1000), Decimal("639.6"))
    btc = rows["KRW-BTC", "upbit"]
    assert (btc.arbs, btc.parts.edge, btc.parts.dust) == (2, Decimal(5991), Decimal(-4500))


def test_pnl_and_what_is_open_at_a_border_sum_to_the_change_of_balances(traded):
    for days in ((DAY, DAY), (NEXT, NEXT), (DAY, NEXT)):
        found = earnings.earnings(*days)
        assert dict(found.bridge)[earnings.REST] == 0
        assert exact_sum(amount for _, amount in found.bridge) == found.change
    # It filled within the last second of the day and closed at midnight.
    assert earnings.earnings(DAY, DAY).total.arbs == 3
    assert bridge(earnings.earnings(DAY, DAY))[earnings.BORDER] == "1648.8"
    assert bridge(earnings.earnings(NEXT, NEXT))[earnings.BORDER] == "-1648.8"
    assert earnings.BORDER not in bridge(earnings.earnings(DAY, NEXT))


def test_over_all_time_pnl_openings_and_entries_are_what_is_on_the_exchanges(traded):
    words = {"reason": "card fee", "by": "kim"}
    adjustments.book_by_person(Exchange.UPBIT, "KRW", Decimal("-1234.5"), AdjustmentKind.CORRECTION, **words)
    found = earnings.earnings(date(2026, 11, 1), date(2027, 11, 1))
    wallets = Account.objects.filter(kind="wallet", asset="KRW")
    assert found.change == exact_sum(row.balance for row in wallets)
    assert bridge(found)["correction"] == "-1234.5"
    assert dict(found.bridge)[earnings.REST] == 0


def test_coins_stand_beside_what_they_cost_and_never_in_it(traded):
    coins = {coin.asset: coin for coin in earnings.earnings(DAY, NEXT).coins}
    assert (coins["BTC"].arbs, coins["BTC"].cost_krw) == (Decimal("0.00003"), Decimal(4500))
    assert coins["ETH"].change == 0


def test_an_arb_still_open_is_in_the_bridge_and_in_no_cause(traded):
    half = legs("a9", buy=150_000_000, sell=150_300_000, qty=E8 // 100, bought=E8 // 100, sold=0, at_ns=NOON)
    opened = ArbStepped(arb("a9", half, state=ArbState.LEGGED, at_ns=NOON), ArbOn.IMBALANCED, Ns(NOON))
    before = earnings.earnings(DAY, NEXT)
    recording.record_batch(records([opened], first_seq=14))
    found = earnings.earnings(DAY, NEXT)
    assert found.total == before.total
    assert bridge(found)[earnings.BORDER] == "-1500750"


def test_arbs_recorded_before_parts_were_kept_are_told_as_such(traded):
    Arb.objects.filter(pk="a1").update(is_split=False, edge_krw=0, leg_fees_krw=0)
    found = earnings.earnings(DAY, DAY)
    assert found.total.unsplit == Decimal("1648.8")
    assert dict(found.bridge)[earnings.REST] == 0


def test_the_daily_report_has_it(traded):
    figures = reports.daily(DAY).figures
    assert figures["earnings"]["by_cause"]["pnl"] == figures["pnl_krw"]
    assert figures["earnings"]["by_market"][1]["market"] == "KRW-ETH"


def test_a_terminal_shows_causes_days_and_the_bridge(traded, capsys, settings, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.localdate", lambda at=None: NEXT if at is None else _day_of(at))
    call_command("pnl", "--days", "2")
    said = capsys.readouterr().out
    for words in ("KRW-ETH", "639.60", "2026-11-23", "not explained", "left over at cost, KRW", "0.00003"):
        assert words in said, words
    call_command("pnl", "--days", "2", "--json")
    assert json.loads(capsys.readouterr().out)["by_cause"]["arbs"] == 4
    with pytest.raises(CommandError, match="--days was 0"):
        call_command("pnl", "--days", "0")


def _day_of(at):
    from django.utils.timezone import get_current_timezone

    return at.astimezone(get_current_timezone()).date()


def test_the_page_draws_it(admin_client, traded):
    page = admin_client.get("/admin/desk/pnl?days=30").content.decode()
    for words in ("By cause", "30 days", "From P&amp;L to balances", "karb-chart"):
        assert words in page, words
    assert admin_client.get("/admin/desk/pnl?days=x").status_code == 200
