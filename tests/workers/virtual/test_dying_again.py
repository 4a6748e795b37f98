"""A trader that dies over and over with something open: a person is told in time, and a rule sees where none is."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from arbitrage.domain import arb_clocks
from arbitrage.domain.arb import ArbState
from arbitrage.domain.order import OrderRole
from arbitrage.domain.params import MS, SECOND
from arbitrage.domain.units import EXCHANGES, Exchange
from exchanges.simulator.trouble.fault import Scope
from exchanges.simulator.trouble.orders import OrderLost, OrderRefused
from tests.sabotage import Edit, apply
from workers.virtual.run import PARAMS, Plan, lived
from workers.virtual.watch import Watch
from workers.virtual.world import World

GIVEN = msgspec.structs.replace(
    PARAMS,
    query_after_ns=200 * MS,
    cancel_after_ns=2 * SECOND,
    not_found_grace_ns=1 * SECOND,
    unresolved_deadline_ns=8 * SECOND,
    hedge_limit_ns=6 * SECOND,
    # Nothing but the time limits tells.
    max_unhedged_krw=10**18,
    max_failures_in_a_row=1_000,
    max_refused_ppm=1_000_000,
)
LIFE_S, DOWN_S, LASTS_S = 3.0, 1.0, 90
NO_END = Scope(count=0)
REFUSED = OrderRefused(status=400, name="market_offline")


def cut_off(world: World) -> None:
    """Upbit cannot be reached any more: nobody knows what became of its leg."""
    world.link(Exchange.UPBIT).refuses = True
    world.link(Exchange.UPBIT).cut()


def no_books(world: World) -> None:
    """The books stop before the desk knows that one leg never was there."""
    for feed in world.feeds.values():
        world.stop_process(feed.owner, 10 * LASTS_S)


def refuse_all(world: World) -> None:
    """Whatever is sent from now on is refused."""
    for exchange in EXCHANGES:
        world.faults(exchange).arm(REFUSED, NO_END)


async def _until(is_so: Callable[[], object], within_s: float) -> None:
    for _ in range(int(within_s / 0.01)):
        if is_so():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came")


def _hedges(world: World) -> int:
    return sum(one.order.role is OrderRole.HEDGE for one in world.sends)


async def _dies_again(world: World, *, at_each_hedge: bool) -> None:
    hedges = 0
    while world.loop.now_ns < LASTS_S * SECOND:
        for _ in range(int(LIFE_S / 0.05)):
            await asyncio.sleep(0.05)
            if at_each_hedge and _hedges(world) > hedges:
                break
        hedges = _hedges(world)
        if world.life is not None:
            world.life.die()
        await asyncio.sleep(DOWN_S)
        world.start_trader()


def _story(trouble: Callable[[World], None]) -> tuple[set[str], set[ArbState], int]:
    """Return the rules broken, the states of what is left open, and how many hedges left."""

    async def live(world: World) -> tuple[set[str], set[ArbState], int]:
        watch = Watch(world)
        world.start_trader()
        if trouble is not cut_off:
            first = OrderLost() if trouble is no_books else REFUSED
            world.faults(Exchange.BITHUMB).arm(first, Scope(count=1))
        await _until(lambda: world.sends, 20)
        if trouble is refuse_all:
            await _until(lambda: world.orders(Exchange.UPBIT), 1)
        trouble(world)
        looking = asyncio.get_running_loop().create_task(_look(watch))
        await _dies_again(world, at_each_hedge=trouble is refuse_all)
        looking.cancel()
        watch.close()
        open_arbs = {arb.state for arb in watch.found.images.values() if not arb.is_closed}
        return {one.rule for one in watch.found.violations}, open_arbs, _hedges(world)

    return lived(Plan(46, given=GIVEN), live)


async def _look(watch: Watch) -> None:
    while True:
        await asyncio.sleep(0.5)
        watch.look()


@pytest.mark.parametrize("trouble", [cut_off, no_books, refuse_all])
def test_a_trader_that_keeps_dying_over_an_arb_tells_a_person(trouble: Callable[[World], None]) -> None:
    broken, states, hedges = _story(trouble)
    assert (broken, states) == (set(), {ArbState.STUCK})
    assert hedges == (GIVEN.hedge_max_attempts if trouble is refuse_all else 0)


class Anew(msgspec.Struct, frozen=True):
    """What a restart begins anew by mistake, the trouble that shows it, and the rule it breaks."""

    trouble: Callable[[World], None]
    edit: Edit
    rule: str


BEGUN_ANEW: dict[str, Anew] = {
    "a restart begins an arb's deadline anew": Anew(
        cut_off,
        Edit(arb_clocks._changed, "if limit is None:", "if True:"),
        "undecided_too_long",
    ),
    "a restart begins a lone leg's time anew": Anew(
        no_books,
        Edit(arb_clocks.reclocked, "limit, now), limit - (limit >> restarts))", "limit, now), 0)"),
        "uneven_too_long",
    ),
    "a restart begins a lone leg's attempts anew": Anew(
        refuse_all,
        Edit(
            arb_clocks.reclocked,
            "uneven_restarts=restarts,",
            "uneven_restarts=restarts,\n        hedges_before=len(arb.orders) - 2,",
        ),
        "hedged_too_often",
    ),
}


@pytest.mark.parametrize("name", BEGUN_ANEW, ids=lambda name: name.replace(" ", "_"))
def test_a_restart_that_begins_something_anew_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(monkeypatch, (BEGUN_ANEW[name].edit,))
    broken, _, _ = _story(BEGUN_ANEW[name].trouble)
    assert BEGUN_ANEW[name].rule in broken
