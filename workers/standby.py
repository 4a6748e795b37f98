"""A second trader that waits, and takes over with the journal when the first is gone (R4.1).

Without `KARB_STANDBY_LISTEN` it waits beside the first trader of the same var directory, for its lock. With it, it
runs on another machine, keeps a copy of the journal and lends the first trader the right to send; it takes over when
every lease has ended. Either way it starts as any trader does: the journal first, then both exchanges' word.
"""

import argparse
import asyncio
import os

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.params import SECOND
from fast_path.counters import CounterView
from karb_project.env import read_env
from workers.follow import Follower, Standing
from workers.pending import queue_incident
from workers.process import EXIT_OK, Context, run_process
from workers.trader_lock import lock_path, show_trader, take_lock
from workers.trader_process import run_trader
from workers.watched import TRADER

LOOK_S = 0.05
SILENT_NS = SECOND
"""A trader whose last beat is older than this, and whose lock is free, is gone."""


async def beside(context: Context) -> int | None:
    """Wait beside the first trader and return its lock once it is gone; None when told to stop.

    One that stopped as planned said goodbye, and is not replaced; nor is one that was never there.
    """
    counters = CounterView(context.env.shm_dir, TRADER)
    context.log.info("standby_waits", beside=str(lock_path(context.env.var_dir)))
    while not context.stopping.is_set():
        beat = context.control.heartbeat(TRADER)
        is_silent = beat is not None and context.clock.mono_ns() - beat.mono_ns > SILENT_NS
        if is_silent and counters.get("pid") and not counters.get("gone"):
            try:
                return take_lock(lock_path(context.env.var_dir))
            except ConfigError:
                pass  # It is alive and silent: the dead man's switch is for that.
        await context.sleep(LOOK_S)
    return None


async def follow(context: Context, follower: Follower) -> bool:
    """Follow the first trader; return True once this one is to trade, False when told to stop."""
    context.log.info("standby_follows", listens=context.env.standby_listen, epoch=follower.lender.epoch)
    while not context.stopping.is_set():
        if follower.lender.has_taken:
            return True
        if follower.may_take():
            epoch = follower.take()
            context.log.critical("standby_took_over", epoch=epoch, level=follower.level.name)
            return True
        context.counters.set("copied_bytes", 0 if follower.copy is None else follower.copy.size)
        await context.sleep(LOOK_S)
    return False


async def trade(context: Context, trader: Context, title: str) -> int:
    """Trade as the desk's only trader. `trader` has its lock."""
    try:
        queue_incident(context.env, "standby_took_over", title, "standby", context.clock.wall_ns())
    except OSError as error:
        context.log.error("incident_not_kept", error=str(error))
    trader.stopping = context.stopping
    watch = asyncio.create_task(trader.watch_loop(), name="watch_loop of the trader")
    try:
        return await run_trader(trader)
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


async def _beside(context: Context) -> int:
    lock = await beside(context)
    if lock is None:
        return EXIT_OK
    try:
        return await _as_trader(context, "The standby took over on this machine: the trader was gone")
    finally:
        os.close(lock)


async def _as_trader(context: Context, title: str) -> int:
    trader = Context(TRADER, context.env, context.clock)
    try:
        show_trader(trader)
        return await trade(context, trader, title)
    finally:
        trader.close()


async def _follow(context: Context) -> int:
    lock = take_lock(lock_path(context.env.var_dir))
    follower = Follower(context, Standing(context.env))
    try:
        await follower.open()
        if not await follow(context, follower):
            return EXIT_OK
        if follower.level > context.control.level():
            context.control.set_level(follower.level, "so stood the first trader's desk", "standby")
        return await _as_trader(context, "The standby took over from the first trader's machine")
    finally:
        follower.close()
        os.close(lock)


async def _main(context: Context) -> int:
    return await (_follow(context) if context.env.standby_listen else _beside(context))


def main(argv: list[str]) -> int:
    """Run the standby; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m workers standby", description="Wait, and take over.")
    parser.parse_args(argv)
    return run_process("standby", _main, read_env())
