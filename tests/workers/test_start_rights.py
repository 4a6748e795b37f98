"""A trader is not started with a key that reaches withdrawals; what proves nothing holds up nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import EXCHANGES, Exchange
from exchanges.simulator import server
from exchanges.simulator.config import AccountSpec, SimConfig
from exchanges.simulator.keys import Scope
from karb_project.env import read_env
from workers.process import Context
from workers.start import refuse_withdrawing_keys

SECRET = "a-secret-of-decent-length-for-tests-0123456789-0123456789-01234567"
TRADING = frozenset({Scope.VIEW_ASSETS, Scope.VIEW_ORDERS, Scope.MAKE_ORDERS})


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[tuple[Context, server.RunningSimulator]]:
    accounts = tuple(AccountSpec(one, f"{one}-access", SECRET, {}, TRADING) for one in EXCHANGES)
    running = await server.start(SimConfig(markets=("KRW-BTC",), accounts=accounts))
    env = msgspec.structs.replace(
        read_env({"KARB_VAR_DIR": str(tmp_path / "var"), "KARB_SHM_DIR": str(tmp_path / "shm")}),
        markets=("KRW-BTC",),
        sim_upbit_address=running.upbit_address,
        sim_bithumb_address=running.bithumb_address,
        upbit_access_key="upbit-access",
        upbit_secret_key=SECRET,
        bithumb_access_key="bithumb-access",
        bithumb_secret_key=SECRET,
    )
    context = Context("trader", env)
    try:
        yield context, running
    finally:
        context.close()
        await running.stop()


async def test_keys_that_only_trade_are_proven_so(desk):
    context, _ = desk
    await refuse_withdrawing_keys(context)
    assert context.counters.get("key_rights_unproven") == 0


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("scope", [Scope.VIEW_WITHDRAWALS])
async def test_a_key_that_reaches_withdrawals_stops_the_start(desk, exchange: Exchange, scope: Scope):
    context, running = desk
    running.exchange(exchange).keys.limit(f"{exchange}-access", scopes=TRADING | {scope})
    with pytest.raises(ConfigError) as caught:
        await refuse_withdrawing_keys(context)
    assert list(caught.value.problems) == [f"the key of {exchange} reaches withdrawals: make one without that right"]


async def test_both_keys_are_named_at_once(desk):
    context, running = desk
    for exchange in EXCHANGES:
        running.exchange(exchange).keys.limit(f"{exchange}-access", scopes=Scope)
    with pytest.raises(ConfigError) as caught:
        await refuse_withdrawing_keys(context)
    assert len(caught.value.problems) == 2


async def test_exchanges_that_are_away_hold_up_nothing_but_are_counted(desk):
    context, running = desk
    await running.stop()
    await refuse_withdrawing_keys(context)
    assert context.counters.get("key_rights_unproven") == 2
