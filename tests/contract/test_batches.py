"""Batches of orders at Bithumb (bithumb.md §3.8): one request, one answer for each order, never sent twice."""

import json

import pytest
from contract_bench import Bench, Can, ended
from order_makers import make_order

from arbitrage.domain.errors import InvariantError
from arbitrage.domain.order import OrderOn, RefusalReason
from arbitrage.domain.ports import Accepted, Refused
from arbitrage.domain.units import Exchange, Qty
from exchanges.bithumb.gateway import BithumbGateway
from exchanges.bithumb.many import BatchHash, batch_body
from exchanges.words import ids_body

pytestmark = pytest.mark.needs(Can.BATCH)


async def opened(bench: Bench, style: BatchHash = BatchHash.INDEXED) -> BithumbGateway:
    gateway = bench.gateway(batch_hash=style)
    assert isinstance(gateway, BithumbGateway)
    await gateway.open()
    return gateway


async def test_each_order_of_a_batch_has_an_answer_of_its_own(bench: Bench) -> None:
    gateway = await opened(bench)
    book = await bench.book()
    orders = [
        bench.taking(book, "batch-1"),
        bench.taking(book, "batch-2", qty=Qty(100)),
        bench.taking(book, "batch-3"),
    ]
    first, dust, last = await gateway.place_many(orders)
    assert isinstance(first, Accepted), first
    assert isinstance(last, Accepted)
    assert isinstance(dust, Refused)
    assert dust.reason is RefusalReason.UNDER_MINIMUM
    assert (await ended(gateway, orders[0])).on is OrderOn.FULL_FILL
    assert (await ended(gateway, orders[2])).on is OrderOn.FULL_FILL
    for order in orders:
        with pytest.raises(InvariantError):
            await gateway.place(order)
    await gateway.close()


async def test_a_batch_with_one_unsound_order_is_not_sent(bench: Bench) -> None:
    gateway = await opened(bench)
    book = await bench.book()
    sim = bench.simulator.exchange(bench.exchange)
    before = sim.counts["requests"]
    orders = [bench.taking(book, "batch-4"), bench.taking(book, "batch-5", qty=Qty(0))]
    assert {answer.reason for answer in await gateway.place_many(orders)} == {RefusalReason.INVALID_REQUEST}  # type: ignore[union-attr]
    too_many = [bench.taking(book, f"batch-{number}") for number in range(100, 131)]
    assert {answer.reason for answer in await gateway.place_many(too_many)} == {RefusalReason.INVALID_REQUEST}  # type: ignore[union-attr]
    with pytest.raises(InvariantError):
        await gateway.place_many([orders[0], orders[0]])
    assert sim.counts["requests"] == before
    assert isinstance(await gateway.place(orders[0]), Accepted)
    await gateway.close()


async def test_one_halted_order_stops_the_whole_batch(bench: Bench) -> None:
    gateway = bench.gateway(last_check=lambda _, order: "halted" if order.client_order_id == "batch-7" else None)
    assert isinstance(gateway, BithumbGateway)
    await gateway.open()
    book = await bench.book()
    orders = [bench.taking(book, "batch-6"), bench.taking(book, "batch-7")]
    assert await gateway.place_many(orders) == (Refused(RefusalReason.STOPPED, "halted"),) * 2
    assert await gateway.open_orders() == ()
    await gateway.close()


def test_both_styles_of_hash_over_one_body() -> None:
    orders = [make_order(Exchange.BITHUMB, client_order_id=one) for one in ("a1", "a2")]
    body, indexed = batch_body(orders, BatchHash.INDEXED)
    rows = json.loads(body)["batch_orders"]
    assert [row["client_order_id"] for row in rows] == ["a1", "a2"]
    assert indexed.startswith(
        "batch_orders[0][market]=KRW-ETH&batch_orders[0][side]=bid&batch_orders[0][order_type]=limit"
    )
    assert "&batch_orders[1][client_order_id]=a2&" in indexed
    same, as_json = batch_body(orders, BatchHash.JSON)
    assert same == body
    texts = as_json.split("&")
    assert [json.loads(text.removeprefix("batch_orders[]=")) for text in texts] == rows
    assert all(text.removeprefix("batch_orders[]=").encode() in body for text in texts)


def test_ids_are_hashed_as_an_array() -> None:
    assert ids_body("order_ids", ("C01", "C02")) == (
        b'{"order_ids":["C01","C02"]}',
        "order_ids[]=C01&order_ids[]=C02",
    )
