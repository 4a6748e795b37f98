"""What a simulator is started with, and the file that names its accounts."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.params import is_market
from arbitrage.domain.units import Exchange
from exchanges.simulator.activity import Activity
from exchanges.simulator.dialects.bithumb_quirks import BithumbQuirks
from exchanges.simulator.dialects.upbit_quirks import UpbitQuirks
from exchanges.simulator.gate import BITHUMB_GATE, UPBIT_GATE, GateRules
from exchanges.simulator.keys import ALL_SCOPES, Scope
from exchanges.simulator.kst import parse_time
from exchanges.simulator.money import Fine, fine_of_text
from exchanges.simulator.regimes import Regime


class AccountSpec(msgspec.Struct, frozen=True):
    """One key with what it begins with; balances count for a new state only."""

    exchange: Exchange
    access_key: str
    secret_key: str
    balances: dict[str, Fine]
    scopes: frozenset[Scope] = ALL_SCOPES
    """What the key may do at first."""
    account: str | None = None
    """The key whose account this one opens too: a second program of one owner; None = an account of its own."""

    def __repr__(self) -> str:
        return f"AccountSpec({self.exchange}, {self.access_key!r})"


class SimConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a simulator needs. Port 0 takes any free one."""

    upbit: tuple[str, int] = ("127.0.0.1", 0)
    bithumb: tuple[str, int] = ("127.0.0.1", 0)
    seed: int = 7
    markets: tuple[str, ...] = ()
    """Empty = those the desk watches by default, or what the recording holds."""
    recording: Path | None = None
    regime: Regime = Regime.NORMAL
    """How the seeded market behaves at first; it can be changed while running."""
    activity: Activity = Activity.EVEN
    """TAILED for hundreds of markets: the first are the busiest, most are silent."""
    accounts: tuple[AccountSpec, ...] = ()
    state_dir: Path | None = None
    upbit_fee_ppm: int = 500
    bithumb_fee_ppm: int = 400
    """0.04 % with the free application, 0.25 % without (bithumb.md §5.4)."""
    upbit_quirks: UpbitQuirks = UpbitQuirks()
    """What upbit.md leaves open, answered."""
    bithumb_quirks: BithumbQuirks = BithumbQuirks()
    upbit_gate: GateRules = UPBIT_GATE
    bithumb_gate: GateRules = BITHUMB_GATE
    """What too many requests lead to."""
    repeated_headers_from_ns: int | None = parse_time("2026-07-31T00:00:00+09:00")
    """From when on Upbit refuses a header sent twice; None = never (upbit.md §1.1: it may)."""
    offers_deflate: bool = True
    control: tuple[str, int] | None = None
    """Where the control endpoint listens; None = nowhere."""
    tls: tuple[Path, Path] | None = None
    """Certificate chain and key, PEM: both exchanges then speak https and wss."""
    wall_ns: Callable[[], int] = time.time_ns
    """The driver's clock; the logic is told the time and never asks."""


def read_keys(path: Path) -> tuple[AccountSpec, ...]:
    """Return the accounts in a keys file: `{"accounts": [{"exchange", "access_key", "secret_key", "balances"}]}`.

    A row may have `scopes`, a list of what its key may do; without one it may do everything. One with `account`
    names the key of an earlier row and opens that row's account.
    ConfigError with every problem found; values of secrets are never in it.
    """
    try:
        data = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise ConfigError([f"--keys {path}: {error.strerror}"]) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"--keys {path}: not JSON: {error}"]) from None
    rows = data.get("accounts") if isinstance(data, dict) else None
    if not isinstance(rows, list):
        raise ConfigError([f'--keys {path}: must be an object with a list "accounts"'])
    problems: list[str] = []
    found: list[AccountSpec] = []
    for index, row in enumerate(rows):
        spec = _account(row, f"--keys {path}: accounts[{index}]", problems)
        if spec is None:
            continue
        if any((spec.exchange, spec.access_key) == (other.exchange, other.access_key) for other in found):
            problems.append(f"--keys {path}: accounts[{index}].access_key is named twice")
        if spec.account is not None and not any(_owns(other, spec) for other in found):
            problems.append(f"--keys {path}: accounts[{index}].account was {spec.account!r}, must name an earlier row")
        found.append(spec)
    if problems:
        raise ConfigError(problems)
    return tuple(found)


def _owns(other: AccountSpec, spec: AccountSpec) -> bool:
    return (other.exchange, other.access_key, other.account) == (spec.exchange, spec.account, None)


def _account(row: Any, where: str, problems: list[str]) -> AccountSpec | None:
    if not isinstance(row, dict):
        problems.append(f"{where} must be an object")
        return None
    before = len(problems)
    known = ("exchange", "access_key", "secret_key", "balances", "scopes", "account")
    problems += [f"{where}.{name} is not a member of an account" for name in sorted(row.keys() - set(known))]
    if row.get("exchange") not in tuple(Exchange):
        problems.append(f"{where}.exchange was {row.get('exchange')!r}, must be one of {', '.join(Exchange)}")
    for name in ("access_key", "secret_key"):
        if not isinstance(row.get(name), str) or not row[name]:
            problems.append(f"{where}.{name} must be text, not empty")
    balances = row.get("balances", {})
    amounts: dict[str, Fine] = {}
    if not isinstance(balances, dict):
        problems.append(f"{where}.balances must be an object")
        balances = {}
    for asset, text in balances.items():
        if not is_market(f"KRW-{asset}"):
            problems.append(f"{where}.balances has {asset!r}, must look like BTC")
        elif not isinstance(text, str):
            problems.append(f"{where}.balances.{asset} was {text!r}, must be text")
        else:
            try:
                amounts[asset] = fine_of_text(text)
            except ValueError as error:
                problems.append(f"{where}.balances.{asset}: {error}")
    scopes = row.get("scopes", sorted(ALL_SCOPES))
    if not isinstance(scopes, list) or any(scope not in tuple(Scope) for scope in scopes):
        problems.append(f"{where}.scopes was {scopes!r}, must be a list of {', '.join(sorted(ALL_SCOPES))}")
    account = row.get("account")
    if account is not None and (not isinstance(account, str) or balances):
        problems.append(f"{where}.account must be text, and its row has no balances")
    if len(problems) > before:
        return None
    allowed = frozenset(map(Scope, scopes))
    return AccountSpec(Exchange(row["exchange"]), row["access_key"], row["secret_key"], amounts, allowed, account)


def market_problems(markets: tuple[str, ...]) -> list[str]:
    """Return what is wrong with a list of markets: every one a KRW market, none twice."""
    found = [
        f"--markets has {market!r}, must look like KRW-BTC"
        for market in markets
        if not is_market(market) or not market.startswith("KRW-")
    ]
    if len(set(markets)) != len(markets):
        found.append("--markets names a market twice")
    return found
