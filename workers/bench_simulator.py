"""`python -m workers bench simulator`: how much of one core hundreds of simulated markets take, over real sockets.

The simulator runs as a process of its own with a heavy-tailed activity; WebSocket clients in this one ask for
every book, trade and ticker of both exchanges and count what comes. Its CPU time and memory are the system's figures.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK

from arbitrage.domain.units import EXCHANGES, Exchange
from karb_project.env import DEFAULT_MARKETS, Env, read_env

KINDS = ("orderbook", "trade", "ticker")
_MARK = len('{"type":"tr')
"""So many bytes tell the kinds apart."""
_KINDS_BY_MARK = {f'{{"type":"{kind}"'.encode()[:_MARK]: kind for kind in KINDS}
_SAMPLED = 50
_READY_S = 60


class Heard(msgspec.Struct):
    """What the clients of one exchange heard."""

    frames: Counter[str]
    bytes_: int = 0
    ages_ms: list[float] = []
    cut: int = 0


class Load(msgspec.Struct, frozen=True):
    """One run: seconds measured, markets on each exchange, clients on each exchange, regime."""

    seconds: int
    markets: int
    clients: int
    regime: str


def main(argv: list[str]) -> int:
    """Return 0; 1 when a client was cut off, 2 for bad arguments."""
    parser = argparse.ArgumentParser(prog="python -m workers bench simulator", description=__doc__)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--markets", type=int, default=493, help="on each exchange (default 493)")
    parser.add_argument("--clients", type=int, default=1, help="on each exchange, each asking for everything")
    parser.add_argument("--regime", default="normal")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the figures here as well")
    try:
        given = parser.parse_args(argv)
    except SystemExit as end:
        return 2 if end.code else 0
    for name, least, most in (("seconds", 1, 3_600), ("markets", 1, 2_000), ("clients", 1, 100)):
        if not least <= getattr(given, name) <= most:
            print(f"--{name} was {getattr(given, name)}, must be between {least} and {most}", file=sys.stderr)
            return 2
    load = Load(given.seconds, given.markets, given.clients, given.regime)
    env = read_env()
    env.shm_dir.parent.mkdir(parents=True, exist_ok=True)
    scratch_of = tempfile.TemporaryDirectory(prefix="karb-bench-", dir=env.shm_dir.parent)
    with scratch_of as scratch, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(_run(load, env, Path(scratch)))
    print(_table(result))
    if given.json is not None:
        given.json.write_text(json.dumps(result, indent=2) + "\n")
    return 1 if result["cut"] else 0


def listed(count: int) -> list[str]:
    """Return so many market names, the desk's own first."""
    return [*DEFAULT_MARKETS, *(f"KRW-B{number:04d}" for number in range(count))][:count]


async def _run(load: Load, env: Env, scratch: Path) -> dict[str, Any]:
    markets = listed(load.markets)
    words = ["--markets", ",".join(markets), "--activity", "tailed", "--regime", load.regime]
    argv = [sys.executable, "-m", "workers", "simulate", "--upbit", "127.0.0.1:0", "--bithumb", "127.0.0.1:0", *words]
    own = {"KARB_SHM_DIR": str(scratch / "shm"), "KARB_VAR_DIR": str(scratch / "var"), "KARB_LOG_LEVEL": "ERROR"}
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=subprocess.PIPE, env={**os.environ, **own}, limit=1 << 20
    )
    try:
        if process.stdout is None:
            raise RuntimeError("the simulator has no stdout")
        ready = json.loads(await asyncio.wait_for(process.stdout.readline(), _READY_S))
        addresses = {exchange: str(ready[exchange.value]) for exchange in EXCHANGES}
        return await _measure(load, process.pid, addresses, markets)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _measure(load: Load, pid: int, addresses: dict[Exchange, str], markets: list[str]) -> dict[str, Any]:
    heard = {exchange: Heard(Counter()) for exchange in EXCHANGES}
    sockets = []
    for exchange in EXCHANGES:
        for _ in range(load.clients):
            sockets.append((exchange, await _subscribed(addresses[exchange], markets)))
    readers = [asyncio.create_task(_drain(socket, heard[exchange])) for exchange, socket in sockets]
    # The snapshots of everything, and the past of every market, come first.
    await asyncio.sleep(3)
    for one in heard.values():
        one.frames.clear()
        one.ages_ms.clear()
        one.bytes_ = 0
    (cpu, waited), begin = _cpu_s(pid), time.monotonic()
    await asyncio.sleep(load.seconds)
    passed = time.monotonic() - begin
    cpu, waited = (after - before for after, before in zip(_cpu_s(pid), (cpu, waited), strict=True))
    memory = _rss_mb(pid)
    figures = {exchange.value: _figures(one, passed) for exchange, one in heard.items()}
    for _, socket in sockets:
        await socket.close()
    await asyncio.gather(*readers)
    total = sum(sum(one.frames.values()) for one in heard.values())
    return {
        **msgspec.to_builtins(load),
        "exchanges": figures,
        "frames_s": round(total / passed),
        "cpu_share": round(cpu / passed, 3),
        "waited_share": round(waited / passed, 3),
        "cpu_us_a_frame": round(cpu / total * 1e6, 1) if total else 0.0,
        "rss_mb": memory,
        "cut": sum(one.cut for one in heard.values()),
    }


