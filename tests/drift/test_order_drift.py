"""The drift ideas of upbit.md §6 about orders, balances and rules: nothing is guessed, grave drift stops trading."""

import asyncio
import contextlib
from decimal import Decimal
from typing import Any

import pytest
from contract_bench import MARKET, listening, make_reader, until
from drift_bench import FOR_EVER, Drifting

from arbitrage.domain.drift import Drift
from arbitrage.domain.errors import ReadFailed
from arbitrage.domain.order import Order, OrderOn, TimeInForce
from arbitrage.domain.ports import Accepted, Found, NotFound, Unknown
from arbitrage.domain.units import Exchange, Qty, Side
from exchanges.simulator.trouble.fault import Lane, Scope
from exchanges.simulator.trouble.shapes import (
    ArrayAsObject,
    ArrayReversed,
    ErrorRenamed,
    ExtraField,
    KeyMissing,
    KeyNull,
    MarketAppeared,
    MarketVanished,
    NameSpelling,
    NewEnumValue,
    NullAbsent,
    NumberRespelled,
    RemainingReqOdd,
    Spelling,
    TimeSpelling,
    TimesRespelled,
    WarningFlipped,
)
from exchanges.simulator.trouble.transport import StatusAnswered, Text
from exchanges.upbit.profile import Smp

UPBIT = Exchange.UPBIT


async def test_the_founding_example_accounts_as_an_object_stops_trading_at_once(world: Drifting) -> None:
    before = await world.gateway.balances()
    assert world.is_traded
    world.arm(ArrayAsObject(object="accounts"))
    with pytest.raises(ReadFailed):
        await world.gateway.balances()
    assert [where for where, _ in world.drift(Drift.UNREADABLE)] == ["balances"]
    assert not world.is_traded
    world.heal()
    assert await world.gateway.balances() == before
    assert not world.is_traded


async def test_idea_1_extra_members_change_nothing(world: Drifting) -> None:
    world.arm(ExtraField())
    async with listening(world.raw) as news:
        order, report = await world.filled("extra-1")
        await until(lambda: any(item.report.on is OrderOn.FULL_FILL for item in news.of("extra-1")))
    assert (report.on, report.executed_qty) == (OrderOn.FULL_FILL, order.qty)
    assert world.raw.drift.total() == 0
    assert world.is_traded


async def test_idea_2_a_state_never_seen_leaves_a_resting_order_alive_and_is_noted(world: Drifting) -> None:
    order = await world.resting("enum-1")
    world.arm(NewEnumValue(field="state", object="order"))
    found = await world.gateway.query(order)
    assert isinstance(found, Found)
    # The word proves nothing: neither an end nor a fill is claimed.
    assert (found.report.on, found.report.executed_qty) == (OrderOn.ACKED, 0)
    assert any("never_seen_before" in finding for _, finding in world.drift(Drift.GAP))
    assert world.drift(Drift.UNREADABLE) == []
    assert world.is_traded


async def test_idea_2_a_market_state_never_seen_is_not_traded(world: Drifting) -> None:
    assert (await world.gateway.market_rules(MARKET)).is_active
    world.arm(NewEnumValue(field="state", object="orders/chance"))
    assert not (await world.gateway.market_rules(MARKET)).is_active


@pytest.mark.parametrize("field", ["ord_type", "smp_type", "stp_type", "time_in_force"])
async def test_idea_2_other_words_never_seen_hide_no_fill(world: Drifting, field: str) -> None:
    order, _ = await world.filled("enum-2")
    world.arm(NewEnumValue(field=field, object="order"))
    found = await world.gateway.query(order)
    assert isinstance(found, Found)
    assert (found.report.on, found.report.executed_qty) == (OrderOn.FULL_FILL, order.qty)
    assert world.is_traded


async def test_idea_2_a_wallet_state_never_seen_counts_as_closed(world: Drifting) -> None:
    world.arm(NewEnumValue(field="wallet_state"))
    with contextlib.closing(make_reader(world.bench)) as reader:
        rows = await asyncio.to_thread(reader.wallets)
    assert {row.state for row in rows} == {"never_seen_before"}
    assert not any(row.can_deposit or row.can_withdraw for row in rows)


