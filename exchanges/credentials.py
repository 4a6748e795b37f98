"""Where an exchange's keys come from, and that they are never shown (R5.1).

Three sources, of which one is named: the environment's two variables, a file outside the repository that
nobody else can read, or a secret in AWS Secrets Manager. File and secret hold the same JSON:
{"accounts": [{"exchange": "upbit", "access_key": "…", "secret_key": "…"}, …]}; the first account of the
exchange counts.
"""

import os
import stat
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import assert_never

import msgspec

from arbitrage.domain.errors import ConfigError
from arbitrage.domain.units import Exchange


class Credentials(msgspec.Struct, frozen=True):
    """One account's keys. They do not print, and are turned to text only where a request is signed."""

    exchange: Exchange
    access_key: str
    secret_key: str

    def __repr__(self) -> str:
        return f"Credentials({self.exchange}, ***)"

    __str__ = __repr__


class FileRule(StrEnum):
    """PRIVATE refuses a file that others can read or own, or that lies in the repository. ANY is for simulation."""

    PRIVATE = "private"
    ANY = "any"


class FromEnviron(msgspec.Struct, frozen=True):
    """The two variables of one exchange."""

    access_key: str
    secret_key: str

    def __repr__(self) -> str:
        return "FromEnviron(***)"


class FromFile(msgspec.Struct, frozen=True):
    """A keys file."""

    path: Path
    rule: FileRule
    repository: Path
    """No file below this directory is private."""


class FromSecret(msgspec.Struct, frozen=True):
    """A secret elsewhere: `fetch` returns its text or raises ConfigError."""

    name: str
    fetch: Callable[[], bytes]


KeySource = FromEnviron | FromFile | FromSecret


class _Account(msgspec.Struct):
    exchange: str
    access_key: str
    secret_key: str


class _KeysFile(msgspec.Struct):
    accounts: list[_Account]


def load_credentials(exchange: Exchange, source: KeySource, hide: Callable[[str], None]) -> Credentials:
    """Return the keys of `exchange`, both reported to `hide` first. ConfigError lists what is missing or unsafe.

    A named source is the only one: a half-configured file must not fall back silently.
    """
    match source:
        case FromEnviron(access_key, secret_key):
            found = _unset(exchange, access_key, secret_key)
            if found:
                raise ConfigError(found)
        case FromFile(path, rule, repository):
            access_key, secret_key = _account(exchange, _read_file(path, rule, repository), f"keys file {path}")
        case FromSecret(name, fetch):
            access_key, secret_key = _account(exchange, fetch(), f"secret {name}")
        case _:
            assert_never(source)
    if not (_is_plain(access_key) and _is_plain(secret_key)):
        raise ConfigError([f"a key of {exchange} holds spaces, quotes or control characters"])
    hide(access_key)
    hide(secret_key)
    return Credentials(exchange, access_key, secret_key)


def _unset(exchange: Exchange, access_key: str, secret_key: str) -> list[str]:
    return [
        f"KARB_{exchange.value.upper()}_{part} is not set and no keys file or secret is named"
        for part, value in (("ACCESS_KEY", access_key), ("SECRET_KEY", secret_key))
        if not value
    ]


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and not set(text) & set(" \"'\\")


def _read_file(path: Path, rule: FileRule, repository: Path) -> bytes:
    try:
        status = path.stat()
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError([f"keys file {path}: {error.strerror}"]) from None
    found = []
    if rule is FileRule.PRIVATE:
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            mode = stat.S_IMODE(status.st_mode)
            found.append(f"keys file {path} has mode {mode:04o}, must be 0600: chmod 600 it")
        if status.st_uid not in (os.getuid(), 0):
            found.append(f"keys file {path} belongs to uid {status.st_uid}, must belong to uid {os.getuid()} or root")
        if path.resolve().is_relative_to(repository.resolve()):
            found.append(f"keys file {path} lies in {repository}, must lie outside of the repository")
    if found:
        raise ConfigError(found)
    return data


def _account(exchange: Exchange, data: bytes, where: str) -> tuple[str, str]:
    try:
        accounts = msgspec.json.decode(data, type=_KeysFile).accounts
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # Neither the text nor msgspec's message is quoted: both could show a key.
        raise ConfigError([f"{where} is not of the documented form"]) from None
    for account in accounts:
        if account.exchange == exchange.value:
            if not account.access_key or not account.secret_key:
                raise ConfigError([f"{where} has an empty key for {exchange}"])
            return account.access_key, account.secret_key
    raise ConfigError([f"{where} has no account of {exchange}"])
