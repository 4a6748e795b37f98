"""The desk's parts as data: how each is started, what it needs, when it is ready, in which order it stops."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from arbitrage.domain.units import EXCHANGES, Exchange
from karb_project.env import Env, split_address
from workers.up_redis import redis_argv, redis_url
from workers.up_watch import Watch, http_ok, listens

DATABASE = "database"
"""A step that parts can need: the tables made and seeded."""

Probe = Callable[[Watch, int], Awaitable[bool]]
"""Whether the process with this pid does its work."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One long-lived process. Parts of a lower `wave` stop before those of a higher one."""

    name: str
    argv: tuple[str, ...]
    probe: Probe
    needs: tuple[str, ...] = ()
    address: str = ""
    wave: int = 2
    grace_s: float = 6.0
    environ: dict[str, str] = {}


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line asked for."""

    for_s: float | None = None
    json_path: Path | None = None
    recording: Path | None = None
    seed: int = 7


TRADER_GRACE_S = 20.0


def _beats(name: str) -> Probe:
    async def probe(watch: Watch, pid: int) -> bool:
        return watch.beats(name, pid)

    return probe


async def _trades(watch: Watch, pid: int) -> bool:
    # Its own word: recovery is done and it looks at signals.
    return watch.beats("trader", pid) and watch.counters().get("trader", {}).get("ready", 0) == 1


async def _waits(watch: Watch, pid: int) -> bool:
    return watch.beats("standby", pid)


def _feeds(exchange: Exchange) -> Probe:
    async def probe(watch: Watch, pid: int) -> bool:
        return watch.beats(f"feed.{exchange}", pid) and watch.readable_books(exchange) == len(watch.env.markets)

    return probe


def _celery(name: str) -> Probe:
    async def probe(watch: Watch, pid: int) -> bool:
        return await watch.celery_part_ready(name, pid)

    return probe


async def _redis_probe(watch: Watch, _pid: int) -> bool:
    return await watch.redis_answers()


def _python(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *words)


def parts(env: Env, options: Options) -> tuple[Part, ...]:
    """Return every part of this desk, in the order in which people read them."""
    simulated = env.mode == "simulated"
    market = ("simulator",) if simulated else ()
    found: list[Part] = [] if env.redis_url else [_redis(env)]
    broker = () if env.redis_url else ("redis",)
    if simulated:
        found.append(_simulator(env, options))
    found += [_feed(env, exchange, market) for exchange in EXCHANGES]
    found += [
        Part(
            name="trader",
            argv=_python("workers", "standby" if env.standby_listen else "trader"),
            probe=_waits if env.standby_listen else _trades,
            needs=(*(f"feed.{exchange}" for exchange in EXCHANGES), "bridge"),
            wave=0,
            grace_s=TRADER_GRACE_S,
        ),
        # Needs nothing but the exchanges; stops after the trader has said goodbye to it.
        Part(name="watchdog", argv=_python("workers", "watchdog"), probe=_beats("watchdog"), needs=market, wave=4),
        Part(name="recorder", argv=_python("workers", "recorder"), probe=_beats("recorder"), needs=(DATABASE,), wave=3),
        Part(name="bridge", argv=_python("workers", "bridge"), probe=_beats("bridge"), needs=(DATABASE,), wave=3),
        _web(env),
    ]
    found += _celery_parts(env, broker)
    return tuple(found)


def _redis(env: Env) -> Part:
    return Part(name="redis", argv=redis_argv(env), probe=_redis_probe, address=redis_url(env), wave=6)


def _simulator(env: Env, options: Options) -> Part:
    argv = ["workers", "simulate", "--upbit", env.sim_upbit_address, "--bithumb", env.sim_bithumb_address]
    argv += ["--seed", str(options.seed), "--state", str(env.var_dir / "simulator")]
    argv += ["--keys", str(env.simulated_keys_path)]
    argv += ["--markets", ",".join(env.markets)]
    if options.recording is not None:
        argv += ["--recording", str(options.recording)]

    async def probe(_watch: Watch, _pid: int) -> bool:
        return await listens(env.sim_upbit_address) and await listens(env.sim_bithumb_address)

    return Part(
        name="simulator",
        argv=_python(*argv),
        probe=probe,
        address=f"http://{env.sim_upbit_address} http://{env.sim_bithumb_address}",
        wave=5,
    )


def _feed(env: Env, exchange: Exchange, market: tuple[str, ...]) -> Part:
    live = {Exchange.UPBIT: env.upbit_ws_url, Exchange.BITHUMB: env.bithumb_ws_url}
    simulated = {Exchange.UPBIT: env.sim_upbit_address, Exchange.BITHUMB: env.sim_bithumb_address}
    return Part(
        name=f"feed.{exchange}",
        argv=_python("workers", "feed", exchange.value),
        probe=_feeds(exchange),
        needs=market,
        address=f"from ws://{simulated[exchange]}" if market else f"from {live[exchange]}",
        wave=4,
    )


def _web(env: Env) -> Part:
    host, port = split_address(env.web_address)

    async def probe(_watch: Watch, _pid: int) -> bool:
        return await http_ok(env.web_address, "/healthz")

    return Part(
        name="web",
        argv=_python(
            *("uvicorn", "karb_project.asgi:application", "--host", host, "--port", str(port)),
            *("--timeout-graceful-shutdown", "3", "--lifespan", "off", "--no-access-log", "--log-level", "warning"),
        ),
        probe=probe,
        needs=(DATABASE,),
        address=f"http://{env.web_address}/admin/",
    )


def _celery_parts(env: Env, broker: tuple[str, ...]) -> list[Part]:
    app = ("celery", "-A", "karb_project.celery")
    host, port = split_address(env.flower_address)

    async def flower_probe(_watch: Watch, _pid: int) -> bool:
        return await http_ok(env.flower_address, "/healthcheck")

    return [
        Part(
            name="celery",
            argv=_python(
                *app,
                *("worker", "--concurrency", "2"),
                *("--hostname", "karb@%h", "--loglevel", "INFO", "--without-gossip", "--without-mingle"),
            ),
            probe=_celery("celery"),
            needs=(DATABASE, *broker),
            grace_s=12.0,
            # SIGTERM then lets a running task finish within worker_soft_shutdown_timeout, else gives it back.
            environ={"REMAP_SIGTERM": "SIGQUIT"},
        ),
        Part(
            name="beat",
            argv=_python(
                *app,
                *("beat", "--loglevel", "INFO", "--pidfile", ""),
            ),
            probe=_celery("beat"),
            needs=(DATABASE, *broker),
            wave=1,
        ),
        Part(
            name="flower",
            argv=_python(
                *app,
                *("flower", f"--address={host}", f"--port={port}", "--persistent=True", "--read_only=True"),
                *(f"--db={env.var_dir / 'flower.db'}", "--state_save_interval=30000"),
            ),
            probe=flower_probe,
            needs=broker,
            address=f"http://{env.flower_address}/",
        ),
    ]
