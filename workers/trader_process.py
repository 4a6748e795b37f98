"""The trader as a process: its lock, its journal, the lease of a standby where there is one, its gateways."""

import argparse
import asyncio
import os

from arbitrage.domain.events import TRADER_STREAM
from arbitrage.domain.units import EXCHANGES
from exchanges.gateways import gateway
from fast_path.journal import Journal
from karb_project.env import read_env
from workers.process import EXIT_OK, Context, run_process
from workers.ship import Shipper
from workers.start import refuse_withdrawing_keys
from workers.trader import Trader
from workers.trader_lock import become_trader


async def run_trader(context: Context) -> int:
    """Run the trader in a process that has the trader's lock; with a standby only once it lends the right to send."""
    journal = Journal(context.env.journal_path, TRADER_STREAM, context.env.journal_fsync)
    shipper = Shipper(context, context.env.journal_path) if context.env.standby_address else None
    shipping = None if shipper is None else asyncio.create_task(shipper.run())
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
        return await held[0].run()
    finally:
        if shipping is not None and shipper is not None:
            shipping.cancel()
            await asyncio.gather(shipping, return_exceptions=True)
            shipper.close()
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
