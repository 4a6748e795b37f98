"""The sync reader for jobs, against the simulator from another thread; and that it cannot trade."""

import asyncio
import hashlib
import time

import pytest
from contract_bench import MARKET, Bench, Can, make_reader

from arbitrage.domain.book import ladder_fault
from arbitrage.domain.errors import AuthRefused, ReadFailed
from arbitrage.domain.order import OrderOn, TimeInForce
from arbitrage.domain.ports import Accepted, Found, NotFound, Unknown
from exchanges.reader import SyncReader
from exchanges.records import fingerprint
from exchanges.rest_gateway import RestGateway

pytestmark = pytest.mark.needs(Can.NAME_ORDERS)


async def test_every_read_of_a_job(bench: Bench, gateway: RestGateway) -> None:
    order = bench.resting(await bench.book(), "job-1", tif=TimeInForce.GTC)
    assert isinstance(await gateway.place(order), Accepted)
    await asyncio.sleep(0.3)
    reader = make_reader(bench)
    book = await asyncio.to_thread(reader.book, MARKET)
    assert ladder_fault(book.bids, book.asks) is None
    assert {row.asset for row in await asyncio.to_thread(reader.balances)} >= {"KRW", "BTC"}
    found = await asyncio.to_thread(reader.order, "job-1")
    assert isinstance(found, Found)
    assert found.report.on is OrderOn.ACKED
    assert await asyncio.to_thread(reader.order, "never") == NotFound()
    assert isinstance(await asyncio.to_thread(reader.order, "a&b=c"), Unknown)
    assert [row.client_order_id for row in await asyncio.to_thread(reader.open_orders)] == ["job-1"]
    assert MARKET in {row.market for row in await asyncio.to_thread(reader.market_list)}
    assert (await asyncio.to_thread(reader.market_rules, MARKET)).min_total == 5000
    (key,) = await asyncio.to_thread(reader.keys)
    assert key.fingerprint == fingerprint(f"{bench.exchange}-access")
    assert key.expires_wall_ns > time.time_ns()
    reader.close()


async def test_failures_are_errors_of_the_house(bench: Bench) -> None:
    reader = make_reader(bench, "another-secret-of-decent-length-0123456789-0123456789-0123456789-0")
    with pytest.raises(AuthRefused):
        await asyncio.to_thread(reader.balances)
    with pytest.raises(ReadFailed):
        await asyncio.to_thread(reader.book, "KRW-NOPE")
    with pytest.raises(ReadFailed):
        await asyncio.to_thread(reader.book, "KRW-BTC&x=1")
    await bench.simulator.stop()
    with pytest.raises(ReadFailed):
        await asyncio.to_thread(reader.book, MARKET)
    assert isinstance(await asyncio.to_thread(reader.order, "job-1"), Unknown)


def test_reader_has_no_order_call() -> None:
    assert not [name for name in dir(SyncReader) if "place" in name or "cancel" in name]


def test_a_fingerprint_names_a_key_without_telling_it() -> None:
    assert fingerprint("an-access-key") == hashlib.sha256(b"an-access-key").hexdigest()[:16]
    assert fingerprint("an-access-key") != fingerprint("an-access-kez")
