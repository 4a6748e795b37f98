"""The trader as a process: its lock, its journal, the lease of a standby where there is one, its gateways."""

import argparse
import asyncio
import os

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.events import TRADER_STREAM
from arbitrage.domain.units import EXCHANGES
from exchanges.gateways import gateway
from fast_path.cut import cut_off
from fast_path.journal import Journal
from karb_project.env import read_env
from workers.beacon import Beacon
from workers.process import EXIT_OK, Context, run_process
from workers.ship import Shipper
from workers.start import refuse_withdrawing_keys
from workers.trader import Trader
from workers.trader_lock import become_trader


async def run_trader(context: Context) -> int:
    """Run the trader in a process that has the trader's lock; with a standby only once it lends the right to send."""
    if context.control.is_cut():
        reason = cut_off(context.control).get("reason")
        raise ConfigError([f"orders are cut off ({reason}): python -m fast_path.control mend --reason …, then resume"])
    journal = Journal(context.env.journal_path, TRADER_STREAM, context.env.journal_fsync)
    shipper = Shipper(context, context.env.journal_path) if context.env.standby_address else None
    beacon = Beacon(context) if context.env.watchdog_address else None
    tasks = [asyncio.create_task(one.run()) for one in (shipper, beacon) if one is not None]
    try:
        if shipper is not None and not await shipper.until_leased():
            return EXIT_OK
        key_faults = await refuse_withdrawing_keys(context)
        held: list[Trader] = []
        gateways = {
            exchange: gateway(exchange, context.env, context.clock, last_check=lambda at, o: held[0].last_check(at, o))
            for exchange in EXCHANGES
        }
        held.append(Trader(context, gateways, journal, lease=shipper))
        held[0].armed.key_faults = key_faults
        tasks.append(asyncio.create_task(held[0].armed.prove_keys(lambda: refuse_withdrawing_keys(context))))
        code = await held[0].run()
        if beacon is not None and context.counters.get("gone"):
            await beacon.say_goodbye()
        return code
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in (shipper, beacon):
            if one is not None:
                one.close()
        journal.close()


async def _main(context: Context) -> int:
    lock = become_trader(context)
    try:
        return await run_trader(context)
    finally:
        os.close(lock)


def main(argv: list[str]) -> int:
    """Run the trader until told to stop; the exit code is its own."""
    parser = argparse.ArgumentParser(prog="python -m workers trader", description="Trade until told to stop.")
    parser.parse_args(argv)
    return run_process("trader", _main, read_env())
