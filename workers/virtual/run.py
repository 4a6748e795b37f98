"""One run of the campaign: a seed becomes minutes of trading in which things go wrong, and a verdict.

The trader is restarted when it dies, as a supervisor would. After the last deed everything is well again and
nothing new is opened; what is open must come to rest by itself, or be stuck with the desk stopped.
"""

import asyncio
import gc
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import msgspec

from arbitrage.domain.arb import ArbState
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.params import DEFAULT_PARAMS, SECOND, Params
from arbitrage.domain.units import EXCHANGES, PPM, SCALE, exact_sum
from arbitrage.domain.wire import Wire
from exchanges.simulator import texts
from exchanges.simulator.regimes import USUAL
from workers.virtual.again import trade_again
from workers.virtual.deeds.account import give_key_back, usual_fees
from workers.virtual.deeds.deed import Deed, Family
from workers.virtual.deeds.transport import lift_blocks
from workers.virtual.mischief import deeds
from workers.virtual.rules.findings import Violation
from workers.virtual.thinning import thin_out_at_lone_legs
from workers.virtual.virtual_loop import START_WALL_NS, Stalled, VirtualLoop
from workers.virtual.watch import Watch
from workers.virtual.world import Seen, World
from workers.virtual.worth import Worth, worth_of

T = TypeVar("T")

MARKETS = ("KRW-ETH",)
"""Of a story; a run trades this one and up to two more."""
MORE_MARKETS = ("KRW-XRP", "KRW-BTC")
QUIET_S = 5
"""How long before its end nothing begins to go wrong any more."""
REST_WITHIN_NS = 150 * SECOND
RESTART_AFTER_S = 1.0
LOOK_EVERY_S = 0.5
PARAMS = msgspec.structs.replace(
    DEFAULT_PARAMS,
    max_notional_krw=2_000_000 * SCALE,
    soft_band_ppm=10_000,
    hard_band_ppm=250_000,
    surcharge_ppm=200,
    max_discount_ppm=1_000,
    discount_budget_krw=400 * SCALE,
    max_balance_age_ns=6 * SECOND,
)
"""Small arbs, so that hundreds fit into the balances of a run; bands so narrow that a run comes to their ends."""

DAY_NS = 86_400 * SECOND
HARD_LEG_EVERY = 4
"""In one of so many runs no exchange is relied on: legs go one after the other."""
NARROW_EVERY = 4
"""In one of so many runs two arbs one way are already too many: only what brings stock back may open."""
CONFIRM_EVERY = 5
CONFIRM_ABOVE_KRW = 500_000 * SCALE
"""In one of so many runs an arb above this is sent only when both REST books support it."""

STRICT_EVERY = 6
STRICT = {"max_failures_in_a_row": 3, "max_arb_loss_krw": 5_000 * SCALE}
"""In one of so many runs breakers are so close that the desk comes to them."""
DOUBTING = {"max_slippage_alert_ppm": 100, "pause_ns": 8 * SECOND, "max_price_jump_ppm": 8_000}
"""In as many others it soon doubts a price, and pauses."""
TIGHT: dict[str, int] = {
    "max_open_arbs": 1,
    "max_orders_per_s": 2,
    "max_daily_loss_krw": 1_000 * SCALE,
    "hedge_max_loss_krw": 1_000 * SCALE,
}
"""In as many others it may do little at a time, and lose little."""

THIN_EVERY = 6
"""In one of so many runs the books thin out where a leg is lone."""

CALMER = msgspec.structs.replace(USUAL, frame_gap_ppm=4 * PPM)


class Plan(msgspec.Struct, frozen=True):
    """What a run is made of; the same plan gives the same history."""

    seed: int
    families: frozenset[Family] = frozenset(Family)
    about: int = 8
    """About how many deeds."""
    trades_for_s: int = 60
    """How long it trades before it is let come to rest."""
    only: tuple[int, ...] | None = None
    """Indexes of the deeds that are done; None = all. This is how a story is shortened."""
    given: Params | None = None
    """What the desk trades with; None = what the seed draws."""

    @property
    def params(self) -> Params:
        """Return what this run's desk trades with."""
        if self.given is not None:
            return self.given
        changes: dict[str, int] = {}
        if self.seed % NARROW_EVERY == 1:
            changes["hard_band_ppm"] = 60_000
        if self.seed % HARD_LEG_EVERY == HARD_LEG_EVERY - 1:
            changes["hard_leg_fill_ppm"] = PPM
        if self.seed % STRICT_EVERY == STRICT_EVERY - 1:
            changes |= STRICT
        if self.seed % STRICT_EVERY == 2:
            changes |= DOUBTING
        if self.seed % STRICT_EVERY == 4:
            changes |= TIGHT
        if self.seed % CONFIRM_EVERY == CONFIRM_EVERY - 1:
            changes["confirm_above_krw"] = CONFIRM_ABOVE_KRW
        return msgspec.structs.replace(PARAMS, **changes)


