"""The contract of `ports.Gateway`, kept by both adapters against the simulator over real sockets."""

import asyncio
from decimal import Decimal

import msgspec
import pytest
from contract_bench import MARKET, Bench, Can, ended, listening, total, until

from arbitrage.domain import order as orders
from arbitrage.domain.errors import AuthRefused, InvariantError, NotSent, ReadFailed
from arbitrage.domain.order import Order, OrderOn, OrderReport, OrderState, RefusalReason, TimeInForce
from arbitrage.domain.ports import (
    Accepted,
    BalanceNews,
    NotFound,
    Refused,
    StreamState,
    Unknown,
)
from arbitrage.domain.units import SCALE, Exchange, Price, Qty, Side, exact_product
from exchanges.rest_gateway import RestGateway

FEES = {Exchange.UPBIT: Decimal("0.0005"), Exchange.BITHUMB: Decimal("0.0004")}


async def test_ioc_order_fills_and_its_fills_prove_quantity_and_money(bench: Bench, gateway: RestGateway) -> None:
    order = bench.taking(await bench.book(), "fills-1")
    answer = await gateway.place(order)
    assert isinstance(answer, Accepted), answer
    assert answer.report.on is OrderOn.ACKED
    assert answer.report.exchange_order_id
    assert 0 < answer.sent_mono_ns < answer.answered_mono_ns
    report = await ended(gateway, order)
    assert report.on is OrderOn.FULL_FILL
    assert report.executed_qty == order.qty
    assert sum(fill.qty for fill in report.fills) == order.qty
    assert all(fill.funds == exact_product(fill.price, fill.qty) for fill in report.fills)
    assert all(fill.price <= order.price for fill in report.fills)
    assert report.paid_fee is not None
    funds = sum((fill.funds for fill in report.fills), Decimal(0))
    assert funds * FEES[bench.exchange] - Decimal("0.01") < report.paid_fee <= funds * FEES[bench.exchange]
    done = orders.advance(orders.advance(order, OrderReport(OrderOn.SENT), 1), report, 2)  # type: ignore[arg-type]
    assert done.state is OrderState.FILLED
    assert done.is_proven


async def test_stream_and_query_tell_of_the_same_fills(bench: Bench, gateway: RestGateway) -> None:
    order = bench.taking(await bench.book(), "same-fills-1", Side.ASK)
    async with listening(gateway) as news:
        answer = await gateway.place(order)
        assert isinstance(answer, Accepted)
        await until(lambda: any(item.report.on is OrderOn.FULL_FILL for item in news.of(order.client_order_id)))
        report = await ended(gateway, order)
        heard = news.of(order.client_order_id)
        await until(lambda: any(isinstance(item, BalanceNews) for item in news.heard))
    streamed = {fill.trade_id: fill for item in heard for fill in item.report.fills}
    asked = {fill.trade_id: fill for fill in report.fills}
    assert streamed.keys() == asked.keys()
    for trade_id, fill in streamed.items():
        assert (fill.price, fill.qty, fill.funds) == (
            asked[trade_id].price,
            asked[trade_id].qty,
            asked[trade_id].funds,
        )
    assert {item.exchange_order_id for item in heard} == {answer.report.exchange_order_id}
    assert heard[-1].report.paid_fee == report.paid_fee
    # Folding in either order, twice over, gives the same order.
    state = orders.advance(order, OrderReport(OrderOn.SENT), 1)  # type: ignore[arg-type]
    for item in [*(item.report for item in heard), report, *(item.report for item in heard)]:
        state = orders.advance(state, item, 2)  # type: ignore[arg-type]
    assert state.state is OrderState.FILLED
    assert state.is_proven


async def test_balances_move_by_exactly_the_fills_and_the_fee(bench: Bench, gateway: RestGateway) -> None:
    before = await gateway.balances()
    order = bench.taking(await bench.book(), "balance-1")
    await gateway.place(order)
    report = await ended(gateway, order)
    after = await gateway.balances()
    funds = sum((fill.funds for fill in report.fills), Decimal(0))
    assert report.paid_fee is not None
    assert total(after, "BTC") - total(before, "BTC") == Decimal(order.qty) / SCALE
    assert total(before, "KRW") - total(after, "KRW") == funds + report.paid_fee
    assert all(row.locked == 0 for row in after)


async def test_order_beyond_the_limit_price_ends_without_a_fill(bench: Bench, gateway: RestGateway) -> None:
    book = await bench.book()
    order = bench.resting(book, "no-fill-1")
    answer = await gateway.place(order)
    assert isinstance(answer, Accepted)
    report = await ended(gateway, order)
    assert (report.on, report.executed_qty, report.fills) == (OrderOn.CANCELED, 0, ())


