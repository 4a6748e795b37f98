"""What the supervisor looks at and makes before it starts anything: ports, the lock, directories, simulated keys."""

import fcntl
import json
import os
import secrets
import shutil
import socket
from decimal import Decimal
from pathlib import Path
from typing import Any

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import EXCHANGES, QUOTE, base_of, to_decimal
from exchanges.simulator.rules import start_price
from karb_project.env import Env, split_address

LOCK_NAME = "up.lock"
NEEDED_BYTES = 200 * 1024 * 1024
KRW_EACH = Decimal(1_000_000_000)
COINS_WORTH_KRW = Decimal(300_000_000)
"""What a new simulated account begins with, on each exchange: KRW, and coins of each market."""
SCOPES = ["view_assets", "view_orders", "make_orders", "view_deposits"]
"""What a desk's key should be allowed: no right to withdraw (docs/going-live.md)."""


def addresses(env: Env) -> dict[str, tuple[str, str]]:
    """Return what will listen: `part (what)` -> address and the variable that moves it."""
    found = {
        "web": (env.web_address, "KARB_WEB_ADDRESS"),
        "flower": (env.flower_address, "KARB_FLOWER_ADDRESS"),
    }
    if env.mode == "simulated":
        found["simulator (Upbit)"] = (env.sim_upbit_address, "KARB_SIM_UPBIT_ADDRESS")
        found["simulator (Bithumb)"] = (env.sim_bithumb_address, "KARB_SIM_BITHUMB_ADDRESS")
    return found


def port_problems(env: Env) -> list[str]:
    """Return a line for each address that cannot be listened on: part, address, variable to change."""
    problems = []
    taken: dict[str, str] = {}
    for part, (address, variable) in addresses(env).items():
        if address in taken:
            problems.append(f"{part} and {taken[address]} would both listen on {address}: change {variable}")
            continue
        taken[address] = part
        host, port = split_address(address)
        try:
            info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            with socket.socket(info[0], info[1]) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(info[4])
                probe.listen()
        except OSError as error:
            problems.append(
                f"{part} cannot listen on {address} ({os.strerror(error.errno) if error.errno else error}):"
                f" stop what uses it, or set {variable} to a free host:port"
            )
    return problems


def make_directories(env: Env) -> None:
    """Make the desk's own directories, open to nobody else. ConfigError when that cannot be done.

    A var directory no desk ever ran in starts with empty shared memory: what an earlier one of the
    same name left there (a trading level without its latch file, say) is not its own.
    """
    is_first_start = not (env.var_dir / LOCK_NAME).exists()
    try:
        for path in (env.var_dir, env.shm_dir):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.chmod(0o700)
        if is_first_start:
            for left in env.shm_dir.glob("*.shm"):
                left.unlink()
        for name in ("journal", "logs", "redis", "simulator"):
            (env.var_dir / name).mkdir(mode=0o700, exist_ok=True)
        free = shutil.disk_usage(env.var_dir).free
    except OSError as error:
        raise ConfigError(
            [f"cannot use {error.filename} ({error.strerror}): set KARB_VAR_DIR or KARB_SHM_DIR"]
        ) from None
    if free < NEEDED_BYTES:
        raise ConfigError([f"disk full: {free >> 20} MB free in {env.var_dir}, {NEEDED_BYTES >> 20} MB needed"])


def take_lock(env: Env) -> int:
    """Return the open lock file that makes this the only supervisor of var_dir. ConfigError when another has it."""
    fd = os.open(env.var_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(fd, 20).decode(errors="replace").strip() or "unknown"
        os.close(fd)
        raise ConfigError(
            [f"another `up` (process {holder}) already runs on {env.var_dir}: stop it, or set KARB_VAR_DIR"]
        ) from None
    os.ftruncate(fd, 0)
    os.write(fd, f"{os.getpid()}\n".encode())
    return fd


def make_keys(env: Env) -> Path:
    """Return the simulated accounts' keys file, made once: random keys, KRW and coins on both exchanges.

    A file named by KARB_KEYS_FILE is the operator's own: ConfigError when it is not there.
    """
    path = env.simulated_keys_path
    if path.exists():
        if not env.keys_file:
            _give_scopes(path)
        return path
    if env.keys_file:
        raise ConfigError([f"KARB_KEYS_FILE was {env.keys_file!r}, which does not exist"])
    balances = {QUOTE: str(KRW_EACH)}
    for market in env.markets:
        coins = COINS_WORTH_KRW / to_decimal(start_price(market))
        balances[base_of(market)] = format(coins.quantize(Decimal("0.00000001")), "f")
    accounts = [
        {
            "exchange": exchange.value,
            "access_key": secrets.token_urlsafe(30),
            "secret_key": secrets.token_urlsafe(48),
            "balances": balances,
            "scopes": SCOPES,
        }
        for exchange in EXCHANGES
    ]
    _write_keys(path, {"accounts": accounts})
    return path


def _give_scopes(path: Path) -> None:
    """Give accounts made by K-Arb 0.1.0, which had no scopes and so could withdraw, the scopes of a desk's key."""
    try:
        words = json.loads(path.read_bytes())
        older = [account for account in words["accounts"] if "scopes" not in account]
    except (ValueError, LookupError, TypeError):
        return  # The simulator, which reads the file next, says what is wrong with it.
    if older:
        for account in older:
            account["scopes"] = SCOPES
        _write_keys(path, words)


def _write_keys(path: Path, words: dict[str, Any]) -> None:
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(words, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
