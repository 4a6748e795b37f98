"""A simulated exchange per test, each contract kept by both."""

from collections.abc import AsyncIterator

import pytest
from contract_bench import BALANCES, MARKET, SECRET, Bench
from order_makers import RealClock

from arbitrage.domain.units import EXCHANGES
from exchanges.rest_gateway import RestGateway
from exchanges.simulator import server
from exchanges.simulator.config import AccountSpec, SimConfig
from exchanges.simulator.money import fine_of_text


@pytest.fixture(params=EXCHANGES, ids=[exchange.value for exchange in EXCHANGES])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    accounts = tuple(
        AccountSpec(
            exchange, f"{exchange}-access", SECRET, {asset: fine_of_text(text) for asset, text in BALANCES.items()}
        )
        for exchange in EXCHANGES
    )
    running = await server.start(SimConfig(markets=(MARKET, "KRW-ETH"), accounts=accounts))
    try:
        yield Bench(request.param, running, RealClock())
    finally:
        await running.stop()


@pytest.fixture
async def gateway(bench: Bench) -> AsyncIterator[RestGateway]:
    made = bench.gateway()
    await made.open()
    try:
        yield made
    finally:
        await made.close()
