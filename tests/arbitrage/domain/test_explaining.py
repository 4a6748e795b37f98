"""A difference of balances finds the row it comes from: to the last digit, and only where nothing else fits."""

from decimal import Decimal

import msgspec
import pytest

from arbitrage.domain.explaining import LeftOver, Surroundings, explain
from arbitrage.domain.history import Trade
from arbitrage.domain.order_checks import fee_changes, timing_breaks
from arbitrage.domain.reconciliation import BreakKind, FillFigure, OrderFigure, Severity, compare_orders
from arbitrage.domain.reversal import fees_of_fills
from arbitrage.domain.units import Exchange, Ns, Qty, Side

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
E8 = 10**8


def trade(order_id, *fills, side=Side.BID, fee="0", market="KRW-ETH", at=10):
    """An order; fills are (trade id, thousandths of a coin, funds)."""
    made = tuple(FillFigure(trade_id, Qty(part * E8 // 1000), Decimal(funds)) for trade_id, part, funds in fills)
    funds = sum((fill.funds for fill in made), Decimal(0))
    return Trade(order_id, market, side, funds, Decimal(fee), made, Ns(at))


BUY = trade("o1", ("t1", 500, "2000000"), fee="1000")
SELL = trade("o2", ("t2", 300, "1210000.5"), ("t3", 200, "800000"), side=Side.ASK, fee="804", at=20)


def around(*trades, **words):
    words = {"left_overs": (), "booked_refs": frozenset(), "assets": frozenset({"KRW", "ETH"}), **words}
    return Surroundings(trades=trades, **words)


def found(residual, surroundings, exchange=UPBIT):
    told, breaks = explain(exchange, {name: Decimal(text) for name, text in residual.items()}, surroundings)
    return [(target.ref, target.moves) for target, _ in told], [(each.kind, each.subject) for each in breaks]


def amounts(moves):
    return [(move.asset, str(move.amount), move.is_fee) for move in moves]


def test_a_buy_taken_back_gives_funds_and_fee_back():
    told, breaks = found({"ETH": "-0.5", "KRW": "2001000"}, around(BUY, SELL))
    assert [ref for ref, _ in told] == ["reversal:o1:t1"]
    assert amounts(told[0][1]) == [("ETH", "-0.50000000", False), ("KRW", "2000000", False), ("KRW", "1000", True)]
    assert breaks == []


def test_one_fill_of_several_bears_its_part_of_a_cut_fee():
    # 0.04 %: 484.0002 and 804.0002, both cut to 0.01.
    assert fees_of_fills(SELL) == (Decimal("484.00"), Decimal("320.00"))
    told, breaks = found({"ETH": "0.2", "KRW": "-799680"}, around(BUY, SELL))
    assert ([ref for ref, _ in told], breaks) == (["reversal:o2:t3"], [])


def test_all_fills_of_some_minutes_taken_back_are_found_together():
    told, breaks = found({"ETH": "0", "KRW": "-8196.5"}, around(BUY, SELL))
    assert told == []
    told, breaks = found({"ETH": "0.5", "KRW": "-2009196.5"}, around(BUY, SELL))
    assert (sorted(ref for ref, _ in told), breaks) == (["reversal:o2:t2", "reversal:o2:t3"], [])


def test_a_fill_is_taken_back_once():
    known = around(BUY, booked_refs=frozenset({"reversal:o1:t1"}))
    told, breaks = found({"ETH": "-0.5", "KRW": "2001000"}, known)
    assert told == []
    assert breaks == [(BreakKind.BALANCE_DRIFT, "ETH"), (BreakKind.BALANCE_DRIFT, "KRW")]


def test_where_two_fills_fit_a_person_must_say_which():
    twin = trade("o3", ("t9", 500, "2000000"), fee="1000")
    told, breaks = explain(UPBIT, {"ETH": Decimal("-0.5"), "KRW": Decimal(2001000)}, around(BUY, twin))
    assert told == []
    assert {each.detail for each in breaks} == {"perhaps a reversal of t1: more than one fits"}


def test_a_won_off_is_no_reversal():
    told, _ = found({"ETH": "-0.5", "KRW": "2001001"}, around(BUY))
    assert told == []


@pytest.mark.parametrize("residual", ["0.456789", "-0.003211", "-0.543211"])
def test_a_rounded_fee_is_located_at_its_order(residual):
    odd = trade("o4", ("t5", 100, "400000"), fee="200.456789", at=30)
    told, breaks = found({"KRW": residual}, around(BUY, odd))
    assert ([ref for ref, _ in told], breaks) == (["rounding:o4"], [])


def test_a_rounding_that_no_order_explains_is_a_drift_that_lowers_nothing():
    told, breaks = explain(UPBIT, {"KRW": Decimal("-1E-20")}, around(BUY))
    assert told == []
    assert [(each.kind, each.severity) for each in breaks] == [(BreakKind.BALANCE_DRIFT, Severity.MEDIUM)]


def test_an_order_from_before_balances_agreed_explains_no_rounding():
    odd = trade("o4", ("t5", 100, "400000"), fee="200.456789", at=30)
    told, _ = found({"KRW": "0.456789"}, around(odd, fresh_from_ns=Ns(31)))
    assert told == []


def test_dust_that_is_gone_is_located_at_its_arb():
    left = LeftOver("a7", "ETH", 12_345, Ns(40))
    told, breaks = found({"ETH": "-0.00012345"}, around(BUY, left_overs=(left,)))
    assert ([ref for ref, _ in told], breaks) == (["dust:a7"], [])


def test_coins_nobody_traded_are_an_airdrop_and_lower_nothing():
    told, breaks = explain(UPBIT, {"FLR": Decimal(3)}, around(BUY))
    assert told == []
    assert [(each.kind, each.severity) for each in breaks] == [(BreakKind.AIRDROP, Severity.MEDIUM)]


def test_money_that_is_gone_is_critical():
    _, breaks = explain(UPBIT, {"KRW": Decimal(-500), "ETH": Decimal(1)}, around(BUY))
    assert [(each.subject, each.severity) for each in breaks] == [("ETH", Severity.HIGH), ("KRW", Severity.CRITICAL)]


def rates(*rows):
    return [trade(f"o{n}", (f"t{n}", 1, funds), fee=fee, at=n) for n, (funds, fee) in enumerate(rows)]


def test_a_fee_that_changes_is_located_at_the_first_order_that_paid_it():
    rows = rates(("1000000", "400"), ("9999.5", "3.99"), ("1000000", "2500"), ("500000", "1250"), ("100000", "40"))
    breaks, now = fee_changes(BITHUMB, rows, None)
    assert [(each.kind, each.ref, each.severity) for each in breaks] == [
        (BreakKind.COUPON_EXPIRED, "o2", Severity.HIGH),
        (BreakKind.FEE_CHANGED, "o4", Severity.LOW),
    ]
    assert now == 400


def test_a_fee_that_rises_on_upbit_is_no_coupon():
    breaks, _ = fee_changes(UPBIT, rates(("1000000", "500"), ("1000000", "2500")), None)
    assert [each.kind for each in breaks] == [BreakKind.FEE_CHANGED]


# 2026-11-24 00:00 KST in UTC seconds.
MIDNIGHT = 1_795_446_000
OURS = OrderFigure(UPBIT, "KRW-ETH", "o1", "X1", False, Qty(1), Decimal(1), Decimal(0), (), Ns(MIDNIGHT * 10**9 - 1))


@pytest.mark.parametrize(
    ("theirs_s", "severity"),
    [(MIDNIGHT, Severity.LOW), (MIDNIGHT + 9 * 3600, Severity.HIGH), (MIDNIGHT - 60, Severity.HIGH)],
)
def test_an_order_on_two_days_or_far_apart_is_told_by_its_id(theirs_s, severity):
    theirs = msgspec.structs.replace(OURS, made_wall_ns=Ns(theirs_s * 10**9))
    (each,) = timing_breaks([(OURS, theirs)])
    assert (each.kind, each.ref, each.severity) == (BreakKind.TIMING, "o1", severity)


def test_an_order_within_the_second_on_the_same_day_is_not_told():
    assert timing_breaks([(OURS, msgspec.structs.replace(OURS, made_wall_ns=Ns((MIDNIGHT - 1) * 10**9)))]) == []


def test_a_match_we_have_twice_is_a_doubled_fill_at_its_second_row():
    one, two = FillFigure("t1", Qty(50), Decimal(9)), FillFigure("t1b", Qty(50), Decimal(9))
    ours = msgspec.structs.replace(OURS, executed_qty=Qty(100), fills=(one, two))
    theirs = msgspec.structs.replace(OURS, executed_qty=Qty(50), fills=(one,))
    (each,) = compare_orders([ours], [theirs])
    assert (each.kind, each.ref) == (BreakKind.DOUBLED_FILL, "t1b")
    (each,) = compare_orders([theirs], [ours])
    assert (each.kind, each.ref) == (BreakKind.MISSING_FILL, "t1b")
    other = msgspec.structs.replace(two, qty=Qty(49), funds=Decimal(8))
    (each,) = compare_orders([msgspec.structs.replace(ours, executed_qty=Qty(99), fills=(one, other))], [theirs])
    assert (each.kind, each.ref) == (BreakKind.EXTRA_FILL, "t1b")
