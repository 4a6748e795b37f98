"""One command starts the whole desk on this machine, waits until it works, shows its state, stops it cleanly.

`python -m workers up [--for SECONDS] [--json FILE] [--recording DIR] [--seed N]`. Exit code 0: stopped as
asked (with --for: and the ledger equals the exchanges' balances); 1: it did not; 2: something to mend first.
"""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from arbitrage.domain.arming import mode_word
from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import EXCHANGES
from exchanges.registry import config_problems, transport_mode
from exchanges.simulator.recording import read_recording
from karb_project.env import Env, is_whole, read_env
from workers.process import Clock
from workers.up_parts import Options, parts
from workers.up_redis import redis_url
from workers.up_report import make_report, report_lines, take_figures, write_report
from workers.up_screen import Screen, table
from workers.up_servers import server_problems
from workers.up_setup import make_directories, make_keys, port_problems, take_lock
from workers.up_supervisor import StartFailed, Supervisor
from workers.up_watch import Watch

STATUS_EVERY_S = 0.5
MAX_FOR_S = 30 * 86_400.0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError([message])


def parse(argv: list[str], env: Env) -> Options:
    """Return the options; ConfigError with one line for what is wrong."""
    parser = _Parser(prog="python -m workers up", description="Run the whole desk.", allow_abbrev=False)
    parser.add_argument("--for", dest="for_s", metavar="SECONDS", help="stop after so many seconds and report")
    parser.add_argument("--json", metavar="FILE", help="write the report there as JSON (with --for)")
    parser.add_argument("--recording", metavar="DIR", help="play recorded frames as the simulated market")
    parser.add_argument("--seed", metavar="N", help="seed of the simulated market")
    given = parser.parse_args(argv)
    problems = []
    for_s = None
    if given.for_s is not None:
        for_s = float(given.for_s) if given.for_s.replace(".", "", 1).isdigit() and given.for_s.isascii() else 0.0
        if not 1 <= for_s <= MAX_FOR_S:
            problems.append(f"--for was {given.for_s!r}, must be a number of seconds from 1 to {MAX_FOR_S:.0f}")
    elif given.json is not None:
        problems.append("--json needs --for: there is a report only when the run has an end")
    if given.seed is not None and not is_whole(given.seed):
        problems.append(f"--seed was {given.seed!r}, must be a whole number from 0")
    recording = Path(given.recording).absolute() if given.recording is not None else None
    if recording is not None and not recording.is_dir():
        problems.append(f"--recording was {given.recording!r}, which is not a directory")
    json_path = Path(given.json).absolute() if given.json is not None else None
    if json_path is not None and not os.access(json_path.parent, os.W_OK):
        problems.append(f"--json was {given.json!r}: its directory is not there or cannot be written")
    if recording is not None and env.mode != "simulated":
        problems.append("--recording works with KARB_MODE=simulated only")
    if problems:
        raise ConfigError(problems)
    seed = int(given.seed) if given.seed is not None else env.seed
    return Options(for_s=for_s, json_path=json_path, recording=recording, seed=seed)


def recorded_world(env: Env, recording: Path) -> Env:
    """Return the environment of a desk on recorded books: their markets, and a var directory of its own.

    Another market is another world: its accounts and ledger must not mix with the seeded one's.
    Variables that are set stay as they are; what is decided here is set for the children too.
    """
    markets = read_recording(recording).markets
    os.environ.setdefault("KARB_MARKETS", ",".join(markets))
    os.environ.setdefault("KARB_VAR_DIR", str(env.var_dir / "recorded"))
    return read_env()


def main(argv: list[str]) -> int:
    """Run the desk until it is told to stop; see the module for the exit codes."""
    env = read_env()
    options = parse(argv, env)
    if options.recording is not None:
        env = recorded_world(env, options.recording)
    make_directories(env)
    lock = take_lock(env)
    try:
        if env.mode == "simulated":
            make_keys(env)
        problems = port_problems(env) + config_problems(EXCHANGES, env) + server_problems(env)
        if problems:
            raise ConfigError(problems)
        return asyncio.run(_run(env, options))
    finally:
        os.close(lock)


async def _run(env: Env, options: Options) -> int:
    clock, screen = Clock(), Screen()
    watch = Watch(env, redis_url(env), clock)
    desk = Supervisor(env, parts(env, options), watch, screen, redis_url(env))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, desk.ask_to_stop)
    try:
        return await _supervise(desk, options, clock)
    except StartFailed as error:
        screen.say(f"up: {error}")
        return error.exit_code
    finally:
        await desk.stop_rest()


async def _supervise(desk: Supervisor, options: Options, clock: Clock) -> int:
    screen, watch, env = desk.screen, desk.watch, desk.env
    started_ns, started_wall_ns = clock.mono_ns(), clock.wall_ns()
    screen.say(f"K-Arb: starting the desk on {mode_word(transport_mode(env))} exchanges")
    before = await take_figures(watch)
    if not await desk.start():
        screen.say("stopped before everything was ready")
        return 0 if options.for_s is None else 1
    before = before.with_tasks(desk.tasks_before)
    screen.say("")
    for line in table([("part", "state", "address"), *desk.rows()]):
        screen.say(f"  {line}")
    screen.say(f"\nready after {(clock.mono_ns() - started_ns) / 1e9:.1f} s; Ctrl-C stops everything in order")
    end_ns = None if options.for_s is None else clock.mono_ns() + int(options.for_s * 1e9)
    while not desk.stopping.is_set() and (end_ns is None or clock.mono_ns() < end_ns):
        screen.status(desk.status_text(before))
        try:
            async with asyncio.timeout(STATUS_EVERY_S):
                await desk.stopping.wait()
        except TimeoutError:
            pass
    desk.check()
    was_cut_short = desk.stopping.is_set()
    screen.say("stopping: the trader settles its arbs first")
    is_settled = await desk.stop_trading()
    if options.for_s is None:
        await desk.stop_rest()
        screen.say("stopped")
        return 0
    ran_s = min((clock.mono_ns() - started_ns) / 1e9, options.for_s)
    ledger = await desk.reconcile(started_wall_ns)
    report = make_report(before, await take_figures(watch), ledger, ran_s, desk.restarts)
    await desk.stop_rest()
    for line in report_lines(report):
        screen.say(line)
    write_report(options.json_path, report)
    return 0 if report["ledger_equal"] and is_settled and not was_cut_short else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