class Outcome(msgspec.Struct, frozen=True):
    """What came of one run."""

    seed: int
    violations: tuple[Violation, ...]
    digest: str
    script: tuple[str, ...]
    arbs: int
    orders: int
    hedges: int
    deaths: int
    stuck: int
    pnl_krw: Decimal
    """What even arbs earned by the journal."""
    worth: Worth
    """What the exchanges' balances say was earned."""
    seen: tuple[Seen, ...] = ()
    """The whole history, only when asked for."""


def run(plan: Plan, *, keep_history: bool = False) -> Outcome:
    """Live through one run and return what came of it."""
    return lived_as_drawn(plan, lambda world: _Run(world, plan).live(keep_history=keep_history))


def lived_as_drawn(plan: Plan, live: Callable[[World], Coroutine[Any, Any, T]]) -> T:
    """Return what `live` makes of a world with the markets, and at the time, that the plan's seed draws."""
    return lived(plan, live, markets=markets_of(plan.seed), start_wall_ns=begins_ns(plan.seed))


def lived(
    plan: Plan,
    live: Callable[[World], Coroutine[Any, Any, T]],
    *,
    markets: tuple[str, ...] = MARKETS,
    start_wall_ns: int = START_WALL_NS,
) -> T:
    """Return what `live` makes of a fresh world on made-up time; nothing of it is left behind."""
    home = Path(tempfile.mkdtemp(prefix="karb-campaign-", dir=_memory()))
    # What a collector finds, it finds at times of its own, which are no part of the history; and it takes long,
    # so what was there before the first run is looked at once, and what the last run spelled is forgotten.
    texts.forget()
    gc.collect()
    _set_aside()
    gc.disable()
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    try:
        world = World(loop, home, plan.seed, markets=markets, params=plan.params, start_wall_ns=start_wall_ns)
        return loop.run_until_complete(_in_world(world, live))
    except Stalled as error:
        raise RuntimeError(f"seed {plan.seed}: {error}") from None
    finally:
        gc.enable()
        asyncio.set_event_loop(None)
        loop.close()
        shutil.rmtree(home, ignore_errors=True)


@cache
def _set_aside() -> None:
    """Let the collector never look again at what there is before the process's first run."""
    gc.freeze()


def markets_of(seed: int) -> tuple[str, ...]:
    """Return what a run trades: one market most often, for each costs."""
    more = Random(f"{seed}/markets").choice((0, 0, 0, 0, 0, 0, 1, 2))  # noqa: S311  # nosec B311: a story
    return MARKETS + MORE_MARKETS[:more]


def begins_ns(seed: int) -> int:
    """Return when a run begins: one in four lives through a midnight of Seoul, or of UTC."""
    rng = Random(f"{seed}/begins")  # noqa: S311  # nosec B311: a story
    if rng.random() >= 0.25:
        return START_WALL_NS
    midnight = START_WALL_NS // DAY_NS * DAY_NS + rng.choice((1, 2)) * DAY_NS
    return midnight - rng.choice((0, 9 * 3600 * SECOND)) - rng.randint(5, 50) * SECOND


async def _in_world(world: World, live: Callable[[World], Coroutine[Any, Any, T]]) -> T:
    try:
        await world.open()
        # Fewer frames than usual: what a run is about are the deeds, not the decoding.
        world.simulator.simulator.market.set_behaviour(CALMER, world.true_clock.wall_ns())
        return await live(world)
    finally:
        await world.close()


def _memory() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  # nosec B108: a directory of our own in it


def do_deeds(world: World, plan: Plan) -> tuple[str, ...]:
    """Let the plan's deeds happen in their time; return what they are."""
    found = _all_deeds(plan)
    kept = [deed for index, deed in enumerate(found) if plan.only is None or index in plan.only]

    def do(deed: Deed) -> None:
        world.note("mischief", deed.family.value, deed.word)
        deed.act(world)

    for deed in kept:
        world.loop.call_later((deed.at_ns - world.loop.now_ns) / SECOND, do, deed)
    return tuple(f"{deed.at_ns / SECOND:6.2f} s  {deed.family}: {deed.word}" for deed in kept)


