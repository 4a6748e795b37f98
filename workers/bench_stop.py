"""`python -m workers bench stop`: from the stop command to the last byte of a new order, with database and broker down.

Feeds and trader are processes of their own and trade over real sockets as fast as the exchanges' budgets let them.
There is neither database nor broker nor bridge: this process gives the bridge's beats and is both exchanges. Again and
again the desk is stopped by `fast_path/halt`; every order request that still arrives is counted and timed.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.params import DEFAULT_PARAMS, params_to_bytes
from arbitrage.domain.units import EXCHANGES, SCALE
from exchanges.simulator import server
from exchanges.simulator.config import SimConfig, read_keys
from exchanges.simulator.regimes import Regime
from exchanges.simulator.sim_exchange import SimExchange
from exchanges.simulator.wire import Request, Response
from fast_path.control import ControlBlock
from fast_path.counters import read_counters
from karb_project.env import Env, read_env
from workers.bench_simulator import listed
from workers.up_setup import make_directories, make_keys

COMMANDS = {
    "sh": (str(Path(__file__).parents[1] / "fast_path" / "halt"),),
    "python": (sys.executable, "-m", "fast_path.halt"),
}
READY_S = 60.0
FLOW_S = 30.0
SETTLE_S = 0.4
BEAT_S = 0.1
LOOK_S = 0.0002
DEAD = {"KARB_DATABASE_URL": "postgres://nobody@127.0.0.1:9/none", "KARB_REDIS_URL": "redis://127.0.0.1:9/0"}
"""Nothing listens on the discard port: whoever asks database or broker is refused."""
PARAMS = msgspec.structs.replace(
    DEFAULT_PARAMS,
    min_edge_ppm=0,
    max_notional_krw=100_000 * SCALE,
    max_open_arbs=64,
    max_orders_per_s=200,
    rest_after_arb_ns=0,
)
"""As many small arbs as can be had."""


class Stop(msgspec.Struct, frozen=True):
    """One stop. Times in ns after the command was started; `last_order_ns` 0 = no order came any more."""

    word_ns: int
    """When the level read HALTED."""
    done_ns: int
    last_order_ns: int
    orders_after: int
    """Orders that arrived after the command was started."""
    orders_after_word: int


def main(argv: list[str]) -> int:
    """Return 0; 1 when orders flowed on after a stop was done or never flowed, 2 for bad arguments."""
    parser = argparse.ArgumentParser(prog="python -m workers bench stop", description=__doc__)
    parser.add_argument("--stops", type=int, default=100)
    parser.add_argument("--markets", type=int, default=12)
    parser.add_argument("--by", choices=COMMANDS, default="sh", help="the script, or the module it calls")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures here as well")
    try:
        given = parser.parse_args(argv)
    except SystemExit as end:
        return 2 if end.code else 0
    for name, least, most in (("stops", 1, 10_000), ("markets", 1, 100)):
        if not least <= getattr(given, name) <= most:
            print(f"--{name} was {getattr(given, name)}, must be between {least} and {most}", file=sys.stderr)
            return 2
    parent = read_env().shm_dir.parent
    parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="karb-bench-", dir=parent) as scratch,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        try:
            stops, late = runner.run(_Drill(Path(scratch), given.markets, COMMANDS[given.by]).run(given.stops))
        except TimeoutError as error:
            print(error, file=sys.stderr)
            return 1
    result = figures(stops, late)
    print(_table(result))
    if given.json is not None:
        given.json.write_text(json.dumps(result, indent=2) + "\n")
    return 1 if late else 0


def figures(stops: list[Stop], late: int) -> dict[str, Any]:
    """Return quantiles in ms over all stops; `late` = orders that arrived after a stop's command had ended."""
    rows = {
        "command to word": [one.word_ns for one in stops],
        "command to last order byte": [one.last_order_ns for one in stops],
        "word to last order byte": [max(one.last_order_ns - one.word_ns, 0) for one in stops],
        "command to its end": [one.done_ns for one in stops],
    }
    return {
        "stops": len(stops),
        "orders_between_command_and_word": sum(one.orders_after - one.orders_after_word for one in stops),
        "orders_after_word": sum(one.orders_after_word for one in stops),
        "orders_after_the_command_ended": late,
        "ms": {name: {f"p{q}": _quantile_ms(taken, q) for q in (50, 90, 99, 100)} for name, taken in rows.items()},
    }


