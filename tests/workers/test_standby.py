"""A standby takes over and never trades beside the first: real trader, journal, wire and lease on made-up time."""

import asyncio
import random

import pytest
from two_machines import Desk, Machine, on_two_machines, until

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.units import Exchange, Side
from exchanges.simulator.orders import Draft, OrdType


async def both_work(desk: Desk) -> None:
    """Start the standby, then the first trader, and return once that has traded."""
    desk.second.follow()
    desk.first.trade()
    await until(lambda: desk.first.count("arbs_closed") >= 1)


def test_first_trader_that_dies_is_replaced_and_the_ledger_is_equal() -> None:
    async def story(desk: Desk) -> None:
        await both_work(desk)
        first_runs = desk.runs(desk.first)
        desk.first.stand_still()
        await until(lambda: desk.second.count("ready") == 1)
        before = desk.second.count("arbs_closed")
        await until(lambda: desk.second.count("arbs_closed") >= before + 1)
        # It wakes long after: nothing of it leaves any more, and it ends because it was replaced.
        sent = desk.sends()
        desk.first.go_on()
        assert desk.first.task is not None
        assert await asyncio.wait_for(desk.first.task, 20) == 3
        assert {run: len(times) for run, times in desk.sends().items() if run in first_runs} == {
            run: len(times) for run, times in sent.items() if run in first_runs
        }
        assert await desk.second.stop() == 0
        desk.check_truth(desk.second)
        # The copy is the first journal, byte for byte, up to where the second trader began.
        (second_run,) = desk.runs(desk.second) - first_runs
        kept, _, _ = desk.second.journal().partition(second_run.encode())
        assert len(kept) > 2_000
        assert desk.first.journal()[: len(kept) - 200] == kept[:-200]

    on_two_machines(story)


def test_wire_out_stops_the_first_before_the_standby_begins_and_it_never_comes_back() -> None:
    async def story(desk: Desk) -> None:
        await both_work(desk)
        first_runs = desk.runs(desk.first)
        desk.wire.swallows = True
        await until(lambda: desk.second.count("ready") == 1)
        await asyncio.sleep(5)
        desk.wire.swallows = False
        assert desk.first.task is not None
        assert await asyncio.wait_for(desk.first.task, 30) == 3
        sends = desk.sends()
        last_of_first = max(at for run in first_runs for at in sends[run])
        first_of_second = min((at for run, times in sends.items() if run not in first_runs for at in times))
        assert last_of_first < first_of_second
        # Started again by its supervisor it waits for a lease that it does not get.
        desk.first.trade()
        await asyncio.sleep(6)
        assert not desk.first.task.done()
        assert desk.first.count("ready") == 0
        assert max(at for run in first_runs for at in desk.sends()[run]) == last_of_first
        assert await desk.second.stop() == 0
        desk.check_truth(desk.second)

    on_two_machines(story)


def test_standby_that_dies_stops_the_first_and_lets_it_go_on_when_it_is_back() -> None:
    async def story(desk: Desk) -> None:
        await both_work(desk)
        assert await desk.second.stop() == 0
        await asyncio.sleep(3)
        sent = len(desk.world.reached)
        await asyncio.sleep(4)
        assert len(desk.world.reached) == sent
        assert desk.first.count("denied.no_lease") > 0
        desk.second.follow()
        await until(lambda: len(desk.world.reached) > sent + 4)
        assert await desk.first.stop() == 0
        # A planned stop: nobody takes over.
        await asyncio.sleep(6)
        assert desk.second.count("ready") == 0
        assert desk.second.journal() == desk.first.journal()
        desk.check_truth(desk.first)

    on_two_machines(story)


