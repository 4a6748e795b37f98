"""The last phase of a run: all is well, the operator looked at everything, and the desk must trade again.

A desk that never opens an arb any more would break no other rule.
"""

import asyncio

from arbitrage.domain.arb import ArbState
from arbitrage.domain.order import OrderRole
from arbitrage.domain.params import SECOND
from arbitrage.domain.risk import DenyReason
from arbitrage.domain.signal import NoSignalReason
from arbitrage.domain.units import EXCHANGES
from fast_path import mailbox
from workers.virtual.rules.findings import Findings
from workers.virtual.world import World

WITHIN_S = 150
"""Longer than anything waits: a pause, the longest wait between two attempts to connect."""
LOOKS_EVERY_NS = 5 * SECOND
"""How often the operator looks whether the desk stopped itself."""


async def trade_again(world: World, found: Findings) -> None:
    """Let the desk trade until an arb opened; note a violation when none does for too long."""
    world.operator.resume()
    _start_anew(world)
    begun, sent, looks = world.loop.now_ns, len(world.sends), 0
    while world.loop.now_ns - begun < WITHIN_S * SECOND:
        await asyncio.sleep(0.25)
        # What it stops itself for now, a minute's errors say, is looked at, too.
        if (world.loop.now_ns - begun) // LOOKS_EVERY_NS > looks:
            looks += 1
            world.operator.resume()
        _settle_stuck(world, found)
        if any(one.order.role is not OrderRole.HEDGE for one in world.sends[sent:]):
            return
    found.broken("trades_no_more", f"no arb opened within {WITHIN_S} s though all is well; {_denials(world)}")


# Fees that changed are only read every few minutes, and trouble is remembered for as long: whoever knows that all
# is well starts the trader anew.
def _start_anew(world: World) -> None:
    life = world.life
    if life is None or not life.is_ready:
        return
    points = max(life.context.counters.get(f"trouble.{exchange}") for exchange in EXCHANGES)
    if world.fees_changed or points > world.operator.params.max_trouble_points:
        world.note("operator", "starts the trader anew", f"trouble {points}")
        life.context.stopping.set()


def _settle_stuck(world: World, found: Findings) -> None:
    for arb in found.images.values():
        if arb.state is ArbState.STUCK:
            request = mailbox.ResolveArb(arb.arb_id, "looked at", "operator")
            mailbox.post(world.env.requests_dir, request)


def _denials(world: World) -> str:
    life = world.life
    if life is None or not life.is_ready:
        return "no trader is ready"
    counters = life.context.counters
    names = ("ready", "signals", "open_arbs", *(f"denied.{reason}" for reason in (*DenyReason, *NoSignalReason)))
    return ", ".join(f"{name} {counters.get(name)}" for name in names if counters.get(name))
