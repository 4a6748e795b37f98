"""Breaks: each kind found, told exactly, and nothing found where both sides agree."""

from decimal import Decimal

import msgspec
import pytest

from arbitrage.domain.reconciliation import (
    BalanceFigure,
    Break,
    BreakKind,
    OrderFigure,
    Severity,
    compare_balances,
    compare_orders,
)
from arbitrage.domain.units import Exchange, Qty

UPBIT, BITHUMB = Exchange.UPBIT, Exchange.BITHUMB
ORDER = OrderFigure(
    UPBIT, "KRW-ETH", "t1-1-b", "X1", False, Qty(50_000_000), Decimal("2000000"), Decimal("1000.000000001")
)


def figure(exchange: Exchange, asset: str, total: str) -> BalanceFigure:
    return BalanceFigure(exchange, asset, Decimal(total))


def changed(**changes) -> OrderFigure:
    return msgspec.structs.replace(ORDER, **changes)


def test_equal_balances_are_no_break_however_they_are_written():
    ours = [figure(UPBIT, "KRW", "100.50"), figure(UPBIT, "ETH", "0")]
    theirs = [figure(UPBIT, "KRW", "100.5000000000"), figure(BITHUMB, "BTC", "0.00")]
    assert compare_balances(ours, theirs) == []


def test_a_drift_of_the_last_decimal_is_told_exactly():
    ours = [figure(UPBIT, "KRW", "98765432109.87654321098765432110"), figure(BITHUMB, "KRW", "5")]
    theirs = [figure(UPBIT, "KRW", "98765432109.87654321098765432109"), figure(BITHUMB, "KRW", "5")]
    (drift,) = compare_balances(ours, theirs)
    assert (drift.kind, drift.severity, drift.exchange, drift.subject) == (
        BreakKind.BALANCE_DRIFT,
        Severity.CRITICAL,
        UPBIT,
        "KRW",
    )
    assert drift.difference == Decimal("-1E-20")


def test_an_asset_one_side_does_not_name_counts_as_zero():
    assert compare_balances([], [figure(BITHUMB, "XRP", "3")]) == [
        Break(BreakKind.BALANCE_DRIFT, Severity.HIGH, BITHUMB, "XRP", Decimal(0), Decimal(3), Decimal(3))
    ]
    assert compare_balances([figure(BITHUMB, "XRP", "3")], [])[0].difference == Decimal(-3)


def test_the_same_order_on_both_sides_is_no_break():
    assert compare_orders([ORDER], [ORDER]) == []
    assert compare_orders([ORDER], [changed(client_order_id=None)]) == [], "met by the exchange's own id"
    assert compare_orders([ORDER], [changed(exchange_order_id=None)]) == []


@pytest.mark.parametrize(
    ("theirs", "kind", "severity", "difference"),
    [
        ({"executed_qty": 50_000_001, "paid_fee": Decimal(9)}, BreakKind.MISSING_FILL, Severity.CRITICAL, "0.00000001"),
        ({"executed_qty": 20_000_000}, BreakKind.EXTRA_FILL, Severity.CRITICAL, "-0.3"),
        ({"executed_funds": Decimal("2000000.1")}, BreakKind.FUNDS_MISMATCH, Severity.HIGH, "0.1"),
        ({"paid_fee": Decimal("5000")}, BreakKind.FEE_MISMATCH, Severity.MEDIUM, "3999.999999999"),
    ],
)
def test_each_difference_of_one_order_is_one_break(theirs, kind, severity, difference):
    (found,) = compare_orders([ORDER], [changed(**theirs)])
    assert (found.kind, found.severity, found.subject) == (kind, severity, "t1-1-b")
    assert found.difference == Decimal(difference) == found.theirs - found.ours


def test_funds_and_fee_can_both_be_off():
    found = compare_orders([ORDER], [changed(executed_funds=Decimal(1), paid_fee=Decimal(2))])
    assert [each.kind for each in found] == [BreakKind.FEE_MISMATCH, BreakKind.FUNDS_MISMATCH]


@pytest.mark.parametrize(
    ("theirs", "severity", "subject"),
    [
        ({"client_order_id": None, "exchange_order_id": "Y", "is_open": True, "executed_qty": 0}, "critical", "Y"),
        ({"client_order_id": "z", "exchange_order_id": "Y"}, "critical", "z"),
        ({"client_order_id": "z", "exchange_order_id": "Y", "executed_qty": 0}, "low", "z"),
    ],
)
def test_an_order_only_they_have_is_unknown(theirs, severity, subject):
    (found,) = compare_orders([], [changed(**theirs)])
    assert (found.kind, found.severity.value, found.subject) == (BreakKind.UNKNOWN_ORDER, severity, subject)


def test_the_same_id_on_the_other_exchange_is_another_order():
    kinds = [each.kind for each in compare_orders([ORDER], [changed(exchange=BITHUMB)])]
    assert kinds == [BreakKind.UNKNOWN_ORDER, BreakKind.MISSING_ORDER]


@pytest.mark.parametrize(
    ("ours", "severities"),
    [
        ({}, ["critical"]),
        ({"executed_qty": 0}, ["high"]),
        ({"executed_qty": 0, "exchange_order_id": None, "is_open": True}, ["medium"]),
        ({"executed_qty": 0, "exchange_order_id": None}, []),
    ],
)
def test_an_order_only_we_have_is_missing_when_it_was_ever_there(ours, severities):
    found = compare_orders([changed(**ours)], [])
    assert [each.severity.value for each in found] == severities
    assert {each.kind for each in found} <= {BreakKind.MISSING_ORDER}