async def test_idea_4_an_order_without_its_executed_volume_stays_unknown_and_stops_trading(world: Drifting) -> None:
    order = await world.resting("missing-1")
    world.arm(KeyMissing(field="executed_volume", object="order"))
    assert isinstance(await world.gateway.query(order), Unknown)
    assert not world.is_traded
    world.heal()
    assert isinstance(await world.gateway.query(order), Found)


@pytest.mark.parametrize("field", ["paid_fee", "trades"])
async def test_idea_4_and_5_what_is_usual_but_not_needed_may_be_missing_or_null(world: Drifting, field: str) -> None:
    order, _ = await world.filled("missing-2")
    for fault in (KeyMissing(field=field, object="order"), KeyNull(field=field, object="order")):
        world.arm(fault)
        found = await world.gateway.query(order)
        assert isinstance(found, Found)
        assert (found.report.on, found.report.executed_qty) == (OrderOn.FULL_FILL, order.qty)
        world.heal()
    assert world.drift(Drift.UNREADABLE) == []
    assert world.is_traded


async def test_idea_5_nulls_may_be_absent_in_answers_and_private_frames(world: Drifting) -> None:
    world.arm(NullAbsent())
    async with listening(world.raw) as news:
        order, report = await world.filled("nulls-1")
        await until(lambda: any(item.report.on is OrderOn.FULL_FILL for item in news.of("nulls-1")))
    assert report.executed_qty == order.qty
    assert world.drift(Drift.UNREADABLE) == []


@pytest.mark.parametrize("spelling", list(Spelling))
async def test_idea_6_balances_and_orders_are_the_same_in_any_spelling(world: Drifting, spelling: Spelling) -> None:
    order, plain = await world.filled("spelled-1")
    held = await world.gateway.balances()
    world.arm(NumberRespelled(spelling=spelling))
    assert await world.gateway.balances() == held
    found = await world.gateway.query(order)
    assert isinstance(found, Found)
    assert (found.report.executed_qty, found.report.paid_fee) == (plain.executed_qty, plain.paid_fee)
    assert world.is_traded


async def test_idea_7_a_number_for_an_error_name_proves_nothing(world: Drifting) -> None:
    order = world.bench.taking(await world.bench.book(), "nobody-1")
    assert await world.gateway.query(order) == NotFound()
    world.arm(ErrorRenamed(spelling=NameSpelling.NUMBER))
    assert isinstance(await world.gateway.query(order), Unknown)
    assert [where for where, _ in world.drift(Drift.ERROR)] == ["query"]
    assert world.is_traded


@pytest.mark.parametrize("body", [Text.PLAIN, Text.HTML, Text.EMPTY])
async def test_idea_7_errors_in_plain_text_html_or_nothing_prove_nothing_about_an_order(
    world: Drifting, body: Text
) -> None:
    book = await world.bench.book()
    orders = Scope(lane=Lane.ORDER, count=1)
    world.arm(StatusAnswered(status=502, body=body), orders)
    assert isinstance(await world.gateway.place(world.bench.taking(book, "text-1")), Unknown)
    world.arm(StatusAnswered(status=429, body=body), orders)
    # No status is documented to prove that nothing came of an order.
    assert isinstance(await world.gateway.place(world.bench.taking(book, "text-2")), Unknown)
    assert world.drift(Drift.UNREADABLE) == []
    assert world.is_traded


async def test_idea_7_too_many_server_errors_stop_trading(world: Drifting) -> None:
    order = await world.resting("errors-1")
    for _ in range(16):
        assert isinstance(await world.gateway.query(order), Found)
    assert world.is_traded
    world.arm(StatusAnswered(status=500, body=Text.HTML), Scope(lane=Lane.LOOKUP, count=4))
    for _ in range(4):
        assert isinstance(await world.gateway.query(order), Unknown)
    assert not world.is_traded
    assert "answers in the last minute were errors" in str(
        world.context.control.monitor_only_latch(world.exchange)["reason"]
    )


