"""The typed environment, read once: every `KARB_*` variable there is, each checked, no other accepted.

No Django here. Secrets stay in the variables and files they came from; `Env` never prints them.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.params import is_market
from karb_project.places import ROOT_TEXT, shm_dir_text, var_dir_text

PREFIX = "KARB_"
SHORTEST_SECRET = 32
"""Of what two machines know each other by."""
ROOT = Path(ROOT_TEXT)
DEFAULT_MARKETS = ("KRW-BTC", "KRW-ETH", "KRW-XRP", "KRW-SOL", "KRW-DOGE")
_SECRETS = (
    "upbit_access_key",
    "upbit_secret_key",
    "bithumb_access_key",
    "bithumb_secret_key",
    "bithumb_legacy_access_key",
    "bithumb_legacy_secret_key",
    "secret_key",
    "standby_secret",
    "watchdog_secret",
)
_WHOLE = (
    "seed",
    "upbit_fee_ppm",
    "bithumb_fee_ppm",
    "bithumb_legacy_ioc_rest_ms",
    "bithumb_legacy_unit_decimals",
    "watchdog_after_ms",
    "dry_run_days",
    "lease_ms",
)


class Env(msgspec.Struct, frozen=True, kw_only=True):
    """All settings that come from outside the program. Paths are absolute."""

    mode: str = "simulated"
    """`simulated`, `observe` or `live`: what is asked for; what is, the orders' transport tells (domain/arming.py).
    Only `exchanges/registry.py` acts on it."""
    var_dir: Path = ROOT / "var"
    """Journal, latch file, embedded database and broker, logs, simulated accounts."""
    shm_dir: Path = Path()
    """Shared memory files: in the memory file system where there is one."""
    markets: tuple[str, ...] = DEFAULT_MARKETS

    database_url: str = ""
    """Empty = SQLite in var_dir; else postgres://user:password@host:port/name."""
    redis_url: str = ""
    """Empty = the supervisor starts an embedded server and tells its children."""
    redis_binary: str = ""

    web_address: str = "127.0.0.1:8000"
    flower_address: str = "127.0.0.1:5555"
    sim_upbit_address: str = "127.0.0.1:7001"
    sim_bithumb_address: str = "127.0.0.1:7002"

    upbit_url: str = "https://api.upbit.com"
    upbit_ws_url: str = "wss://api.upbit.com"
    bithumb_url: str = "https://api.bithumb.com"
    bithumb_ws_url: str = "wss://ws-api.bithumb.com"
    """Used in live mode only; simulated mode talks to the sim addresses."""

    upbit_jwt_alg: str = "HS512"
    """HS512 is recommended, HS256 accepted too (upbit.md §2)."""
    upbit_smp: str = "cancel_taker"
    """What every order to Upbit names as its self-trade rule (upbit.md §6.1)."""
    upbit_book_format: str = "simple"
    upbit_book_depth: str = "30"
    """How Upbit's stream is asked for books (upbit.md §3.2)."""
    bithumb_legacy_ws_url: str = "wss://pubwss.bithumb.com"
    """The legacy generation's public stream; used in live mode only."""
    bithumb_legacy_books: str = "snapshots"
    """Whole books, or changes folded on REST books (bithumb.md §2.1, §2.2)."""
    bithumb_legacy_ioc_rest_ms: int = 150
    """How long a legacy order that is to match at once rests before it is cancelled (bithumb.md §1.5)."""
    bithumb_legacy_unit_decimals: int = 4
    """Decimals a legacy quantity may have: four are safe, eight not established (bithumb.md §1.5)."""
    bithumb_batch_hash: str = "indexed"
    """How the objects of a batch of orders are hashed: not established (bithumb.md §3.2)."""

    keys_file: str = ""
    aws_secret: str = ""
    """Name or ARN of a secret in AWS Secrets Manager whose text is a keys file."""
    aws_region: str = "ap-northeast-2"
    upbit_access_key: str = ""
    upbit_secret_key: str = ""
    bithumb_access_key: str = ""
    bithumb_secret_key: str = ""
    bithumb_legacy_access_key: str = ""
    bithumb_legacy_secret_key: str = ""
    """Keys of the legacy generation; empty = it takes the same ones, which is not established."""

    dry_run_gate: str = "live"
    """Which desks put a set that trades in force only after a dry run: `live` ones, or `always` simulated ones too."""
    dry_run_days: int = 7
    """How old a dry run may be while real orders are sent."""

    upbit_fee_ppm: int = 500
    bithumb_fee_ppm: int = 400
    """What the desk believes it pays, in ppm; the doctor says when an exchange tells or charges another fee."""

    watchdog_after_ms: int = 3_000
    """How long the trader may give no sign of progress before the dead man's switch trips."""
    watchdog_address: str = ""
    """Trader's machine: where a watchdog on another one listens; empty = there is none."""
    watchdog_secret: str = ""
    """Both machines: what they know each other by."""
    watchdog_scope: str = "desk"
    """What it cancels then: `desk` = orders that bear a desk's name, `account` = every resting order."""

    standby_address: str = ""
    """Trader's machine: where its standby listens; empty = there is none, and no lease is needed."""
    standby_listen: str = ""
    """Standby's machine: where it listens for the first trader."""
    standby_secret: str = ""
    """Both machines: what they know each other by."""
    lease_ms: int = 3_000
    """Both machines: how long the standby lends the right to send."""

    secret_key: str = ""
    """Django's own; empty = made once and kept in var_dir."""
    journal_fsync: Literal["intent", "none"] = "intent"
    """`intent`: a record is on disk before its orders leave; `none`: survives a killed process, not a power cut."""
    log_level: str = "INFO"
    native: str = "auto"
    seed: int = 7
    test_database_url: str = ""
    test_redis_url: str = ""
    chromium: str = ""
    """Test suite only: a PostgreSQL, a Redis and a browser to test against."""

    def __repr__(self) -> str:
        return f"Env(mode={self.mode!r}, var_dir={str(self.var_dir)!r}, markets={self.markets!r})"

    @property
    def journal_path(self) -> Path:
        """Return the trader's journal."""
        return self.var_dir / "journal" / "trader.journal"

    @property
    def latch_path(self) -> Path:
        """Return the file that keeps the trading state over restarts."""
        return self.var_dir / "trading_state.json"

    @property
    def desk_key_path(self) -> Path:
        """Return the key with which this desk signs what it trades by."""
        return self.var_dir / "desk_key"

    @property
    def arming_dir(self) -> Path:
        """Return where seals of parameter sets and the arm token lie."""
        return self.var_dir / "arming"

    @property
    def simulated_keys_path(self) -> Path:
        """Return the keys of the simulated accounts: the file named, else the one the supervisor makes."""
        return Path(self.keys_file) if self.keys_file else self.var_dir / "simulator" / "keys.json"

    @property
    def requests_dir(self) -> Path:
        """Return where a person's requests wait for the trader."""
        return self.var_dir / "requests"

    @property
    def wakeup_path(self) -> Path:
        """Return the socket on which feeds wake the trader."""
        return self.shm_dir / "wakeup.sock"


