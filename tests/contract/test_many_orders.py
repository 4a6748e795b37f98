"""Commands about several orders, and those only one exchange knows, through the real adapters."""

import asyncio

import pytest
from contract_bench import MARKET, Bench, Can, ended

from arbitrage.domain.errors import InvariantError
from arbitrage.domain.order import Order, OrderKind, OrderOn, RefusalReason, TimeInForce
from arbitrage.domain.ports import Accepted, CancelScope, Found, NewSize, NotFound, Refused, Replaced, Swept, Unknown
from arbitrage.domain.units import SCALE, Exchange, Krw, Price, Qty, Side
from exchanges.rest_gateway import RestGateway

GTC = TimeInForce.GTC


async def rest(bench: Bench, gateway: RestGateway, *ids: str) -> list[Order]:
    book = await bench.book()
    orders = [bench.resting(book, one, tif=GTC) for one in ids]
    for order in orders:
        assert isinstance(await gateway.place(order), Accepted)
    for _ in range(100):
        if len(await gateway.open_orders()) == len(orders):
            return orders
        await asyncio.sleep(0.05)
    raise AssertionError("they never rested")


@pytest.mark.needs(Can.CANCEL_MANY)
async def test_several_are_cancelled_and_each_answer_stands_where_its_order_stood(
    bench: Bench, gateway: RestGateway
) -> None:
    first, second = await rest(bench, gateway, "many-1", "many-2")
    done = bench.taking(await bench.book(), "many-3")
    await gateway.place(done)
    await ended(gateway, done)
    answers = await gateway.cancel_many((second, done, first))
    assert [type(answer) for answer in answers][::2] == [Accepted, Accepted]
    assert not isinstance(answers[1], Accepted)
    for order in (first, second):
        assert (await ended(gateway, order)).on is OrderOn.CANCELED
    assert await gateway.open_orders() == ()
    assert (await ended(gateway, done)).on is OrderOn.FULL_FILL


@pytest.mark.needs(Can.CANCEL_MANY)
async def test_an_id_nobody_placed_is_not_taken_for_cancelled(bench: Bench, gateway: RestGateway) -> None:
    (order,) = await rest(bench, gateway, "many-4")
    nobody = bench.resting(await bench.book(), "many-nobody", tif=GTC)
    answers = await gateway.cancel_many((nobody, order))
    assert isinstance(answers[0], Refused | Unknown)
    assert isinstance(answers[1], Accepted)


@pytest.mark.needs(Can.CANCEL_MANY)
async def test_more_than_one_request_can_name_are_cancelled_in_several(bench: Bench, gateway: RestGateway) -> None:
    book = await bench.book()
    orders = [bench.resting(book, f"unplaced-{number}", tif=GTC) for number in range(45)]
    sim = bench.simulator.exchange(bench.exchange)
    before = sim.counts["requests"]
    answers = await gateway.cancel_many(orders)
    assert len(answers) == 45
    assert not any(isinstance(answer, Accepted) for answer in answers)
    # At most 20 ids go into one request to Upbit, 30 into one to Bithumb (upbit.md §1.7, bithumb.md §3.8).
    assert sim.counts["requests"] - before == (3 if bench.exchange is Exchange.UPBIT else 2)


@pytest.mark.needs(Can.CANCEL_MANY)
async def test_an_unsound_order_among_several_is_refused_alone(bench: Bench, gateway: RestGateway) -> None:
    (order,) = await rest(bench, gateway, "many-5")
    bad = bench.resting(await bench.book(), 'x","y":"', tif=GTC)
    answers = await gateway.cancel_many((bad, order))
    assert isinstance(answers[0], Refused)
    assert answers[0].reason is RefusalReason.INVALID_REQUEST
    assert isinstance(answers[1], Accepted)


@pytest.mark.needs(Can.CANCEL_ALL)
async def test_a_sweep_takes_its_scope_and_leaves_the_rest(bench: Bench, gateway: RestGateway) -> None:
    orders = await rest(bench, gateway, "sweep-1", "sweep-2")
    assert await gateway.cancel_all(CancelScope(side=Side.ASK)) == Swept((), ())
    await asyncio.sleep(2.1)
    swept = await gateway.cancel_all(CancelScope(markets=(MARKET,), side=Side.BID, count=1))
    assert isinstance(swept, Swept)
    assert len(swept.asked) == 1
    assert swept.asked[0].market == MARKET
    await asyncio.sleep(2.1)
    swept = await gateway.cancel_all(CancelScope())
    assert isinstance(swept, Swept)
    for order in orders:
        assert (await ended(gateway, order)).on is OrderOn.CANCELED
    assert await gateway.open_orders() == ()


@pytest.mark.needs(Can.CANCEL_ALL)
async def test_a_second_sweep_within_two_seconds_is_held_back_by_ourselves(bench: Bench, gateway: RestGateway) -> None:
    assert isinstance(await gateway.cancel_all(CancelScope()), Swept)
    sim = bench.simulator.exchange(bench.exchange)
    before = sim.counts["requests"]
    assert await gateway.cancel_all(CancelScope()) == Refused(RefusalReason.RATE_LIMITED, "own request budget is spent")
    assert sim.counts["requests"] == before


