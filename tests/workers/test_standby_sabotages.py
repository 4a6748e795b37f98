"""The stories of standby and watchdog can fail: each line done wrong breaks one."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from two_machines import Desk, on_two_machines, until

from arbitrage.domain.lease import Lender
from tests.sabotage import Edit, apply
from workers.follow import Standing
from workers.last_look import LastLook
from workers.ship import Shipper
from workers.trader import Trader


async def both_work(desk: Desk) -> None:
    desk.second.follow()
    desk.first.trade()
    await until(lambda: desk.first.count("arbs_closed") >= 1)


async def wire_out(desk: Desk) -> None:
    """The wire is out for a while; in the end no two ever sent beside each other."""
    await both_work(desk)
    first_runs = desk.runs(desk.first)
    desk.wire.swallows = True
    await until(lambda: desk.second.count("ready") == 1)
    await asyncio.sleep(4)
    sends = desk.sends()
    ours = [at for run, times in sends.items() if run in first_runs for at in times]
    theirs = [at for run, times in sends.items() if run not in first_runs for at in times]
    assert theirs
    assert max(ours) < min(theirs)


async def first_dies(desk: Desk) -> None:
    """The wire goes out, then the first machine dies: the standby explains every order."""
    await both_work(desk)
    sent = len(desk.world.reached)
    desk.wire.swallows = True
    for _ in range(60):
        await asyncio.sleep(0.03)
        if len(desk.world.reached) > sent:
            break
    desk.first.stand_still()
    await until(lambda: desk.second.count("ready") == 1)
    await asyncio.sleep(1)
    assert await desk.second.stop() == 0
    desk.check_truth(desk.second)


async def standby_restarts(desk: Desk) -> None:
    """The standby took over and is started again: it goes on trading, and lends nothing."""
    await wire_out(desk)
    desk.wire.swallows = False
    assert await desk.second.stop() == 0
    desk.second.follow()
    await until(lambda: desk.second.count("ready") == 1, 10)


UNSHIPPED = Edit(Shipper.until_shipped, "        size = self._size()\n", "        return None\n")

SABOTAGES: dict[str, tuple[Callable[[Desk], Any], tuple[Edit, ...]]] = {
    "the lease is not looked at": (
        wire_out,
        (
            Edit(LastLook.__call__, "self._lease.why_not()", "None"),
            Edit(Trader._acted, "if self._lease.why_not() is not None:", "if False:"),
            UNSHIPPED,
        ),
    ),
    "the standby does not wait for leases to end": (
        wire_out,
        # Nor does the first one for its acknowledgement: that alone would stop it when the wire is out.
        (Edit(Lender.may_take, "> self._lease_ns + margin_ns(self._lease_ns)", "> self._lease_ns // 4"), UNSHIPPED),
    ),
    "orders leave before the standby has their record": (
        first_dies,
        (UNSHIPPED,),
    ),
    "a takeover is not kept on disk": (
        standby_restarts,
        (Edit(Standing.keep, "fresh.replace(self.path)", "fresh.unlink()"),),
    ),
}


@pytest.mark.parametrize("name", SABOTAGES, ids=lambda name: name.replace(" ", "_"))
def test_a_line_done_wrong_breaks_its_story(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    story, edits = SABOTAGES[name]
    apply(monkeypatch, edits)
    with pytest.raises((AssertionError, KeyError)):
        on_two_machines(story)


@pytest.mark.parametrize("story", [first_dies, standby_restarts], ids=lambda story: story.__name__)
def test_done_right_the_same_stories_hold(story: Callable[[Desk], Any]) -> None:
    on_two_machines(story)
