"""Journal records become rows and postings, once."""

from decimal import Decimal

import msgspec
import pytest
from desk_story import START_NS, arb, legs, opened_desk, opening, order, records, started, trip
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arbitrage import selectors
from arbitrage.domain.arb import ArbOn, ArbState
from arbitrage.domain.errors import InvariantError
from arbitrage.domain.events import ArbStepped, BalancesRead, Holding, StrangeOrderSeen, TradingStateChanged
from arbitrage.domain.order import OrderState, RefusalReason
from arbitrage.domain.units import Exchange, Ns, Side
from arbitrage.models import (
    Account,
    Alert,
    Arb,
    ArbStep,
    Balance,
    Control,
    Fill,
    Incident,
    LedgerEntry,
    Order,
    RecorderPlace,
    TraderRun,
)
from arbitrage.services import recording
from arbitrage.services.postings import ledger_problems

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_desk")]
E8 = 10**8


def whole_story():
    """A desk with two arbs: one closed as planned, one hedged."""
    events = [*opened_desk(), *trip("a1", buy=150_000_000, sell=150_300_000, qty=E8 // 100)]
    both = legs("a2", buy=150_000_000, sell=150_400_000, qty=E8 // 50, bought=E8 // 50, sold=0)
    events.append(ArbStepped(arb("a2", both, state=ArbState.LEGGED), ArbOn.IMBALANCED, Ns(START_NS)))
    hedge = order(
        "a2",
        2,
        exchange=Exchange.UPBIT,
        side=Side.ASK,
        price=149_900_000,
        qty=E8 // 50,
        fills=(("h1", E8 // 100), ("h2", E8 // 100)),
    )
    events.append(ArbStepped(arb("a2", (*both, hedge), why="balanced"), ArbOn.BALANCED, Ns(START_NS)))
    return records(events)


def wallets():
    return {f"{exchange}:{asset}": total for (exchange, asset), total in selectors.wallets().items()}


def picture():
    """Everything a recording leaves behind, without row numbers."""
    return {
        "arbs": list(Arb.objects.order_by("pk").values()),
        "orders": list(Order.objects.order_by("pk").values()),
        "fills": list(Fill.objects.order_by("order_id", "trade_id").values("order_id", "trade_id", "qty", "funds")),
        "steps": list(ArbStep.objects.order_by("seq").values("seq", "arb_id", "on", "state")),
        "accounts": list(
            Account.objects.order_by("kind", "exchange", "asset").values_list("kind", "exchange", "asset", "balance")
        ),
        "balances": list(Balance.objects.values("exchange", "asset", "exchange_free", "exchange_locked", "settled")),
        "place": list(RecorderPlace.objects.values("stream", "seq", "offset")),
    }


def test_an_arb_leaves_exact_wallets():
    recording.record_batch(records([*opened_desk(), *trip("a1", buy=150_000_000, sell=150_300_000, qty=E8 // 100)]))
    # 0.01 BTC bought for 1,500,000 with 750 of fees, sold for 1,503,000 with 601.2.
    assert wallets() == {
        "upbit:KRW": Decimal("98499250.00000000000000000001"),
        "upbit:BTC": Decimal("1.01"),
        "bithumb:KRW": Decimal("101502398.8"),
        "bithumb:BTC": Decimal("1.49"),
    }
    row = Arb.objects.get()
    assert (row.state, row.pnl_krw, row.fees_krw) == ("closed", Decimal("1648.8"), Decimal("1351.2"))
    assert (row.notional_krw, row.matched_qty, row.imbalance) == (Decimal(1_500_000), Decimal("0.01"), Decimal(0))
    assert Order.objects.get(pk="a1-0").booked_fee == Decimal(750)
    assert ledger_problems() == []


def test_the_ledger_is_checked_in_one_statement(django_assert_num_queries):
    # Two would see the ledger before and after what the recorder books between them.
    recording.record_batch(whole_story())
    with django_assert_num_queries(1):
        assert ledger_problems() == []
    row = Account.objects.get(kind="wallet", exchange="upbit", asset="BTC")
    is_, must = row.balance + 1, row.balance
    Account.objects.filter(pk=row.pk).update(balance=is_)
    Account.objects.create(kind="fees", exchange="upbit", asset="XRP", balance=Decimal(2))
    assert ledger_problems() == [
        f"upbit:BTC:wallet: balance was {is_}, must be {must}",
        "upbit:XRP:fees: balance was 2, must be 0",
        "BTC: accounts sum to 1.00, must be 0",
        "XRP: accounts sum to 2, must be 0",
    ]


def test_a_hedged_arb_is_legged_once_and_for_all():
    recording.record_batch(whole_story())
    row = Arb.objects.get(pk="a2")
    assert (row.was_legged, row.was_stuck, row.hedges, row.imbalance) == (True, False, 1, Decimal(0))
    assert row.pnl_krw == Decimal("-2000") - Decimal("1500") - Decimal("1499")
    assert Fill.objects.filter(order_id="a2-2").count() == 2
    assert ledger_problems() == []


def test_the_same_batch_twice_is_once():
    story = whole_story()
    recording.record_batch(story)
    before, entries = picture(), LedgerEntry.objects.count()
    recording.record_batch(story)
    recording.record_batch(story[3:])
    assert picture() == before
    assert LedgerEntry.objects.count() == entries


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_batches_cut_and_given_again_anyhow_leave_the_same_rows(data):
    story = whole_story()
    with transaction.atomic():
        recording.record_batch(story)
        expected = picture()
        transaction.set_rollback(True)
    with transaction.atomic():
        reached = 0
        while reached < len(story):
            start = data.draw(st.integers(0, reached), label="start")
            end = data.draw(st.integers(reached + 1, len(story)), label="end")
            recording.record_batch(story[start:end])
            reached = end
            again = data.draw(st.integers(0, reached), label="again")
            recording.record_batch(story[again:reached])
        assert picture() == expected
        assert ledger_problems() == []
        transaction.set_rollback(True)


def test_a_missing_record_is_refused_and_nothing_is_kept():
    story = whole_story()
    recording.record_batch(story[:2])
    with pytest.raises(InvariantError, match="seq was 4, must be 3"):
        recording.record_batch(story[3:])
    assert recording.place("trader") == (2, 200)
    assert not Arb.objects.exists()


def test_a_failing_batch_leaves_the_place_where_it_was():
    story = whole_story()
    recording.record_batch(story[:3])
    # A fill whose funds cannot be kept exactly: the whole batch must go.
    broken = legs("a9", buy=1, sell=2, qty=E8, bought=E8, sold=E8)
    too_long = Decimal("1E-25")
    fill = type(broken[0].fills[0])("t", broken[0].price, broken[0].qty, too_long, Ns(1))
    image = arb("a9", (order_with(broken[0], fill), broken[1]))
    with pytest.raises(ValueError, match="25 decimals"):
        recording.record_batch(records([ArbStepped(image, ArbOn.BALANCED, Ns(1))], first_seq=4))
    assert recording.place("trader") == (3, 300)
    assert not Arb.objects.exists()
    assert ledger_problems() == []


def order_with(row, fill):
    return msgspec.structs.replace(row, fills=(fill,))


def test_place_of_an_unknown_stream_is_the_beginning():
    assert recording.place("other") == (0, 0)


def test_streams_do_not_disturb_each_other():
    recording.record_batch([*records([started("r1")]), *records([started("r2")], stream="second")])
    assert recording.place("trader") == (1, 100)
    assert recording.place("second") == (1, 100)
    assert set(TraderRun.objects.values_list("run_id", flat=True)) == {"r1", "r2"}


def test_only_the_first_reading_of_an_exchange_is_its_opening_balance():
    later = opening(Exchange.UPBIT, "5", "7")
    recording.record_batch(records([*opened_desk(), later]))
    assert wallets()["upbit:BTC"] == Decimal(1)
    row = Balance.objects.get(exchange="upbit", asset="BTC")
    assert row.exchange_free == Decimal(7)


def test_an_asset_first_seen_after_a_purchase_is_not_booked_twice():
    # Exchanges leave out what is zero: SOL appears only after it was bought.
    events = [BalancesRead(Exchange.UPBIT, (), True, Ns(1)), BalancesRead(Exchange.BITHUMB, (), True, Ns(1))]
    events += [opening(Exchange.UPBIT, "100000000", "0")]
    events += trip("a1", buy=200_000, sell=201_000, qty=E8, market="KRW-SOL")
    events.append(BalancesRead(Exchange.UPBIT, (Holding("SOL", Decimal(1), Decimal(0)),), True, Ns(2)))
    recording.record_batch(records(events))
    assert wallets()["upbit:SOL"] == Decimal(1)


def test_an_asset_no_longer_named_has_become_zero():
    only_krw = BalancesRead(Exchange.UPBIT, (Holding("KRW", Decimal(3), Decimal(2)),), False, Ns(START_NS + 5))
    recording.record_batch(records([*opened_desk(), only_krw]))
    row = Balance.objects.get(exchange="upbit", asset="BTC")
    assert (row.exchange_free, row.settled) == (Decimal(0), False)
    assert Balance.objects.get(exchange="upbit", asset="KRW").exchange_locked == Decimal(2)


def test_fees_charged_later_are_booked_by_their_increase():
    image = trip("a1", buy=150_000_000, sell=150_300_000, qty=E8 // 100)[-1]
    recording.record_batch(records([*opened_desk(), image]))
    dearer = msgspec.structs.replace(image.arb.orders[0], paid_fee=Decimal("750.000000001"))
    later = msgspec.structs.replace(image.arb, orders=(dearer, image.arb.orders[1]))
    recording.record_batch(records([ArbStepped(later, None, Ns(1))], first_seq=5))
    amounts = LedgerEntry.objects.filter(kind="fee", order_id="a1-0", account__kind="fees").order_by("id")
    assert [row.amount for row in amounts] == [Decimal(750), Decimal("0.000000001")]
    assert Account.objects.get(kind="fees", exchange="upbit").balance == Decimal("750.000000001")


def test_one_match_named_to_both_of_its_sides_is_booked_for_each():
    both = (
        order("a1", 0, exchange=Exchange.UPBIT, side=Side.BID, price=100, qty=E8, fills=(("same", E8),)),
        order("a1", 1, exchange=Exchange.UPBIT, side=Side.ASK, price=100, qty=E8, fills=(("same", E8),)),
    )
    recording.record_batch(records([*opened_desk(), ArbStepped(arb("a1", both), ArbOn.BALANCED, Ns(1))]))
    assert wallets()["upbit:BTC"] == Decimal(1)
    assert wallets()["upbit:KRW"] == Decimal("100000000.00000000000000000001") - Decimal("0.1")


def test_a_stuck_arb_raises_an_alert_and_opens_an_incident_and_both_end():
    both = legs("a7", buy=100, sell=101, qty=E8, bought=E8, sold=0)
    stuck = ArbStepped(arb("a7", both, state=ArbState.STUCK, why="no_hedge"), ArbOn.NO_HEDGE, Ns(START_NS))
    recording.record_batch(records([*opened_desk(), stuck]))
    assert Arb.objects.get().was_stuck
    alert = Alert.objects.get(kind="arb_stuck", subject="a7")
    assert (alert.severity, alert.risk_id, alert.closed_at) == ("critical", "R3.1", None)
    assert Incident.objects.get().kind == "arb_stuck"
    solved = ArbStepped(arb("a7", both, why="sold by hand"), ArbOn.OPERATOR_RESOLVED, Ns(START_NS + 1))
    recording.record_batch(records([solved], first_seq=5))
    alert.refresh_from_db()
    assert alert.closed_at is not None
    assert Arb.objects.get().was_stuck


def test_stuck_and_resolved_in_one_batch_leaves_no_open_alert():
    both = legs("a7", buy=100, sell=101, qty=E8, bought=E8, sold=0)
    stuck = ArbStepped(arb("a7", both, state=ArbState.STUCK, why="no_hedge"), ArbOn.NO_HEDGE, Ns(START_NS))
    solved = ArbStepped(arb("a7", both, why="sold by hand"), ArbOn.OPERATOR_RESOLVED, Ns(START_NS + 1))
    recording.record_batch(records([*opened_desk(), stuck, solved]))
    assert Arb.objects.get().was_stuck
    assert Alert.objects.get().closed_at is not None
    assert Incident.objects.count() == 1


def test_orders_keep_what_was_refused():
    buy, sell = legs("a1", buy=100, sell=101, qty=E8, bought=0, sold=0)
    refused = msgspec.structs.replace(
        buy, state=OrderState.REFUSED, refusal=RefusalReason.INSUFFICIENT_FUNDS, detail="insufficient_funds_bid"
    )
    recording.record_batch(
        records([*opened_desk(), ArbStepped(arb("a1", (refused, sell)), ArbOn.NOTHING_FILLED, Ns(1))])
    )
    row = Order.objects.get(pk="a1-0")
    assert (row.state, row.refusal, row.detail) == ("refused", "insufficient_funds", "insufficient_funds_bid")


def test_the_desk_lowering_itself_is_kept_and_told():
    recording.record_batch(records([TradingStateChanged("reducing", "arb a7 is stuck", Ns(START_NS))]))
    row = Control.objects.get(scope="global")
    assert (row.level, row.reason, row.by) == (1, "arb a7 is stuck", "trader")
    assert Alert.objects.get().kind == "trading_lowered"


def test_an_order_that_is_not_ours_raises_an_alert():
    seen = StrangeOrderSeen(Exchange.BITHUMB, "KRW-BTC", "C0101", None, Ns(START_NS))
    recording.record_batch(records([seen]))
    assert Alert.objects.get().subject == "C0101"


def test_dust_is_shown_where_it_lies_and_gone_once_an_arb_took_it_over():
    left = legs("a1", buy=150_000_000, sell=150_300_000, qty=E8 // 100, bought=E8 // 100, sold=E8 // 100 - 3_000)
    by_hand = legs("a2", buy=150_000_000, sell=150_300_000, qty=E8 // 100, bought=E8 // 100, sold=0)
    first = [
        *opened_desk(),
        ArbStepped(arb("a1", left, why="dust"), ArbOn.DUST, Ns(START_NS)),
        ArbStepped(arb("a2", by_hand, why="operator_resolved sold"), ArbOn.OPERATOR_RESOLVED, Ns(START_NS)),
    ]
    recording.record_batch(records(first))
    assert selectors.dust() == {("upbit", "KRW-BTC"): Decimal("0.00003")}
    bought, sold = legs(
        "a3", buy=150_000_000, sell=150_300_000, qty=E8 // 100, bought=E8 // 100 - 3_000, sold=E8 // 100
    )
    bought, sold = (
        msgspec.structs.replace(bought, exchange=Exchange.BITHUMB),
        msgspec.structs.replace(sold, exchange=Exchange.UPBIT),
    )
    image = msgspec.structs.replace(arb("a3", (bought, sold), why="balanced"), dust_in_qty=3_000)
    step = ArbStepped(image, ArbOn.BALANCED, Ns(START_NS))
    recording.record_batch(records([step], first_seq=len(first) + 1))
    assert selectors.dust() == {}
