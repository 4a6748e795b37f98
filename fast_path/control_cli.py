"""`python -m fast_path.control halt|reduce|resume|show`: the kill switch by hand, with everything else dead."""

import argparse
import getpass
import json
import os
import sys
import time
from pathlib import Path

from arbitrage.domain.arming import MODE_NUMBERS, mode_word
from arbitrage.domain.controls import TradingLevel
from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import EXCHANGES
from fast_path.control import ControlBlock
from fast_path.counters import read_counters
from fast_path.latch import write_latch
from karb_project.env import Env, read_env

_NEEDED = ("KARB_VAR_DIR", "KARB_SHM_DIR")
_LEVELS = {"halt": TradingLevel.HALTED, "reduce": TradingLevel.REDUCING, "resume": TradingLevel.ACTIVE}


def main(argv: list[str]) -> int:
    """Return 0 when done, 1 when it could not be done, 2 for bad arguments or a bad environment."""
    parser = argparse.ArgumentParser(prog="python -m fast_path.control", description=__doc__)
    parser.add_argument("command", choices=["halt", "reduce", "resume", "show"])
    parser.add_argument("--reason", default="", help="why; resume must have one")
    parser.add_argument("--by", default="", help="who; by default the user of this shell")
    try:
        given = parser.parse_args(argv)
    except SystemExit as end:
        return 2 if end.code else 0
    if given.command == "resume" and not given.reason.strip():
        _warn("resume needs --reason")
        return 2
    try:
        env = _env(given.command)
    except ConfigError as error:
        _warn(*error.problems)
        return 2
    return _run(given.command, given.reason.strip(), given.by or _user(), env)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def _warn(*lines: str) -> None:
    sys.stderr.writelines(line + "\n" for line in lines)


def _env(command: str) -> Env:
    # A stop must not fail over a variable that has nothing to do with it.
    try:
        return read_env()
    except ConfigError as error:
        if command not in ("halt", "reduce"):
            raise
        _warn(*error.problems)
        return read_env({name: os.environ[name] for name in _NEEDED if name in os.environ})


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _run(command: str, reason: str, by: str, env: Env) -> int:
    try:
        control = ControlBlock(env.shm_dir, (), env.latch_path)
    except (ConfigError, OSError) as error:
        _warn(f"shared memory could not be reached: {error}")
        if command in ("halt", "reduce"):
            _latch_only(env.latch_path, _LEVELS[command], reason, by)
        return 1
    try:
        if command == "show":
            _say(json.dumps({"mode": _mode(env), **_state(control)}, ensure_ascii=False, indent=2))
            return 0
        if command == "resume" and control.level() is TradingLevel.ACTIVE:
            _warn("nothing to resume: the level is active")
            return 1
        control.set_level(_LEVELS[command], reason or f"{command} by hand, no reason given", by)
        _say(f"level is {control.level().name.lower()} ({_mode(env)})")
        return 0
    except OSError as error:
        _warn(f"level is {control.level().name.lower()} in memory, but {env.latch_path}: {error}")
        return 1
    finally:
        control.close()


def _mode(env: Env) -> str:
    # What the last trader of this desk said its transport was; a stop must not fail over it.
    try:
        number = read_counters(env.shm_dir).get("trader", {}).get("mode")
    except (ConfigError, OSError):
        number = None
    known = {value: mode for mode, value in MODE_NUMBERS.items()}
    return "mode unknown: no trader has run" if number is None else mode_word(known.get(number))


def _latch_only(path: Path, level: TradingLevel, reason: str, by: str) -> None:
    try:
        write_latch(path, level, reason, by, time.time_ns())
    except OSError as error:
        _warn(f"{path} could not be written either: {error}; stop the trader by signal")
        return
    _warn(f"{path} says {level.name.lower()} for the next start; stop a running trader by signal")


def _state(control: ControlBlock) -> dict[str, object]:
    now = time.monotonic_ns()
    return {
        "level": control.level().name.lower(),
        "latch": control.latch(),
        "monitor_only": {
            exchange.value: control.monitor_only_latch(exchange).get("reason")
            for exchange in EXCHANGES
            if control.monitor_only_since(exchange)
        },
        "wire_epoch": control.wire_epoch(),
        "params_epoch": control.params_epoch(),
        "applied_epoch": control.applied_epoch(),
        "fence": control.fence(),
        "heartbeats_age_ms": {
            name: (now - beat.mono_ns) // 1_000_000 for name, beat in sorted(control.heartbeats().items())
        },
    }
