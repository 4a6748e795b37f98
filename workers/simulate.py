"""The two simulated exchanges as one process: `python -m workers simulate --upbit HOST:PORT --bithumb HOST:PORT`.

Prints one JSON line with the real addresses when ready. Exit code 2 with a line per problem when the
keys, the recording, the state or a port cannot be used.
"""

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import EXCHANGES
from exchanges.simulator.activity import Activity
from exchanges.simulator.config import AccountSpec, SimConfig, market_problems, read_keys
from exchanges.simulator.regimes import Regime
from exchanges.simulator.server import RunningSimulator, start
from karb_project.env import is_whole, read_env
from workers.process import Context, run_process

_COUNT_EVERY_S = 0.5


def main(argv: list[str]) -> int:
    """Run until SIGTERM or SIGINT and return the exit code."""
    config = config_of(argv)
    return run_process("simulator", lambda context: _serve(context, config), read_env())


def config_of(argv: list[str]) -> SimConfig:
    """Return what the arguments ask for. ConfigError with every problem; SystemExit(2) for unknown arguments."""
    parser = argparse.ArgumentParser(prog="python -m workers simulate", description="Two simulated exchanges.")
    parser.add_argument("--upbit", default="127.0.0.1:7001", metavar="HOST:PORT", help="port 0 takes a free one")
    parser.add_argument("--bithumb", default="127.0.0.1:7002", metavar="HOST:PORT")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--recording", type=Path, metavar="DIR", help="play recorded frames as the market")
    parser.add_argument("--keys", type=Path, metavar="FILE", help="accounts with their keys and first balances")
    parser.add_argument("--state", type=Path, metavar="DIR", help="accounts and orders outlive the process here")
    parser.add_argument("--markets", default="", metavar="KRW-BTC,...")
    parser.add_argument(
        "--regime", default="normal", choices=list(Regime), help="how the seeded market behaves at first"
    )
    parser.add_argument("--activity", default="even", choices=list(Activity), help="tailed: the first are the busiest")
    given = parser.parse_args(argv)
    problems: list[str] = []
    addresses = [_address(name, getattr(given, name), problems) for name in ("upbit", "bithumb")]
    markets = tuple(part.strip() for part in given.markets.split(",") if part.strip())
    problems += market_problems(markets)
    accounts: tuple[AccountSpec, ...] = ()
    if given.keys is not None:
        try:
            accounts = read_keys(given.keys)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return SimConfig(
        upbit=addresses[0],
        bithumb=addresses[1],
        seed=given.seed,
        markets=markets,
        recording=given.recording,
        regime=Regime(given.regime),
        activity=Activity(given.activity),
        accounts=accounts,
        state_dir=given.state,
    )


def _address(name: str, text: str, problems: list[str]) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not is_whole(port) or int(port) > 65535:
        problems.append(f"--{name} was {text!r}, must be host:port with a port from 0 to 65535")
        return "", 0
    return host, int(port)


async def _serve(context: Context, config: SimConfig) -> int:
    code = 0
    running: RunningSimulator | None = None

    # A bug or a full disk: nothing more may be announced; the state file is what a restart begins from.
    def fail(_loop: asyncio.AbstractEventLoop, what: dict[str, Any]) -> None:
        nonlocal code
        code = 1
        if running is not None:
            running.halt()
        context.log.critical("simulator_failed", message=what.get("message"), error=repr(what.get("exception")))
        context.stopping.set()

    asyncio.get_running_loop().set_exception_handler(fail)
    running = await start(config)
    try:
        recording = running.simulator.recording
        if recording is not None:
            context.log.info(
                "recording_read",
                frames=recording.frames,
                markets=recording.markets,
                lines_passed_over=recording.passed_over,
                lines_unusable=len(recording.unusable),
                first_unusable=recording.unusable[:3],
            )
        ready = {
            "ready": True,
            "upbit": running.upbit_address,
            "bithumb": running.bithumb_address,
            "markets": running.markets,
        }
        print(json.dumps(ready), flush=True)
        while not context.stopping.is_set():
            _count(context, running)
            await context.sleep(_COUNT_EVERY_S)
        return code
    finally:
        await running.stop()


def _count(context: Context, running: RunningSimulator) -> None:
    for exchange in EXCHANGES:
        for name, count in running.exchange(exchange).counts.items():
            context.counters.set(f"{exchange}.{name}", count)
