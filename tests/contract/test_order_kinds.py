"""Every kind of order through both adapters: what the simulated exchange makes of it, and what we prove of it."""

from decimal import Decimal
from typing import Any

import pytest
from contract_bench import MARKET, Bench, Can, ended, reported, total

from arbitrage.domain import order as orders
from arbitrage.domain.book import Book
from arbitrage.domain.order import (
    Order,
    OrderKind,
    OrderOn,
    OrderReport,
    OrderState,
    RefusalReason,
    TimeInForce,
)
from arbitrage.domain.ports import Accepted, Refused
from arbitrage.domain.units import SCALE, Krw, Ns, Price, Qty, Side, to_decimal
from exchanges import registry
from exchanges.rest_gateway import RestGateway

FUNDS = Krw(1_000_000 * SCALE)
BY_FUNDS: dict[str, Any] = {"price": Price(0), "qty": Qty(0), "funds": FUNDS}


def folded(order: Order, report: OrderReport) -> Order:
    return orders.advance(orders.advance(order, OrderReport(OrderOn.SENT), Ns(1)), report, Ns(2))


async def done(gateway: RestGateway, order: Order) -> Order:
    answer = await gateway.place(order)
    assert isinstance(answer, Accepted), answer
    return folded(order, await ended(gateway, order))


@pytest.mark.needs(Can.ORDER_BY_FUNDS)
async def test_market_buy_spends_its_total_and_the_fee_on_top(bench: Bench, gateway: RestGateway) -> None:
    before = await gateway.balances()
    order = bench.taking(await bench.book(), "market-buy-1", kind=OrderKind.MARKET_BUY, **BY_FUNDS)
    after = await done(gateway, order)
    assert (after.state, after.is_proven) == (OrderState.FILLED, True)
    assert to_decimal(FUNDS) - after.executed_funds < Decimal(after.fills[-1].price) / SCALE / SCALE * len(after.fills)
    have = await gateway.balances()
    assert total(have, "BTC") - total(before, "BTC") == to_decimal(after.executed_qty)
    assert total(before, "KRW") - total(have, "KRW") == after.executed_funds + after.paid_fee
    rules = registry.instrument(bench.exchange, MARKET, await gateway.market_rules(MARKET))
    assert after.paid_fee == rules.fee_on(after.executed_funds)