async def _subscribed(address: str, markets: list[str]) -> ClientConnection:
    socket = await connect(f"ws://{address}/websocket/v1", compression=None, max_queue=4_096, proxy=None)
    parts = [{"ticket": "bench"}, *({"type": kind, "codes": markets} for kind in KINDS)]
    await socket.send(json.dumps(parts))
    return socket


async def _drain(socket: ClientConnection, heard: Heard) -> None:
    seen = 0
    try:
        while True:
            data = await socket.recv(decode=False)
            heard.frames[_KINDS_BY_MARK.get(data[:_MARK], "other")] += 1
            heard.bytes_ += len(data)
            seen += 1
            if seen % _SAMPLED == 0:
                stamp = msgspec.json.decode(data)["timestamp"]
                heard.ages_ms.append(time.time() * 1e3 - (stamp / 1e3 if stamp > 10**15 else stamp))
    except ConnectionClosedOK:
        return
    except ConnectionClosed:
        heard.cut += 1


def _figures(heard: Heard, passed: float) -> dict[str, Any]:
    ages = sorted(heard.ages_ms) or [0.0]
    return {
        **{f"{kind}_s": round(heard.frames[kind] / passed) for kind in KINDS},
        "mb_s": round(heard.bytes_ / passed / 1e6, 2),
        "age_median_ms": round(ages[len(ages) // 2], 1),
        "age_p99_ms": round(ages[int(len(ages) * 0.99)], 1),
    }


# Seconds on a processor, and seconds ready to run while others had it: near 0 on a quiet machine.
def _cpu_s(pid: int) -> tuple[float, float]:
    ran, waited, _ = Path(f"/proc/{pid}/schedstat").read_text().split()
    return int(ran) / 1e9, int(waited) / 1e9


def _rss_mb(pid: int) -> int:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) // 1024


def _table(result: dict[str, Any]) -> str:
    lines = [
        f"{result['markets']} markets on each exchange, {result['clients']} client(s) asking for everything, "
        f"{result['seconds']} s, regime {result['regime']}",
        f"{'':<10}{'books/s':>9}{'trades/s':>10}{'tickers/s':>11}{'MB/s':>7}{'age median':>12}{'p99 ms':>8}",
    ]
    for name, row in result["exchanges"].items():
        lines.append(
            f"{name:<10}{row['orderbook_s']:>9}{row['trade_s']:>10}{row['ticker_s']:>11}{row['mb_s']:>7}"
            f"{row['age_median_ms']:>12}{row['age_p99_ms']:>8}"
        )
    lines.append(
        f"{result['frames_s']} frames/s with {result['cpu_share']:.0%} of one core "
        f"({result['cpu_us_a_frame']} us a frame), {result['rss_mb']} MB; it waited {result['waited_share']:.0%} of "
        f"the time for a processor; connections cut: {result['cut']}"
    )
    return "\n".join(lines)
