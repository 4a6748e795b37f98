"""The two simulated exchanges as one process: `python -m workers simulate --upbit HOST:PORT --bithumb HOST:PORT`.

Prints one JSON line with the real addresses when ready. Exit code 2 with a line per problem when the
keys, the recording, the state or a port cannot be used.
"""

import argparse
import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import EXCHANGES
from exchanges.simulator.activity import Activity
from exchanges.simulator.config import AccountSpec, SimConfig, market_problems, read_keys
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks
from exchanges.simulator.dialects.upbit_quirks import UpbitQuirks
from exchanges.simulator.quirk_file import read_quirks
from exchanges.simulator.regimes import Regime
from exchanges.simulator.scenario import Scenario, library, read_scenario
from exchanges.simulator.server import RunningSimulator, start
from karb_project.env import DEFAULT_MARKETS, is_whole, read_env
from workers.process import Context, run_process

_COUNT_EVERY_S = 0.5
Found = TypeVar("Found")
_SEED = 7
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def main(argv: list[str]) -> int:
    """Run until SIGTERM or SIGINT and return the exit code."""
    if "--list-scenarios" in argv:
        for name in library():
            print(f"{name}: {read_scenario(name, DEFAULT_MARKETS).about}")
        return 0
    config, story = asked_for(argv)
    return run_process("simulator", lambda context: _serve(context, config, story), read_env())


class Story(msgspec.Struct, frozen=True):
    """A scenario to tell: its name or file, how many times faster, and what it holds."""

    word: str
    factor: int | None
    scenario: Scenario


def asked_for(argv: list[str]) -> tuple[SimConfig, Story | None]:
    """Return what the arguments ask for. ConfigError with every problem; SystemExit(2) for unknown arguments."""
    given = _parser().parse_args(argv)
    problems: list[str] = []
    addresses = [_address(name, getattr(given, name), problems) for name in ("upbit", "bithumb")]
    control = None if given.control is None else _address("control", given.control, problems)
    if control is not None and control[0] not in _LOOPBACK and not given.control_from_anywhere:
        problems.append(f"--control was {given.control!r}, must be on loopback unless --control-from-anywhere is given")
    markets = tuple(part.strip() for part in given.markets.split(",") if part.strip())
    problems += market_problems(markets)
    story = _story(given.scenario, given.faster, markets or DEFAULT_MARKETS, problems)
    accounts: tuple[AccountSpec, ...] = _read(given.keys, read_keys, (), problems)
    quirks = _read(given.quirks, read_quirks, (UpbitQuirks(), BithumbQuirks()), problems)
    seed, markets = _settled(given.seed, markets, None if story is None else story.scenario, problems)
    if problems:
        raise ConfigError(problems)
    config = SimConfig(
        upbit=addresses[0],
        bithumb=addresses[1],
        control=control,
        upbit_quirks=quirks[0],
        bithumb_quirks=quirks[1],
        tls=None if given.tls is None else (given.tls[0], given.tls[1]),
        seed=seed,
        markets=markets,
        regime=Regime(given.regime),
        activity=Activity(given.activity),
        recording=given.recording,
        accounts=accounts,
        state_dir=given.state,
    )
    return config, story


# What a file says, or the default when none is named or it cannot be used.
def _read(path: Path | None, reader: Callable[[Path], Found], default: Found, problems: list[str]) -> Found:
    try:
        return default if path is None else reader(path)
    except ConfigError as error:
        problems += error.problems
        return default


def _story(word: str | None, factor: int | None, markets: tuple[str, ...], problems: list[str]) -> Story | None:
    if word is None:
        problems += [] if factor is None else ["--faster goes with --scenario"]
        return None
    try:
        return Story(word, factor, read_scenario(word, markets, factor))
    except ConfigError as error:
        problems += error.problems
        return None


# What the command line says wins over the scenario, if the scenario can still be told.
def _settled(
    seed: int | None, markets: tuple[str, ...], scenario: Scenario | None, problems: list[str]
) -> tuple[int, tuple[str, ...]]:
    if scenario is None:
        return _SEED if seed is None else seed, markets
    if markets and not set(scenario.markets) <= set(markets):
        missing = sorted(set(scenario.markets) - set(markets))
        problems.append(f"--markets lacks {', '.join(missing)}, which --scenario {scenario.name} needs")
    own = _SEED if scenario.seed is None else scenario.seed
    return own if seed is None else seed, markets or scenario.markets


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers simulate", description="Two simulated exchanges.")
    parser.add_argument("--upbit", default="127.0.0.1:7001", metavar="HOST:PORT", help="port 0 takes a free one")
    parser.add_argument("--bithumb", default="127.0.0.1:7002", metavar="HOST:PORT")
    parser.add_argument("--seed", type=int, help=f"default: the scenario's, else {_SEED}")
    parser.add_argument("--scenario", metavar="NAME|FILE", help="a story to tell, see --list-scenarios")
    parser.add_argument("--faster", type=int, metavar="N", help="tell an incident N times faster than it happened")
    parser.add_argument("--list-scenarios", action="store_true", help="name the stories that come along, and end")
    parser.add_argument("--control", metavar="HOST:PORT", help="take faults, acts and scenarios by HTTP here")
    parser.add_argument("--control-from-anywhere", action="store_true", help="allow --control off loopback")
    parser.add_argument("--tls", nargs=2, type=Path, metavar=("CERT", "KEY"), help="speak https and wss, PEM files")
    parser.add_argument("--recording", type=Path, metavar="DIR", help="play recorded frames as the market")
    parser.add_argument("--keys", type=Path, metavar="FILE", help="accounts with their keys and first balances")
    parser.add_argument("--quirks", type=Path, metavar="FILE", help="what the documents leave open, by exchange")
    parser.add_argument("--state", type=Path, metavar="DIR", help="accounts and orders outlive the process here")
    parser.add_argument("--markets", default="", metavar="KRW-BTC,...")
    parser.add_argument(
        "--regime", default="normal", choices=list(Regime), help="how the seeded market behaves at first"
    )
    parser.add_argument("--activity", default="even", choices=list(Activity), help="tailed: the first are the busiest")
    return parser


def _address(name: str, text: str, problems: list[str]) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not is_whole(port) or int(port) > 65535:
        problems.append(f"--{name} was {text!r}, must be host:port with a port from 0 to 65535")
        return "", 0
    return host, int(port)


async def _serve(context: Context, config: SimConfig, story: Story | None) -> int:
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
        _say_recording(context, running)
        if story is not None:
            # Once more, for the markets that are really there: an incident's cast depends on them.
            running.tell(read_scenario(story.word, running.markets, story.factor))
        print(json.dumps(_ready(running, story)), flush=True)
        while not context.stopping.is_set():
            _count(context, running)
            await context.sleep(_COUNT_EVERY_S)
        return code
    finally:
        await running.stop()


def _say_recording(context: Context, running: RunningSimulator) -> None:
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


def _ready(running: RunningSimulator, story: Story | None) -> dict[str, Any]:
    ready: dict[str, Any] = {
        "ready": True,
        "upbit": running.upbit_address,
        "bithumb": running.bithumb_address,
        "markets": running.markets,
    }
    if running.control_address:
        ready["control"] = running.control_address
    if story is not None:
        ready["scenario"] = story.scenario.name
    return ready


def _count(context: Context, running: RunningSimulator) -> None:
    for exchange in EXCHANGES:
        for name, count in running.exchange(exchange).counts.items():
            context.counters.set(f"{exchange}.{name}", count)
