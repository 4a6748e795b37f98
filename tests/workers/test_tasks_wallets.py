"""A coin locked in on an exchange is an alert as long as that is so, and reaches the gate through the bridge."""

import asyncio
import time

import pytest

from arbitrage.domain.units import Exchange
from arbitrage.models import Alert
from arbitrage.services import params
from exchanges.simulator import server
from exchanges.simulator.wallets import WalletState
from workers.bridge import Bridge, read_asked
from workers.django_room import DatabaseThread
from workers.process import Context
from workers.tasks.wallets import read_wallets

UPBIT, BITHUMB = Exchange


def change(sim: server.RunningSimulator, exchange: Exchange, currency: str, state: WalletState) -> None:
    wallets = sim.exchange(exchange).wallets
    # What an exchange says of its wallets is minutes behind the truth.
    wallets.lag_ns = 0
    wallets.change(currency, state, time.time_ns())


@pytest.mark.django_db(transaction=True)
async def test_a_suspended_coin_is_told_carried_and_closed_when_it_is_over(sim, desk_env):
    assert await asyncio.to_thread(read_wallets) == {"upbit": 0, "bithumb": 0}
    change(sim, BITHUMB, "ETH", WalletState.PAUSED)
    for _ in range(2):
        assert await asyncio.to_thread(read_wallets) == {"upbit": 0, "bithumb": 1}
    alert = await asyncio.to_thread(Alert.objects.get, closed_at=None)
    assert (alert.kind, alert.subject, alert.count, alert.severity) == ("wallet_suspended", "bithumb ETH", 1, "high")
    await asyncio.to_thread(params.seed, "simulated")
    context = Context("bridge", desk_env)
    bridge = Bridge(context, DatabaseThread())
    bridge.obey(await asyncio.to_thread(read_asked), context.control.level())
    assert context.control.wallets_suspended("KRW-ETH") == 1
    assert context.control.wallets_suspended("KRW-BTC") == context.control.market_warnings("KRW-ETH") == 0
    change(sim, BITHUMB, "ETH", WalletState.WORKING)
    assert await asyncio.to_thread(read_wallets) == {"upbit": 0, "bithumb": 0}
    assert not await asyncio.to_thread(Alert.objects.filter(closed_at=None).exists)
    bridge.obey(await asyncio.to_thread(read_asked), context.control.level())
    assert context.control.wallets_suspended("KRW-ETH") == 0
    context.close()
