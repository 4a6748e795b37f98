"""Where an exchange's keys come from, and that they are never shown (R5.1).

A keys file is JSON: {"accounts": [{"exchange": "upbit", "access_key": "…", "secret_key": "…"}, …]};
the first account of the exchange counts. Without one there are the environment's two variables.
"""

import stat
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

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
    """PRIVATE refuses a keys file that group or others can read; ANY is for simulated accounts."""

    PRIVATE = "private"
    ANY = "any"


class _Account(msgspec.Struct):
    exchange: str
    access_key: str
    secret_key: str


class _KeysFile(msgspec.Struct):
    accounts: list[_Account]


def load_credentials(
    exchange: Exchange,
    *,
    keys_file: Path | None,
    access_key: str,
    secret_key: str,
    rule: FileRule,
    hide: Callable[[str], None],
) -> Credentials:
    """Return the keys of `exchange`, both reported to `hide` first. ConfigError lists what is missing or unsafe.

    A keys file, when named, is the only source: a half-configured file must not fall back silently.
    """
    if keys_file is not None:
        access_key, secret_key = _from_file(exchange, keys_file, rule)
    name = exchange.value.upper()
    found = [
        f"KARB_{name}_{part} is not set and no keys file is named"
        for part, value in (("ACCESS_KEY", access_key), ("SECRET_KEY", secret_key))
        if not value
    ]
    if found:
        raise ConfigError(found)
    if not (_is_plain(access_key) and _is_plain(secret_key)):
        raise ConfigError([f"a key of {exchange} holds spaces, quotes or control characters"])
    hide(access_key)
    hide(secret_key)
    return Credentials(exchange, access_key, secret_key)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and not set(text) & set(" \"'\\")


def _from_file(exchange: Exchange, path: Path, rule: FileRule) -> tuple[str, str]:
    try:
        mode = path.stat().st_mode
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError([f"keys file {path}: {error.strerror}"]) from None
    if rule is FileRule.PRIVATE and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError([f"keys file {path} has mode {stat.S_IMODE(mode):04o}, must be 0600: chmod 600 it"])
    try:
        accounts = msgspec.json.decode(data, type=_KeysFile).accounts
    except msgspec.MsgspecError:
        # Neither the text nor msgspec's message is quoted: both could show a key.
        raise ConfigError([f"keys file {path} is not of the documented form"]) from None
    for account in accounts:
        if account.exchange == exchange.value:
            if not account.access_key or not account.secret_key:
                raise ConfigError([f"keys file {path} has an empty key for {exchange}"])
            return account.access_key, account.secret_key
    raise ConfigError([f"keys file {path} has no account of {exchange}"])
