"""A lone leg between thin books, over the real gateways: evened out on both exchanges, one after the other."""

import asyncio

from arbitrage.domain.arb import Arb, ArbState
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.events import ArbStepped
from arbitrage.domain.order import OrderRole
from arbitrage.domain.units import SCALE, Exchange, Side
from exchanges.simulator.trouble.fault import Scope
from exchanges.simulator.trouble.orders import OrderRefused
from tests.workers.virtual.sabotages.staged import Staged, gap, when_journalled
from workers.virtual.run import CALMER, MARKETS, Plan, lived, run
from workers.virtual.thinning import THIN, thin_out_at_lone_legs
from workers.virtual.world import World


def test_a_lone_leg_between_thin_books_is_evened_out_on_both_exchanges():
    newest: dict[str, Arb] = {}

    async def one_leg_refused_and_the_books_thin(world: World) -> None:
        def stop_and_thin() -> None:
            # Held back until the books show what has become of the market.
            world.operator.set_level(TradingLevel.HALTED)
            gap(world, 2_000)
            world.simulator.simulator.market.set_behaviour(THIN, world.true_clock.wall_ns())

        def keep(event: ArbStepped) -> bool:
            newest[event.arb.arb_id] = event.arb
            return False

        when_journalled(world, keep, lambda: None)
        gap(world, 8_000)
        world.faults(Exchange.BITHUMB).arm(OrderRefused(status=400, name="market_offline"), Scope(count=1))
        when_journalled(world, lambda event: event.arb.state is ArbState.LEGGED, stop_and_thin)
        await asyncio.sleep(8)
        world.resume()
        await asyncio.sleep(6)

    changes = {"max_open_arbs": 1, "max_notional_krw": 1_000_000 * SCALE}
    staged = Staged((), "", one_leg_refused_and_the_books_thin, changes)
    assert staged.broken() == set()
    arb = next(iter(newest.values()))
    hedges = [order for order in arb.orders if order.role is OrderRole.HEDGE]
    assert arb.state is ArbState.CLOSED
    assert {order.exchange for order in hedges} == set(Exchange)
    assert all(order.executed_qty == order.qty for order in hedges)
    assert hedges[0].qty < sum(order.qty for order in hedges)


def test_books_thin_out_where_a_leg_is_lone_in_every_sixth_run():
    seen = [run(Plan(seed, trades_for_s=25), keep_history=True).seen for seed in (20_064, 20_065)]
    thinned, not_thinned = ([one for one in story if one.what == "books thin out"] for story in seen)
    assert thinned
    assert {one.who for one in thinned} == {"world"}
    assert not not_thinned
    lone = [one.at_ns for one in seen[0] if one.what == "arb" and " legged " in one.detail]
    assert {one.at_ns for one in thinned} <= set(lone)


def test_books_that_thinned_out_are_as_deep_as_before_two_seconds_later():
    async def live(world: World) -> list[int]:
        thin_out_at_lone_legs(world, CALMER)
        world.start_trader()
        market, depths = world.simulator.simulator.market, list[int]()
        gap(world, 8_000)
        world.faults(Exchange.BITHUMB).arm(OrderRefused(status=400, name="market_offline"), Scope(count=1))
        for _ in range(80):
            await asyncio.sleep(0.1)
            levels = market.levels(Exchange.UPBIT, MARKETS[0], Side.BID, world.true_clock.wall_ns())
            depths.append(sum(qty for _, qty in levels))
        return depths

    depths = lived(Plan(6), live)
    thin = [index for index, depth in enumerate(depths) if depth * 10 < depths[0]]
    assert 15 <= len(thin) <= 21
    assert depths[thin[-1] + 5] * 2 > depths[0]
