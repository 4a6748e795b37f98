"""Trouble between us and an exchange: whatever happens, an answer claims no more than is true there (R3.1)."""

import asyncio
from typing import Any

import pytest
from contract_bench import Bench, Can, ended

from arbitrage.domain.order import Order, OrderOn, RefusalReason, TimeInForce
from arbitrage.domain.ports import Accepted, Answer, Found, NotFound, Refused, Unknown
from exchanges.rest_gateway import RestGateway
from exchanges.simulator.trouble import orders as order_faults
from exchanges.simulator.trouble import transport
from exchanges.simulator.trouble.fault import Effect, Fault, Lane, Scope
from exchanges.simulator.trouble.transport import Text

pytestmark = pytest.mark.needs(Can.NAME_ORDERS)
ORDERS = Scope(lane=Lane.ORDER)
TAKEN, NOT_TAKEN = Effect.TAKEN, Effect.NOT_TAKEN
STATUSES = (400, 401, 403, 404, 408, 409, 418, 422, 429, 500, 502, 503, 504)

TROUBLE: list[Fault] = [
    transport.CutBefore(),
    transport.CutAfter(),
    transport.ResetMidAnswer(part=5),
    transport.AnswerTruncated(part=5),
    transport.AnswerDoubled(),
    order_faults.OrderLost(),
    order_faults.AnswerLost(),
    *(transport.BodyReplaced(body=body) for body in Text),
    *(transport.StatusAnswered(status=status, body=body, effect=TAKEN) for status in (500, 502, 503) for body in Text),
    *(transport.StatusAnswered(status=status, body=body, effect=NOT_TAKEN) for status in STATUSES for body in Text),
]
IDS = [f"{index}-{fault.fault_name()}" for index, fault in enumerate(TROUBLE)]


def there(bench: Bench, client_order_id: str) -> Any:
    """Return the order as the simulated exchange has it, None when it has none."""
    sim: Any = bench.simulator.exchange(bench.exchange)
    return sim.own_order(sim.accounts[f"{bench.exchange}-access"], None, client_order_id)


def check_place(bench: Bench, order: Order, answer: Answer) -> None:
    found = there(bench, order.client_order_id)
    match answer:
        case Accepted(report):
            assert found is not None, "accepted, and not there"
            assert report.exchange_order_id == found.order_id
        case Refused(reason, detail):
            assert found is None, f"refused as {reason} ({detail}), and there"
        case Unknown():
            pass


@pytest.mark.parametrize("fault", TROUBLE, ids=IDS)
async def test_an_answer_to_an_order_claims_no_more_than_is_true(
    bench: Bench, gateway: RestGateway, fault: Fault
) -> None:
    book = await bench.book()
    first = bench.taking(book, "trouble-0")
    check_place(bench, first, await gateway.place(first))
    bench.faults.arm(fault, ORDERS)
    for number in range(1, 4):
        order = bench.taking(book, f"trouble-{number}")
        check_place(bench, order, await gateway.place(order))
    # The next order goes as ever, and each is there at most once.
    await asyncio.sleep(0.1)
    last = bench.taking(book, "trouble-last")
    answer = await gateway.place(last)
    check_place(bench, last, answer)
    sim: Any = bench.simulator.exchange(bench.exchange)
    ids = [order.draft.client_order_id for order in sim.matching.orders.values()]
    assert len(ids) == len(set(ids))


async def test_an_answer_of_another_order_is_not_taken_for_ours(bench: Bench, gateway: RestGateway) -> None:
    book = await bench.book()
    first, second = bench.taking(book, "swap-1"), bench.taking(book, "swap-2")
    assert isinstance(await gateway.place(first), Accepted)
    bench.faults.arm(transport.AnswerSwapped(), ORDERS)
    answer = await gateway.place(second)
    assert isinstance(answer, Unknown)
    assert "swap-1" in answer.cause
    assert (await ended(gateway, second)).on is OrderOn.FULL_FILL


async def test_no_answer_within_the_time_is_unknown_and_the_order_is_found(bench: Bench, gateway: RestGateway) -> None:
    order = bench.taking(await bench.book(), "silent-1")
    bench.faults.arm(transport.NeverAnswered(), ORDERS)
    answer = await gateway.place(order)
    assert answer == Unknown("no answer within 3000 ms")
    assert (await ended(gateway, order)).on is OrderOn.FULL_FILL


@pytest.mark.parametrize("status", [404, 422])
async def test_an_order_not_there_yet_is_there_later(bench: Bench, gateway: RestGateway, status: int) -> None:
    order = bench.taking(await bench.book(), f"lag-{status}")
    lag_ns = 400_000_000
    bench.faults.arm(order_faults.LookupLags(lag_ns=lag_ns, status=status))
    assert isinstance(await gateway.place(order), Accepted)
    early = await gateway.query(order)
    if status == 404:
        assert early == NotFound(), "the domain takes it for proof only after the grace time"
    else:
        assert isinstance(early, Unknown)
    await asyncio.sleep(lag_ns / 1e9 + 0.2)
    assert isinstance(await gateway.query(order), Found)


async def test_a_cancel_that_comes_too_late_is_refused_and_the_fill_is_told(bench: Bench, gateway: RestGateway) -> None:
    order = bench.resting(await bench.book(), "late-1", tif=TimeInForce.GTC)
    assert isinstance(await gateway.place(order), Accepted)
    await asyncio.sleep(0.3)
    bench.faults.arm(order_faults.CancelTooLate())
    answer = await gateway.cancel(order)
    assert isinstance(answer, Refused)
    assert answer.reason is RefusalReason.ORDER_NOT_FOUND
    assert (await ended(gateway, order)).on is OrderOn.FULL_FILL


async def test_an_acknowledged_cancel_may_still_end_in_a_fill(bench: Bench, gateway: RestGateway) -> None:
    order = bench.resting(await bench.book(), "late-2", tif=TimeInForce.GTC)
    assert isinstance(await gateway.place(order), Accepted)
    await asyncio.sleep(0.3)
    bench.faults.arm(order_faults.FilledAfterCancel())
    assert isinstance(await gateway.cancel(order), Accepted)
    assert (await ended(gateway, order)).on is OrderOn.FULL_FILL


@pytest.mark.parametrize("fault", [transport.CutAfter(), transport.NeverAnswered(), transport.BodyReplaced()])
async def test_a_cancel_whose_answer_is_lost_is_unknown_and_the_order_ends(
    bench: Bench, gateway: RestGateway, fault: Fault
) -> None:
    order = bench.resting(await bench.book(), "cancel-lost", tif=TimeInForce.GTC)
    assert isinstance(await gateway.place(order), Accepted)
    await asyncio.sleep(0.3)
    bench.faults.arm(fault, Scope(lane=Lane.CANCEL))
    assert isinstance(await gateway.cancel(order), Unknown)
    assert (await ended(gateway, order)).on is OrderOn.CANCELED
