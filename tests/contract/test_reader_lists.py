"""What jobs and commands read beside single orders: lists, wallets, steps, notices, transfers, scopes."""

import asyncio
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from contract_bench import MARKET, Bench, Can, armed, ended, make_reader, renamed

from arbitrage.domain.errors import ReadFailed
from arbitrage.domain.order import OrderKind, TimeInForce
from arbitrage.domain.ports import Accepted
from arbitrage.domain.units import SCALE, Exchange, Krw, Ns, Price, Qty
from arbitrage.domain.wire import ExchangeWire
from exchanges import registry
from exchanges.reader import SyncReader
from exchanges.records import Grant, NotOffered, Scope, TickTold
from exchanges.rest_gateway import RestGateway
from exchanges.simulator import keys as sim_keys
from exchanges.simulator.money import FINE, Fine
from exchanges.simulator.trouble.fault import Scope as FaultScope
from exchanges.simulator.trouble.transport import StatusAnswered

DAY_NS = 86_400 * 10**9

pytestmark = pytest.mark.needs(Can.NAME_ORDERS)


@pytest.fixture
def reader(bench: Bench) -> Iterator[SyncReader]:
    made = make_reader(bench)
    yield made
    made.close()


async def ask(call: Any, *args: Any) -> Any:
    return await asyncio.to_thread(call, *args)


async def three_orders(bench: Bench, gateway: RestGateway) -> None:
    """One filled, one bought by funds, one resting."""
    book = await bench.book()
    filled = bench.taking(book, "list-filled")
    by_funds = bench.taking(
        book, "list-funds", kind=OrderKind.MARKET_BUY, price=Price(0), qty=Qty(0), funds=Krw(20_000 * SCALE)
    )
    for order in (filled, by_funds):
        assert isinstance(await gateway.place(order), Accepted)
        await ended(gateway, order)
    resting = bench.resting(book, "list-resting", tif=TimeInForce.GTC)
    assert isinstance(await gateway.place(resting), Accepted)
    await asyncio.sleep(0.3)


@pytest.mark.needs(Can.NAME_ORDERS)
async def test_orders_by_id_leave_out_what_nobody_placed(bench: Bench, gateway: RestGateway, reader) -> None:
    await three_orders(bench, gateway)
    found = await ask(reader.orders_by_ids, ["list-resting", "list-nobody", "list-filled", "list-funds"])
    rows = {row.client_order_id: row for row in found}
    assert rows.keys() == {"list-resting", "list-filled", "list-funds"}
    assert (rows["list-resting"].state, rows["list-resting"].executed_qty) == ("wait", 0)
    assert rows["list-filled"].executed_qty == rows["list-filled"].qty == 100_000
    by_funds = rows["list-funds"]
    assert (by_funds.qty in (None, 0), by_funds.kind, by_funds.side) == (True, "price", "bid")
    assert by_funds.executed_qty > 0
    with pytest.raises(ReadFailed):
        await ask(reader.orders_by_ids, ["a&b"])


async def test_ended_orders_of_a_time_carry_money_and_leave_out_what_rests(
    bench: Bench, gateway: RestGateway, reader
) -> None:
    began = Ns(time.time_ns() - 2 * 10**9)
    await three_orders(bench, gateway)
    # Two windows of seven days at most.
    rows = await ask(reader.closed_orders, Ns(began - 9 * DAY_NS), Ns(time.time_ns() + 10**9), MARKET)
    assert {row.client_order_id for row in rows} == {"list-filled", "list-funds"}
    rules = registry.instrument(bench.exchange, MARKET, await gateway.market_rules(MARKET))
    for row in rows:
        assert row.market == MARKET
        assert began <= row.created_wall_ns <= time.time_ns()
        assert row.executed_funds is not None
        assert row.paid_fee == rules.fee_on(row.executed_funds)
    assert await ask(reader.closed_orders, Ns(began - 3 * DAY_NS), Ns(began - DAY_NS)) == ()


async def test_more_ended_orders_than_one_answer_holds_are_all_read(bench: Bench, gateway: RestGateway, reader) -> None:
    reader.rows_asked = 2
    began = Ns(time.time_ns() - 10**9)
    for number in range(4):
        order = bench.taking(await bench.book(), f"page-{number}")
        assert isinstance(await gateway.place(order), Accepted)
        await ended(gateway, order)
        # Created times are whole seconds: the next one begins a new second.
        await asyncio.sleep(1.05)
    rows = await ask(reader.closed_orders, began, Ns(time.time_ns()))
    assert [row.client_order_id for row in rows] == [f"page-{number}" for number in range(4)]


@pytest.mark.needs(Can.TELL_TICKS)
async def test_more_orders_in_one_second_than_an_answer_holds_are_not_left_out_in_silence(
    bench: Bench, gateway: RestGateway, reader
) -> None:
    reader.rows_asked = 2
    began = Ns(time.time_ns() - 10**9)
    book = await bench.book()
    await asyncio.sleep(1.02 - time.time() % 1)
    orders = [bench.taking(book, f"crowd-{number}") for number in range(3)]
    for answer in await asyncio.gather(*(gateway.place(order) for order in orders)):
        assert isinstance(answer, Accepted)
    await ended(gateway, orders[-1])
    await asyncio.sleep(0.3)
    with pytest.raises(ReadFailed, match="within one second"):
        await ask(reader.closed_orders, began, Ns(time.time_ns()))


async def test_resting_orders_by_both_lists_are_the_same(bench: Bench, gateway: RestGateway, reader) -> None:
    await three_orders(bench, gateway)
    pending = await ask(reader.pending_orders)
    if bench.exchange is Exchange.UPBIT:
        assert pending == NotOffered("pending orders")
        return
    resting = await ask(reader.open_orders)
    assert [row.exchange_order_id for row in pending] == [row.exchange_order_id for row in resting]
    assert [(row.client_order_id, row.state) for row in pending] == [("list-resting", "wait")]