def make_well(world: World) -> None:
    """End whatever is still wrong around the desk."""
    world.note("world", "all is well again")
    world.is_well = True
    now = world.true_clock.wall_ns()
    for owner in list(world.loop.standing_still):
        world.go_on(owner)
    world.simulator.simulator.market.set_behaviour(CALMER, now)
    for exchange in EXCHANGES:
        sim = world.exchange(exchange)
        world.faults(exchange).clear()
        if sim.closing.is_whole:
            sim.closing.end(now)
        give_key_back(world, exchange)
        usual_fees(world, exchange)
        lift_blocks(world, exchange)
    for life in world.lives:
        life.leave_doors_alone()
    world.operator.change_params(PARAMS)
    world.operator.change_wire(Wire())
    world.operator.bridge_beats = True
    world.set_clock_right()


class _Run:
    def __init__(self, world: World, plan: Plan) -> None:
        self._loop = world.loop
        self._plan = plan
        self._world = world
        self._script: tuple[str, ...] = ()
        self._is_restarting = True

    async def live(self, *, keep_history: bool) -> Outcome:
        world = self._world
        watch = Watch(world)
        world.start_trader()
        looking = self._loop.create_task(self._look(watch))
        keeping = self._loop.create_task(self._keep_alive())
        if self._plan.seed % THIN_EVERY == 0:
            thin_out_at_lone_legs(world, CALMER)
        self._script = do_deeds(world, self._plan)
        await asyncio.sleep(self._plan.trades_for_s - self._loop.now_ns / SECOND)
        make_well(world)
        await trade_again(world, watch.found)
        await self._come_to_rest()
        looking.cancel()
        watch.close()
        watch.check_end()
        worth = worth_of(world, watch.found.opening)
        self._is_restarting = False
        keeping.cancel()
        life = world.life
        code = None if life is None else await life.stop()
        if code not in (0, None):
            watch.found.broken("bad_end", f"the trader ended with code {code}")
        for problem in self._loop.unheard:
            watch.found.broken("unheard_error", problem)
        return self._outcome(watch, worth, keep_history=keep_history)

    async def _look(self, watch: Watch) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            watch.look()

    async def _keep_alive(self) -> None:
        """Start the trader again when it is gone, as the supervisor does."""
        while True:
            await asyncio.sleep(RESTART_AFTER_S)
            if self._is_restarting and not any(life.is_running for life in self._world.lives):
                self._world.start_trader()

    async def _come_to_rest(self) -> None:
        world = self._world
        # What the trader lowered itself stays lowered; a desk that trades stops opening.
        if world.control.level() is TradingLevel.ACTIVE:
            world.operator.set_level(TradingLevel.REDUCING)
        if world.control.level() is TradingLevel.HALTED:
            world.operator.set_level(TradingLevel.REDUCING)
        end = self._loop.now_ns + REST_WITHIN_NS
        while self._loop.now_ns < end:
            await asyncio.sleep(1.0)
            life = world.life
            if life is not None and life.is_ready and life.trader is not None and not life.trader.executor.moving_count:
                break
        await asyncio.sleep(3.0)

    def _outcome(self, watch: Watch, worth: Worth, *, keep_history: bool) -> Outcome:
        world = self._world
        images = watch.found.images.values()
        roles = Counter(order.role.value for arb in images for order in arb.orders)
        return Outcome(
            seed=self._plan.seed,
            violations=tuple(watch.found.violations),
            digest=world.digest(),
            script=self._script,
            arbs=len(images),
            orders=sum(roles.values()),
            hedges=roles["hedge"],
            deaths=sum(life.is_dead for life in world.lives),
            stuck=sum(arb.state is ArbState.STUCK for arb in images),
            pnl_krw=exact_sum(arb.even_pnl_krw for arb in images),
            worth=worth,
            seen=tuple(world.seen) if keep_history else (),
        )


def _all_deeds(plan: Plan) -> list[Deed]:
    until_ns = (plan.trades_for_s - QUIET_S) * SECOND
    return deeds(plan.seed, plan.families, until_ns=until_ns, about=plan.about)


def shortened(plan: Plan, rule: str) -> tuple[Plan, Outcome]:
    """Return the plan with as few deeds as still break `rule`, and its outcome with history: deeds leave one by one."""
    kept = list(range(len(_all_deeds(plan))) if plan.only is None else plan.only)
    for index in list(kept):
        fewer = [one for one in kept if one != index]
        tried = run(msgspec.structs.replace(plan, only=tuple(fewer)))
        if any(one.rule == rule for one in tried.violations):
            kept = fewer
    short = msgspec.structs.replace(plan, only=tuple(kept))
    return short, run(short, keep_history=True)