@pytest.mark.parametrize("text", ["group=Crix_trades.v2; sec=29", "group=default; sec=29", "", "sec=x", "group=;;;="])
async def test_idea_8_an_odd_remaining_req_neither_stops_nor_frees_anything(world: Drifting, text: str) -> None:
    world.arm(RemainingReqOdd(text=text))
    for _ in range(3):
        await world.gateway.balances()
    assert world.gateway.budget().orders > 0
    order, report = await world.filled("limits-1")
    assert report.executed_qty == order.qty
    assert world.is_traded


@pytest.mark.parametrize("spelling", list(TimeSpelling))
async def test_idea_10_times_in_any_precision_and_zone_are_the_same_second(
    world: Drifting, spelling: TimeSpelling
) -> None:
    order, plain = await world.filled("times-1")
    world.arm(TimesRespelled(spelling=spelling))
    found = await world.gateway.query(order)
    assert isinstance(found, Found)
    second = 1_000_000_000
    assert [fill.at_wall_ns // second for fill in found.report.fills] == [
        fill.at_wall_ns // second for fill in plain.fills
    ]
    assert world.is_traded


async def crossed(world: Drifting, gateway: Any) -> list[Found]:
    """Let a bid of our own at the best price meet an ask of our own, and return both once one has ended."""
    book = await world.bench.book()
    maker = world.bench.taking(book, "smp-1", price=book.bids[0].price, tif=TimeInForce.GTC)
    assert isinstance(await gateway.place(maker), Accepted)
    await until_found(world, maker, OrderOn.ACKED)
    taker = world.bench.taking(book, "smp-2", side=Side.ASK, price=maker.price, qty=Qty(3 * 10**8), tif=TimeInForce.GTC)
    assert isinstance(await gateway.place(taker), Accepted)
    for _ in range(100):
        found = [await world.raw.query(order) for order in (maker, taker)]
        reports = [each for each in found if isinstance(each, Found)]
        if len(reports) == 2 and OrderOn.CANCELED in [each.report.on for each in reports]:
            return reports
        await asyncio.sleep(0.05)
    raise AssertionError("neither of the two ended")


async def until_found(world: Drifting, order: Order, on: OrderOn) -> None:
    for _ in range(100):
        found = await world.raw.query(order)
        if isinstance(found, Found) and found.report.on is on:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never rested")


async def test_idea_12_our_orders_say_themselves_that_the_taker_gives_way(world: Drifting) -> None:
    maker, taker = await crossed(world, world.gateway)
    assert (maker.report.on, maker.report.executed_qty) == (OrderOn.ACKED, 0)
    assert taker.report.on is OrderOn.CANCELED
    assert world.drift(Drift.UNREADABLE) == []


async def test_idea_12_a_default_that_flips_ends_a_resting_order_that_nobody_cancelled(world: Drifting) -> None:
    if world.exchange is not UPBIT:
        pytest.skip("Bithumb's prevention cannot be chosen (bithumb.md §7 #5)")
    silent = world.bench.gateway(smp=Smp.ACCOUNT)
    await silent.open()
    try:
        maker, _ = await crossed(world, silent)
    finally:
        await silent.close()
    assert (maker.report.on, maker.report.executed_qty) == (OrderOn.CANCELED, 0)
    assert world.drift(Drift.UNREADABLE) == []


async def test_idea_13_balances_in_another_order_are_the_same(world: Drifting) -> None:
    held = {holding.asset: holding for holding in await world.gateway.balances()}
    world.arm(ArrayReversed(object="accounts"))
    assert {holding.asset: holding for holding in await world.gateway.balances()} == held
    assert held["KRW"].free == Decimal(1_000_000_000)


async def test_idea_15_markets_that_come_go_and_are_warned_of_are_listed_so(world: Drifting) -> None:
    reader = make_reader(world.bench)

    async def listed() -> dict[str, bool]:
        rows = await asyncio.to_thread(reader.market_list)
        return {row.market: row.is_warned for row in rows}

    try:
        before = await listed()
        world.arm(MarketVanished(gone=MARKET), FOR_EVER)
        world.arm(MarketAppeared(fresh="KRW-NEW"), FOR_EVER)
        world.arm(WarningFlipped(), FOR_EVER)
        after = await listed()
    finally:
        reader.close()
    assert (before[MARKET], before["KRW-ETH"]) == (False, False)
    assert MARKET not in after
    assert (after["KRW-NEW"], after["KRW-ETH"]) == (True, True)
