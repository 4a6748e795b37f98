"""A live desk as the shell sees it: real addresses, keys, a trader that says it runs, parameters carried to it."""

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

import msgspec
from django.utils import timezone

from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.preflight import Check
from arbitrage.domain.units import Ns
from arbitrage.models import ParamSet
from arbitrage.services import arming, dry_runs, params
from exchanges import registry
from exchanges.doors import REAL
from fast_path.control import ControlBlock
from fast_path.counters import Counters
from karb_project.env import Env
from workers.armed import MODE_NUMBERS, Armed
from workers.process import Context

KEYS = {f"{one}_{part}_key": f"{one}-{part}" for one in ("upbit", "bithumb") for part in ("access", "secret")}
ALL_WELL = (Check("upbit key", "accepted"), Check("bithumb key", "accepted"))


def live_env(env: Env, mode: str = "live") -> Env:
    """Return the environment of a desk on the real exchanges; nothing is asked of them here."""
    return msgspec.structs.replace(env, mode=mode, **KEYS)


@contextmanager
def opened(env: Env) -> Iterator[ControlBlock]:
    """Open the control block for a moment."""
    with closing(ControlBlock(env.shm_dir, env.markets, env.latch_path)) as control:
        yield control


def trader_says(env: Env, *, key_faults: int = 0, locks_closed: int = 0, until_s: int = 0) -> None:
    """Let a trader beat, and say what its transport is and what it could not prove of the keys."""
    mode = registry.transport_mode(env)
    with closing(Counters(env.shm_dir, "trader")) as counters:
        counters.set("mode", MODE_NUMBERS[mode] if mode is not None else 0)
        counters.set("key_faults", key_faults)
        counters.set("locks_closed", locks_closed)
        counters.set("armed_until_s", until_s)
    with opened(env) as control:
        control.beat("trader", Ns(time.monotonic_ns()), Ns(time.time_ns()))


def carry(env: Env) -> None:
    """Bring the set in force to the trader, as the bridge does."""
    with opened(env) as control:
        control.write_params(*params.active_bytes())


def set_level(env: Env, level: TradingLevel) -> None:
    """Move the kill switch."""
    with opened(env) as control:
        control.set_level(level, "test", "kim")


def report(row: ParamSet, **changes: object) -> bytes:
    """Return the report of a dry run of this set's bytes that passed an hour ago."""
    now = timezone.now()
    good = {
        "params_sha256": params.sha256_of(row),
        "verdict": "passed",
        "from": (now - timedelta(hours=2, minutes=10)).isoformat(),
        "to": (now - timedelta(hours=1)).isoformat(),
        "frames": 412_345,
        "arbs_seen": 37,
        "denials": {"edge_too_small": 911},
        "problems": [],
    }
    return json.dumps(good | changes).encode()


def valid_set(**changes: object) -> ParamSet:
    """Return a set that was found in order."""
    row = params.submit_draft({"max_notional_krw": 10_000 * 10**8, **changes}, "kim", "small")
    assert params.validate(row.pk, "kim") == []
    return row


def put_in_force(env: Env) -> ParamSet:
    """Return a set that trades, run dry, signed, in force, and carried to the trader."""
    params.seed(env.mode)
    row = valid_set()
    dry_runs.record_dry_run(report(row), "kim")
    params.activate(row.pk, "kim", "first morning")
    carry(env)
    return row


def ready_to_arm(env: Env, by: str = "kim") -> ParamSet:
    """Return the set in force of a desk on which everything but the arming itself is done."""
    row = put_in_force(env)
    trader_says(env)
    arming.keep_preflight(ALL_WELL, by)
    arming.accept_risks(by, arming.RISKS_VERSION)
    return row


@contextmanager
def traders_look(env: Env) -> Iterator[Armed]:
    """Give the trader's own look at the locks, as it stands on the files and the control block."""
    context = Context("trader", env)
    try:
        _, data = context.control.read_params()
        known = params.params_from_bytes(data)[0]
        assert known is not None
        look = Armed(context, registry.order_doors(env), lambda: (data, known), real=REAL)
        look.key_faults = ()
        look.tick()
        yield look
    finally:
        context.close()
