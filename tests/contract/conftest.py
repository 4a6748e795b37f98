"""A simulated exchange per test, each contract kept by both."""

from collections.abc import AsyncIterator

import pytest
from contract_bench import ADAPTERS, BALANCES, MARKET, SECRET, SWITCHED, Adapter, Bench
from order_makers import RealClock

from arbitrage.domain.units import EXCHANGES
from exchanges.rest_gateway import RestGateway
from exchanges.simulator import server
from exchanges.simulator.config import AccountSpec, SimConfig
from exchanges.simulator.money import fine_of_text


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(can): only for adapters that can do this")
    config.addinivalue_line("markers", "lacks(can): only for adapters that cannot")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out a contract that an adapter never promised."""
    away = [item for item in items if not _promised(item)]
    items[:] = [item for item in items if item not in away]
    config.hook.pytest_deselected(items=away)


def _promised(item: pytest.Item) -> bool:
    adapter = getattr(getattr(item, "callspec", None), "params", {}).get("bench")
    if not isinstance(adapter, Adapter):
        return True
    # How a feed takes trouble takes seconds to see; the switch hands on what the adapters within it say.
    if adapter in SWITCHED and item.path.name == "test_feed_faults.py":
        return False
    needed = {can for mark in item.iter_markers("needs") for can in mark.args}
    lacked = {can for mark in item.iter_markers("lacks") for can in mark.args}
    return needed <= adapter.can and not lacked & adapter.can


@pytest.fixture(params=ADAPTERS + SWITCHED, ids=[adapter.name for adapter in ADAPTERS + SWITCHED])
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
