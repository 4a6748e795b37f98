"""When a reading of balances counts as settled: nothing alive, and nothing moved while it was asked for."""

import asyncio
from decimal import Decimal

import pytest

from arbitrage.domain.balances import Wallets
from arbitrage.domain.errors import NotSent
from arbitrage.domain.events import BalancesRead, Holding
from arbitrage.domain.params import DEFAULT_PARAMS, SECOND
from arbitrage.domain.units import EXCHANGES, Exchange
from fast_path.journal import Journal
from workers import treasury as treasury_module
from workers.process import Context
from workers.treasury import AGAIN_S, EVERY_S, Treasury

UPBIT = Exchange.UPBIT


class Orders:
    """The part of the executor the treasury looks at."""

    def __init__(self):
        self.open = False
        self.changes = 0

    def has_open_orders(self, exchange):
        return self.open

    def order_changes(self, exchange):
        return self.changes


class SlowGateway:
    """An exchange whose balances come when a test lets them."""

    def __init__(self):
        self.answer = asyncio.Event()
        self.answer.set()
        self.failures = 0
        self.asked = 0

    async def balances(self):
        await self.answer.wait()
        self.asked += 1
        if self.failures:
            self.failures -= 1
            raise NotSent("no way out")
        return (Holding("KRW", Decimal(100), Decimal(0)),)


@pytest.fixture
async def desk(desk_env):
    context = Context("trader", desk_env)
    journal = Journal(desk_env.journal_path, "trader", "none")
    gateways = {exchange: SlowGateway() for exchange in EXCHANGES}
    orders = Orders()
    treasury = Treasury(context, gateways, Wallets(), journal, lambda: orders)
    yield treasury, gateways[UPBIT], orders, journal
    journal.close()
    context.close()


def readings(journal):
    return [record.event.settled for record in journal.replay() if isinstance(record.event, BalancesRead)]


async def test_reading_while_nothing_moves_is_settled(desk):
    treasury, _, _, journal = desk
    await treasury.read(UPBIT, journal_ns=0)
    assert readings(journal) == [True]


async def test_reading_with_an_order_alive_is_kept_the_first_time_only_and_never_settled(desk):
    treasury, _, orders, journal = desk
    orders.open = True
    await treasury.read(UPBIT, journal_ns=0)
    await treasury.read(UPBIT, journal_ns=0)
    assert readings(journal) == [False]


async def test_order_that_came_and_went_while_the_answer_was_under_way_unsettles_it(desk):
    treasury, gateway, orders, journal = desk
    await treasury.read(UPBIT, journal_ns=0)
    gateway.answer.clear()
    reading = asyncio.create_task(treasury.read(UPBIT, journal_ns=0))
    await asyncio.sleep(0)
    orders.changes += 4
    gateway.answer.set()
    await reading
    assert readings(journal) == [True]


@pytest.mark.parametrize("rounds", range(6))
async def test_keeper_ends_when_it_is_cancelled_just_as_a_reading_is_wanted(desk, rounds):
    treasury, _, _, _ = desk
    keeper = asyncio.create_task(treasury.keep(UPBIT))
    await asyncio.sleep(0.01)
    treasury.want(UPBIT)
    for _ in range(rounds):
        await asyncio.sleep(0)
    keeper.cancel()
    await asyncio.wait([keeper], timeout=1)
    assert keeper.done()


async def test_a_question_that_failed_is_asked_again_before_the_usual_time(desk, monkeypatch):
    treasury, gateway, _, _ = desk
    monkeypatch.setattr(treasury_module, "AGAIN_S", 0.01)
    monkeypatch.setattr(treasury_module, "APART_S", 0.0)
    gateway.failures = 3
    keeper = asyncio.create_task(treasury.keep(UPBIT))
    treasury.want(UPBIT)
    async with asyncio.timeout(EVERY_S - 1):
        while not treasury.is_known(UPBIT):
            await asyncio.sleep(0.01)
    assert gateway.asked == 4
    keeper.cancel()


def test_one_reading_that_fails_or_is_slow_makes_no_balance_stale():
    # Two usual times and a few more questions fit into the age an arb may open on.
    assert DEFAULT_PARAMS.max_balance_age_ns / SECOND >= 2 * EVERY_S + 3 * AGAIN_S
