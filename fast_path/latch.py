"""The file that keeps the trading level over restarts and reboots: JSON, replaced whole, on disk before we go on."""

import json
import os
from pathlib import Path

from arbitrage.domain.controls import TradingLevel

_BY_NAME = {level.name.lower(): level for level in TradingLevel}


def write_latch(path: Path, level: TradingLevel, reason: str, by: str, wall_ns: int) -> None:
    """Replace the file and wait until the disk has it. OSError leaves the old file as it was."""
    content = {"level": level.name.lower(), "reason": reason, "by": by, "wall_ns": wall_ns}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(json.dumps(content, ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_dir(path.parent)


def sync_dir(directory: Path) -> None:
    """Wait until the disk has the directory's names."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def read_latch(path: Path) -> dict[str, object]:
    """Return the content; {} without a file; level `halted` with the cause as reason when it is unreadable."""
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        return _unreadable(path, str(error))
    if not isinstance(content, dict) or str(content.get("level")) not in _BY_NAME:
        return _unreadable(path, "no known level in it")
    return content


def _unreadable(path: Path, cause: str) -> dict[str, object]:
    return {"level": "halted", "reason": f"{path} is unreadable: {cause}", "by": "latch", "wall_ns": 0}


def latch_level(content: dict[str, object]) -> TradingLevel:
    """Return the level the content asks for: ACTIVE without a file."""
    return _BY_NAME[str(content["level"])] if content else TradingLevel.ACTIVE


def latch_since(content: dict[str, object]) -> int:
    """Return since when it stands, wall_ns, at least 1: a file that cannot be read, or without a time, stops too.

    0 without a file.
    """
    since = content.get("wall_ns")
    return max(since, 1) if isinstance(since, int) else int(bool(content))