def _quantile_ms(taken: list[int], q: int) -> float:
    ordered = sorted(taken)
    return round(ordered[min(len(ordered) * q // 100, len(ordered) - 1)] / 1e6, 2)


def _table(result: dict[str, Any]) -> str:
    lines = [f"{result['stops']} stops, database and broker down{'p50 ms':>18}{'p90':>9}{'p99':>9}{'worst':>9}"]
    for name, row in result["ms"].items():
        lines.append(f"{name:<44}" + "".join(f"{row[f'p{q}']:>9}" for q in (50, 90, 99, 100)))
    lines.append(
        f"orders that left between command and word: {result['orders_between_command_and_word']}; on the wire when the "
        f"word was set: {result['orders_after_word']}; after the command had ended: "
        f"{result['orders_after_the_command_ended']}"
    )
    return "\n".join(lines)


class _Drill:
    # Both exchanges, the bridge's beats, three children, and the watch.
    def __init__(self, home: Path, markets: int, command: tuple[str, ...]) -> None:
        self._home = home
        self._command = command
        self._environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith("KARB_")},
            **DEAD,
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
            "KARB_VAR_DIR": str(home / "var"),
            "KARB_SHM_DIR": str(home / "shm"),
            "KARB_MARKETS": ",".join(listed(markets)),
            "KARB_LOG_LEVEL": "ERROR",
        }
        self._arrived: list[int] = []
        self._children: list[asyncio.subprocess.Process] = []

    async def run(self, stops: int) -> tuple[list[Stop], int]:
        env = self._env()
        make_directories(env)
        simulator = await server.start(
            SimConfig(markets=env.markets, accounts=read_keys(make_keys(env)), regime=Regime.BURSTY)
        )
        for exchange in EXCHANGES:
            self._tap(simulator.exchange(exchange))
        self._environ["KARB_SIM_UPBIT_ADDRESS"] = simulator.upbit_address
        self._environ["KARB_SIM_BITHUMB_ADDRESS"] = simulator.bithumb_address
        control = ControlBlock(env.shm_dir, env.markets, env.latch_path)
        control.write_params(1, params_to_bytes(PARAMS))
        beats = asyncio.create_task(_beat(control))
        try:
            for words in (("feed", "upbit"), ("feed", "bithumb"), ("trader",)):
                self._children.append(
                    await asyncio.create_subprocess_exec(
                        sys.executable, "-m", "workers", *words, env=self._environ, stdout=subprocess.DEVNULL
                    )
                )
            await self._until(
                lambda: read_counters(env.shm_dir).get("trader", {}).get("ready", 0) == 1, READY_S, "ready"
            )
            return await self._stops(control, stops)
        finally:
            for child in self._children:
                if child.returncode is None:
                    child.terminate()
            await asyncio.gather(*(child.wait() for child in self._children))
            beats.cancel()
            control.close()
            await simulator.stop()

    async def _stops(self, control: ControlBlock, count: int) -> tuple[list[Stop], int]:
        rng, found, late = random.Random(1), [], 0  # noqa: S311  # nosec B311: moments, no secret
        for number in range(1, count + 1):
            control.set_level(TradingLevel.ACTIVE, "next stop", "bench")
            before = len(self._arrived)
            # In the middle of trading: after some orders, at no particular moment.
            await self._until(lambda before=before: len(self._arrived) >= before + 6, FLOW_S, "orders")
            await asyncio.sleep(rng.random() / 10)
            stop, after = await self._stop(control)
            found.append(stop)
            late += after
            _progress(f"{number} of {count} stops")
        _progress("")
        return found, late

    async def _stop(self, control: ControlBlock) -> tuple[Stop, int]:
        begun, seen = time.monotonic_ns(), len(self._arrived)
        watch = asyncio.create_task(_word(control))
        command = await asyncio.create_subprocess_exec(
            *(*self._command, "--reason", "bench"),
            env=self._environ,
            stdout=subprocess.DEVNULL,
        )
        code = await command.wait()
        done, word = time.monotonic_ns(), await watch
        if code:
            raise TimeoutError(f"the stop command ended with {code}")
        await asyncio.sleep(SETTLE_S)
        times = self._arrived[seen:]
        stop = Stop(
            word_ns=word - begun,
            done_ns=done - begun,
            last_order_ns=max(times, default=begun) - begun,
            orders_after=len(times),
            orders_after_word=sum(at > word for at in times),
        )
        return stop, sum(at > done for at in times)

    async def _until(self, holds: Any, limit_s: float, what: str) -> None:
        end = time.monotonic() + limit_s
        while not holds():
            if time.monotonic() > end or any(child.returncode is not None for child in self._children):
                raise TimeoutError(f"the desk was not {what} within {limit_s:.0f} s")
            await asyncio.sleep(0.005)

    def _env(self) -> Env:
        return read_env({name: value for name, value in self._environ.items() if name.startswith("KARB_")})

    def _tap(self, sim: SimExchange) -> None:
        answer = sim.handle

        def handle(request: Request, now: int) -> Response:
            if request.method == "POST":
                self._arrived.append(time.monotonic_ns())
            return answer(request, now)

        sim.handle = handle  # type: ignore[method-assign]


async def _beat(control: ControlBlock) -> None:
    while True:
        control.beat("bridge", time.monotonic_ns(), time.time_ns())  # type: ignore[arg-type]
        await asyncio.sleep(BEAT_S)


async def _word(control: ControlBlock) -> int:
    while control.level() is not TradingLevel.HALTED:
        await asyncio.sleep(LOOK_S)
    return time.monotonic_ns()


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text:<40}\r{text}", end="", file=sys.stderr, flush=True)