async def test_part_filled_ioc_is_canceled_with_its_quantity_whatever_the_state_word(
    bench: Bench, gateway: RestGateway
) -> None:
    book = await bench.book()
    limit = book.asks[0].price
    order = bench.taking(book, "part-1", price=limit, qty=Qty(book.asks[0].qty + 20_000_000))
    answer = await gateway.place(order)
    if isinstance(answer, Refused):
        pytest.skip(f"this seed's best level is beyond our purse: {answer.detail}")
    report = await ended(gateway, order)
    assert report.on is OrderOn.CANCELED
    assert report.executed_qty is not None
    assert report.executed_qty < order.qty
    assert sum(fill.qty for fill in report.fills) == report.executed_qty


async def test_reply_cut_after_accept_is_unknown_and_the_order_is_found_by_our_id(
    bench: Bench, gateway: RestGateway
) -> None:
    order = bench.taking(await bench.book(), "cut-1")
    bench.faults.drop_reply_after_accept()
    assert isinstance(await gateway.place(order), Unknown)
    report = await ended(gateway, order)
    assert report.on is OrderOn.FULL_FILL


async def test_request_cut_before_accept_is_unknown_and_the_order_is_not_found(
    bench: Bench, gateway: RestGateway
) -> None:
    before = await gateway.balances()
    order = bench.taking(await bench.book(), "cut-2")
    bench.faults.drop_before_accept()
    assert isinstance(await gateway.place(order), Unknown)
    await asyncio.sleep(0.3)
    assert await gateway.query(order) == NotFound()
    assert total(await gateway.balances(), "KRW") == total(before, "KRW")


async def test_order_nobody_placed_is_not_found(bench: Bench, gateway: RestGateway) -> None:
    assert await gateway.query(bench.taking(await bench.book(), "nobody-1")) == NotFound()


async def test_resting_order_is_listed_and_cancelled_by_either_id(bench: Bench, gateway: RestGateway) -> None:
    book = await bench.book()
    for number, uses_exchange_id in enumerate((False, True)):
        order = bench.resting(book, f"rest-{number}", tif=TimeInForce.GTC)
        answer = await gateway.place(order)
        assert isinstance(answer, Accepted)
        for _ in range(100):
            listed = await gateway.open_orders()
            if listed:
                break
            await asyncio.sleep(0.05)
        assert [(row.client_order_id, row.market) for row in listed] == [(order.client_order_id, MARKET)]
        assert listed[0].exchange_order_id == answer.report.exchange_order_id
        krw = next(row for row in await gateway.balances() if row.asset == "KRW")
        assert krw.locked > 0
        if uses_exchange_id:
            order = orders.advance(order, answer.report, 1)  # type: ignore[arg-type]
        canceled = await gateway.cancel(order)
        assert isinstance(canceled, Accepted), canceled
        report = await ended(gateway, order)
        assert (report.on, report.executed_qty) == (OrderOn.CANCELED, 0)
    assert await gateway.open_orders() == ()


async def test_cancel_of_an_ended_order_is_refused_as_not_found(bench: Bench, gateway: RestGateway) -> None:
    order = bench.taking(await bench.book(), "ended-1")
    await gateway.place(order)
    await ended(gateway, order)
    answer = await gateway.cancel(order)
    assert isinstance(answer, Refused)
    assert answer.reason is RefusalReason.ORDER_NOT_FOUND


async def test_refused_for_want_of_funds(bench: Bench, gateway: RestGateway) -> None:
    book = await bench.book()
    order = bench.taking(book, "poor-1", Side.ASK, qty=Qty(11 * SCALE), price=Price(book.bids[0].price))
    answer = await gateway.place(order)
    assert isinstance(answer, Refused)
    assert answer.reason in (RefusalReason.INSUFFICIENT_FUNDS, RefusalReason.OVER_MAXIMUM)


async def test_refused_below_the_minimum_and_off_the_tick(bench: Bench, gateway: RestGateway) -> None:
    book = await bench.book()
    dust = await gateway.place(bench.taking(book, "dust-1", qty=Qty(100)))
    assert isinstance(dust, Refused)
    assert dust.reason is RefusalReason.UNDER_MINIMUM
    off = await gateway.place(bench.taking(book, "off-1", price=Price(book.asks[0].price + SCALE)))
    assert isinstance(off, Refused)
    # The legacy generation has one code for every parameter it does not like (bithumb.md §1.6).
    assert off.reason is (RefusalReason.INVALID_REQUEST if bench.is_legacy else RefusalReason.PRICE_INVALID)


async def test_refused_market_and_no_order_of_it(bench: Bench, gateway: RestGateway) -> None:
    order = bench.taking(await bench.book(), "no-market-1", market="KRW-NOPE")
    answer = await gateway.place(order)
    assert isinstance(answer, Refused)
    if bench.is_legacy:
        # Without ids of ours an order is looked for in its market's lists, which do not exist.
        assert isinstance(await gateway.query(order), Unknown)
    else:
        assert await gateway.query(order) == NotFound()


