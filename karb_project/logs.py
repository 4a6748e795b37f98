"""JSON lines to stderr: one constant `event` word, then fields. Nothing secret leaves, by key name, by value (R5.1).

log = logs.get("trader")
log.info("arb_opened", arb_id=arb.arb_id, market=arb.market)
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

from karb_project.env import Env

_SECRET_KEYS = ("secret", "token", "authorization", "signature", "password", "access_key")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]+")
_MASK = "***"
_SHORTEST_HIDDEN = 6
_DEEPEST = 8

_hidden: set[str] = set()
_mode = "unknown"


def hide(value: str) -> None:
    """Mask this value wherever it appears in a line; texts under 6 characters are not secrets."""
    if len(value) >= _SHORTEST_HIDDEN:
        _hidden.add(value)


def set_mode(word: str) -> None:
    """Say in every line from now on what this desk is connected to, as its transport tells."""
    global _mode
    _mode = word


def redacted(value: Any, depth: int = 0) -> Any:
    """Return `value` as JSON can hold it, secrets masked; ints beyond 64 bits stay exact, the unknown becomes text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict) and depth < _DEEPEST:
        return {str(key): _MASK if _is_secret(str(key)) else redacted(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset) and depth < _DEEPEST:
        return [redacted(inner, depth + 1) for inner in value]
    if isinstance(value, bytes | bytearray | memoryview):
        value = bytes(value).decode(errors="replace")
    return redacted_text(str(value))


def redacted_text(text: str) -> str:
    """Return `text` with every hidden value and every bearer token masked."""
    # The longest first: one that holds another would leave its rest readable.
    for secret in sorted(_hidden, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, _MASK)
    return _BEARER.sub(rf"\1 {_MASK}", text)


def _is_secret(key: str) -> bool:
    lower = key.lower()
    return any(word in lower for word in _SECRET_KEYS)


class _Lines(logging.Formatter):
    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")
        line: dict[str, Any] = {"ts": at, "level": record.levelname, "process": self._process, "mode": _mode}
        fields = getattr(record, "karb_fields", None)
        if fields is None:
            # A library's own line.
            line |= {"event": "library_said", "logger": record.name, "message": redacted_text(record.getMessage())}
        else:
            line["event"] = record.msg
            line |= redacted({key: fields[key] for key in fields if key not in line})
        if record.exc_info:
            line["trace"] = redacted_text(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


class Log:
    """Writes events of one part. Fields are keywords; ids are called arb_id, client_order_id, exchange, market."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def debug(self, event: str, /, **fields: object) -> None:
        """Say something for us."""
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, /, **fields: object) -> None:
        """Say that a state changed."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, /, **fields: object) -> None:
        """Say that something healed itself."""
        self._write(logging.WARNING, event, fields)

    def error(self, event: str, /, **fields: object) -> None:
        """Say that a person must look today."""
        self._write(logging.ERROR, event, fields)

    def critical(self, event: str, /, **fields: object) -> None:
        """Say that trading stopped."""
        self._write(logging.CRITICAL, event, fields)

    def exception(self, event: str, /, **fields: object) -> None:
        """As `error`, with the trace of the exception being dealt with."""
        self._write(logging.ERROR, event, fields, trace=True)

    def _write(self, level: int, event: str, fields: dict[str, object], *, trace: bool = False) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, event, extra={"karb_fields": fields}, exc_info=trace)


def get(name: str) -> Log:
    """Return the log of a part, such as `trader` or `exchanges.upbit.feed`."""
    return Log(logging.getLogger(f"karb.{name}"))


def setup(process: str, env: Env) -> None:
    """Send every line of this process to stderr as JSON, and hide the keys that `env` holds."""
    for value in (
        env.upbit_access_key,
        env.upbit_secret_key,
        env.bithumb_access_key,
        env.bithumb_secret_key,
        env.secret_key,
    ):
        hide(value)
    sink = logging.StreamHandler(sys.stderr)
    sink.setFormatter(_Lines(process))
    root = logging.getLogger()
    root.handlers[:] = [sink]
    root.setLevel(logging.WARNING)
    logging.getLogger("karb").setLevel(env.log_level)
