"""Real readers, the real simulator: what the owner and the exchange do beside the desk is found, typed and booked."""

import time
from decimal import Decimal

import msgspec
import pytest
from simulated_pair import SimulatedPair

from arbitrage.domain.arb import ArbOn, ArbState
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.events import ArbStepped
from arbitrage.domain.order import OrderState
from arbitrage.domain.units import Exchange, Qty, Side
from arbitrage.models import Adjustment, Alert, Break, Control, Incident, LedgerEntry
from arbitrage.services import adjustments
from arbitrage.services.postings import ledger_problems
from exchanges.simulator.money import fine_of_text
from exchanges.simulator.trouble.account_acts import (
    CouponExpired,
    Deposit,
    FeeChanged,
    ManualTrade,
    TradeReversed,
    Withdraw,
)
from workers import reconciling
from workers.reconcile import reconcile

pytestmark = [pytest.mark.django_db]
UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB


@pytest.fixture
def pair(desk_env, monkeypatch):
    """Both exchanges, and a desk that has opened its books and traded once."""
    monkeypatch.setattr(reconciling, "SECOND_LOOK_AFTER_S", 0.05)
    made = SimulatedPair(desk_env)
    made.open_books()
    # Whole seconds: what happens within the second of the opening is in it.
    time.sleep(1.05)
    made.trade("KRW-BTC")
    yield made
    made.close()


def kinds():
    return sorted(Break.objects.values_list("exchange", "kind"))


def test_a_desk_left_alone_agrees_and_books_nothing(pair):
    found = reconcile(pair.env, 0)
    assert (found["ledger_equal"], found["differences"], found["explained"]) == (True, [], [])
    assert found["orders_compared"] == 2
    assert Adjustment.objects.count() == Break.objects.count() == 0


def test_all_that_others_do_is_typed_and_booked_and_the_ledger_is_equal(pair):
    pair.running.exchange(UPBIT).cash.withdraw_fees["KRW"] = fine_of_text("1000")
    pair.act(UPBIT, Deposit(asset="KRW", amount="5000000.123"))
    pair.act(UPBIT, Withdraw(asset="KRW", amount="70000", delay_ns=0))
    pair.act(BITHUMB, ManualTrade(market="KRW-ETH", side=Side.BID, price="200000"))
    pair.act(BITHUMB, CouponExpired())
    pair.act(UPBIT, FeeChanged(bid_fee_ppm=450, ask_fee_ppm=450))
    after = pair.trade("KRW-ETH")
    time.sleep(0.3)
    found = reconcile(pair.env, 0)
    assert (found["ledger_equal"], found["differences"]) == (True, [])
    assert kinds() == [
        ("bithumb", "coupon_expired"),
        ("bithumb", "manual_trade"),
        ("upbit", "deposit"),
        ("upbit", "fee_changed"),
        ("upbit", "withdrawal"),
    ]
    rows = {row.kind: row for row in Break.objects.all()}
    assert rows["coupon_expired"].ref == f"{after.arb_id}-s"
    assert (rows["coupon_expired"].ours, rows["coupon_expired"].theirs) == (400, 2500)
    assert rows["fee_changed"].ref == f"{after.arb_id}-b"
    booked = {row.kind: row.moves for row in Adjustment.objects.all()}
    assert booked["deposit"] == [["KRW", "5000000.123", ""]]
    assert booked["withdrawal"] == [["KRW", "-70000", ""], ["KRW", "-1000", "fee"]]
    assert {row[0] for row in booked["manual_trade"]} == {"ETH", "KRW"}
    assert ledger_problems() == []
    entries = LedgerEntry.objects.count()
    assert reconcile(pair.env, 0)["explained"] == []
    assert LedgerEntry.objects.count() == entries
    assert Control.objects.count() == 0


def test_a_fill_taken_back_is_located_and_lowers_the_desk(pair):
    arb = pair.trade("KRW-ETH")
    trade_id = arb.orders[1].fills[-1].trade_id
    pair.act(BITHUMB, TradeReversed(trade_id=trade_id))
    found = reconcile(pair.env, 0)
    assert (found["ledger_equal"], found["differences"]) == (True, [])
    row = Break.objects.get()
    assert (row.kind, row.subject, row.ref, row.severity) == ("trade_reversed", "ETH", trade_id, "critical")
    assert row.detail == f"fill {trade_id} of order {arb.arb_id}-s was taken back"
    control = Control.objects.get()
    assert (control.scope, control.level, control.by) == ("global", TradingLevel.REDUCING, "reconciliation")
    assert Alert.objects.filter(kind="trade_reversed", severity="critical").count() == 1
    assert Incident.objects.filter(kind="trade_reversed").count() == 1