@pytest.mark.needs(Can.NAME_ORDERS)
async def test_repeated_id_over_two_gateways_makes_no_second_order(bench: Bench, gateway: RestGateway) -> None:
    order = bench.taking(await bench.book(), "twice-1")
    assert isinstance(await gateway.place(order), Accepted)
    first = await ended(gateway, order)
    other = bench.gateway()
    await other.open()
    assert isinstance(await other.place(order), Unknown)
    await other.close()
    assert (await ended(gateway, order)).fills == first.fills
    with pytest.raises(InvariantError):
        await gateway.place(order)


async def test_last_check_stops_every_byte_and_a_later_order_goes(bench: Bench) -> None:
    asked: list[tuple[Exchange, str]] = []
    reasons: list[str | None] = ["halted", None]

    def last_check(exchange: Exchange, order: Order) -> str | None:
        asked.append((exchange, order.client_order_id))
        return reasons.pop(0)

    gateway = bench.gateway(last_check=last_check)
    await gateway.open()
    order = bench.taking(await bench.book(), "stop-1")
    assert await gateway.place(order) == Refused(RefusalReason.STOPPED, "halted")
    await asyncio.sleep(0.2)
    assert await gateway.query(order) == NotFound()
    assert isinstance(await gateway.place(order), Accepted)
    assert asked == [(bench.exchange, "stop-1")] * 2
    await gateway.close()


async def test_wrong_secret_is_refused_as_auth_everywhere(bench: Bench) -> None:
    gateway = bench.gateway(secret="another-secret-of-decent-length-0123456789-0123456789-0123456789-0")
    await gateway.open()
    answer = await gateway.place(bench.taking(await bench.book(), "auth-1"))
    assert isinstance(answer, Refused)
    assert answer.reason is RefusalReason.AUTH
    with pytest.raises(AuthRefused):
        await gateway.balances()
    assert isinstance(await gateway.query(bench.taking(await bench.book(), "auth-1")), Unknown)
    await gateway.close()


async def test_market_rules_come_from_the_exchange(bench: Bench, gateway: RestGateway) -> None:
    rules = await gateway.market_rules(MARKET)
    assert rules.market == MARKET
    assert rules.bid_fee == rules.ask_fee == FEES[bench.exchange]
    assert rules.min_total == 5000
    assert rules.is_active


async def test_exchange_that_is_away_is_not_sent_and_reads_say_so(bench: Bench, gateway: RestGateway) -> None:
    order = bench.taking(await bench.book(), "away-1")
    await bench.simulator.stop()
    await asyncio.sleep(0.05)
    answer = await gateway.place(order)
    assert isinstance(answer, Refused)
    assert answer.reason is RefusalReason.NOT_SENT
    with pytest.raises((NotSent, ReadFailed)):
        await gateway.balances()
    assert isinstance(await gateway.query(order), Unknown)


@pytest.mark.parametrize("changes", [{"client_order_id": 'x","volume":"9'}, {"client_order_id": ""}, {"market": "a&b"}])
async def test_text_that_could_change_the_request_is_never_sent(
    bench: Bench, gateway: RestGateway, changes: dict[str, str]
) -> None:
    order = msgspec.structs.replace(bench.taking(await bench.book(), "inject-1"), **changes)
    answer = await gateway.place(order)
    assert isinstance(answer, Refused)
    assert answer.reason is RefusalReason.INVALID_REQUEST
    assert await gateway.open_orders() == ()


async def test_budget_shrinks_with_orders_and_our_own_limit_holds_back_new_ones(
    bench: Bench, gateway: RestGateway
) -> None:
    book = await bench.book()
    before = gateway.budget()
    assert before.orders > 0
    assert before.queries > 0
    answers = await asyncio.gather(*(gateway.place(bench.taking(book, f"many-{number}")) for number in range(25)))
    held = [
        answer for answer in answers if answer == Refused(RefusalReason.RATE_LIMITED, "own request budget is spent")
    ]
    assert held
    assert not any(isinstance(answer, Unknown) for answer in answers)
    assert gateway.budget().orders < before.orders


@pytest.mark.needs(Can.PRIVATE_STREAM)
async def test_private_stream_comes_back_after_a_cut_and_says_so(bench: Bench, gateway: RestGateway) -> None:
    async with listening(gateway) as news:
        bench.simulator.cut(bench.exchange)
        await until(lambda: news.states().count(StreamState.UP) == 2)
        assert StreamState.DOWN in news.states()
        order = bench.taking(await bench.book(), "after-cut-1")
        await gateway.place(order)
        await until(lambda: any(item.report.on is OrderOn.FULL_FILL for item in news.of(order.client_order_id)))


async def test_private_stream_with_a_wrong_key_never_says_up(bench: Bench) -> None:
    gateway = bench.gateway(secret="another-secret-of-decent-length-0123456789-0123456789-0123456789-0")
    states = []
    news = gateway.private_news()  # type: ignore[attr-defined]
    async for item in news:
        states.append(item.state)
        if item.state is StreamState.DOWN:
            break
    await news.aclose()
    assert states == [StreamState.CONNECTING, StreamState.DOWN]