@pytest.mark.parametrize(("name", "halts"), [("toxni81-7-b", True), ("by-hand-1", False)])
def test_order_of_a_desk_that_the_journal_does_not_know_halts_the_start(name: str, halts: bool) -> None:
    async def story(desk: Desk) -> None:
        world = desk.world
        draft = Draft(world.env.markets[0], Side.BID, OrdType.LIMIT, 3_000_000 * 10**8, 10**7, None, name)
        world.exchange(Exchange.BITHUMB).matching.place(
            world.account(Exchange.BITHUMB), draft, world.true_clock.wall_ns()
        )
        await asyncio.sleep(1)
        trader = Machine(world, world.env, "trader")
        trader.trade()
        await until(lambda: trader.count("ready") == 1)
        await asyncio.sleep(3)
        assert (world.control.level() is TradingLevel.HALTED) is halts
        assert (len(world.reached) > 0) is not halts
        assert trader.count("strange_orders") == 1
        if halts:
            assert world.control.latch()["reason"] == f"bithumb has order {name}, which our journal does not know"

    on_two_machines(story)


def test_standby_halts_where_the_first_desk_was_halted() -> None:
    async def story(desk: Desk) -> None:
        await both_work(desk)
        desk.world.operator.set_level(TradingLevel.HALTED)
        await asyncio.sleep(2)
        sent = len(desk.world.reached)
        desk.first.stand_still()
        await until(lambda: desk.second.count("ready") == 1)
        await asyncio.sleep(10)
        assert len(desk.world.reached) == sent

    on_two_machines(story)


def test_standby_that_is_away_or_has_another_journal_lends_nothing_and_never_takes_over() -> None:
    async def story(desk: Desk) -> None:
        path = desk.second.env.journal_path
        path.parent.mkdir(parents=True)
        path.write_bytes(b"the journal of another desk, and longer than ours at that" * 100)
        desk.first.trade()
        await asyncio.sleep(4)
        # Without a standby the first one does not begin; with a wrong one neither does either.
        assert (desk.first.count("ready"), len(desk.world.reached)) == (0, 0)
        desk.second.follow()
        await asyncio.sleep(10)
        assert (desk.first.count("ready"), desk.second.count("ready"), len(desk.world.reached)) == (0, 0, 0)

    on_two_machines(story)


def test_standby_beside_takes_over_from_a_killed_trader_and_not_from_one_that_was_stopped() -> None:
    async def story(desk: Desk) -> None:
        world = desk.world
        beside = Machine(world, world.env, "beside")
        beside.follow()
        first = world.start_trader()
        await until(lambda: beside.count("arbs_closed") >= 1)
        assert beside.count("copied_bytes", "standby") == 0
        assert await first.stop() == 0
        await asyncio.sleep(5)
        assert beside.count("ready") == 0
        second = world.start_trader()
        await until(lambda: second.is_ready)
        second.die()
        closed = beside.count("arbs_closed")
        await until(lambda: beside.count("arbs_closed") >= closed + 1)
        # The killed one's supervisor starts it again: it does not get the lock.
        third = world.start_trader()
        await asyncio.sleep(2)
        assert (third.code, third.trader) == (2, None)
        assert await beside.stop() == 0
        desk.check_truth(beside)

    on_two_machines(story)


@pytest.mark.parametrize("seed", range(600, 601))
def test_whatever_the_wire_and_the_machines_do_there_are_never_two_senders(seed: int) -> None:
    async def story(desk: Desk) -> None:
        rng = random.Random(seed)
        await both_work(desk)
        first_runs = desk.runs(desk.first)
        for _ in range(6):
            await asyncio.sleep(rng.uniform(0.2, 3))
            lasts = rng.uniform(0.1, 4.5)
            match rng.randrange(4):
                case 0:
                    desk.wire.cut()
                case 1:
                    desk.wire.swallows = True
                    await asyncio.sleep(lasts)
                    desk.wire.swallows = False
                case 2:
                    desk.first.stand_still()
                    await asyncio.sleep(lasts)
                    desk.first.go_on()
                case _:
                    desk.second.stand_still()
                    await asyncio.sleep(lasts)
                    desk.second.go_on()
        await asyncio.sleep(10)
        sends = desk.sends()
        ours = [at for run, times in sends.items() if run in first_runs for at in times]
        theirs = [at for run, times in sends.items() if run not in first_runs for at in times]
        assert not theirs or max(ours) < min(theirs)
        taken = desk.second.count("ready") == 1
        last = desk.second if taken else desk.first
        assert last.count("ready") == 1
        assert await last.stop() == 0
        desk.check_truth(last)

    on_two_machines(story, seed)