@pytest.mark.needs(Can.ORDER_BY_FUNDS)
async def test_whole_balance_buys_once_the_fee_is_kept_back(bench: Bench, gateway: RestGateway) -> None:
    rules = registry.instrument(bench.exchange, MARKET, await gateway.market_rules(MARKET))
    free = next(row.free for row in await gateway.balances() if row.asset == "KRW")
    funds = rules.funds_affordable(Krw(int(free * SCALE)))
    fields = {"kind": OrderKind.MARKET_BUY, **BY_FUNDS}
    book = await bench.book()
    depth = sum(level.price * level.qty for level in book.asks) // SCALE
    if funds > depth or funds > rules.max_notional:
        # More than the shown book or one order may take: show the sum on a balance cut down to a tenth of it.
        funds = rules.funds_affordable(Krw(depth // 10))
    order = bench.taking(book, "all-in-1", **(fields | {"funds": funds}))
    after = await done(gateway, order)
    assert after.executed_funds + after.paid_fee <= to_decimal(rules.funds_locked(funds))


async def test_market_sell_is_filled_by_quantity(bench: Bench, gateway: RestGateway) -> None:
    before = await gateway.balances()
    order = bench.taking(
        await bench.book(), "market-sell-1", Side.ASK, kind=OrderKind.MARKET_SELL, price=Price(0), qty=Qty(1_234_567)
    )
    after = await done(gateway, order)
    assert (after.state, after.executed_qty, after.is_proven) == (OrderState.FILLED, 1_234_567, True)
    have = await gateway.balances()
    assert total(have, "KRW") - total(before, "KRW") == after.executed_funds - after.paid_fee


@pytest.mark.needs(Can.BEST)
@pytest.mark.parametrize("tif", [TimeInForce.IOC, TimeInForce.FOK])
@pytest.mark.parametrize("side", list(Side))
async def test_best_takes_only_the_first_level(
    bench: Bench, gateway: RestGateway, side: Side, tif: TimeInForce
) -> None:
    given = BY_FUNDS if side is Side.BID else {"price": Price(0), "qty": Qty(100_000)}
    book = await bench.book()
    order = bench.taking(book, f"best-{side}-{tif}", side, kind=OrderKind.BEST, tif=tif, **given)
    after = await done(gateway, order)
    assert len({fill.price for fill in after.fills}) <= 1
    assert after.state in (OrderState.FILLED, OrderState.CANCELED)
    assert after.is_proven
    if tif is TimeInForce.FOK and after.state is OrderState.CANCELED:
        assert after.fills == ()


def beyond_best(bench: Bench, book: Book, client_order_id: str, tif: TimeInForce) -> Order:
    best = book.asks[0]
    return bench.taking(book, client_order_id, price=best.price, qty=Qty(best.qty + 20_000_000), tif=tif)


@pytest.mark.needs(Can.TIMES_IN_FORCE)
async def test_fill_or_kill_fills_whole_or_not_at_all(bench: Bench, gateway: RestGateway) -> None:
    book = await bench.book()
    whole = await done(gateway, bench.taking(book, "fok-1", tif=TimeInForce.FOK))
    assert whole.state is OrderState.FILLED
    order = beyond_best(bench, await bench.book(), "fok-2", TimeInForce.FOK)
    answer = await gateway.place(order)
    # Whether it is refused at once or ends cancelled is not established (upbit.md §9.3): nothing fills either way.
    if isinstance(answer, Accepted):
        after = folded(order, await ended(gateway, order))
        assert (after.state, after.executed_qty) == (OrderState.CANCELED, 0)
    else:
        assert isinstance(answer, Refused)


@pytest.mark.needs(Can.TIMES_IN_FORCE)
async def test_post_only_rests_below_the_market_and_never_takes(bench: Bench, gateway: RestGateway) -> None:
    book = await bench.book()
    resting = bench.resting(book, "post-1", tif=TimeInForce.POST_ONLY)
    answer = await gateway.place(resting)
    assert isinstance(answer, Accepted), answer
    crossing = bench.taking(book, "post-2", tif=TimeInForce.POST_ONLY)
    answer = await gateway.place(crossing)
    if isinstance(answer, Accepted):
        report = await ended(gateway, crossing)
        assert (report.on, report.executed_qty, report.fills) == (OrderOn.CANCELED, 0, ())
    else:
        assert isinstance(answer, Refused)
    assert (await reported(gateway, resting, OrderOn.ACKED)).executed_qty == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"qty": Qty(0)},
        {"price": Price(0)},
        {"funds": FUNDS},
        {"kind": OrderKind.MARKET_BUY},
        {"kind": OrderKind.MARKET_SELL, "price": Price(0)},
        {"kind": OrderKind.BEST, "tif": TimeInForce.GTC, **BY_FUNDS},
        {"kind": OrderKind.BEST, "tif": TimeInForce.POST_ONLY, **BY_FUNDS},
        {"kind": OrderKind.MARKET_BUY, "tif": TimeInForce.FOK, **BY_FUNDS},
    ],
)
async def test_combination_that_does_not_exist_is_refused_by_us_and_nothing_leaves(
    bench: Bench, gateway: RestGateway, changes: dict[str, Any]
) -> None:
    sim = bench.simulator.exchange(bench.exchange)
    order = bench.taking(await bench.book(), "no-such-kind", **changes)
    asked = sim.counts["requests"]
    answer = await gateway.place(order)
    assert isinstance(answer, Refused)
    assert answer.reason is RefusalReason.INVALID_REQUEST
    assert sim.counts["requests"] == asked