@pytest.mark.needs(Can.CANCEL_ALL)
@pytest.mark.parametrize(
    "scope",
    [
        CancelScope(count=0),
        CancelScope(count=301),
        CancelScope(markets=("KRW-BTC&count=300",)),
        CancelScope(excluded=("krw",)),
        CancelScope(markets=tuple(f"KRW-A{number}" for number in range(21))),
    ],
)
async def test_a_scope_that_cannot_be_is_not_sent(bench: Bench, gateway: RestGateway, scope: CancelScope) -> None:
    sim = bench.simulator.exchange(bench.exchange)
    before = sim.counts["requests"]
    answer = await gateway.cancel_all(scope)
    assert isinstance(answer, Refused)
    assert answer.reason is RefusalReason.INVALID_REQUEST
    assert sim.counts["requests"] == before


@pytest.mark.needs(Can.REPLACE)
async def test_a_replaced_order_ends_and_the_new_one_rests(bench: Bench, gateway: RestGateway) -> None:
    (order,) = await rest(bench, gateway, "old-1")
    new = bench.resting(await bench.book(), "new-1", tif=GTC, qty=Qty(200_000))
    answer = await gateway.replace(order, new)
    assert isinstance(answer, Replaced), answer
    assert (await ended(gateway, order)).on is OrderOn.CANCELED
    for _ in range(100):
        found = await gateway.query(new)
        if isinstance(found, Found):
            break
        await asyncio.sleep(0.05)
    assert isinstance(found, Found)
    assert found.report.exchange_order_id == answer.new_exchange_order_id
    with pytest.raises(InvariantError):
        await gateway.replace(order, new)


@pytest.mark.needs(Can.REPLACE)
async def test_a_replacement_can_be_for_the_remainder(bench: Bench, gateway: RestGateway) -> None:
    (order,) = await rest(bench, gateway, "old-2")
    new = bench.resting(await bench.book(), "new-2", tif=GTC)
    answer = await gateway.replace(order, new, NewSize.REMAINDER)
    assert isinstance(answer, Replaced), answer


@pytest.mark.needs(Can.REPLACE)
async def test_a_replacement_of_an_ended_order_is_refused_and_nothing_new_exists(
    bench: Bench, gateway: RestGateway
) -> None:
    order = bench.taking(await bench.book(), "old-3")
    await gateway.place(order)
    await ended(gateway, order)
    new = bench.resting(await bench.book(), "new-3", tif=GTC)
    answer = await gateway.replace(order, new)
    assert isinstance(answer, Refused), answer
    assert await gateway.query(new) == NotFound()


@pytest.mark.needs(Can.REPLACE)
async def test_a_replacement_passes_the_last_check_of_the_new_order(bench: Bench) -> None:
    asked: list[str] = []

    def last_check(exchange: Exchange, order: Order) -> str | None:
        asked.append(order.client_order_id)
        return None if order.client_order_id == "old-4" else "halted"

    gateway = bench.gateway(last_check=last_check)
    await gateway.open()
    (order,) = await rest(bench, gateway, "old-4")
    new = bench.resting(await bench.book(), "new-4", tif=GTC)
    assert await gateway.replace(order, new) == Refused(RefusalReason.STOPPED, "halted")
    assert asked == ["old-4", "new-4"]
    assert len(await gateway.open_orders()) == 1
    await gateway.close()


@pytest.mark.needs(Can.TEST)
async def test_a_test_order_is_judged_like_a_real_one_and_makes_none(bench: Bench, gateway: RestGateway) -> None:
    book = await bench.book()
    order = bench.taking(book, "test-1")
    before = await gateway.balances()
    assert isinstance(await gateway.test(order), Accepted)
    dust = await gateway.test(bench.taking(book, "test-2", qty=Qty(100)))
    assert isinstance(dust, Refused)
    assert dust.reason is RefusalReason.UNDER_MINIMUM
    market = bench.taking(
        book, "test-3", kind=OrderKind.MARKET_BUY, price=Price(0), qty=Qty(0), funds=Krw(10_000 * SCALE)
    )
    assert isinstance(await gateway.test(market), Accepted)
    await asyncio.sleep(0.2)
    assert await gateway.query(order) == NotFound()
    assert await gateway.balances() == before
    assert isinstance(await gateway.place(order), Accepted)


@pytest.mark.lacks(Can.REPLACE)
async def test_what_an_exchange_has_no_call_for_is_refused_and_nothing_is_sent(
    bench: Bench, gateway: RestGateway
) -> None:
    (order,) = await rest(bench, gateway, "no-call-1")
    sim = bench.simulator.exchange(bench.exchange)
    before = sim.counts["requests"]
    new = bench.resting(await bench.book(), "no-call-2")
    asked = sim.counts["requests"]
    answers = (await gateway.cancel_all(CancelScope()), await gateway.replace(order, new), await gateway.test(new))
    assert [answer.reason for answer in answers if isinstance(answer, Refused)] == [RefusalReason.UNSUPPORTED] * 3
    assert before < sim.counts["requests"] == asked
