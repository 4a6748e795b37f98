"""Sabotages that no drawn run shows in time: each brings the trouble that shows it, and nothing else goes wrong.

The same trouble without the sabotage must break no rule: it is the desk's check that keeps it away.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

import msgspec

from arbitrage.domain import arb_step, hedge, risk
from arbitrage.domain.arb import ArbOn, ArbState
from arbitrage.domain.balances import _Purse
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.events import ArbStepped, Event
from arbitrage.domain.params import MS, SECOND
from arbitrage.domain.units import PPM, QUOTE, SCALE, Exchange
from exchanges.simulator.money import fine_of_text
from exchanges.simulator.regimes import USUAL
from exchanges.simulator.trouble.fault import Lane, Scope
from exchanges.simulator.trouble.frames import LadderFrozen, StreamFrozen
from exchanges.simulator.trouble.orders import FillsDelayed, LiquidityGone, OrderRefused
from fast_path.engine import Engine
from fast_path.executor import Executor
from tests.sabotage import Edit
from workers.breaker_watch import BreakerWatch
from workers.desk import TradingDesk
from workers.last_look import LastLook
from workers.virtual.run import MARKETS, PARAMS, Plan, lived, make_well
from workers.virtual.watch import Watch
from workers.virtual.world import World

MARKET = MARKETS[0]
SEED = 7
REST_S = 8
LOOK_EVERY_S = 0.5

Story = Callable[[World], Coroutine[Any, Any, None]]


class Staged(msgspec.Struct, frozen=True):
    """Lines done wrong, the one rule they break, and the trouble that shows it, told to a trading desk."""

    edits: tuple[Edit, ...]
    rule: str
    story: Story
    changes: dict[str, int] = {}
    """Parameters the desk trades with besides the campaign's."""
    markets: tuple[str, ...] = MARKETS

    def broken(self) -> set[str]:
        """Tell the story, let all come to rest, and return the rules that were broken."""
        given = msgspec.structs.replace(PARAMS, **self.changes)
        return lived(Plan(SEED, given=given), self._live, markets=self.markets)

    # The second half of a run of the campaign, without its trouble.
    async def _live(self, world: World) -> set[str]:
        watch = Watch(world)
        looking = world.loop.create_task(_look(watch))
        world.start_trader()
        await self.story(world)
        make_well(world)
        if world.control.level() is not TradingLevel.REDUCING:
            world.operator.set_level(TradingLevel.REDUCING)
        await asyncio.sleep(REST_S)
        looking.cancel()
        watch.close()
        watch.check_end()
        return {one.rule for one in watch.found.violations}


async def _look(watch: Watch) -> None:
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        watch.look()


def when_journalled(world: World, is_it: Callable[[ArbStepped], bool], act: Callable[[], object]) -> None:
    """Do something the first time an image of an arb of this kind is in the journal, before any order of it leaves."""
    heard, done = world.on_event, []

    def hear(event: Event) -> None:
        heard(event)
        if not done and isinstance(event, ArbStepped) and is_it(event):
            done.append(event)
            # No doing of the trader's: it happens though the trader stands still.
            Context().run(act)

    world.on_event = hear


def gap(world: World, ppm: int, exchange: Exchange | None = Exchange.UPBIT, over_s: int = 0) -> None:
    """Move the price away, on one exchange or both, in every market."""
    for market in world.env.markets:
        world.simulator.simulator.market.steer(market, ppm, over_s * SECOND, world.true_clock.wall_ns(), exchange)


async def stopped_behind_the_journal(world: World) -> None:
    """Stop the trader for a second and more between an arb's first record and its orders."""
    assert world.life is not None
    owner = world.life.owner
    await asyncio.sleep(4)
    when_journalled(world, lambda event: event.on is ArbOn.OPENED, lambda: world.stop_process(owner, 1.5))
    await asyncio.sleep(12)


async def stopped_before_the_second_leg(world: World) -> None:
    """Let legs go one after the other, and stop the trader where the second one is let go."""
    assert world.life is not None
    owner = world.life.owner
    gap(world, 8_000)

    def is_let_go(event: ArbStepped) -> bool:
        arb = event.arb
        return not arb.held and any(leg.client_order_id == arb.leader and leg.is_ended for leg in arb.orders)

    when_journalled(world, is_let_go, lambda: world.stop_process(owner, 1.5))
    await asyncio.sleep(12)


async def killed_where_an_arb_is_stuck(world: World) -> None:
    """Let no hedge be taken, kill the trader with the record that an arb is stuck, and start another one."""
    refused = OrderRefused(status=400, name="market_offline")
    gap(world, 8_000)
    world.faults(Exchange.BITHUMB).arm(refused, Scope(count=0))
    when_journalled(
        world,
        lambda event: event.arb.state is ArbState.LEGGED,
        lambda: world.faults(Exchange.UPBIT).arm(refused, Scope(count=0)),
    )
    first = world.life
    assert first is not None
    when_journalled(world, lambda event: event.arb.state is ArbState.STUCK, first.die)
    while not first.is_dead:
        await asyncio.sleep(0.1)
    for exchange in Exchange:
        world.faults(exchange).clear()
    world.start_trader()
    await asyncio.sleep(20)


async def lone_leg_in_a_rise(world: World) -> None:
    """Let one leg miss, and both prices leave against the other one before it can be evened out."""
    gap(world, 8_000)
    world.faults(Exchange.BITHUMB).arm(LiquidityGone(), Scope(lasts_ns=4 * SECOND))
    when_journalled(world, lambda event: event.arb.state is ArbState.LEGGED, lambda: gap(world, 60_000, None))
    await asyncio.sleep(16)