def test_an_order_of_ours_that_the_journal_lost_is_ours_to_answer_and_booked(pair):
    arb = pair.trade("KRW-ETH", is_recorded=False)
    found = reconcile(pair.env, 0)
    assert not found["ledger_equal"] or Break.objects.filter(kind="unknown_order").count() == 2
    assert set(Break.objects.values_list("subject", "kind", "severity")) == {
        (f"{arb.arb_id}-b", "unknown_order", "critical"),
        (f"{arb.arb_id}-s", "unknown_order", "critical"),
    }
    assert Control.objects.get().level == TradingLevel.REDUCING
    again = reconcile(pair.env, 0)
    assert again["differences"] == []
    owed = reconcile(pair.env, time.time_ns() - 60 * 10**9)
    assert owed["ledger_equal"] is False
    assert len(owed["differences"]) == 2


def test_an_order_of_the_owner_that_fills_bit_by_bit_is_followed_to_its_end(pair):
    sim = pair.running.exchange(UPBIT)
    best = pair.do(lambda: sim.levels("KRW-ETH", Side.BID, time.time_ns())[0][0]) // 10**8
    pair.act(
        UPBIT, ManualTrade(market="KRW-ETH", side=Side.BID, price=str(best * 9 // 10 // 1000 * 1000), volume="0.1")
    )
    first = reconcile(pair.env, 0)
    assert [line.split(":")[1].split(",")[0].strip() for line in first["differences"]] == ["unknown_order"]
    order = pair.do(lambda: next(one for one in sim.matching.orders.values() if one.is_open))
    assert Adjustment.objects.get().is_final is False
    pair.do(lambda: sim.matching.fill_whole(order, time.time_ns()))
    second = reconcile(pair.env, 0)
    assert (second["ledger_equal"], second["differences"]) == (True, [])
    last = Adjustment.objects.get(revision=1)
    assert (last.kind, last.ref, last.is_final) == ("manual_trade", f"foreign:{order.order_id}", True)
    assert Decimal(last.moves[0][1]) == Decimal("0.1")
    assert Break.objects.get(kind="unknown_order").resolved_by == "program"


def test_what_cannot_be_seen_is_proposed_and_booked_by_a_person(desk_env, monkeypatch):
    monkeypatch.setattr(reconciling, "SECOND_LOOK_AFTER_S", 0.05)
    pair = SimulatedPair(desk_env, can_see_withdrawals=False)
    try:
        pair.open_books()
        pair.act(UPBIT, Withdraw(asset="KRW", amount="70000", delay_ns=0))
        for _ in range(2):
            found = reconcile(pair.env, 0)
        assert found["differences"] == [
            "upbit KRW: balance_drift, ours 1000000000, theirs 999930000, difference -70000"
            " (perhaps one of the withdrawals: this key may not see them)"
        ]
        row = Adjustment.objects.get()
        assert (row.state, row.kind, row.moves) == ("proposed", "withdrawal", [["KRW", "-70000", ""]])
        assert LedgerEntry.objects.exclude(kind="opening").count() == 0
        assert Control.objects.get().level == TradingLevel.REDUCING
        adjustments.confirm(row.pk, "kim", "moved to the bank")
        assert reconcile(pair.env, 0)["ledger_equal"] is True
        assert Break.objects.get().resolution == "booked: moved to the bank"
    finally:
        pair.close()


def test_what_a_person_did_for_a_stuck_arb_is_found_and_its_missed_fill_is_taken_back_when_our_rows_catch_up(pair):
    stuck = pair.trade("KRW-ETH", is_recorded=False)
    # The sell leg filled, and nobody told: the arb looks uneven, and a person sells once more.
    sell = stuck.orders[1]
    deaf = msgspec.structs.replace(
        sell, fills=(), executed_qty=Qty(0), executed_funds=Decimal(0), paid_fee=Decimal(0), state=OrderState.CANCELED
    )
    half = msgspec.structs.replace(stuck, orders=(stuck.orders[0], deaf), state=ArbState.STUCK, closed_wall_ns=None)
    pair.keep(ArbStepped(half, ArbOn.NO_HEDGE, half.opened_wall_ns))
    pair.act(BITHUMB, ManualTrade(market="KRW-ETH", side=Side.ASK, volume="0.01"))
    time.sleep(0.3)
    found = reconcile(pair.env, 0)
    assert found["ledger_equal"] is False, "a fill we missed is ours to answer"
    assert sorted(Adjustment.objects.values_list("kind", flat=True)) == ["manual_trade", "missed_fill"]
    assert reconcile(pair.env, 0)["ledger_equal"] is True
    pair.keep(ArbStepped(stuck, ArbOn.OPERATOR_RESOLVED, stuck.opened_wall_ns))
    assert reconcile(pair.env, 0)["ledger_equal"] is True
    revisions = Adjustment.objects.filter(ref=f"order:{sell.client_order_id}").order_by("revision")
    sums = [adjustments.moves_of(row) for row in revisions]
    assert [(move.asset, -move.amount, move.is_fee) for move in sums[0]] == [
        (move.asset, move.amount, move.is_fee) for move in sums[1]
    ]
