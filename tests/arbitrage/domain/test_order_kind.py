"""Which orders can be given, and what is heard of one that has no quantity of its own."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from order_makers import make_order

from arbitrage.domain.errors import InvariantError
from arbitrage.domain.events import EVENTS_VERSION
from arbitrage.domain.order import Fill, Order, OrderKind, OrderOn, OrderReport, OrderState, TimeInForce, advance
from arbitrage.domain.order_kind import kind_fault
from arbitrage.domain.units import SCALE, Krw, Ns, Price, Qty, Side

IOC, GTC, FOK, POST_ONLY = TimeInForce.IOC, TimeInForce.GTC, TimeInForce.FOK, TimeInForce.POST_ONLY
LIMIT, BUY, SELL, BEST = OrderKind.LIMIT, OrderKind.MARKET_BUY, OrderKind.MARKET_SELL, OrderKind.BEST
BY_FUNDS = {"price": Price(0), "qty": Qty(0), "funds": Krw(20_000 * SCALE)}
BY_QTY = {"price": Price(0)}
MARKET_BUY: dict[str, Any] = {"kind": BUY, **BY_FUNDS}


@pytest.mark.parametrize("tif", list(TimeInForce))
@pytest.mark.parametrize("side", list(Side))
def test_limit_orders_take_every_time_in_force(side: Side, tif: TimeInForce) -> None:
    assert kind_fault(make_order(side=side, tif=tif)) is None


@pytest.mark.parametrize(
    "order",
    [
        make_order(kind=BUY, **BY_FUNDS),
        make_order(kind=SELL, side=Side.ASK, **BY_QTY),
        make_order(kind=BEST, tif=IOC, **BY_FUNDS),
        make_order(kind=BEST, tif=FOK, **BY_FUNDS),
        make_order(kind=BEST, tif=IOC, side=Side.ASK, **BY_QTY),
        make_order(kind=BEST, tif=FOK, side=Side.ASK, **BY_QTY),
    ],
)
def test_every_documented_combination_without_a_price_is_taken(order: Order) -> None:
    assert kind_fault(order) is None


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"price": Price(0)}, "price was 0, must be above 0 for limit bid"),
        ({"price": Price(-1)}, "price was -1, must be above 0 for limit bid"),
        ({"qty": Qty(0)}, "qty was 0, must be above 0 for limit bid"),
        ({"funds": Krw(1)}, "funds was 1, must be 0 for limit bid"),
        ({**MARKET_BUY, "side": Side.ASK}, "side was ask, must be bid for market_buy"),
        ({**MARKET_BUY, "qty": Qty(1)}, "qty was 1, must be 0 for market_buy bid"),
        ({**MARKET_BUY, "funds": Krw(0)}, "funds was 0, must be above 0 for market_buy bid"),
        ({**MARKET_BUY, "tif": FOK}, "tif was fok, must be ioc for market_buy"),
        ({**MARKET_BUY, "tif": GTC}, "tif was gtc, must be ioc for market_buy"),
        ({"kind": SELL, "price": Price(0)}, "side was bid, must be ask for market_sell"),
        ({"kind": SELL, "side": Side.ASK}, "price was 432100000000000, must be 0 for market_sell ask"),
        ({"kind": BEST, **BY_FUNDS, "tif": GTC}, "tif was gtc, must be ioc or fok for best"),
        ({"kind": BEST, **BY_FUNDS, "tif": POST_ONLY}, "tif was post_only, must be ioc or fok for best"),
        ({"kind": BEST, "side": Side.ASK, **BY_FUNDS}, "qty was 0, must be above 0 for best ask"),
        ({"kind": BEST, **BY_QTY}, "qty was 1000000, must be 0 for best bid"),
    ],
)
def test_every_other_combination_names_its_fault(changes: dict[str, Any], fault: str) -> None:
    assert kind_fault(make_order(**changes)) == fault


def bought(trade_id: str, price: str, qty: str) -> Fill:
    price_dec, qty_dec = Decimal(price), Decimal(qty)
    return Fill(trade_id, Price(int(price_dec * SCALE)), Qty(int(qty_dec * SCALE)), price_dec * qty_dec, Ns(1))


def working(**changes: Any) -> Order:
    return make_order(**(MARKET_BUY | {"state": OrderState.WORKING} | changes))


def ended(*fills: Fill, **changes: Any) -> OrderReport:
    executed = Qty(sum(fill.qty for fill in fills))
    return msgspec.structs.replace(OrderReport(OrderOn.CANCELED, executed_qty=executed, fills=fills), **changes)


WHOLE = bought("5e1f", "4321000", "0.00462855")
"""The worked example of upbit.md §1.6: 20,000 KRW, 0.03545 of them cannot buy one step more."""


def test_market_buy_that_ends_in_cancel_with_nothing_left_to_buy_is_filled() -> None:
    after = advance(working(), ended(WHOLE), Ns(5))
    assert (after.state, after.executed_qty, after.executed_funds) == (OrderState.FILLED, 462_855, WHOLE.funds)
    assert after.is_proven


def test_market_buy_over_two_levels_may_leave_a_step_of_each() -> None:
    fills = (bought("a", "4321000", "0.00231427"), bought("b", "4322000", "0.00231374"))
    left = Decimal(20_000) - sum((fill.funds for fill in fills), Decimal(0))
    assert Decimal("0.04322") < left < Decimal("0.08643")
    assert advance(working(), ended(*fills), Ns(5)).state is OrderState.FILLED


def test_market_buy_that_ends_with_money_left_is_canceled() -> None:
    after = advance(working(), ended(bought("a", "4321000", "0.002")), Ns(5))
    assert (after.state, after.executed_qty) == (OrderState.CANCELED, 200_000)
    assert advance(working(), ended(), Ns(5)).state is OrderState.CANCELED


def test_end_without_all_fills_is_canceled_until_they_prove_it() -> None:
    first = advance(working(), OrderReport(OrderOn.CANCELED, executed_qty=Qty(462_855)), Ns(5))
    assert (first.state, first.is_proven) == (OrderState.CANCELED, False)
    assert advance(first, ended(WHOLE), Ns(6)).state is OrderState.FILLED


def test_fills_alone_do_not_end_an_order_without_a_quantity() -> None:
    after = advance(working(), ended(WHOLE, on=OrderOn.PART_FILL), Ns(5))
    assert (after.state, after.executed_qty) == (OrderState.WORKING, 462_855)
    assert advance(after, ended(), Ns(6)).state is OrderState.FILLED


def test_done_counts_no_more_than_cancel() -> None:
    assert advance(working(), ended(WHOLE, on=OrderOn.FULL_FILL), Ns(5)).state is OrderState.FILLED
    half = ended(bought("a", "4321000", "0.002"), on=OrderOn.FULL_FILL)
    assert advance(working(), half, Ns(5)).state is OrderState.CANCELED


def test_more_than_the_total_is_a_contradiction_and_changes_nothing() -> None:
    order = working()
    with pytest.raises(InvariantError, match="executed_funds"):
        advance(order, ended(bought("a", "4321000", "0.00462856")), Ns(5))
    assert order.executed_qty == 0


def test_a_total_told_beyond_the_funds_without_its_fills_is_borne() -> None:
    report = OrderReport(OrderOn.PART_FILL, executed_qty=Qty(462_855), executed_funds=Decimal("20000.000000000004"))
    after = advance(working(), report, Ns(5))
    assert (after.state, after.is_proven) == (OrderState.WORKING, False)
    assert advance(after, ended(WHOLE), Ns(6)).executed_funds == WHOLE.funds


def test_market_sell_is_measured_by_its_quantity() -> None:
    order = make_order(kind=SELL, side=Side.ASK, price=Price(0), state=OrderState.WORKING)
    assert advance(order, ended(bought("a", "4321000", "0.01")), Ns(5)).state is OrderState.FILLED
    assert advance(order, ended(bought("a", "4321000", "0.004")), Ns(5)).state is OrderState.CANCELED


def test_order_of_an_older_journal_reads_as_a_limit_order() -> None:
    plain = msgspec.to_builtins(make_order())
    del plain["kind"], plain["funds"]
    order = msgspec.convert(plain, Order)
    assert (order.kind, order.funds, EVENTS_VERSION) == (LIMIT, 0, 1)
    assert order == make_order()
