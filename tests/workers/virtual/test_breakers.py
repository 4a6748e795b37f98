"""Each breaker stops the real trader over the simulated exchanges: legs stay, hedges leave, until a person looked.

`lived` makes a whole desk on made-up time; each story arms the trouble that drives one figure to its bound.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from desk_builders import e8

from arbitrage.domain.breakers import BreakerName
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.events import ArbStepped, MarketPaused, TradingStateChanged
from arbitrage.domain.order import OrderRole
from arbitrage.domain.params import SECOND, Params
from arbitrage.domain.units import Exchange, Side
from exchanges.simulator.trouble.fault import Scope
from exchanges.simulator.trouble.orders import LiquidityGone, Rule, RuleRefused
from workers.virtual.run import PARAMS, Plan, lived
from workers.virtual.world import World

B = BreakerName
LOOSE: dict[str, Any] = {
    "max_daily_loss_krw": e8(10**9),
    "max_session_loss_krw": e8(10**9),
    "max_arb_loss_krw": e8(10**9),
    "max_unhedged_krw": e8(10**10),
    "max_failures_in_a_row": 1_000,
    "max_refused_ppm": 1_000_000,
    "max_orders_per_minute": 12_000,
    "max_slippage_alert_ppm": 200_000,
    "rest_after_arb_ns": 0,
}
"""No breaker trips by itself."""


def params(**changes: Any) -> Params:
    return msgspec.structs.replace(PARAMS, **{**LOOSE, **changes})


def lone_legs(world: World) -> None:
    world.faults(Exchange.BITHUMB).arm(LiquidityGone(), Scope(chance_ppm=500_000, lasts_ns=600 * SECOND))


def losses(world: World) -> None:
    """Let every sale or purchase on one exchange miss: its other leg is undone at a loss."""
    world.faults(Exchange.BITHUMB).arm(LiquidityGone(), Scope(lasts_ns=600 * SECOND))


def refusals(world: World) -> None:
    world.faults(Exchange.UPBIT).arm(
        RuleRefused(rule=Rule.PRICE_OFF_TICK), Scope(chance_ppm=300_000, lasts_ns=600 * SECOND)
    )


def nothing(world: World) -> None:
    """Let all be well."""


STORIES: dict[BreakerName, tuple[Callable[[World], None], dict[str, Any]]] = {
    B.DAY_LOSS: (losses, {"max_daily_loss_krw": e8(1_000)}),
    B.SESSION_LOSS: (losses, {"max_session_loss_krw": e8(1_000)}),
    B.ARB_LOSS: (losses, {"max_arb_loss_krw": e8(100)}),
    B.UNHEDGED: (lone_legs, {"max_unhedged_krw": e8(100_000)}),
    B.FAILURES: (refusals, {"max_failures_in_a_row": 2}),
    B.REFUSED: (refusals, {"max_refused_ppm": 20_000}),
    B.ORDER_STORM: (nothing, {"max_orders_per_minute": 12}),
}


async def trading(world: World, for_s: float) -> None:
    world.start_trader()
    await asyncio.sleep(for_s)


async def until(is_so: Callable[[], bool], within_s: float) -> None:
    for _ in range(int(within_s / 0.05)):
        if is_so():
            return
        await asyncio.sleep(0.05)
    pytest.fail("it never came")


def legs(world: World) -> list[int]:
    return [one.at_ns for one in world.sends if one.order.role is not OrderRole.HEDGE]


def changes(world: World) -> list[TradingStateChanged]:
    world.lives[-1].die()
    return [record.event for record in world.records() if isinstance(record.event, TradingStateChanged)]


@pytest.mark.parametrize("breaker", BreakerName)
def test_each_breaker_stops_the_sends_of_a_trading_desk(breaker: BreakerName) -> None:
    arm, bounds = STORIES[breaker]

    async def live(world: World) -> None:
        world.change_params(params(**bounds))
        arm(world)
        world.start_trader()
        await until(lambda: world.control.level() is TradingLevel.REDUCING, 90)
        sent, now = legs(world), world.loop.now_ns
        assert sent
        await asyncio.sleep(20)
        assert [at for at in legs(world) if at > now] == []
        assert world.life is not None
        assert world.life.context.counters.get(f"breaker.{breaker}") == 1
        assert world.life.trader is not None
        assert world.life.trader.executor.moving_count == 0
        (lowered,) = changes(world)
        assert (lowered.level, lowered.breaker) == ("reducing", breaker)
        assert lowered.reason.startswith(f"breaker {breaker}: ")

    lived(Plan(7), live)


def test_a_runaway_storm_sends_no_more_than_is_allowed_in_a_minute() -> None:
    async def live(world: World) -> None:
        world.change_params(params(max_orders_per_minute=12))
        await trading(world, 60)
        assert len(legs(world)) == 12

    lived(Plan(8), live)


def test_hedges_go_on_while_a_breaker_holds_the_desk() -> None:
    async def live(world: World) -> None:
        world.change_params(params(max_unhedged_krw=e8(100_000)))
        lone_legs(world)
        world.start_trader()
        await until(lambda: world.control.level() is TradingLevel.REDUCING, 90)
        lowered_ns = world.loop.now_ns
        await asyncio.sleep(10)
        hedges = [one.at_ns for one in world.sends if one.order.role is OrderRole.HEDGE]
        assert any(at > lowered_ns - SECOND // 10 for at in hedges)
        assert world.life is not None
        assert world.life.trader is not None
        assert world.life.trader.executor.open_count == 0

    lived(Plan(9), live)


def test_a_restart_neither_resets_a_figure_nor_raises_the_desk() -> None:
    async def live(world: World) -> None:
        world.change_params(params())
        refusals(world)
        await trading(world, 30)
        assert world.life is not None
        assert world.life.trader is not None
        before = world.life.trader._conduct
        now = world.clock.mono_ns()
        figures = world.life.trader.desk.breakers.figures(now)
        assert figures.failures_in_a_row.value > 1
        assert figures.session_pnl.value < 0
        world.life.die()
        world.start_trader()
        await asyncio.sleep(0.01)
        again = world.life.trader.desk.breakers.figures(now)
        assert again == figures
        assert before is not world.life.trader._conduct
        world.change_params(params(max_failures_in_a_row=2))
        await until(lambda: world.control.level() is TradingLevel.REDUCING, 5)
        world.life.die()
        world.start_trader()
        await asyncio.sleep(5)
        assert world.control.level() is TradingLevel.REDUCING

    lived(Plan(10), live)


def test_a_bound_that_is_lowered_is_heeded_while_nothing_happens() -> None:
    async def live(world: World) -> None:
        world.change_params(params())
        losses(world)
        await trading(world, 30)
        world.change_params(params(min_edge_ppm=30_000))
        await asyncio.sleep(10)
        assert world.life is not None
        assert world.life.trader is not None
        assert world.life.trader.executor.open_count == 0
        loss = world.life.trader.desk.breakers.figures(world.clock.mono_ns()).worst_loss.value
        assert loss > e8(100)
        seen = world.life.trader._journal.last_seq
        world.change_params(params(min_edge_ppm=30_000, max_arb_loss_krw=loss + 1))
        await asyncio.sleep(3)
        assert world.life.trader._journal.last_seq == seen
        assert world.control.level() is TradingLevel.ACTIVE
        world.change_params(params(min_edge_ppm=30_000, max_arb_loss_krw=loss))
        await asyncio.sleep(1)
        assert world.control.level() is TradingLevel.REDUCING

    lived(Plan(11), live)


def test_a_person_s_resume_begins_anew_and_is_journalled() -> None:
    async def live(world: World) -> None:
        world.change_params(params(max_orders_per_minute=6))
        world.start_trader()
        await until(lambda: world.control.level() is TradingLevel.REDUCING, 60)
        world.resume()
        await until(lambda: len(legs(world)) == 12, 60)
        await until(lambda: world.control.level() is TradingLevel.REDUCING, 5)
        await asyncio.sleep(20)
        assert len(legs(world)) == 12
        assert [one.level for one in changes(world)] == ["reducing", "active", "reducing"]

    lived(Plan(11), live)


def test_stock_that_went_one_way_far_enough_goes_no_further() -> None:
    async def live(world: World) -> None:
        world.change_params(params(max_exchange_net_krw=e8(3_000_000)))
        world.simulator.simulator.market.steer("KRW-ETH", 8_000, 0, world.true_clock.wall_ns(), Exchange.UPBIT)
        await trading(world, 40)
        assert world.life is not None
        assert world.life.context.counters.get("denied.exchange_exposure") > 0
        bought = sum(
            one.executed_funds for one in _orders(world) if one.exchange is Exchange.BITHUMB and one.side is Side.BID
        )
        assert 1_000_000 < bought <= 3_000_000

    lived(Plan(12), live)


def test_an_arb_off_its_expected_prices_pauses_its_market_and_is_journalled() -> None:
    async def live(world: World) -> None:
        world.change_params(params(max_slippage_alert_ppm=100, pause_ns=15 * SECOND))
        lone_legs(world)
        world.start_trader()
        await until(lambda: world.control.paused_until_mono_ns("KRW-ETH") > 0, 60)
        end_ns, now = world.control.paused_until_mono_ns("KRW-ETH"), world.loop.now_ns
        assert world.life is not None
        await asyncio.sleep((end_ns - world.clock.mono_ns()) / SECOND - 0.01)
        assert [at for at in legs(world) if at > now] == []
        counters = world.life.context.counters
        assert counters.get("pauses.slippage") == 1
        assert (counters.get("denied.market_paused") > 0, counters.get("denied.trading_state")) == (True, 0)
        world.life.die()
        paused = [record.event for record in world.records() if isinstance(record.event, MarketPaused)]
        assert [(one.market, one.cause) for one in paused] == [("KRW-ETH", "slippage")]
        assert " % off its expected prices" in paused[0].detail

    lived(Plan(13), live)


def _orders(world: World) -> list[Any]:
    world.lives[-1].die()
    images = {
        record.event.arb.arb_id: record.event.arb for record in world.records() if isinstance(record.event, ArbStepped)
    }
    return [order for arb in images.values() for order in arb.orders]
