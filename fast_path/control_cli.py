"""`python -m fast_path.control reduce|halt|flatten|cut|mend|resume|show`: the kill switch by hand, all else dead.

reduce: no new arbs. halt: cancel all. flatten: finish and hedge what is open, then halt. cut: no order leaves and the
trader drops its keys. Back again goes in steps, each with a reason: mend (cut to halted), resume (halted to reducing),
resume (reducing to active).
"""

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
from fast_path.cut import cut, cut_by_file, cut_off, mend
from fast_path.flatten import flatten
from fast_path.latch import latch_level, read_latch, write_latch
from karb_project.env import Env, read_env

_NEEDED = ("KARB_VAR_DIR", "KARB_SHM_DIR")
_LEVELS = {"halt": TradingLevel.HALTED, "reduce": TradingLevel.REDUCING}
_STOPS = ("halt", "reduce", "cut", "flatten")
_COMMANDS = (*_STOPS, "mend", "resume", "show")
FLATTEN_WITHIN_S = 60


def main(argv: list[str]) -> int:
    """Return 0 when done, 1 when it could not be done, 2 for bad arguments or a bad environment."""
    parser = argparse.ArgumentParser(prog="python -m fast_path.control", description=__doc__)
    parser.add_argument("command", choices=_COMMANDS)
    parser.add_argument("--reason", default="", help="why; resume and mend must have one")
    parser.add_argument("--by", default="", help="who; by default the user of this shell")
    try:
        given = parser.parse_args(argv)
    except SystemExit as end:
        return 2 if end.code else 0
    if given.command in ("resume", "mend") and not given.reason.strip():
        _warn(f"{given.command} needs --reason")
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
        if command not in _STOPS:
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
        if command in _STOPS:
            _files_only(command, env.latch_path, reason, by)
        return 1
    try:
        if command == "show":
            _say(json.dumps({"mode": _mode(env), **_state(control)}, ensure_ascii=False, indent=2))
            return 0
        return _move(command, control, reason or f"{command} by hand, no reason given", by, env)
    except OSError as error:
        _warn(f"level is {_level(control)} in memory, but {error.filename or env.latch_path}: {error}")
        return 1
    finally:
        control.close()


def _move(command: str, control: ControlBlock, reason: str, by: str, env: Env) -> int:
    fault, left = "", 0
    match command:
        case "cut":
            cut(control, reason, by, time.time_ns())
        case "mend":
            fault = "" if control.is_cut() else "nothing to mend: orders are not cut off"
            if not fault:
                mend(control, reason, by, time.time_ns())
        case "resume":
            fault = _resume(control, reason, by)
        case "flatten":
            left = _flatten(control, reason, by, env)
        case "reduce" if control.level() is TradingLevel.HALTED:
            fault = "level is halted already; resume, with a reason, goes one step back"
        case _:
            control.set_level(_LEVELS[command], reason, by)
    if fault:
        _warn(fault)
        return 1
    _say(f"level is {_level(control)} ({_mode(env)})")
    return 1 if left else 0


def _level(control: ControlBlock) -> str:
    return control.level().name.lower() + (", orders are cut off" if control.is_cut() else "")


def _resume(control: ControlBlock, reason: str, by: str) -> str:
    """Go one step back towards ACTIVE; return why not, "" when done."""
    if control.is_cut():
        return f"orders are cut off: {cut_off(control).get('reason')}; mend that first"
    if control.level() is TradingLevel.ACTIVE:
        return "nothing to resume: the level is active"
    if control.level() is TradingLevel.HALTED:
        control.set_level(TradingLevel.REDUCING, reason, by)
        _say("what is open is finished and hedged; resume once more, with a reason, to open arbs again")
    else:
        control.set_level(TradingLevel.ACTIVE, reason, by)
    return ""


def _flatten(control: ControlBlock, reason: str, by: str, env: Env) -> int:
    done = flatten(
        control,
        env.shm_dir,
        reason=reason,
        by=by,
        within_ns=FLATTEN_WITHIN_S * 1_000_000_000,
        mono_ns=time.monotonic_ns,
        sleep=time.sleep,
    )
    if done.why:
        _warn(f"{done.why}; arbs that still moved: {done.left}")
    return done.left


def _mode(env: Env) -> str:
    # What the last trader of this desk said its transport was; a stop must not fail over it.
    try:
        number = read_counters(env.shm_dir).get("trader", {}).get("mode")
    except (ConfigError, OSError):
        number = None
    known = {value: mode for mode, value in MODE_NUMBERS.items()}
    return "mode unknown: no trader has run" if number is None else mode_word(known.get(number))


def _files_only(command: str, latch_path: Path, reason: str, by: str) -> None:
    level = TradingLevel.REDUCING if command == "reduce" else TradingLevel.HALTED
    if latch_level(read_latch(latch_path)) > level:
        _warn(f"{latch_path} says halted already")
        return
    try:
        write_latch(latch_path, level, reason, by, time.time_ns())
        if command == "cut":
            _warn(f"{cut_by_file(latch_path, reason, by, time.time_ns())} holds for a running trader too")
    except OSError as error:
        _warn(f"{latch_path} could not be written either: {error}; stop the trader by signal")
        return
    _warn(f"{latch_path} says {level.name.lower()} for the next start; stop a running trader by signal")


def _state(control: ControlBlock) -> dict[str, object]:
    now = time.monotonic_ns()
    return {
        "level": control.level().name.lower(),
        "latch": control.latch(),
        "cut": cut_off(control) if control.is_cut() else None,
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