def _choice(name: str, value: str, allowed: tuple[str, ...], found: list[str]) -> None:
    if value not in allowed:
        found.append(f"{PREFIX}{name.upper()} was {value!r}, must be one of {', '.join(allowed)}")


def is_whole(text: str) -> bool:
    """Return whether `text` is a plain whole number from 0, of at most 18 digits."""
    return text.isascii() and text.isdigit() and len(text) <= 18


def split_address(text: str) -> tuple[str, int]:
    """Return host and port of `127.0.0.1:8000`; ValueError says what is wrong."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not is_whole(port) or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is not host:port with a port between 1 and 65535")
    return host, int(port)


def read_env(environ: Mapping[str, str] | None = None) -> Env:
    """Return the environment, or raise ConfigError with every problem at once."""
    source = os.environ if environ is None else environ
    names = {f"{PREFIX}{field.upper()}": field for field in Env.__struct_fields__}
    given = {key: value for key, value in source.items() if key.startswith(PREFIX)}
    found = [
        f"{key} is not a variable K-Arb knows; see docs/configuration.md" for key in sorted(given.keys() - names.keys())
    ]
    values: dict[str, object] = {names[key]: value for key, value in given.items() if key in names and value != ""}
    _convert(values, found)
    env = Env(**values)  # type: ignore[arg-type]
    _check(env, found)
    if found:
        raise ConfigError(found)
    return env


def _convert(values: dict[str, object], found: list[str]) -> None:
    named = values.get("var_dir")
    var_dir = Path(var_dir_text(None if named is None else str(named)))
    values["var_dir"] = var_dir
    if "shm_dir" in values:
        values["shm_dir"] = Path(str(values["shm_dir"])).absolute()
    else:
        values["shm_dir"] = Path(shm_dir_text(str(var_dir)))
    if "markets" in values:
        values["markets"] = tuple(part.strip() for part in str(values["markets"]).split(",") if part.strip())
    for name in _WHOLE:
        if name in values:
            text = str(values.pop(name))
            if is_whole(text):
                values[name] = int(text)
            else:
                found.append(f"{PREFIX}{name.upper()} was {text!r}, must be a whole number from 0")


def _check(env: Env, found: list[str]) -> None:
    _choice("mode", env.mode, ("simulated", "observe", "live"), found)
    _choice("dry_run_gate", env.dry_run_gate, ("live", "always"), found)
    if not 1 <= env.dry_run_days <= 90:
        found.append(f"KARB_DRY_RUN_DAYS was {env.dry_run_days}, must be between 1 and 90")
    _choice("journal_fsync", env.journal_fsync, ("intent", "none"), found)
    _choice("upbit_jwt_alg", env.upbit_jwt_alg, ("HS512", "HS256"), found)
    _choice("upbit_smp", env.upbit_smp, ("cancel_taker", "cancel_maker", "reduce", "none", "account"), found)
    _choice("upbit_book_format", env.upbit_book_format, ("simple", "default"), found)
    _choice("upbit_book_depth", env.upbit_book_depth, ("1", "5", "15", "30"), found)
    _choice("bithumb_batch_hash", env.bithumb_batch_hash, ("indexed", "json"), found)
    _choice("bithumb_legacy_books", env.bithumb_legacy_books, ("snapshots", "diffs"), found)
    _choice("watchdog_scope", env.watchdog_scope, ("desk", "account"), found)
    _check_standby(env, found)
    if not 1_000 <= env.watchdog_after_ms <= 60_000:
        found.append(f"KARB_WATCHDOG_AFTER_MS was {env.watchdog_after_ms}, must be 1000 to 60000")
    for name, most in (("bithumb_legacy_ioc_rest_ms", 5_000), ("bithumb_legacy_unit_decimals", 8)):
        if getattr(env, name) > most:
            found.append(f"{PREFIX}{name.upper()} was {getattr(env, name)}, must be at most {most}")
    if bool(env.bithumb_legacy_access_key) is not bool(env.bithumb_legacy_secret_key):
        found.append("KARB_BITHUMB_LEGACY_ACCESS_KEY and KARB_BITHUMB_LEGACY_SECRET_KEY must be set together")
    _choice("native", env.native, ("auto", "0", "1"), found)
    _choice("log_level", env.log_level, ("DEBUG", "INFO", "WARNING", "ERROR"), found)
    if not 1 <= len(env.markets) <= 256:
        found.append(f"KARB_MARKETS has {len(env.markets)} markets, must have 1 to 256")
    for market in env.markets:
        if not is_market(market) or not market.startswith("KRW-"):
            found.append(f"KARB_MARKETS has {market!r}, must look like KRW-BTC")
    if len(set(env.markets)) != len(env.markets):
        found.append("KARB_MARKETS names a market twice")
    for name in ("web_address", "flower_address", "sim_upbit_address", "sim_bithumb_address"):
        try:
            split_address(getattr(env, name))
        except ValueError as error:
            found.append(f"{PREFIX}{name.upper()}: {error}")
    for name, schemes in (
        ("database_url", ("postgres", "postgresql")),
        ("redis_url", ("redis", "rediss", "unix")),
        ("upbit_url", ("http", "https")),
        ("bithumb_url", ("http", "https")),
        ("upbit_ws_url", ("ws", "wss")),
        ("bithumb_ws_url", ("ws", "wss")),
        ("bithumb_legacy_ws_url", ("ws", "wss")),
    ):
        value = getattr(env, name)
        if value and urlsplit(value).scheme not in schemes:
            found.append(f"{PREFIX}{name.upper()} must start with {'://, '.join(schemes)}://")


def _check_standby(env: Env, found: list[str]) -> None:
    for name, secret in (
        ("standby_address", "standby_secret"),
        ("standby_listen", "standby_secret"),
        ("watchdog_address", "watchdog_secret"),
    ):
        if not (text := getattr(env, name)):
            continue
        try:
            split_address(text)
        except ValueError as error:
            found.append(f"{PREFIX}{name.upper()}: {error}")
        if len(getattr(env, secret)) < SHORTEST_SECRET:
            words = f"{PREFIX}{secret.upper()} of at least {SHORTEST_SECRET} characters"
            found.append(f"{PREFIX}{name.upper()} needs {words}")
    if env.standby_address and env.standby_listen:
        found.append("KARB_STANDBY_ADDRESS and KARB_STANDBY_LISTEN: a machine is the first or the standby, not both")
    if not 500 <= env.lease_ms <= 60_000:
        found.append(f"KARB_LEASE_MS was {env.lease_ms}, must be 500 to 60000")