async def test_wallets_say_where_coins_can_move(bench: Bench, reader) -> None:
    rows = await ask(reader.wallets)
    btc = [row for row in rows if row.asset == "BTC"]
    assert btc
    assert all(row.can_deposit and row.can_withdraw for row in btc)


@pytest.mark.needs(Can.TELL_TICKS)
async def test_exchange_names_its_own_price_step(bench: Bench, reader) -> None:
    told = await ask(reader.ticks, [MARKET, "KRW-ETH"])
    assert {row.market for row in told} == {MARKET, "KRW-ETH"}
    book = await bench.book()
    table = registry.instrument(bench.exchange, MARKET, None).ticks
    assert TickTold(MARKET, table.tick_at(book.bids[0].price)) in told


@pytest.mark.lacks(Can.TELL_TICKS)
async def test_exchange_without_a_call_for_steps_is_not_asked(bench: Bench, reader) -> None:
    sim = bench.simulator.exchange(bench.exchange)
    before = sim.counts["requests"]
    assert await ask(reader.ticks, [MARKET]) == NotOffered("price steps")
    assert sim.counts["requests"] == before


async def test_warnings_and_notices_come_from_where_each_exchange_has_them(bench: Bench, reader) -> None:
    listed = await ask(reader.market_list)
    assert MARKET in {row.market for row in listed}
    assert not any(row.is_warned or row.flags for row in listed if row.market == MARKET)
    if bench.exchange is Exchange.UPBIT:
        assert await ask(reader.notices) == NotOffered("notices")
        assert await ask(reader.market_warnings) == NotOffered("market warnings")
    else:
        assert await ask(reader.notices) == ()
        bench.simulator.exchange(bench.exchange).board.post("maintenance", "점검 안내", "", time.time_ns())
        (notice,) = await ask(reader.notices)
        assert notice.title == "점검 안내"
        assert notice.listed_at
        assert isinstance(await ask(reader.market_warnings), tuple)


async def test_scopes_are_found_out_by_reads_alone(bench: Bench, reader) -> None:
    whole = {finding.scope: finding.grant for finding in await ask(reader.scopes, MARKET)}
    assert whole == dict.fromkeys(Scope, Grant.GRANTED)
    sim: Any = bench.simulator.exchange(bench.exchange)
    sim.keys.limit(f"{bench.exchange}-access", scopes={sim_keys.Scope.VIEW_ASSETS})
    less = {finding.scope: finding.grant for finding in await ask(reader.scopes, MARKET)}
    assert less == {
        Scope.VIEW_ASSETS: Grant.GRANTED,
        Scope.VIEW_ORDERS: Grant.DENIED,
        Scope.VIEW_WITHDRAWALS: Grant.DENIED,
    }


async def test_a_name_that_only_looks_like_a_missing_scope_counts_where_it_was_seen(bench: Bench, reader) -> None:
    fault = StatusAnswered(status=401, name="jwt_verification")
    with armed(bench, fault, FaultScope(path="/v1/withdraws/chance")):
        found = {finding.scope: finding.grant for finding in await ask(reader.scopes, MARKET)}
    # Bithumb was seen to say so for want of a scope (bithumb.md §3.2); on Upbit it says the token is bad.
    seen = Grant.DENIED if bench.exchange is Exchange.BITHUMB else Grant.NOT_PROVEN
    assert found == {
        Scope.VIEW_ASSETS: Grant.GRANTED,
        Scope.VIEW_ORDERS: Grant.GRANTED,
        Scope.VIEW_WITHDRAWALS: seen,
    }


async def test_a_wrong_secret_proves_nothing_of_scopes(bench: Bench) -> None:
    reader = make_reader(bench, "another-secret-of-decent-length-0123456789-0123456789-0123456789-0")
    found = await ask(reader.scopes, MARKET)
    assert {finding.grant for finding in found} == {Grant.NOT_PROVEN}
    reader.close()


async def test_renamed_member_of_a_job_read_is_kept_as_drift_and_healed(bench: Bench, reader) -> None:
    with renamed(bench, "wallet_state", "status"):
        with pytest.raises(ReadFailed):
            await ask(reader.wallets)
        assert ("wallets", "wallet: Object missing required field `wallet_state`") in {
            (where, finding.partition(" - at")[0]) for where, finding in reader.drift.counts
        }
        reader.use_wire(ExchangeWire(fields={"wallet": {"state": "status"}}))
        assert await ask(reader.wallets)


async def test_deposits_and_withdrawals_are_listed(bench: Bench, reader) -> None:
    sim: Any = bench.simulator.exchange(bench.exchange)
    account = sim.accounts[f"{bench.exchange}-access"]
    now = time.time_ns()
    sim.cash.deposit(account, "KRW", Fine(5 * FINE), now, txid="tx-1")
    sim.cash.withdraw(account, "BTC", Fine(FINE // 10), now)
    (deposit,) = await ask(reader.deposits)
    assert (deposit.kind, deposit.asset, deposit.qty, deposit.tx_id) == ("deposit", "KRW", Decimal(5), "tx-1")
    assert deposit.created_wall_ns is not None
    assert abs(deposit.created_wall_ns - now) < 2 * 10**9
    (withdrawal,) = await ask(reader.withdrawals)
    assert (withdrawal.kind, withdrawal.asset, withdrawal.qty) == ("withdraw", "BTC", Decimal("0.1"))
    assert withdrawal.state