async def frozen_and_left(world: World) -> None:
    """Freeze one exchange's book under ever new times while both prices leave, slowly."""
    world.simulator.simulator.market.set_behaviour(USUAL, world.true_clock.wall_ns())
    gap(world, 6_000)
    await asyncio.sleep(4)
    world.faults(Exchange.UPBIT).arm(LadderFrozen(), Scope(lane=Lane.STREAM, lasts_ns=12 * SECOND))
    gap(world, 50_000, None, over_s=12)
    await asyncio.sleep(12)


async def two_arbs_at_once_from_little(world: World) -> None:
    """Leave KRW for one arb, and let two markets show a gap at the same moment."""
    await asyncio.sleep(2)
    for exchange in Exchange:
        sim, account = world.exchange(exchange), world.account(exchange)
        sim.cash.withdraw(account, QUOTE, fine_of_text("72500000"), world.true_clock.wall_ns(), delay_ns=MS)
    await asyncio.sleep(4)
    world.faults(Exchange.BITHUMB).arm(FillsDelayed(delay_ns=2 * SECOND), Scope(lasts_ns=10 * SECOND))
    gap(world, 8_000)
    await asyncio.sleep(12)


async def one_leg_missing(world: World) -> None:
    """Let every order on one exchange miss: the other leg is undone at a loss."""
    gap(world, 8_000)
    world.faults(Exchange.BITHUMB).arm(LiquidityGone(), Scope(lasts_ns=12 * SECOND))
    await asyncio.sleep(12)


async def a_gap_that_stands(world: World) -> None:
    """Let all be well, and a gap be there."""
    gap(world, -8_000)
    await asyncio.sleep(6)


async def no_books_in_the_beginning(world: World) -> None:
    """Let one exchange's streams say nothing at first: its books are missing."""
    world.faults(Exchange.UPBIT).arm(StreamFrozen(), Scope(lane=Lane.STREAM, lasts_ns=4 * SECOND))
    await asyncio.sleep(8)


STAGED: dict[str, Staged] = {
    "an order leaves however old its decision": Staged(
        (
            Edit(Executor.last_check, "if age > SEND_WITHIN_NS and", "if False and"),
            Edit(LastLook._asleep, "lag > self._max_lag_ns()", "False"),
        ),
        "old_signal",
        stopped_behind_the_journal,
    ),
    "a second leg leaves however old its decision": Staged(
        (Edit(Executor.last_check, "age > FOLLOW_WITHIN_NS or", ""),),
        "old_signal",
        stopped_before_the_second_leg,
        {"hard_leg_fill_ppm": PPM},
    ),
    "a stuck arb holds nothing back at a start": Staged(
        (Edit(arb_step.recovered, "actions += (_stuck_halt(arb),)", "pass"),),
        "opened_beside_stuck",
        killed_where_an_arb_is_stuck,
        {"max_failures_in_a_row": 1_000, "max_refused_ppm": PPM},
        markets=("KRW-ETH", "KRW-XRP"),
    ),
    "a hedge may lose any amount": Staged(
        (Edit(hedge.plan, "if way.loss_krw > rules.max_loss_krw:", "if False:"),),
        "lost_too_much",
        lone_leg_in_a_rise,
        {"hedge_max_loss_krw": 20_000 * SCALE, "max_price_jump_ppm": 200_000},
    ),
    "a frozen ladder is a book": Staged(
        (Edit(risk.is_ladder_frozen, "> q.params.max_ladder_still_ns", "< 0"),),
        "untrue_book",
        frozen_and_left,
        {
            "max_edge_ppm": 150_000,
            "max_price_jump_ppm": 200_000,
            "max_failures_in_a_row": 1_000,
            "max_slippage_alert_ppm": 200_000,
        },
    ),
    "what is reserved may be spent again": Staged(
        (Edit(_Purse.uncommitted, "self.free - self.on_the_way()", "self.free"),),
        "over_reserved",
        two_arbs_at_once_from_little,
        {"hard_band_ppm": 1_000_000, "soft_band_ppm": 900_000},
        markets=("KRW-ETH", "KRW-XRP"),
    ),
    "a gap one way is overlooked": Staged(
        (Edit(Engine.step, "if has_gap(second.best_bid", "if False and has_gap(second.best_bid"),),
        "no_reason",
        a_gap_that_stands,
    ),
    "books that are missing are no word": Staged(
        (Edit(Engine.step, "no_signal=_BOOK_MISSING", "no_signal=_NO_GAP"),),
        "no_reason",
        no_books_in_the_beginning,
    ),
    "a large loss stops nothing": Staged(
        (Edit(risk.is_breaker_tripped, "> 0", "< 0"), Edit(BreakerWatch.tick, "self._lower(trip)", "pass")),
        "opened_past_a_breaker",
        one_leg_missing,
        {"max_arb_loss_krw": 1_000 * SCALE, "max_failures_in_a_row": 1_000, "max_slippage_alert_ppm": 200_000},
    ),
    "what an ended order reserved stays reserved": Staged(
        (
            Edit(TradingDesk.settle, "self._wallets.settle(order, self._context.clock.mono_ns())", "pass"),
            Edit(TradingDesk.closed, "self._wallets.release_arb(arb.arb_id)", "pass"),
        ),
        "still_reserved",
        a_gap_that_stands,
    ),
}
