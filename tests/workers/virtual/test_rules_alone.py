"""Rules no line of the desk breaks: each in a small world of its own where it must fire, and where it must not."""

import asyncio
from pathlib import Path

import pytest

from arbitrage.domain.units import Exchange, Side
from exchanges.simulator.orders import Draft, OrdType, SimOrder, Tif
from tests.sabotage import Edit, apply
from workers.campaign import main
from workers.campaign_report import Report
from workers.virtual.run import MARKETS, Plan, _Run, lived
from workers.virtual.watch import Watch
from workers.virtual.world import World

MARKET = MARKETS[0]
OWN_QTY = 10**6
"""0.01 ETH."""


async def sell_into_own_bid(world: World, exchange: Exchange, times: int) -> set[str]:
    """Let a bid of the desk's rest at the best price, and sell `times` what the market shows there, and a little."""
    watch = Watch(world)
    sim, account = world.exchange(exchange), world.account(exchange)
    now = world.true_clock.wall_ns()
    price, shown = world.simulator.simulator.market.levels(exchange, MARKET, Side.BID, now)[0]
    for name, side, qty, tif in (
        ("own-b", Side.BID, OWN_QTY, None),
        ("own-s", Side.ASK, times * shown + OWN_QTY // 2, Tif.IOC),
    ):
        draft = Draft(MARKET, side, OrdType.LIMIT, price, qty, tif, name)
        assert isinstance(sim.place_own(account, draft, world.true_clock.wall_ns()), SimOrder)
        await asyncio.sleep(0.1)
    watch.close()
    watch.check_end()
    assert {one.rule for one in watch.found.violations} >= {"unknown_to_journal"}
    return {one.rule for one in watch.found.violations}


@pytest.mark.parametrize("exchange", Exchange)
def test_own_orders_that_cross_are_seen_and_others_are_not(exchange: Exchange) -> None:
    crossed = lived(Plan(7), lambda world: sell_into_own_bid(world, exchange, 1))
    beside = lived(Plan(7), lambda world: sell_into_own_bid(world, exchange, 0))
    assert crossed - beside == {"own_orders_crossed"}


def test_a_run_that_fails_itself_is_told_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = tmp_path / "report.json"
    first_fails = "world = self._world\n        1 // (self._plan.seed - 1)\n        watch = Watch(world)\n"
    apply(monkeypatch, (Edit(_Run.live, "world = self._world\n        watch = Watch(world)\n", first_fails),))
    assert main(["--runs", "2", "--seed", "1", "--jobs", "1", "--faults", "orders", "--json", str(where)]) == 1
    report = Report.read(where)
    assert report.violations == {"no_end": 1}
    assert [(one.seed, one.rule) for one in report.first_violations] == [(1, "no_end")]
    assert report.figures["arbs"] > 0
    assert "seed 1 at 0.00 s: no_end: ZeroDivisionError" in capsys.readouterr().out
